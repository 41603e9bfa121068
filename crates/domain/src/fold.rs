//! Folding: the one function that decides which letters are the same letter.
//!
//! Sort keys and the search text are folded; uniqueness of an address is not, for `josé@` and `jose@` are two people.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Folds case, accents and width, in any script: `Éloïse` becomes `eloise`, `ΣΊΣΥΦΟΣ` becomes `σισυφοσ`.
///
/// The result of a concatenation is the concatenation of the results, so folded parts may be joined.
/// Control characters are dropped, so that the store can use them as separators.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text
            .bytes()
            .filter(|byte| !byte.is_ascii_control())
            .map(|byte| byte.to_ascii_lowercase() as char)
            .collect();
    }
    let mut folded = String::with_capacity(text.len());
    // Lower-casing can compose marks of its own (İ becomes i and a dot), hence the second decomposition.
    for c in text.nfkd().flat_map(char::to_lowercase).nfkd() {
        match c {
            c if is_combining_mark(c) || c.is_control() => {}
            // Letters that Unicode does not decompose, though their readers look for them under the plain letter.
            'ß' => folded.push_str("ss"),
            'ς' => folded.push('σ'),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' | 'ð' => folded.push('d'),
            'þ' => folded.push_str("th"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'ı' => folded.push('i'),
            c => folded.push(c),
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_accents_are_folded_in_any_script() {
        for (text, folded) in [
            ("Éloïse O'Brien", "eloise o'brien"),
            ("ΣΊΣΥΦΟΣ", "σισυφοσ"),
            ("Сергей Йорк", "сергеи иорк"),
            ("İstanbul", "istanbul"),
            ("Straße", "strasse"),
            ("ＡＢＣ", "abc"),
            ("Łukasz Ødegård", "lukasz odegard"),
            ("日本語", "日本語"),
            ("a\u{1}b", "ab"),
        ] {
            assert_eq!(fold(text), folded);
        }
    }

    #[test]
    fn folding_twice_changes_nothing() {
        for text in ["Ñandú", "ﬁ ligature", "עִבְרִית", "العَرَبِيَّة", "ไทย", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢"]
        {
            assert_eq!(fold(&fold(text)), fold(text), "{text}");
        }
    }
}
