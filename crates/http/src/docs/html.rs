//! Text in HTML.

use crate::kernel::Escaped;

/// A description: `code` between back-ticks, a paragraph at each empty line.
pub(super) fn prose(text: &str) -> String {
    let paragraph = |text: &str| {
        let parts = text.split('`').enumerate().map(|(place, part)| {
            if place % 2 == 1 { format!("<code>{}</code>", Escaped(part)) } else { Escaped(part).to_string() }
        });
        format!("<p>{}</p>", parts.collect::<String>())
    };
    text.split("\n\n").filter(|text| !text.trim().is_empty()).map(paragraph).collect()
}

/// A description within a line.
pub(super) fn inline(text: &str) -> String {
    prose(&text.replace("\n\n", " ")).replace("<p>", "").replace("</p>", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_taken_for_markup() {
        assert_eq!(Escaped("<a href=\"x\">'&'ä").to_string(), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;ä");
        assert_eq!(prose("a `<b>`\n\nc"), "<p>a <code>&lt;b&gt;</code></p><p>c</p>");
        assert_eq!(inline("a `b`\n\nc"), "a <code>b</code> c");
    }
}
