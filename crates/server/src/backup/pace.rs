//! How fast a backup is made: a server works beside it, on the same disk.

use std::time::{Duration, Instant};

/// Rests between pieces.
pub struct Pace {
    /// Bytes in a second; without, it rests for as long as it works, so that half of the disk's time is left to others,
    /// however fast the disk is.
    most: Option<u64>,
    begun: Instant,
    bytes: u64,
    /// Since when it works.
    woke: Instant,
}

impl Pace {
    /// `most` is in MiB in a second.
    pub fn new(most: Option<u32>) -> Self {
        let now = Instant::now();
        Self { most: most.map(|mebibytes| u64::from(mebibytes) << 20), begun: now, bytes: 0, woke: now }
    }

    /// Rests after a piece.
    pub fn after(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        let rest = match self.most {
            Some(most) => due(self.bytes, most).saturating_sub(self.begun.elapsed()),
            None => self.woke.elapsed(),
        };
        std::thread::sleep(rest);
        self.woke = Instant::now();
    }
}

/// When so many bytes may be written, counted from the beginning.
fn due(bytes: u64, most: u64) -> Duration {
    let most = most.max(1);
    Duration::from_secs(bytes / most) + Duration::from_micros(bytes % most * 1_000_000 / most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_spreads_the_bytes_over_the_time() {
        assert_eq!(due(0, 1 << 20), Duration::ZERO);
        assert_eq!(due(3 << 19, 1 << 20), Duration::from_millis(1_500));
        assert_eq!(due(5 << 40, 1 << 40), Duration::from_secs(5));
    }
}
