//! From words to a MIME message. Reads no clock and no randomness: the same input gives the same bytes.

use std::{
    ops::Range,
    time::{Duration, SystemTime},
};

use denizen_domain::time::Timestamp;
use lettre::{
    Address, Message,
    message::{
        Body, Mailbox, MultiPart, SinglePart,
        header::{ContentType, HeaderName, HeaderValue},
    },
};
use url::Host;

use crate::{error::DeliveryError, templates::Rendered, text};

/// The seconds since the epoch that a mail can bear as its date, the years 1970 to 9999; lettre panics on any other.
const DATES: Range<i64> = 0..253_402_300_800;

/// The longest message id in bytes, angle brackets aside: it must fit a header line and a file name.
const LONGEST_MESSAGE_ID: usize = 200;

/// A mailbox whose name can't break out of its header and whose domain is in its ASCII form.
/// `None` when `address` isn't an address.
pub(crate) fn mailbox(name: &str, address: &str) -> Option<Mailbox> {
    if address.chars().any(char::is_control) {
        return None;
    }
    let address: Address = address.parse().ok()?;
    // A domain in another script has an ASCII form that every server takes; without it the whole mail would need SMTPUTF8.
    let address = if address.domain().is_ascii() {
        address
    } else {
        Address::new(address.user(), Host::parse(address.domain()).ok()?.to_string()).ok()?
    };
    let name = text::single_line(name);
    Some(Mailbox::new((!name.is_empty()).then_some(name), address))
}

/// A message id without angle brackets; an id without a domain gets the sender's.
pub(crate) fn message_id(given: &str, from: &Mailbox) -> Result<String, DeliveryError> {
    let bare = given.strip_prefix('<').and_then(|id| id.strip_suffix('>')).unwrap_or(given);
    let id = if bare.contains('@') { bare.to_owned() } else { format!("{bare}@{}", from.email.domain()) };
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || b"@.-_+=~".contains(&byte);
    let well_formed = id.len() <= LONGEST_MESSAGE_ID
        && id.split('@').count() == 2
        && id.split('@').all(|half| !half.is_empty())
        && id.bytes().all(is_usual);
    if well_formed { Ok(id) } else { Err(DeliveryError::permanent("the message id is malformed")) }
}

/// Puts the message together. `message_id` comes from [`message_id()`].
pub(crate) fn build(
    from: Mailbox,
    to: Mailbox,
    rendered: Rendered,
    message_id: &str,
    date: Timestamp,
) -> Result<Message, DeliveryError> {
    if !DATES.contains(&date.unix_seconds()) {
        return Err(DeliveryError::permanent("the date is outside the years 1970 to 9999"));
    }
    let date = SystemTime::UNIX_EPOCH + Duration::from_secs(date.unix_seconds().unsigned_abs());
    let text = Body::new(rendered.text);
    let html = Body::new(rendered.html);
    let content_type =
        format!("multipart/alternative; boundary=\"{}\"", boundary(&[text.as_ref(), html.as_ref()]));
    // Not `MultiPart::alternative()`, which draws a random boundary.
    let body = MultiPart::builder()
        .header(ContentType::parse(&content_type).expect("the boundary has no character that needs escaping"))
        .singlepart(SinglePart::builder().content_type(ContentType::TEXT_PLAIN).body(text))
        .singlepart(SinglePart::builder().content_type(ContentType::TEXT_HTML).body(html));
    Message::builder()
        .message_id(Some(format!("<{message_id}>")))
        .date(date)
        .from(from)
        .to(to)
        .subject(rendered.subject)
        // RFC 3834: keeps holiday notices from answering.
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ))
        .multipart(body)
        .map_err(|error| DeliveryError::permanent(format!("the mail cannot be put together: {error}")))
}

/// The first of a fixed series of boundaries that occurs in no part, so that nobody's name can end a part early.
fn boundary(parts: &[&[u8]]) -> String {
    let occurs = |needle: &str| {
        let needle = needle.as_bytes();
        parts.iter().any(|part| part.windows(needle.len()).any(|window| window == needle))
    };
    let mut number: u64 = 0;
    loop {
        let candidate = format!("=_denizen_{number}");
        if !occurs(&candidate) {
            return candidate;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_holds_the_boundary_gets_another() {
        assert_eq!(boundary(&[b"plain"]), "=_denizen_0");
        assert_eq!(boundary(&[b"--=_denizen_0", b"=_denizen_1--"]), "=_denizen_2");
    }

    #[test]
    fn a_domain_in_another_script_is_sent_in_ascii() {
        let mailbox = mailbox("", "ada@bücher.example").unwrap();
        assert_eq!(mailbox.email.to_string(), "ada@xn--bcher-kva.example");
    }

    #[test]
    fn an_address_that_holds_a_line_break_is_none() {
        for address in
            ["a@example.com\r\nBcc: b@example.com", "a\r\n@example.com", "\"a\r\nb\"@example.com", "a", ""]
        {
            assert!(mailbox("", address).is_none(), "{address:?}");
        }
    }

    #[test]
    fn a_message_id_is_completed_with_the_senders_domain_and_cannot_end_its_header() {
        let from = mailbox("", "directory@example.com").unwrap();
        assert_eq!(message_id("job-1", &from).unwrap(), "job-1@example.com");
        assert_eq!(message_id("<job-1@other.example>", &from).unwrap(), "job-1@other.example");
        for id in ["", "a b", "a\r\nBcc: x", "a>b", "../a", "a@b@c", "@b", "é", &"x".repeat(201)] {
            assert!(message_id(id, &from).unwrap_err().permanent, "{id:?}");
        }
    }
}
