//! Room in what is remembered.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// Makes room for `key` in a memory of at most so many. What is of no use any more goes first; where that makes no room, all
/// goes, and is found out again as it is needed. A key that is there takes no room.
pub(crate) fn make_room<K, V, Q>(
    memory: &mut HashMap<K, V>,
    most: usize,
    key: &Q,
    is_of_use: impl Fn(&V) -> bool,
) where
    K: Borrow<Q> + Eq + Hash,
    Q: Eq + Hash + ?Sized,
{
    if memory.len() < most || memory.contains_key(key) {
        return;
    }
    memory.retain(|_, kept| is_of_use(kept));
    if memory.len() >= most {
        memory.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remembered(most: usize, key: u32, useless: u32) -> Vec<u32> {
        let mut memory: HashMap<u32, u32> = (0..3).map(|number| (number, number)).collect();
        make_room(&mut memory, most, &key, |kept| *kept != useless);
        let mut left: Vec<u32> = memory.into_keys().collect();
        left.sort_unstable();
        left
    }

    #[test]
    fn what_is_of_no_use_goes_first_and_all_only_where_nothing_else_makes_room() {
        assert_eq!(remembered(4, 9, 1), [0, 1, 2]);
        assert_eq!(remembered(3, 2, 1), [0, 1, 2]);
        assert_eq!(remembered(3, 9, 1), [0, 2]);
        assert_eq!(remembered(3, 9, 7), [0; 0]);
    }
}
