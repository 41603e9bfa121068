//! The people whom every system holds, and what is asked about them.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use denizen_domain::ids::Uuid;
use serde_json::{Value, json};

use crate::data::people::{As, Rng, member_id, person, random};

/// Different requests of a kind.
const VARIED: usize = 10_000;
/// What is searched for is so much of a name at least: a part that few people share.
const LEAST: usize = 6;

pub(super) struct Population {
    pub(super) people: usize,
}

pub(super) struct Person {
    /// Of 24 hexadecimal digits, which rise with the number.
    pub(super) id: String,
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) email: String,
}

impl Population {
    /// Somebody, by number.
    pub(super) fn person(number: usize) -> Person {
        let known = person(As::Member, 0, number);
        let id = member_id(0, number);
        Person { id, first_name: known.first_name, last_name: known.last_name, email: known.email }
    }

    /// An id of the form that contacts and operators have.
    pub(super) fn uuid(number: usize) -> Uuid {
        random(2, 0, number)
    }

    /// Writes everybody to a file, an object a line.
    pub(super) fn write(&self, file: &Path, record: impl Fn(usize) -> Value) -> anyhow::Result<()> {
        let mut lines = BufWriter::new(File::create(file)?);
        for number in 0..self.people {
            serde_json::to_writer(&mut lines, &record(number))?;
            lines.write_all(b"\n")?;
        }
        Ok(lines.flush()?)
    }

    /// Numbers of people, drawn at random, the same in every run.
    pub(super) fn some(&self) -> Vec<usize> {
        let mut rng = Rng(21);
        (0..VARIED.min(self.people)).map(|_| rng.below(self.people)).collect()
    }

    /// Places from the second half of a list on from which a whole page can be had.
    pub(super) fn deep(&self) -> Vec<usize> {
        let mut rng = Rng(22);
        let half = self.people / 2;
        (0..VARIED.min(half)).map(|_| half + rng.below(half - 200)).collect()
    }

    /// Inner parts of people's last names.
    pub(super) fn needles(&self) -> Vec<String> {
        let mut rng = Rng(23);
        let mut needles = Vec::new();
        while needles.len() < VARIED.min(self.people) {
            let name = Self::person(rng.below(self.people)).last_name;
            if name.is_ascii() && name.len() >= LEAST + 2 {
                needles.push(name[1..name.len() - 1].to_owned());
            }
        }
        needles
    }

    /// What is in nobody's name.
    pub(super) fn absent(&self) -> Vec<String> {
        let mut rng = Rng(24);
        let syllables = ["an", "be", "ca", "do", "el", "fra", "gi", "hel", "is", "jo"];
        (0..VARIED.min(self.people))
            .map(|_| format!("{}q{}x", rng.pick(&syllables), rng.pick(&syllables)))
            .collect()
    }
}

/// A person as the other systems' loaders read them.
pub(super) fn plain(number: usize) -> Value {
    let person = Population::person(number);
    json!({
        "id": person.id, "first_name": person.first_name, "last_name": person.last_name,
        "email": person.email,
    })
}

/// Names for somebody new, as `requests.lua` makes them.
pub(super) fn new_person(number: usize) -> (String, String) {
    const SYLLABLES: [&str; 18] = [
        "an", "be", "ca", "do", "el", "fra", "gi", "hel", "is", "jo", "ka", "lu", "ma", "nor", "ol", "pe",
        "qui", "ro",
    ];
    let mut rng = Rng(number as u64);
    let mut name = || (0..3).map(|_| *rng.pick(&SYLLABLES)).collect::<String>();
    (name(), name())
}

/// What a folder takes on disk, in bytes, without the files that the measurement put there.
pub(super) fn bytes_on_disk(folder: &Path) -> anyhow::Result<f64> {
    use std::os::unix::fs::MetadataExt as _;

    let mut bytes = 0.0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        bytes += if meta.is_dir() { bytes_on_disk(&entry.path())? } else { meta.blocks() as f64 * 512.0 };
    }
    Ok(bytes)
}
