//! Sets of users of one block, as a row of `user_window` has them.
//!
//! A set is written as the gaps between its numbers, seven bits a byte and the lowest first, the eighth bit saying that there
//! is more; or, where that would be 8,192 bytes or longer, as a bit for each number of the block. So the length tells which.

#![allow(clippy::cast_possible_truncation, reason = "numbers of a block, and seven bits, fit")]

use super::BLOCK;

/// Bytes of a set that has a bit for each number.
const BITS: usize = BLOCK as usize / 8;

/// The numbers of a set, which rise. `None` when that is no set.
pub(crate) fn decode(bytes: &[u8]) -> Option<Vec<u16>> {
    let mut numbers = Vec::with_capacity(bytes.len());
    each(bytes, |number| numbers.push(number)).then_some(numbers)
}

/// Shows each number; `false` when that is no set.
fn each(bytes: &[u8], mut show: impl FnMut(u16)) -> bool {
    if bytes.len() == BITS {
        for (at, byte) in bytes.iter().enumerate() {
            let mut left = *byte;
            while left != 0 {
                show((at * 8) as u16 | left.trailing_zeros() as u16);
                left &= left - 1;
            }
        }
        return true;
    }
    let (mut next, mut gap, mut shift) = (0_u32, 0_u32, 0);
    for byte in bytes {
        gap |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 != 0 {
            shift += 7;
            if shift > 14 {
                return false;
            }
            continue;
        }
        let Ok(number) = u16::try_from(next + gap) else { return false };
        show(number);
        (next, gap, shift) = (u32::from(number) + 1, 0, 0);
    }
    shift == 0
}

/// The set of these numbers, which rise.
pub(super) fn encode(numbers: &[u16]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(numbers.len() + numbers.len() / 4 + 4);
    let mut next = 0_u32;
    for number in numbers {
        let mut gap = u32::from(*number) - next;
        while gap > 0x7f {
            bytes.push((gap & 0x7f) as u8 | 0x80);
            gap >>= 7;
        }
        bytes.push(gap as u8);
        next = u32::from(*number) + 1;
        if bytes.len() >= BITS {
            return encode_bits(numbers);
        }
    }
    bytes
}

fn encode_bits(numbers: &[u16]) -> Vec<u8> {
    let mut bytes = vec![0; BITS];
    for number in numbers {
        bytes[usize::from(*number / 8)] |= 1 << (number % 8);
    }
    bytes
}

/// The set after some numbers were taken out and others put in; both rise. `None` when that was no set.
pub(super) fn edit(bytes: &[u8], remove: &[u16], add: &[u16]) -> Option<Vec<u8>> {
    if bytes.len() == BITS {
        let mut bits = bytes.to_vec();
        for number in remove {
            bits[usize::from(*number / 8)] &= !(1 << (number % 8));
        }
        for number in add {
            bits[usize::from(*number / 8)] |= 1 << (number % 8);
        }
        let is_worth_it = || bits.iter().map(|byte| byte.count_ones() as usize).sum::<usize>() >= BITS / 2;
        return if remove.is_empty() || is_worth_it() { Some(bits) } else { Some(encode(&decode(&bits)?)) };
    }
    let mut numbers = decode(bytes)?;
    if !remove.is_empty() {
        numbers.retain(|number| remove.binary_search(number).is_err());
    }
    // What is new comes behind, most often.
    let is_in_order = add.is_empty() || add.first() > numbers.last();
    numbers.extend_from_slice(add);
    if !is_in_order {
        numbers.sort_unstable();
        numbers.dedup();
    }
    Some(encode(&numbers))
}

/// Keeps those numbers, which rise, that are in the set, too; `false` when that is no set.
pub(super) fn intersect(numbers: &mut Vec<u16>, bytes: &[u8]) -> bool {
    if bytes.len() == BITS {
        numbers.retain(|number| bytes[usize::from(*number / 8)] & (1 << (number % 8)) != 0);
        return true;
    }
    let (mut kept, mut at) = (0, 0);
    let is_set = each(bytes, |number| {
        while at < numbers.len() && numbers[at] < number {
            at += 1;
        }
        if numbers.get(at) == Some(&number) {
            numbers[kept] = number;
            kept += 1;
            at += 1;
        }
    });
    numbers.truncate(kept);
    is_set
}

/// Numbers that are gathered from several sets.
pub(super) struct Union(Box<[u8; BITS]>);

impl Union {
    pub(super) fn new() -> Self {
        Self(Box::new([0; BITS]))
    }

    /// Adds a set; `false` when that is none.
    pub(super) fn add(&mut self, bytes: &[u8]) -> bool {
        if bytes.len() == BITS {
            self.0.iter_mut().zip(bytes).for_each(|(all, more)| *all |= more);
            return true;
        }
        each(bytes, |number| self.0[usize::from(number / 8)] |= 1 << (number % 8))
    }

    pub(super) fn numbers(&self) -> Vec<u16> {
        decode(&*self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use denizen_domain::permission::model::Rng;

    use super::*;

    fn random_set(rng: &mut Rng) -> Vec<u16> {
        let share = *rng.pick(&[0, 1, 20, 500, 3_000, 5_000, 9_000, 30_000, 65_536]);
        let span = *rng.pick(&[200, 10_000, 65_536]);
        let numbers: BTreeSet<u16> = (0..share).map(|_| rng.below(span) as u16).collect();
        numbers.into_iter().collect()
    }

    #[test]
    fn a_set_is_read_as_it_was_written_and_is_never_longer_than_a_bit_for_each_number() {
        let mut rng = Rng::new(5);
        let mut forms = [0, 0];
        for _ in 0..300 {
            let numbers = random_set(&mut rng);
            let bytes = encode(&numbers);
            assert_eq!(decode(&bytes), Some(numbers));
            assert!(bytes.len() <= BITS);
            forms[usize::from(bytes.len() == BITS)] += 1;
        }
        assert!(forms[0] > 30 && forms[1] > 30, "{forms:?}");
        for numbers in [vec![], vec![0], vec![u16::MAX], vec![0, u16::MAX], (0..=u16::MAX).collect()] {
            assert_eq!(decode(&encode(&numbers)), Some(numbers));
        }
    }

    #[test]
    fn intersecting_and_uniting_do_what_sets_do() {
        let mut rng = Rng::new(6);
        for _ in 0..300 {
            let (mut one, other) = (random_set(&mut rng), random_set(&mut rng));
            let mut union = Union::new();
            assert!(union.add(&encode(&one)) && union.add(&encode(&other)));
            let [left, right] = [&one, &other].map(|set| set.iter().copied().collect::<BTreeSet<u16>>());
            assert_eq!(union.numbers(), left.union(&right).copied().collect::<Vec<_>>());
            assert!(intersect(&mut one, &encode(&other)));
            assert_eq!(one, left.intersection(&right).copied().collect::<Vec<_>>());
        }
    }

    #[test]
    fn editing_takes_out_and_puts_in() {
        let mut rng = Rng::new(7);
        for _ in 0..300 {
            let numbers = random_set(&mut rng);
            let some = |rng: &mut Rng| {
                let mut some: Vec<u16> = (0..rng.below(4)).map(|_| rng.below(65_536) as u16).collect();
                some.extend((0..rng.below(4)).filter_map(|_| numbers.get(rng.below(numbers.len().max(1)))));
                some.into_iter().collect::<BTreeSet<u16>>().into_iter().collect::<Vec<u16>>()
            };
            let remove = if rng.chance(10) { numbers.clone() } else { some(&mut rng) };
            let add = some(&mut rng);
            let mut expected: BTreeSet<u16> = numbers.iter().copied().collect();
            for number in &remove {
                expected.remove(number);
            }
            expected.extend(&add);
            let after = decode(&edit(&encode(&numbers), &remove, &add).unwrap()).unwrap();
            assert_eq!(after, expected.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_is_no_set_is_refused() {
        for bytes in [&[0x80][..], &[0xff, 0xff, 0xff, 0], &[0xff, 0xff, 0x07], &[0xff, 0xff, 0x03, 0]] {
            assert_eq!(decode(bytes), None, "{bytes:?}");
        }
    }
}
