//! Which language a browser asks for.

/// The one of the languages on offer that an `Accept-Language` header (RFC 9110, section 12.5.4) asks for first, or comes
/// nearest to: `pt-BR` is Portuguese. `None` where it asks for none of them.
pub(crate) fn preferred<'l>(header: &str, offered: &[&'l str]) -> Option<&'l str> {
    let mut best: Option<(u32, &'l str)> = None;
    for range in header.split(',') {
        let mut parts = range.split(';');
        let tag = parts.next().unwrap_or_default().trim();
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        let weight = parts.find_map(|part| part.trim().strip_prefix("q=")).map_or(Some(1_000), thousandths);
        let Some(weight) = weight.filter(|weight| *weight > 0) else { continue };
        let found = offered.iter().find(|known| known.eq_ignore_ascii_case(primary));
        // Among those that are asked for alike, the first counts.
        if let Some(found) = found
            && best.is_none_or(|(most, _)| weight > most)
        {
            best = Some((weight, found));
        }
    }
    best.map(|(_, language)| language)
}

/// A weight from 0 to 1 with up to three decimals.
fn thousandths(text: &str) -> Option<u32> {
    let text = text.trim();
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let whole: u32 = whole.parse().ok()?;
    let weight = whole.checked_mul(1_000)? + format!("{decimals:0<3}").parse::<u32>().ok()?;
    (weight <= 1_000).then_some(weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_with_the_greatest_weight_that_is_there_is_preferred() {
        let offered = ["en", "es", "ja", "pt"];
        for (header, expected) in [
            ("ja", Some("ja")),
            ("pt-BR,pt;q=0.9,en;q=0.8", Some("pt")),
            ("fr, es;q=0.7, en;q=0.8", Some("en")),
            ("de-DE, ES-mx ; q=0.5", Some("es")),
            ("en;q=0, ja;q=0.001", Some("ja")),
            ("en;q=2, es;q=x, ja;q=0.1234, pt;q=0.1", Some("pt")),
            ("es, ja", Some("es")),
            ("de, fr", None),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(preferred(header, &offered), expected, "{header}");
        }
    }
}
