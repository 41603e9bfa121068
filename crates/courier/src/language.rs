//! Which language a tag means. Knows nothing of templates or of the vendors' lists of languages.

/// The three-letter codes (terminology and bibliographic) of languages that have a two-letter one.
/// Only languages that an operator may plausibly add are here; any other code stands for itself.
const TWO_LETTER: &[(&str, &str)] = &[
    ("ara", "ar"),
    ("bul", "bg"),
    ("cat", "ca"),
    ("ces", "cs"),
    ("chi", "zh"),
    ("cze", "cs"),
    ("dan", "da"),
    ("deu", "de"),
    ("dut", "nl"),
    ("ell", "el"),
    ("eng", "en"),
    ("est", "et"),
    ("eus", "eu"),
    ("fas", "fa"),
    ("fin", "fi"),
    ("fra", "fr"),
    ("fre", "fr"),
    ("ger", "de"),
    ("gle", "ga"),
    ("glg", "gl"),
    ("gre", "el"),
    ("heb", "he"),
    ("hin", "hi"),
    ("hrv", "hr"),
    ("hun", "hu"),
    ("ind", "id"),
    ("isl", "is"),
    ("ita", "it"),
    ("jpn", "ja"),
    ("kor", "ko"),
    ("lav", "lv"),
    ("lit", "lt"),
    ("msa", "ms"),
    ("nld", "nl"),
    ("nob", "nb"),
    ("nor", "no"),
    ("pol", "pl"),
    ("por", "pt"),
    ("ron", "ro"),
    ("rum", "ro"),
    ("rus", "ru"),
    ("slk", "sk"),
    ("slv", "sl"),
    ("spa", "es"),
    ("srp", "sr"),
    ("swe", "sv"),
    ("tha", "th"),
    ("tur", "tr"),
    ("ukr", "uk"),
    ("vie", "vi"),
    ("zho", "zh"),
];

/// The form in which languages are compared: lower case, hyphens, the two-letter code where there is one
/// (`spa` → `es`, `pt_BR` → `pt-br`). `None` for what isn't a language tag.
pub(crate) fn canonical(tag: &str) -> Option<String> {
    let tag = tag.trim().to_ascii_lowercase().replace('_', "-");
    let (primary, rest) = match tag.split_once('-') {
        Some((primary, rest)) => (primary, Some(rest)),
        None => (tag.as_str(), None),
    };
    if !matches!(primary.len(), 2 | 3) || !primary.bytes().all(|b| b.is_ascii_lowercase()) {
        return None;
    }
    let primary = TWO_LETTER.iter().find(|(three, _)| *three == primary).map_or(primary, |(_, two)| two);
    let Some(rest) = rest else { return Some(primary.to_owned()) };
    let well_formed = rest
        .split('-')
        .all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    well_formed.then(|| format!("{primary}-{rest}"))
}

/// A canonical tag and its ever less specific forms: `zh-hant-tw`, `zh-hant`, `zh`.
pub(crate) fn from_specific_to_general(tag: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(tag), |tag| tag.rsplit_once('-').map(|(shorter, _)| shorter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_and_three_letter_tags_with_and_without_region_mean_the_same_language() {
        for (tag, expected) in [
            ("es", "es"),
            ("spa", "es"),
            ("SPA", "es"),
            ("es-MX", "es-mx"),
            ("pt_BR", "pt-br"),
            ("jpn", "ja"),
            ("por-BR", "pt-br"),
        ] {
            assert_eq!(canonical(tag).as_deref(), Some(expected), "{tag}");
        }
    }

    #[test]
    fn what_is_no_language_tag_is_none() {
        for tag in ["", "e", "engl", "日本", "e1", "es-", "es-../..", "es-MX-123456789"] {
            assert_eq!(canonical(tag), None, "{tag}");
        }
    }

    #[test]
    fn a_regional_tag_falls_back_to_its_language() {
        assert_eq!(
            from_specific_to_general("zh-hant-tw").collect::<Vec<_>>(),
            ["zh-hant-tw", "zh-hant", "zh"]
        );
    }

    #[test]
    fn the_table_is_sorted_and_says_each_code_once() {
        assert!(TWO_LETTER.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
