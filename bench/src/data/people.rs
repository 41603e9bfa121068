//! Made-up people: computed from an organization and a number, so that whoever drives load knows ids, names and addresses
//! without reading them, on every machine the same.

use denizen_domain::ids::Uuid;

/// Numbers that look random and are the same everywhere (SplitMix64).
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

pub(crate) struct Person {
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) email: String,
}

/// Who of an organization a person is: the same numbers are other people in each.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum As {
    Member,
    Contact,
    Operator,
}

const HOSTS: [&str; 4] = ["gmail.com", "example.org", "mail.example.com", "denizen.dev"];

pub(crate) fn person(of: As, organization: usize, number: usize) -> Person {
    let mut rng = Rng(((of as u64) << 60) | ((organization as u64) << 32) | number as u64);
    let (first_name, last_name) = (name(&mut rng), name(&mut rng));
    let host = *rng.pick(&HOSTS);
    let email = format!("{first_name}.{last_name}{number}@{host}").replace('é', "e");
    Person { first_name, last_name, email }
}

const SYLLABLES: [&str; 40] = [
    "an", "be", "ca", "do", "el", "fra", "gi", "hel", "is", "jo", "ka", "lu", "ma", "nor", "ol", "pe", "qui",
    "ro", "sa", "ti", "ul", "vi", "wil", "xa", "ya", "zo", "ber", "den", "gar", "ling", "mann", "ner", "ova",
    "ski", "son", "stein", "ton", "vera", "win", "é",
];

/// A plausible name of two to four syllables.
fn name(rng: &mut Rng) -> String {
    (0..2 + rng.below(3)).map(|_| *rng.pick(&SYLLABLES)).collect()
}

/// A text that nobody's name contains, though every three letters of it in a row stand in very many names: more syllables than
/// a name has, of those that are long.
pub(crate) fn unlucky_name(rng: &mut Rng) -> String {
    const LONG: [&str; 8] = ["ling", "mann", "stein", "vera", "ova", "ber", "den", "son"];
    (0..6).map(|_| *rng.pick(&LONG)).collect()
}

/// The same of addresses: each of these consists of pieces of two hosts.
pub(crate) const UNLUCKY_ADDRESSES: [&str; 4] =
    ["mail.example.org", "gmail.example.com", "denizen.example.org", "gmail.denizen.dev"];

/// Two fifths of all members in the largest organization, the others falling off as 1/rank.
pub(crate) fn sizes(users: usize, organizations: usize) -> Vec<usize> {
    if organizations == 1 {
        return vec![users];
    }
    let largest = users * 2 / 5;
    let weight = |rank: usize| 1.0 / rank as f64;
    let total: f64 = (1..organizations).map(weight).sum();
    let mut sizes = vec![largest];
    sizes.extend((1..organizations).map(|rank| ((users - largest) as f64 * weight(rank) / total) as usize));
    // What rounding left over.
    sizes[1] += users - sizes.iter().sum::<usize>();
    sizes
}

/// Ids of members and of what they said rise with time, as those of the platforms do.
pub(crate) fn rising(kind: u8, organization: usize, number: usize) -> String {
    let mut rng = Rng((u64::from(kind) << 56) | ((organization as u64) << 32) | number as u64);
    format!("{:08x}{kind:02x}{:014x}", 0x6000_0000 + number, rng.next() >> 8)
}

/// Ids of contacts and of what they said are random.
pub(crate) fn random(kind: u8, organization: usize, number: usize) -> Uuid {
    let mut rng = Rng((u64::from(kind) << 56) | ((organization as u64) << 32) | number as u64);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&rng.next().to_be_bytes());
    bytes[8..].copy_from_slice(&rng.next().to_be_bytes());
    Uuid::from_random(bytes)
}

pub(crate) fn member_id(organization: usize, number: usize) -> String {
    rising(1, organization, number)
}

pub(crate) fn contact_id(organization: usize, number: usize) -> Uuid {
    random(2, organization, number)
}

pub(crate) fn operator_id(organization: usize, number: usize) -> Uuid {
    random(9, organization, number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn organizations_of_uneven_size_hold_everybody() {
        for (users, organizations) in [(1_000_000, 100), (20_000, 100), (999, 7), (50, 1)] {
            assert_eq!(sizes(users, organizations).iter().sum::<usize>(), users);
        }
        assert_eq!(sizes(1_000_000, 100)[0], 400_000);
    }

    #[test]
    fn nobody_has_an_unlucky_text_in_name_or_address() {
        let mut rng = Rng(1);
        let needles: Vec<String> = (0..50).map(|_| unlucky_name(&mut rng)).collect();
        for number in 0..2_000 {
            let Person { first_name, last_name, email } = person(As::Member, 0, number);
            assert!(
                !needles.iter().any(|needle| format!("{first_name} {last_name} {email}").contains(needle))
            );
            assert!(!UNLUCKY_ADDRESSES.iter().any(|needle| email.contains(needle)), "{email}");
        }
    }
}
