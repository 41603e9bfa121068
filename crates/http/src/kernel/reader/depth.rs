//! How deeply a JSON text is nested, found before it is parsed.

/// The byte at which more than `most` arrays and objects stand open, if any. The text need not be valid JSON.
pub(super) fn exceeds(text: &[u8], most: usize) -> Option<usize> {
    let mut open = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    for (position, byte) in text.iter().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                open += 1;
                if open > most {
                    return Some(position);
                }
            }
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::exceeds;

    #[test]
    fn only_brackets_outside_of_strings_count() {
        assert_eq!(exceeds(br#"{"a":[1,[2]]}"#, 3), None);
        assert_eq!(exceeds(br#"{"a":[1,[2]]}"#, 2), Some(8));
        assert_eq!(exceeds(br#"{"a\"[[[[\\":"[[[[{{{{"}"#, 1), None);
        assert_eq!(exceeds(b"[][][][]", 1), None);
        assert_eq!(exceeds(b"]]]][", 1), None);
    }
}
