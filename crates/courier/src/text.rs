//! Makes text that others chose safe to stand on one line of a header or a mail.

/// The longest name, in characters, that a mail shows. Longer ones would make header lines that servers refuse.
const LONGEST: usize = 200;

/// The text on one line: line breaks and other control characters become single spaces, marks that turn the direction of
/// the text around are dropped, and what is longer than 200 characters is cut with an ellipsis.
pub(crate) fn single_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || character.is_whitespace() {
            if !line.ends_with(' ') {
                line.push(' ');
            }
        } else if !turns_direction(character) {
            line.push(character);
        }
    }
    let line = line.trim();
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// A link without the characters that no link has and that would break the line it stands on.
pub(crate) fn link(link: &str) -> String {
    link.chars().filter(|character| !character.is_control() && !character.is_whitespace()).collect()
}

fn turns_direction(character: char) -> bool {
    matches!(character, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_on_one_line() {
        assert_eq!(single_line("Ada\r\nBcc: eve@example.com"), "Ada Bcc: eve@example.com");
        assert_eq!(single_line(" \u{85}a\u{2028}b\u{2029}c\0\u{202E}d\t "), "a b c d");
        assert_eq!(single_line("山田\u{3000}太郎"), "山田 太郎");
    }

    #[test]
    fn an_endless_name_is_cut() {
        let cut = single_line(&"é".repeat(10_000));
        assert_eq!(cut.chars().count(), 201);
        assert!(cut.ends_with('…'));
    }
}
