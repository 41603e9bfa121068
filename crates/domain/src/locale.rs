//! Language codes and time-zone names that the published APIs accept.
//!
//! `data/languages.txt` holds the 7,910 codes of ISO 639-3 in order, three letters each without a separator;
//! `data/time_zones.txt` holds the IANA names and their aliases in order, a line each.

const LANGUAGES: &str = include_str!("../data/languages.txt");
const TIME_ZONES: &str = include_str!("../data/time_zones.txt");

/// Whether `code` is a language code: two word characters (ISO 639-1 in form) or a known code of ISO 639-3.
pub fn is_language(code: &str) -> bool {
    match code.chars().count() {
        2 => code.chars().all(|c| c.is_alphanumeric() || c == '_'),
        3 => code.is_ascii() && is_iso_639_3(code.as_bytes()),
        _ => false,
    }
}

fn is_iso_639_3(code: &[u8]) -> bool {
    let table = LANGUAGES.as_bytes();
    let (mut low, mut high) = (0, table.len() / 3);
    while low < high {
        let middle = usize::midpoint(low, high);
        match table[middle * 3..middle * 3 + 3].cmp(code) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    false
}

/// Whether `name` is an IANA time-zone name or one of its aliases, in exactly that spelling.
pub fn is_time_zone(name: &str) -> bool {
    !name.is_empty() && TIME_ZONES.lines().any(|zone| zone == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_of_two_and_three_letters_are_known() {
        for code in ["en", "xx", "eng", "spa", "zzj", "aaa"] {
            assert!(is_language(code), "{code}");
        }
        for code in ["", "e", "qqq", "ENG", "e-", "engl", "日本語"] {
            assert!(!is_language(code), "{code}");
        }
    }

    #[test]
    fn the_language_table_is_sorted() {
        let codes: Vec<&[u8]> = LANGUAGES.as_bytes().chunks(3).collect();
        assert_eq!(codes.len(), 7910);
        assert!(codes.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn time_zones_and_their_aliases_are_known() {
        for name in ["Europe/Berlin", "Zulu", "localtime", "UTC"] {
            assert!(is_time_zone(name), "{name}");
        }
        for name in ["", "europe/berlin", "Mars/Base", "Europe/Berlin\n"] {
            assert!(!is_time_zone(name), "{name}");
        }
    }
}
