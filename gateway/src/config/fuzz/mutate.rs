//! Inputs: files of the corpus with things done to them that people, editors, templates and bad disks do.

use super::random::Random;

/// Longest input, in bytes.
const LONGEST: usize = 32 << 10;

/// What is put in place of values and elsewhere.
#[rustfmt::skip]
const VALUES: &[&str] = &[
    "", "~", "null", "true", "yes", "-1", "0", "1", "2", "2.5", "1e999", "0x1f", "99999999999999999999999", "5", "5s",
    "5m3m", "5 %", "105%", "0.5", "-0.5", ".nan", "10MiB", "10", "\"\"", "\"2%\"", "'", "\"", "[", "]", "{", "}",
    "[]", "{}", "[a, b]", "{ a: b }", "{ one_of: [a] }", "text", "json", "jsn", "local-only", "small", "large",
    "openai", "&a b", "*a", "!t x", "!!int 1", "|", ">-", "|\n      a\n     b", "a: b", "- a", "? a", "# a", "%", "@",
    "`", "env:NOT_SET", "sk-0123456789", "sha256:00", "鍵", "\u{202e}", "\u{1f600}", "\u{feff}", "\\x", "..", "---",
    "<<", "present", "absent", "{ any_of: [a] }", "{ only: \"\" }", "{ min: 2, max: 1 }", "{ max: 3 }", "de", "[en, xx]",
    "image", "enum", "chat-completions", "messages", "{ regex: \"(a{1000}){1000}\" }", "{ regex: \"(\" }", "[{}]",
    "{ not: { not: { model: a } } }", "[{ any: [{ all: [{ team: t }] }] }]", "reject",
];

/// Keys that are known somewhere, here or in other languages.
#[rustfmt::skip]
const KEYS: &[&str] = &[
    "routes", "models", "upstreams", "keys", "limits", "listen", "ledger", "name", "match", "model", "system",
    "headers", "action", "local", "upstream", "risk", "threshold", "cache", "baseline", "max_tokens", "deadline",
    "answer", "one_of", "ttl", "max_regret", "base_url", "prices", "input", "path", "cost_per_hour", "body",
    "model_list", "api_base", "api_key", "fallbacks", "temperature", "<<", "presets", "defaults", "aliases",
    "unmatched", "api", "key", "team", "tags", "prompt_tokens", "turns", "tools", "response_format", "modality", "language",
    "user_message", "any", "all", "not", "any_of", "all_of", "only", "min", "max", "regex",
];

type Mutation = fn(&mut Vec<u8>, &mut Random);

#[rustfmt::skip]
const MUTATIONS: &[Mutation] = &[
    delete_line, repeat_line, swap_lines, misspell_key, replace_key, replace_value, replace_value, indent, indent,
    flip_byte, insert_text, delete_span, alias, nest, huge_number, unicode, truncate, insert_key, insert_key, newline,
];

/// Mutations that usually leave it a YAML file.
const KIND: &[Mutation] = &[
    replace_value,
    replace_value,
    replace_key,
    misspell_key,
    insert_key,
    insert_key,
    delete_line,
];

/// Files to start from.
pub(super) struct Corpus {
    pub(super) all: Vec<Vec<u8>>,
    /// Those that are good YAML.
    pub(super) trees: Vec<Vec<u8>>,
}

/// One input: usually a file of the corpus with a few mutations, sometimes noise.
pub(super) fn input(corpus: &Corpus, random: &mut Random) -> Vec<u8> {
    let (mut bytes, most) = match random.below(20) {
        0 => (noise(random), 1),
        1 => (soup(random), 1),
        2..5 => (random.pick(&corpus.all).clone(), 5),
        // What is still YAML afterwards gets further in.
        _ => (random.pick(&corpus.trees).clone(), 3),
    };
    for _ in 0..=random.below(most) {
        if random.below(2) == 0 {
            random.pick(KIND)(&mut bytes, random);
        } else {
            random.pick(MUTATIONS)(&mut bytes, random);
        }
    }
    bytes.truncate(LONGEST);
    bytes
}

fn noise(random: &mut Random) -> Vec<u8> {
    (0..random.below(400)).map(|_| random.byte()).collect()
}

/// Words of the language in no order.
fn soup(random: &mut Random) -> Vec<u8> {
    let glue = [
        ": ", " ", "\n", "\n  ", "\n- ", "\n  - ", ", ", "{ ", " }", "[", "]", "\t",
    ];
    let mut text = String::new();
    for _ in 0..random.below(80) {
        let words = if random.below(2) == 0 { KEYS } else { VALUES };
        text += random.pick::<&str>(words);
        text += random.pick::<&str>(&glue);
    }
    text.into_bytes()
}

fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes
        .split_inclusive(|b| *b == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

/// Does something to the lines, if there are any; `at` is one of them.
fn with_lines(
    bytes: &mut Vec<u8>,
    random: &mut Random,
    change: impl FnOnce(&mut Vec<Vec<u8>>, usize, &mut Random),
) {
    let mut all = lines(bytes);
    if !all.is_empty() {
        let at = random.below(all.len());
        change(&mut all, at, random);
        *bytes = all.concat();
    }
}

fn delete_line(bytes: &mut Vec<u8>, random: &mut Random) {
    with_lines(bytes, random, |all, at, _| drop(all.remove(at)));
}

fn repeat_line(bytes: &mut Vec<u8>, random: &mut Random) {
    with_lines(bytes, random, |all, at, random| {
        let line = all[at].clone();
        let to = random.below(all.len() + 1);
        for _ in 0..=random.below(3) {
            all.insert(to, line.clone());
        }
    });
}

fn swap_lines(bytes: &mut Vec<u8>, random: &mut Random) {
    with_lines(bytes, random, |all, at, random| {
        let other = random.below(all.len());
        all.swap(at, other);
    });
}

fn indent(bytes: &mut Vec<u8>, random: &mut Random) {
    with_lines(bytes, random, |all, at, random| match random.below(4) {
        0 => all[at].insert(0, b'\t'),
        1 => all[at] = all[at].trim_ascii_start().to_vec(),
        2 => drop(all[at].remove(0)),
        _ => (0..=random.below(4)).for_each(|_| all[at].insert(0, b' ')),
    });
}

/// Where the keys of a file are: words before colons.
fn keys(bytes: &[u8]) -> Vec<(usize, usize)> {
    let is_word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let colons = bytes.iter().enumerate().filter(|(_, b)| **b == b':');
    let words = colons.map(|(end, _)| {
        let length = bytes[..end].iter().rev().take_while(|b| is_word(b)).count();
        (end - length, end)
    });
    words.filter(|(start, end)| start < end).collect()
}

fn misspell_key(bytes: &mut Vec<u8>, random: &mut Random) {
    let keys = keys(bytes);
    if keys.is_empty() {
        return;
    }
    let (start, end) = *random.pick(&keys);
    let at = start + random.below(end - start);
    match random.below(4) {
        0 => drop(bytes.remove(at)),
        1 => bytes[at] = b'a' + random.byte() % 26,
        2 if at + 1 < end => bytes.swap(at, at + 1),
        _ => bytes.insert(at, b'a' + random.byte() % 26),
    }
}

fn replace_key(bytes: &mut Vec<u8>, random: &mut Random) {
    let keys = keys(bytes);
    if !keys.is_empty() {
        let (start, end) = *random.pick(&keys);
        bytes.splice(start..end, random.pick(KEYS).bytes());
    }
}

fn replace_value(bytes: &mut Vec<u8>, random: &mut Random) {
    let keys = keys(bytes);
    if keys.is_empty() {
        return;
    }
    let start = random.pick(&keys).1 + 1;
    let ends = |b: &u8| matches!(b, b'\n' | b',' | b'}');
    let length = bytes[start..].iter().take_while(|b| !ends(b)).count();
    let value = format!(" {}", random.pick(VALUES));
    bytes.splice(start..start + length, value.bytes());
}

fn insert_key(bytes: &mut Vec<u8>, random: &mut Random) {
    let keys = keys(bytes);
    if keys.is_empty() {
        return;
    }
    let start = random.pick(&keys).0;
    let line = bytes[..start]
        .iter()
        .rev()
        .take_while(|b| **b != b'\n')
        .count();
    let end = if bytes[start - line..start].contains(&b'{') {
        ", ".to_owned()
    } else {
        format!("\n{}", " ".repeat(line))
    };
    let entry = format!("{}: {}{end}", random.pick(KEYS), random.pick(VALUES));
    bytes.splice(start..start, entry.bytes());
}

fn insert(bytes: &mut Vec<u8>, random: &mut Random, text: &str) {
    let at = random.below(bytes.len() + 1);
    bytes.splice(at..at, text.bytes());
}

fn insert_text(bytes: &mut Vec<u8>, random: &mut Random) {
    let text = *random.pick(VALUES);
    insert(bytes, random, text);
}

fn newline(bytes: &mut Vec<u8>, random: &mut Random) {
    let text = *random.pick(&[
        "\n", "\r\n", "\r", "\u{85}", "\u{2028}", "\n---\n", "\n...\n", "\n\n",
    ]);
    insert(bytes, random, text);
}

fn unicode(bytes: &mut Vec<u8>, random: &mut Random) {
    let text = *random.pick(&[
        "é",
        "鍵",
        "\u{1f600}",
        "\u{0}",
        "\u{7f}",
        "\u{9b}",
        "\u{300}",
        "\u{2066}",
        "\u{10ffff}",
    ]);
    insert(bytes, random, text);
}

fn flip_byte(bytes: &mut Vec<u8>, random: &mut Random) {
    if bytes.is_empty() {
        bytes.push(random.byte());
    }
    let at = random.below(bytes.len());
    bytes[at] ^= 1 << random.below(8);
}

fn delete_span(bytes: &mut Vec<u8>, random: &mut Random) {
    let start = random.below(bytes.len() + 1);
    let end = (start + random.below(30)).min(bytes.len());
    bytes.drain(start..end);
}

fn truncate(bytes: &mut Vec<u8>, random: &mut Random) {
    let length = random.below(bytes.len() + 1);
    bytes.truncate(length);
}

fn alias(bytes: &mut Vec<u8>, random: &mut Random) {
    let names = ["a", "b", "first", "words"];
    let anchor = format!("&{} ", random.pick(&names));
    let alias = format!("*{} ", random.pick(&names));
    for text in [anchor, alias] {
        let keys = keys(bytes);
        if !keys.is_empty() {
            let at = (random.pick(&keys).1 + 2).min(bytes.len());
            bytes.splice(at..at, text.bytes());
        }
    }
}

fn nest(bytes: &mut Vec<u8>, random: &mut Random) {
    let depth = 1 + random.below(400);
    let (open, close) = *random.pick(&[
        ("[", "]"),
        ("{ a: ", " }"),
        ("- ", ""),
        ("[", ""),
        ("? ", ""),
        ("\"", "\""),
    ]);
    let text = open.repeat(depth) + &close.repeat(depth);
    insert(bytes, random, &text);
}

fn huge_number(bytes: &mut Vec<u8>, random: &mut Random) {
    let digits = "9".repeat(1 + random.below(400));
    let unit = *random.pick(&["", "s", "d", "%", "GiB", "e9999", ".5"]);
    let keys = keys(bytes);
    if !keys.is_empty() {
        let at = random.pick(&keys).1 + 1;
        bytes.splice(at..at, format!(" {digits}{unit}").bytes());
    }
}
