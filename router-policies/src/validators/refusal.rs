//! The ways in which models refuse, or say that they do not know, in a dozen languages.
//!
//! A list like this never ends. What it misses is left to the other features; what it finds by mistake costs an
//! escalation at most.

use std::collections::HashMap;
use std::sync::LazyLock;

/// A refusal: the opening, and a verb among the words that follow, after a negation if it stands apart.
struct Form {
    opening: &'static str,
    not: Option<&'static str>,
    verbs: &'static [&'static str],
    /// Words that may follow before the verb.
    reach: usize,
}

const fn form(opening: &'static str, verbs: &'static [&'static str], reach: usize) -> Form {
    Form {
        opening,
        not: None,
        verbs,
        reach,
    }
}

const fn split(opening: &'static str, not: &'static str, verbs: &'static [&'static str]) -> Form {
    Form {
        opening,
        not: Some(not),
        verbs,
        reach: 9,
    }
}

const EN: &[&str] = &[
    "help", "assist", "provide", "answer", "comply", "fulfill", "fulfil", "do", "discuss",
    "create", "generate", "give", "share", "support", "process", "access", "engage", "continue",
    "complete", "respond", "offer",
];
const DE: &[&str] = &[
    "helfen",
    "weiterhelfen",
    "beantworten",
    "unterstützen",
    "erfüllen",
    "bearbeiten",
    "bereitstellen",
    "geben",
    "nachkommen",
    "erstellen",
];
const FR: &[&str] = &[
    "aider",
    "répondre",
    "fournir",
    "faire",
    "traiter",
    "donner",
    "satisfaire",
    "accéder",
];
const ES: &[&str] = &[
    "ayudar",
    "ayudarte",
    "ayudarle",
    "ayudarlo",
    "responder",
    "proporcionar",
    "proporcionarte",
    "cumplir",
    "ofrecer",
    "dar",
    "darte",
    "hacer",
    "hacerlo",
];
const IT: &[&str] = &[
    "aiutare",
    "aiutarti",
    "aiutarla",
    "aiutarvi",
    "rispondere",
    "fornire",
    "fornirti",
    "soddisfare",
    "fare",
    "farlo",
];
const PT: &[&str] = &[
    "ajudar",
    "ajudá",
    "ajudar-te",
    "responder",
    "fornecer",
    "atender",
    "cumprir",
    "fazer",
    "dar",
];
const NL: &[&str] = &[
    "helpen",
    "beantwoorden",
    "geven",
    "verstrekken",
    "voldoen",
    "bieden",
    "doen",
];
const PL: &[&str] = &[
    "pomóc",
    "odpowiedzieć",
    "udzielić",
    "spełnić",
    "podać",
    "zrobić",
];
const RU: &[&str] = &[
    "помочь",
    "ответить",
    "предоставить",
    "выполнить",
    "дать",
    "сделать",
];

const FORMS: &[Form] = &[
    form("i can't", EN, 1),
    form("i cannot", EN, 1),
    form("i can not", EN, 1),
    form("i'm unable to", EN, 1),
    form("i am unable to", EN, 1),
    form("i'm not able to", EN, 1),
    form("i am not able to", EN, 1),
    form("i won't be able to", EN, 1),
    form("i must decline", &[], 0),
    form("i have to decline", &[], 0),
    split("ich kann", "nicht", DE),
    split("kann ich", "nicht", DE),
    form("ich bin nicht in der lage", &[], 0),
    form("es ist mir nicht möglich", &[], 0),
    form("je ne peux pas", FR, 3),
    form("je ne peux malheureusement pas", FR, 3),
    form("je ne suis pas en mesure", &[], 0),
    form("il m'est impossible", &[], 0),
    form("no puedo", ES, 2),
    form("no me es posible", &[], 0),
    form("non posso", IT, 2),
    form("non sono in grado di", &[], 0),
    form("não posso", PT, 2),
    form("não consigo", PT, 2),
    split("ik kan", "niet", NL),
    split("kan ik", "niet", NL),
    form("ik ben niet in staat", &[], 0),
    form("nie mogę", PL, 3),
    form("nie jestem w stanie", &[], 0),
    form("не могу", RU, 3),
    form("я не могу", RU, 3),
    form("yardımcı olamam", &[], 0),
    form("yardımcı olamıyorum", &[], 0),
    form("我 无 法", &[], 0),
    form("我 不 能 帮", &[], 0),
    form("我 不 能 提 供", &[], 0),
    form("我 不 能 回 答", &[], 0),
    form("我 不 能 协 助", &[], 0),
    form("お 手 伝 い で き ま せ ん", &[], 0),
    form("お 答 え で き ま せ ん", &[], 0),
    form("提 供 で き ま せ ん", &[], 0),
    form("対 応 で き ま せ ん", &[], 0),
    form("도 와 드 릴 수 없", &[], 0),
    form("답 변 할 수 없", &[], 0),
];

/// What may stand before a refusal.
const APOLOGIES: &[&str] = &[
    "i'm sorry",
    "i am sorry",
    "sorry",
    "i'm so sorry",
    "i apologize",
    "i apologise",
    "my apologies",
    "unfortunately",
    "i'm afraid",
    "i am afraid",
    "but",
    "however",
    "that",
    "as an ai language model",
    "as an ai model",
    "as an ai assistant",
    "as an ai",
    "es tut mir leid",
    "tut mir leid",
    "leider",
    "entschuldigung",
    "aber",
    "dabei",
    "je suis désolé",
    "je suis désolée",
    "désolé",
    "malheureusement",
    "mais",
    "lo siento",
    "lamentablemente",
    "disculpa",
    "pero",
    "mi dispiace",
    "purtroppo",
    "ma",
    "desculpe",
    "sinto muito",
    "lamento",
    "infelizmente",
    "mas",
    "eu",
    "het spijt me",
    "helaas",
    "maar",
    "daar",
    "przepraszam",
    "przykro mi",
    "niestety",
    "ale",
    "извините",
    "простите",
    "к сожалению",
    "мне жаль",
    "но",
    "üzgünüm",
    "很 抱 歉",
    "抱 歉",
    "对 不 起",
    "申 し 訳 あ り ま せ ん が",
    "申 し 訳 ご ざ い ま せ ん が",
    "죄 송 합 니 다",
    "죄 송 하 지 만",
];

/// Not knowing.
const UNKNOWN: &[&str] = &[
    "i don't know",
    "i do not know",
    "i'm not sure",
    "i am not sure",
    "not enough information",
    "insufficient information",
    "cannot be determined",
    "ich weiß nicht",
    "ich weiß es nicht",
    "ich bin mir nicht sicher",
    "je ne sais pas",
    "je ne suis pas sûr",
    "no lo sé",
    "no estoy seguro",
    "non lo so",
    "non sono sicuro",
    "não sei",
    "não tenho certeza",
    "ik weet het niet",
    "ik weet niet",
    "nie wiem",
    "nie jestem pewien",
    "я не знаю",
    "не уверен",
    "bilmiyorum",
    "我 不 知 道",
    "わ か り ま せ ん",
    "分 か り ま せ ん",
    "모 르 겠",
];

/// What begins with a word: refusals, and ways of not knowing.
#[derive(Default)]
struct Beginning {
    forms: Vec<&'static Form>,
    unknown: Vec<&'static str>,
}

/// Most words begin nothing, so a text costs little more than one look for each of its words.
static BEGINNINGS: LazyLock<HashMap<&str, Beginning>> = LazyLock::new(|| {
    let first = |phrase: &'static str| phrase.split(' ').next().unwrap_or_default();
    let mut beginnings: HashMap<&str, Beginning> = HashMap::new();
    for form in FORMS {
        beginnings
            .entry(first(form.opening))
            .or_default()
            .forms
            .push(form);
    }
    for phrase in UNKNOWN {
        beginnings
            .entry(first(phrase))
            .or_default()
            .unknown
            .push(phrase);
    }
    beginnings
});

/// Whether the text is a refusal from its start, after apologies at most.
pub(super) fn refuses(words: &[String]) -> bool {
    let mut rest = words;
    while let Some(shorter) = APOLOGIES
        .iter()
        .filter_map(|phrase| after(rest, phrase))
        .min_by_key(|r| r.len())
    {
        rest = shorter;
    }
    FORMS.iter().any(|form| form.begins(rest))
}

/// Whether the text refuses somewhere, or says that it does not know.
pub(super) fn hedges(words: &[String]) -> bool {
    words.iter().enumerate().any(|(start, word)| {
        let Some(beginning) = BEGINNINGS.get(word.as_str()) else {
            return false;
        };
        let rest = words.get(start..).unwrap_or_default();
        beginning.forms.iter().any(|form| form.begins(rest))
            || beginning
                .unknown
                .iter()
                .any(|phrase| after(rest, phrase).is_some())
    })
}

impl Form {
    fn begins(&self, words: &[String]) -> bool {
        let Some(rest) = after(words, self.opening) else {
            return false;
        };
        if self.verbs.is_empty() {
            return true;
        }
        let near = rest.get(..=self.reach).unwrap_or(rest);
        let verb = |word: &String| self.verbs.contains(&word.as_str());
        match self.not {
            None => near.iter().any(verb),
            Some(not) => near.iter().skip_while(|word| *word != not).any(verb),
        }
    }
}

/// What follows the phrase at the start of the words.
fn after<'a>(words: &'a [String], phrase: &str) -> Option<&'a [String]> {
    let mut rest = words;
    for part in phrase.split(' ') {
        let (first, others) = rest.split_first()?;
        if first != part {
            return None;
        }
        rest = others;
    }
    Some(rest)
}

#[cfg(test)]
mod tests;
