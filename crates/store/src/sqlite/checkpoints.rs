//! A thread that copies the log into the database beside the writer, which goes on meanwhile.

use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::SqliteOptions;
use crate::error::{Result, StoreError};
use crate::priority::give_way;

pub(crate) struct Checkpoints {
    orders: Option<mpsc::Sender<()>>,
    /// How many pages of the log are copied after each order.
    ended: mpsc::Receiver<rusqlite::Result<u32>>,
    is_ordered: bool,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    pub(crate) fn start(options: &SqliteOptions) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&options.path, flags)?;
        // Engine: the log has reached the disk before it is copied, and the copy before the log begins anew.
        connection.pragma_update(None, "synchronous", "FULL")?;
        let (orders, taken) = mpsc::channel();
        let (done, ended) = mpsc::channel();
        let copy = move || {
            give_way(super::BEHIND);
            while taken.recv().is_ok() {
                let copied = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(2));
                if done.send(copied).is_err() {
                    return;
                }
            }
        };
        let thread =
            std::thread::Builder::new().name("denizen-copy".to_owned()).spawn(copy).map_err(|error| {
                StoreError::Io(format!("the thread that copies the log could not be started: {error}"))
            })?;
        Ok(Self { orders: Some(orders), ended, is_ordered: false, thread: Some(thread) })
    }

    /// Has what is in the log copied, as far as readers of an older state admit. Does nothing while that is done already.
    pub(crate) fn order(&mut self) {
        if let Some(orders) = &self.orders
            && !self.is_ordered
        {
            // Without the thread nobody answers, and the writer copies by itself what grows too large.
            self.is_ordered = orders.send(()).is_ok();
        }
    }

    /// How many pages were copied, if what was ordered has come to its end, or does within the time.
    pub(crate) fn ended(&mut self, wait: Duration) -> Option<rusqlite::Result<u32>> {
        if !self.is_ordered {
            return None;
        }
        let ended = self.ended.recv_timeout(wait).ok()?;
        self.is_ordered = false;
        Some(ended)
    }

    /// Ends the thread, after what it does.
    pub(crate) fn stop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that copies the log panicked");
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.stop();
    }
}
