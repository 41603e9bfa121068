//! Sets of users of one block, as a row of `user_window` has them.
//!
//! A set is written as the gaps between its numbers, seven bits a byte and the lowest first, the eighth bit saying that there
//! is more; or, where that would be 8,192 bytes or longer, as a bit for each number of the block. So the length tells which.

#![allow(clippy::cast_possible_truncation, reason = "numbers of a block, and seven bits, fit")]

use super::BLOCK;

/// Bytes of a set that has a bit for each number.
pub(super) const BITS: usize = BLOCK as usize / 8;

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

/// Words of a bit for each number.
const WORDS: usize = BITS / 8;
/// So few numbers of a bit for each are rather listed.
const FEW: usize = 512;

/// A bit for each number of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bits(Box<[u64; WORDS]>);

impl Bits {
    fn none() -> Self {
        Self(Box::new([0; WORDS]))
    }

    fn of(numbers: &[u16]) -> Self {
        let mut bits = Self::none();
        for number in numbers {
            bits.put(*number);
        }
        bits
    }

    fn has(&self, number: u16) -> bool {
        self.0[usize::from(number / 64)] & (1 << (number % 64)) != 0
    }

    fn put(&mut self, number: u16) {
        self.0[usize::from(number / 64)] |= 1 << (number % 64);
    }

    /// Combines each word with that of a set that has a bit for each number.
    fn combine(&mut self, bytes: &[u8], with: impl Fn(u64, u64) -> u64) {
        let (words, _) = bytes.as_chunks::<8>();
        for (own, other) in self.0.iter_mut().zip(words) {
            *own = with(*own, u64::from_le_bytes(*other));
        }
    }

    fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    fn each(&self, mut show: impl FnMut(u16)) {
        for (at, word) in self.0.iter().enumerate() {
            let mut left = *word;
            while left != 0 {
                show((at * 64) as u16 | left.trailing_zeros() as u16);
                left &= left - 1;
            }
        }
    }
}

/// Numbers of a block that are worked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Numbers {
    /// They rise.
    Listed(Vec<u16>),
    Bits(Bits),
}

impl Numbers {
    pub(super) fn none() -> Self {
        Self::Listed(Vec::new())
    }

    /// Those of a set. `None` when that is no set.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != BITS {
            return decode(bytes).map(Self::Listed);
        }
        let mut bits = Bits::none();
        bits.combine(bytes, |_, word| word);
        Some(Self::Bits(bits))
    }

    /// These, which rise, as a bit for each when that is shorter.
    pub(super) fn listed(numbers: Vec<u16>) -> Self {
        if numbers.len() * size_of::<u16>() < BITS {
            return Self::Listed(numbers);
        }
        Self::Bits(Bits::of(&numbers))
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Listed(numbers) => numbers.len(),
            Self::Bits(bits) => bits.len(),
        }
    }

    pub(super) fn has(&self, number: u16) -> bool {
        match self {
            Self::Listed(numbers) => numbers.binary_search(&number).is_ok(),
            Self::Bits(bits) => bits.has(number),
        }
    }

    /// All of them, in their order.
    pub(super) fn list(self) -> Vec<u16> {
        match self {
            Self::Listed(numbers) => numbers,
            Self::Bits(bits) => {
                let mut numbers = Vec::with_capacity(bits.len());
                bits.each(|number| numbers.push(number));
                numbers
            }
        }
    }

    /// Keeps those that are in the set, too; `false` when that is no set.
    pub(super) fn intersect(&mut self, bytes: &[u8]) -> bool {
        let is_set = match self {
            Self::Listed(numbers) => return intersect(numbers, bytes),
            Self::Bits(bits) if bytes.len() == BITS => {
                bits.combine(bytes, |own, other| own & other);
                true
            }
            Self::Bits(bits) => {
                let mut kept = Vec::new();
                let is_set = each(bytes, |number| {
                    if bits.has(number) {
                        kept.push(number);
                    }
                });
                *self = Self::Listed(kept);
                is_set
            }
        };
        if let Self::Bits(bits) = self
            && bits.len() <= FEW
        {
            *self = Self::Listed(std::mem::replace(self, Self::none()).list());
        }
        is_set
    }

    /// Adds those of a set; `false` when that is none.
    pub(super) fn unite(&mut self, bytes: &[u8]) -> bool {
        if let Self::Listed(numbers) = self {
            *self = Self::Bits(Bits::of(numbers));
        }
        let Self::Bits(bits) = self else { return false };
        if bytes.len() == BITS {
            bits.combine(bytes, |own, other| own | other);
            return true;
        }
        each(bytes, |number| bits.put(number))
    }
}

/// Keeps those numbers, which rise, that are in the set, too; `false` when that is no set.
fn intersect(numbers: &mut Vec<u16>, bytes: &[u8]) -> bool {
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
        let mut forms = [0, 0];
        for _ in 0..300 {
            let (one, other) = (random_set(&mut rng), random_set(&mut rng));
            let [left, right] = [&one, &other].map(|set| set.iter().copied().collect::<BTreeSet<u16>>());
            let mut both = Numbers::of(&encode(&one)).unwrap();
            let mut either = if rng.chance(50) { both.clone() } else { Numbers::Listed(one) };
            forms[usize::from(matches!(both, Numbers::Bits(_)))] += 1;
            assert!(either.unite(&encode(&other)));
            assert!(
                (0..1_000)
                    .all(|number| either.has(number) == (left.contains(&number) || right.contains(&number)))
            );
            let wanted: Vec<u16> = left.union(&right).copied().collect();
            assert_eq!((either.len(), either.list()), (wanted.len(), wanted));
            assert!(both.intersect(&encode(&other)));
            assert!(
                (0..1_000)
                    .all(|number| both.has(number) == (left.contains(&number) && right.contains(&number)))
            );
            let wanted: Vec<u16> = left.intersection(&right).copied().collect();
            assert_eq!((both.len(), both.list()), (wanted.len(), wanted));
        }
        assert!(forms[0] > 30 && forms[1] > 30, "{forms:?}");
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
