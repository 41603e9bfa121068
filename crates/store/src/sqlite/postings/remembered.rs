//! What was found out of blocks, in the memory of this process.
//!
//! Who of a block has a needle is remembered by the block's stamp, which is another one as soon as anything of the block has
//! changed: so nothing here is ever wrong, and nothing has to be taken back. What is not asked for any more is forgotten when
//! room is needed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::sets::Numbers;

/// What is remembered at most: of as many blocks again as came in last, some 8 KiB each. That is 8 MiB.
const MOST: usize = 512;
/// Nobody searches again for a text that is longer.
const MOST_NEEDLE: usize = 64;

type Shelf = HashMap<(i64, Box<str>), Arc<Numbers>>;

/// When the first shelf is full, it becomes the second, and what was there is forgotten. What is asked for comes to the first.
#[derive(Default)]
struct Shelves {
    first: Shelf,
    second: Shelf,
}

static REMEMBERED: Mutex<Option<Shelves>> = Mutex::new(None);

impl Shelves {
    fn put(&mut self, key: (i64, Box<str>), numbers: &Arc<Numbers>) {
        if self.first.len() >= MOST {
            self.second = std::mem::take(&mut self.first);
        }
        self.first.insert(key, Arc::clone(numbers));
    }

    fn recall(&mut self, key: (i64, Box<str>)) -> Option<Arc<Numbers>> {
        if let Some(known) = self.first.get(&key) {
            return Some(Arc::clone(known));
        }
        let known = self.second.remove(&key)?;
        self.put(key, &known);
        Some(known)
    }
}

/// Who of the block with this stamp has the needle.
pub(super) fn recall(stamp: i64, needle: &str) -> Option<Arc<Numbers>> {
    let mut remembered = REMEMBERED.lock().unwrap_or_else(PoisonError::into_inner);
    remembered.as_mut()?.recall((stamp, needle.into()))
}

pub(super) fn remember(stamp: i64, needle: &str, numbers: &Arc<Numbers>) {
    if needle.len() <= MOST_NEEDLE {
        let mut remembered = REMEMBERED.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.get_or_insert_default().put((stamp, needle.into()), numbers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_and_what_is_not_makes_room() {
        let mut shelves = Shelves::default();
        let one = Arc::new(Numbers::Listed(vec![1]));
        let key = |stamp| (stamp, "ada".into());
        for stamp in 0..5 * MOST as i64 {
            shelves.put(key(stamp), &one);
            assert_eq!(shelves.recall(key(0)), Some(Arc::clone(&one)));
            assert!(shelves.first.len() + shelves.second.len() <= 2 * MOST);
        }
        assert_eq!(shelves.recall(key(1)), None);
        assert_eq!(shelves.recall((0, "eve".into())), None);
    }
}
