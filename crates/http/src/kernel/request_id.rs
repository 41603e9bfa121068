//! The id under which a request is found in the log.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Makes ids: a prefix of the process and a counter. They need to be unique, not secret, so no randomness is spent.
pub(crate) struct RequestIds {
    prefix: String,
    next: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new(prefix: [u8; 6]) -> Self {
        let mut text = String::with_capacity(13);
        for byte in prefix {
            write!(text, "{byte:02x}").expect("writing to a String cannot fail");
        }
        text.push('-');
        Self { prefix: text, next: AtomicU64::new(1) }
    }

    /// The caller's own id where it is one, else a new one.
    pub(crate) fn take(&self, given: Option<&[u8]>) -> Arc<str> {
        if let Some(given) = given.filter(|given| is_request_id(given))
            && let Ok(text) = std::str::from_utf8(given)
        {
            return Arc::from(text);
        }
        // Written to the stack first, because an `Arc<str>` is allocated once its length is known.
        let mut text = [0_u8; 13 + 16];
        let prefix = self.prefix.as_bytes();
        text[..prefix.len()].copy_from_slice(prefix);
        let mut count = self.next.fetch_add(1, Ordering::Relaxed);
        let mut digits = 0;
        let mut reversed = [0_u8; 16];
        while digits < 6 || count > 0 {
            reversed[digits] = b"0123456789abcdef"[(count & 15) as usize];
            count >>= 4;
            digits += 1;
        }
        let end = prefix.len() + digits;
        for (place, digit) in text[prefix.len()..end].iter_mut().zip(reversed[..digits].iter().rev()) {
            *place = *digit;
        }
        Arc::from(std::str::from_utf8(&text[..end]).expect("hexadecimal digits are ASCII"))
    }
}

/// `^[A-Za-z0-9._-]{1,64}$`: nothing that could forge a line of the log.
fn is_request_id(text: &[u8]) -> bool {
    (1..=64).contains(&text.len())
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_the_process_differ_and_have_its_prefix() {
        let ids = RequestIds::new([0xab, 0, 1, 2, 3, 0xff]);
        assert_eq!(&*ids.take(None), "ab00010203ff-000001");
        assert_eq!(&*ids.take(None), "ab00010203ff-000002");
        let late = RequestIds { prefix: ids.prefix, next: AtomicU64::new(u64::MAX) };
        assert_eq!(&*late.take(None), "ab00010203ff-ffffffffffffffff");
    }

    #[test]
    fn an_id_is_taken_from_the_caller_only_when_it_is_harmless() {
        let ids = RequestIds::new([0; 6]);
        assert_eq!(&*ids.take(Some(b"trace.1_A-z")), "trace.1_A-z");
        let long = [b'a'; 65];
        for refused in [&b""[..], b"a b", b"a\nb", "ä".as_bytes(), &long] {
            assert!(ids.take(Some(refused)).starts_with("000000000000-"));
        }
    }
}
