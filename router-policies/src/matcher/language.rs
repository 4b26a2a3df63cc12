//! The language of a text.

use whatlang::Lang;

/// A language that texts can be recognised as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Language(Lang);

/// Characters that are looked at: beyond them the guess gets no better, and longer texts would only take longer.
const LOOKED_AT: usize = 1_000;

/// The language of `text` by its letters and their threes (Cavnar and Trenkle 1994); `None` where a second language is
/// nearly as likely, which is the rule for texts of a few words.
pub(crate) fn language_of(text: &str) -> Option<Language> {
    let end = text.char_indices().nth(LOOKED_AT).map(|(end, _)| end);
    let start = end.and_then(|end| text.get(..end)).unwrap_or(text);
    let found = whatlang::detect(start)?;
    found.is_reliable().then(|| Language(found.lang()))
}

impl Language {
    /// The language of an ISO 639-1 code (`de`), or of an ISO 639-3 code (`deu`).
    pub(crate) fn named(code: &str) -> Option<Self> {
        let short = CODES.iter().find(|(short, _)| *short == code);
        short
            .map(|(_, lang)| *lang)
            .or_else(|| Lang::from_code(code))
            .map(Self)
    }

    /// The ISO 639-1 code.
    pub(crate) fn code(self) -> &'static str {
        let known = CODES.iter().find(|(_, lang)| *lang == self.0);
        known.map_or_else(|| self.0.code(), |(short, _)| short)
    }
}

/// The ISO 639-1 codes of the languages that can be recognised.
pub(crate) fn codes() -> impl Iterator<Item = &'static str> {
    CODES.iter().map(|(short, _)| *short)
}

#[rustfmt::skip]
const CODES: &[(&str, Lang)] = &[
    ("af", Lang::Afr), ("ak", Lang::Aka), ("am", Lang::Amh), ("ar", Lang::Ara), ("az", Lang::Aze), ("be", Lang::Bel),
    ("bg", Lang::Bul), ("bn", Lang::Ben), ("ca", Lang::Cat), ("cs", Lang::Ces), ("cy", Lang::Cym), ("da", Lang::Dan),
    ("de", Lang::Deu), ("el", Lang::Ell), ("en", Lang::Eng), ("eo", Lang::Epo), ("es", Lang::Spa), ("et", Lang::Est),
    ("fa", Lang::Pes), ("fi", Lang::Fin), ("fr", Lang::Fra), ("gu", Lang::Guj), ("he", Lang::Heb), ("hi", Lang::Hin),
    ("hr", Lang::Hrv), ("hu", Lang::Hun), ("hy", Lang::Hye), ("id", Lang::Ind), ("it", Lang::Ita), ("ja", Lang::Jpn),
    ("jv", Lang::Jav), ("ka", Lang::Kat), ("km", Lang::Khm), ("kn", Lang::Kan), ("ko", Lang::Kor), ("la", Lang::Lat),
    ("lt", Lang::Lit), ("lv", Lang::Lav), ("mk", Lang::Mkd), ("ml", Lang::Mal), ("mr", Lang::Mar), ("my", Lang::Mya),
    ("nb", Lang::Nob), ("ne", Lang::Nep), ("nl", Lang::Nld), ("or", Lang::Ori), ("pa", Lang::Pan), ("pl", Lang::Pol),
    ("pt", Lang::Por), ("ro", Lang::Ron), ("ru", Lang::Rus), ("si", Lang::Sin), ("sk", Lang::Slk), ("sl", Lang::Slv),
    ("sn", Lang::Sna), ("sr", Lang::Srp), ("sv", Lang::Swe), ("ta", Lang::Tam), ("te", Lang::Tel), ("th", Lang::Tha),
    ("tk", Lang::Tuk), ("tl", Lang::Tgl), ("tr", Lang::Tur), ("uk", Lang::Ukr), ("ur", Lang::Urd), ("uz", Lang::Uzb),
    ("vi", Lang::Vie), ("yi", Lang::Yid), ("zh", Lang::Cmn), ("zu", Lang::Zul),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use whatlang::Lang;

    use super::{Language, language_of};

    #[test]
    fn every_language_has_both_codes() {
        for lang in Lang::all() {
            let language = Language(*lang);
            assert_eq!(language.code().len(), 2, "{lang:?}");
            assert_eq!(Language::named(language.code()), Some(language));
            assert_eq!(Language::named(lang.code()), Some(language));
        }
        assert_eq!(Language::named("xx"), None);
    }

    #[test]
    fn sentences_are_recognised_and_single_words_are_not() {
        for (text, code) in [
            (
                "Where can I find the invoice for my last order, and who do I ask about it?",
                "en",
            ),
            (
                "Wo finde ich die Rechnung zu meiner letzten Bestellung, und wen frage ich dazu?",
                "de",
            ),
            (
                "Où puis-je trouver la facture de ma dernière commande, et à qui dois-je m'adresser ?",
                "fr",
            ),
            (
                "¿Dónde puedo encontrar la factura de mi último pedido y a quién debo preguntar?",
                "es",
            ),
            ("注文の請求書はどこで見つけられますか。", "ja"),
        ] {
            assert_eq!(language_of(text).map(Language::code), Some(code), "{text}");
        }
        for text in ["", "42", "ok", "Hotel", "!!!", "{}"] {
            assert_eq!(language_of(text), None, "{text}");
        }
    }

    #[test]
    fn only_the_start_of_a_text_counts() {
        let german = "Wo finde ich die Rechnung zu meiner letzten Bestellung? ".repeat(30);
        let text = format!("{german}{}", "English words follow here. ".repeat(10_000));
        assert_eq!(language_of(&text).map(Language::code), Some("de"));
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in any::<String>()) {
            prop_assert_eq!(language_of(&text), language_of(&text));
        }
    }
}
