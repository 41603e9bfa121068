//! Lines of the log on their way out: gathered in memory, written by a thread of its own, many with one system call.
//!
//! A busy server logs a line for each request. Handing each to the writing thread at once would wake it as often, and on
//! a machine with few cores that costs more than the answer; so the thread lets lines gather for [`GATHER`].
//!
//! It is lossy on purpose. Whoever reads our standard error can stall: a full disk behind a log collector, a paused
//! terminal. With a writer that loses nothing, every request would then stop at its first log line. Lost lines are
//! counted.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long lines gather before they are written.
const GATHER: Duration = Duration::from_millis(2);
/// Bytes that may wait; lines beyond are lost.
const MOST: usize = 10 << 20;
/// How long the end waits for what still has to be written.
const LAST_WRITE: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    lost: usize,
    /// No line will come any more.
    ends: bool,
    /// The writing thread has ended.
    ended: bool,
}

/// Takes lines and never makes its caller wait.
#[derive(Default)]
pub struct Lines {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

impl Lines {
    /// Lines that were lost because nobody read them fast enough.
    pub fn lost(&self) -> usize {
        self.lock().lost
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing that could panic is done under the lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps lines being written. Dropping it writes what still waits, for at most [`LAST_WRITE`].
pub struct Writing(Arc<Lines>);

/// Starts the thread that writes to `target`.
///
/// # Errors
/// When the system gives no thread.
pub fn start(target: impl io::Write + Send + 'static) -> io::Result<(Arc<Lines>, Writing)> {
    let lines = Arc::new(Lines::default());
    let own = Arc::clone(&lines);
    std::thread::Builder::new().name("denizen-log".to_owned()).spawn(move || write_out(&own, target))?;
    Ok((Arc::clone(&lines), Writing(lines)))
}

fn write_out(lines: &Lines, mut target: impl io::Write) {
    let mut batch = Vec::new();
    loop {
        let mut waiting = lines.lock();
        while waiting.bytes.is_empty() && !waiting.ends {
            waiting = lines.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        if !waiting.ends {
            drop(waiting);
            std::thread::sleep(GATHER);
            waiting = lines.lock();
        }
        if waiting.bytes.is_empty() {
            waiting.ended = true;
            lines.changed.notify_all();
            return;
        }
        std::mem::swap(&mut batch, &mut waiting.bytes);
        drop(waiting);
        // There is no place to report that the log cannot be written, but its count of lost lines.
        if target.write_all(&batch).and_then(|()| target.flush()).is_err() {
            lines.lock().lost += batch.split(|byte| *byte == b'\n').count() - 1;
        }
        batch.clear();
        // After a stall the buffers have grown to the most; what is usual is much less.
        batch.shrink_to(MOST / 16);
    }
}

impl io::Write for &Lines {
    /// Takes one line whole, or loses it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut waiting = self.lock();
        if waiting.bytes.len() + line.len() > MOST {
            waiting.lost += 1;
            return Ok(line.len());
        }
        let first = waiting.bytes.is_empty();
        waiting.bytes.extend_from_slice(line);
        drop(waiting);
        // Only the first one: waking is a system call, and for the others the thread is awake already.
        if first {
            self.changed.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.ends = true;
        self.0.changed.notify_all();
        let all_written = self.0.changed.wait_timeout_while(waiting, LAST_WRITE, |waiting| !waiting.ended);
        // A log that nobody reads does not hold up the end.
        drop(all_written);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::mpsc;
    use std::time::Instant;

    use super::*;

    /// Hands each written piece to the test; stalls until the test takes it.
    struct Sent(mpsc::SyncSender<Vec<u8>>);

    impl io::Write for Sent {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_line_is_written_once_and_in_order_by_the_end() {
        let (sender, pieces) = mpsc::sync_channel(100_000);
        let (lines, writing) = start(Sent(sender)).unwrap();
        for n in 0..10_000 {
            (&*lines).write_all(format!("{n}\n").as_bytes()).unwrap();
        }
        drop(writing);
        let pieces: Vec<Vec<u8>> = pieces.try_iter().collect();
        let expected: String = (0..10_000).map(|n| n.to_string() + "\n").collect();
        assert_eq!(String::from_utf8(pieces.concat()).unwrap(), expected);
        assert!(pieces.len() < 10_000, "{} system calls", pieces.len());
        assert_eq!(lines.lost(), 0);
    }

    #[test]
    fn a_line_does_not_wait_for_others() {
        let (sender, pieces) = mpsc::sync_channel(1);
        let (lines, _writing) = start(Sent(sender)).unwrap();
        for n in 0..3 {
            (&*lines).write_all(format!("{n}\n").as_bytes()).unwrap();
            let piece = pieces.recv_timeout(Duration::from_secs(10)).unwrap();
            assert_eq!(piece, format!("{n}\n").as_bytes());
        }
    }

    #[test]
    fn a_stalled_reader_stalls_nobody_and_lost_lines_are_counted() {
        let (sender, pieces) = mpsc::sync_channel(0);
        let (lines, writing) = start(Sent(sender)).unwrap();
        let line = [b'x'; 1 << 10];
        let begun = Instant::now();
        for _ in 0..3 * MOST / line.len() {
            (&*lines).write_all(&line).unwrap();
        }
        drop(writing);
        assert!(begun.elapsed() < Duration::from_secs(20));
        assert!(lines.lost() >= MOST / line.len(), "{} lines lost", lines.lost());
        drop(pieces);
    }
}
