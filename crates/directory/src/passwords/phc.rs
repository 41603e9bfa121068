//! What is kept of a password: the hash with what it was made of, in the usual text form that other programs read as well,
//! `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::PasswordSettings;

/// Bytes of a salt that is made here.
pub(super) const SALT: usize = 16;
/// Bytes of a hash that is made here.
const OUTPUT: usize = 32;
/// A hash that asks for more than this was not made here, and must not be able to take the memory or the time.
const MOST_MEMORY_KIB: u32 = PasswordSettings::MOST_MEMORY_KIB;
const MOST_ITERATIONS: u32 = PasswordSettings::MOST_ITERATIONS;
const MOST_PARALLELISM: u32 = PasswordSettings::MOST_PARALLELISM;

/// How a hash is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) memory_kib: u32,
    pub(super) iterations: u32,
    pub(super) parallelism: u32,
}

impl Cost {
    /// Whether anything of it is less than in the other.
    fn is_less(self, than: Self) -> bool {
        self.memory_kib < than.memory_kib
            || self.iterations < than.iterations
            || self.parallelism < than.parallelism
    }
}

/// A hash that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    cost: Cost,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Kept {
    /// Reads a hash of argon2id; `None` for any other text.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("$argon2id$v=19$")?.split('$');
        let (costs, salt, output) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let mut costs = costs.split(',');
        let mut cost = |name: &str, most: u32| {
            let text = costs.next()?.strip_prefix(name)?;
            let number = text.bytes().all(|digit| digit.is_ascii_digit()).then(|| text.parse().ok())??;
            (1..=most).contains(&number).then_some(number)
        };
        let cost = Cost {
            memory_kib: cost("m=", MOST_MEMORY_KIB)?,
            iterations: cost("t=", MOST_ITERATIONS)?,
            parallelism: cost("p=", MOST_PARALLELISM)?,
        };
        let salt = STANDARD_NO_PAD.decode(salt).ok().filter(|salt| (8..=64).contains(&salt.len()))?;
        let output =
            STANDARD_NO_PAD.decode(output).ok().filter(|output| (16..=64).contains(&output.len()))?;
        (costs.next().is_none() && cost.memory_kib >= 8 * cost.parallelism).then_some(Self {
            cost,
            salt,
            output,
        })
    }

    /// Whether it would be made with more now.
    pub(super) fn is_outdated(&self, now: Cost) -> bool {
        self.cost.is_less(now) || self.salt.len() < SALT || self.output.len() < OUTPUT
    }

    /// Whether it is that of this password.
    pub(super) fn is_of(&self, password: &str, memory: &mut Vec<Block>) -> Result<bool, argon2::Error> {
        let mut output = vec![0; self.output.len()];
        hash_into(self.cost, password, &self.salt, &mut output, memory)?;
        // How far the two agree may show in the time: it tells nothing to whoever does not know the salt.
        Ok(output == self.output)
    }
}

/// The hash of a password, as text.
pub(super) fn make(
    cost: Cost,
    password: &str,
    salt: [u8; SALT],
    memory: &mut Vec<Block>,
) -> Result<String, argon2::Error> {
    let mut output = [0; OUTPUT];
    hash_into(cost, password, &salt, &mut output, memory)?;
    let Cost { memory_kib, iterations, parallelism } = cost;
    let (salt, output) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(output));
    Ok(format!("$argon2id$v=19$m={memory_kib},t={iterations},p={parallelism}${salt}${output}"))
}

/// Blocks that are 33 MiB, of which only those that are written to take memory.
///
/// Engine: what glibc has mapped for something of up to 32 MiB and is given back makes it keep everything of that size from then
/// on, for each of its arenas: one sign-in, and 20 to 40 MB stay with the process. What is larger goes back to the system.
const MAPPED: usize = (33 << 20) / Block::SIZE;

/// `memory` is kept from one hash to the next: to be given 19 MiB anew by the system costs a tenth of the hash.
fn hash_into(
    cost: Cost,
    password: &str,
    salt: &[u8],
    output: &mut [u8],
    memory: &mut Vec<Block>,
) -> Result<(), argon2::Error> {
    let params = Params::new(cost.memory_kib, cost.iterations, cost.parallelism, Some(output.len()))?;
    if memory.is_empty() {
        memory.reserve_exact(MAPPED);
    }
    memory.resize(memory.len().max(params.block_count()), Block::default());
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    hasher.hash_password_into_with_memory(password.as_bytes(), salt, output, memory)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOW: Cost = Cost { memory_kib: 64, iterations: 1, parallelism: 1 };

    /// Made by the reference implementation: `echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1`.
    const REFERENCE: &str =
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

    #[test]
    fn what_the_reference_implementation_made_is_understood() {
        let kept = Kept::parse(REFERENCE).unwrap();
        let mut memory = Vec::new();
        assert_eq!(kept.is_of("password", &mut memory), Ok(true));
        assert_eq!(kept.is_of("passwore", &mut memory), Ok(false));
    }

    #[test]
    fn a_hash_is_read_as_it_was_written() {
        let mut memory = Vec::new();
        let text = make(LOW, "Söme pässword", [9; SALT], &mut memory).unwrap();
        let kept = Kept::parse(&text).unwrap();
        assert_eq!(kept.cost, LOW);
        assert_eq!(kept.is_of("Söme pässword", &mut memory), Ok(true));
        // Memory that a greater hash has left behind does not show in a lesser one.
        let greater = Cost { memory_kib: 256, ..LOW };
        make(greater, "another", [1; SALT], &mut memory).unwrap();
        assert_eq!(make(LOW, "Söme pässword", [9; SALT], &mut memory), Ok(text));
    }

    #[test]
    fn a_hash_is_outdated_when_anything_of_it_was_less() {
        let kept = Kept::parse(&make(LOW, "x", [1; SALT], &mut Vec::new()).unwrap()).unwrap();
        assert!(!kept.is_outdated(LOW));
        assert!(!kept.is_outdated(Cost { memory_kib: 8, ..LOW }));
        assert!(kept.is_outdated(Cost { memory_kib: 65, ..LOW }));
        assert!(kept.is_outdated(Cost { iterations: 2, ..LOW }));
        assert!(kept.is_outdated(Cost { parallelism: 2, ..LOW }));
        assert!(Kept::parse(REFERENCE).unwrap().is_outdated(LOW), "its salt is short");
    }

    #[test]
    fn what_is_no_hash_of_argon2id_or_would_cost_too_much_is_not_read() {
        let good = make(LOW, "x", [1; SALT], &mut Vec::new()).unwrap();
        assert!(Kept::parse(&good).is_some());
        for (part, instead) in [
            ("argon2id", "argon2i"),
            ("v=19", "v=16"),
            ("m=64", "m=4194304"),
            ("m=64", "m=7"),
            ("m=64", "m=+64"),
            ("m=64", "m="),
            ("t=1", "t=0"),
            ("t=1", "t=1000000"),
            ("p=1", "p=9"),
            ("p=1", "p=1,x=1"),
            (",p=1", ""),
            ("$AQEBAQEB", "$AQEBAQE="),
            ("AQEBAQEBAQEBAQEBAQEBAQ", "AQEB"),
        ] {
            let bad = good.replacen(part, instead, 1);
            assert_ne!(bad, good, "{part}");
            assert_eq!(Kept::parse(&bad), None, "{bad}");
        }
        for bad in ["", "$", "plain", &format!("{good}$"), good.trim_end_matches(|c| c != '$')] {
            assert_eq!(Kept::parse(bad), None, "{bad}");
        }
    }
}
