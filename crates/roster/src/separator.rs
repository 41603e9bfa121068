//! Which character separates the cells of a file, read off its first line.

/// The separator that the first line speaks for, or `None` when the line is not wholly there yet.
///
/// A semicolon outside of quotation marks decides; without one it is a comma or a tab, whichever is there more often. Lines
/// with nothing but blanks are no first line.
pub(crate) fn separator(head: &[u8], is_all: bool) -> Option<u8> {
    let mut in_quotes = false;
    let mut is_blank = true;
    let (mut semicolons, mut commas, mut tabs) = (0_usize, 0_usize, 0_usize);
    let mut has_ended = is_all;
    for &byte in head {
        match byte {
            b'"' => in_quotes = !in_quotes,
            b'\r' | b'\n' if !in_quotes => {
                if !is_blank || semicolons + commas + tabs > 0 {
                    has_ended = true;
                    break;
                }
                is_blank = true;
            }
            b';' if !in_quotes => semicolons += 1,
            b',' if !in_quotes => commas += 1,
            b'\t' if !in_quotes => tabs += 1,
            _ => {}
        }
        is_blank &= byte.is_ascii_whitespace();
    }
    has_ended.then_some(if semicolons > 0 || commas + tabs == 0 {
        b';'
    } else if tabs > commas {
        b'\t'
    } else {
        b','
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_says_what_separates() {
        for (text, expected) in [
            ("email;name\n", b';'),
            ("email,name\r\n", b','),
            ("email\tname\n", b'\t'),
            ("\n  \r\nemail,name\na;b", b','),
            ("ada@x.org,\"Ada; Countess\",x\n", b','),
            ("ada@x.org\tLovelace, Ada\tx\n", b'\t'),
            ("email,na;me\n", b';'),
            ("\"a\nb\",c\n;", b','),
            ("email\n", b';'),
        ] {
            assert_eq!(separator(text.as_bytes(), false), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn a_line_that_has_not_ended_says_nothing_yet() {
        assert_eq!(separator(b"email,name", false), None);
        assert_eq!(separator(b"\n\n", false), None);
        assert_eq!(separator(b"email,name", true), Some(b','));
        assert_eq!(separator(b"", true), Some(b';'));
    }
}
