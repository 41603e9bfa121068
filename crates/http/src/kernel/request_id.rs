//! The id under which a request is found in the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use denizen_domain::ids::Uuid;
use denizen_domain::time::Timestamp;

/// The longest id that is taken from a caller, in bytes.
const LONGEST: usize = 128;

/// Makes ids: UUIDs of version 7, of the time, the process and a counter. They need to be unique, not secret, so no
/// randomness is spent.
pub(crate) struct RequestIds {
    process: [u8; 4],
    next: AtomicU32,
}

impl RequestIds {
    pub(crate) fn new(process: [u8; 4]) -> Self {
        Self { process, next: AtomicU32::new(1) }
    }

    /// The caller's own id where it is one, else a new one.
    pub(crate) fn take(&self, given: Option<&[u8]>, now: Timestamp) -> Arc<str> {
        let given = given.filter(|given| is_request_id(given)).and_then(|given| str::from_utf8(given).ok());
        given.map_or_else(|| self.make(now), Arc::from)
    }

    fn make(&self, now: Timestamp) -> Arc<str> {
        let mut distinct = [0; 8];
        distinct[..4].copy_from_slice(&self.process);
        // It may begin anew: the time has gone on by then.
        distinct[4..].copy_from_slice(&self.next.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        Arc::from(written(Uuid::new_v7(now.0, distinct), &mut [0; 36]))
    }
}

/// As `Display` writes it, without an allocation: an `Arc<str>` is made once its length is known.
fn written(id: Uuid, text: &mut [u8; 36]) -> &str {
    let mut place = 0;
    for (index, byte) in id.0.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text[place] = b'-';
            place += 1;
        }
        text[place] = b"0123456789abcdef"[usize::from(byte >> 4)];
        text[place + 1] = b"0123456789abcdef"[usize::from(byte & 15)];
        place += 2;
    }
    str::from_utf8(text).expect("hexadecimal digits and hyphens are ASCII")
}

/// `^[A-Za-z0-9._:/+=~-]{1,128}$`: what tracing systems make ids of, and nothing that could forge a line of the log.
fn is_request_id(text: &[u8]) -> bool {
    let is_harmless = |byte: &u8| byte.is_ascii_alphanumeric() || b"._:/+=~-".contains(byte);
    (1..=LONGEST).contains(&text.len()) && text.iter().all(is_harmless)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_767_268_800_000_000);

    #[test]
    fn ids_of_the_process_are_uuids_that_differ_and_sort_by_time() {
        let ids = RequestIds::new([0xab, 1, 2, 0xff]);
        let made = [NOW, NOW, Timestamp(NOW.0 + 1_000)].map(|now| ids.take(None, now).to_string());
        assert_eq!(made[0], "019b796d-d600-7000-ab01-02ff00000001");
        assert_eq!(made[1], "019b796d-d600-7000-ab01-02ff00000002");
        assert!(made.is_sorted());
        for id in &made {
            assert_eq!(Uuid::parse(id).unwrap().to_string(), *id);
        }
        let late = RequestIds { process: [0; 4], next: AtomicU32::new(u32::MAX) };
        assert_ne!(late.take(None, NOW), late.take(None, NOW));
    }

    #[test]
    fn an_id_is_taken_from_the_caller_only_when_it_is_harmless() {
        let ids = RequestIds::new([0; 4]);
        let longest = [b'a'; LONGEST];
        for taken in [&b"trace.1_A-z"[..], b"Root=1-67891233-abcdef012345678912345678", b"a:b/c+d~", &longest]
        {
            assert_eq!(ids.take(Some(taken), NOW).as_bytes(), taken);
        }
        let long = [b'a'; LONGEST + 1];
        for refused in [&b""[..], b"a b", b"a\nb", b"a\"b", b"ann@acme.example", "ä".as_bytes(), &long] {
            assert_eq!(ids.take(Some(refused), NOW).len(), 36);
        }
    }
}
