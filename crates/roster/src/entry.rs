//! What a file comes to: entries, one for each operator and one for each row that repeats what was said before.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

use denizen_domain::operator::OperatorRole;

use crate::check::Check;
use crate::pack::{Unpack, damaged, put_text, put_texts, put_u64};
use crate::row::Role;
use crate::sort::Sorted;

/// An operator of the file, or a row that repeats one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where its first row begins, counted from 1.
    pub line: u64,
    /// As it stands in that row; empty where there is none.
    pub email: String,
    pub verdict: Verdict,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Whatever a database says, this is not made.
    Failed(Check),
    /// Nothing is wrong so far.
    Candidate(Box<Candidate>),
}

/// Somebody to be made an operator if the rest is in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Under which the address is unique.
    pub email_key: String,
    pub name: String,
    pub company: Option<String>,
    pub password: String,
    /// `None` for an administrator, who reaches everything.
    pub role: Option<OperatorRole>,
    /// By the environment's id as it was written, in lower case.
    pub environments: BTreeMap<String, Wanted>,
    /// What is wrong with the rows together: told when nothing is wrong with the environments and bots, which come before
    /// it in the order of the checks.
    pub then: Option<Check>,
}

/// What rows say of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// What it is said to be called; all of them have to be true.
    pub names: BTreeSet<String>,
    /// Ids of bots as they were written, in lower case.
    pub bots: BTreeSet<String>,
}

impl Entry {
    /// Bytes of memory that it takes, about.
    pub fn weight(&self) -> usize {
        self.size()
    }
}

/// In the order of the file.
impl Sorted for Entry {
    fn compare(&self, other: &Self) -> Ordering {
        self.line.cmp(&other.line)
    }

    fn size(&self) -> usize {
        let mut size = size_of::<Self>() + self.email.len();
        if let Verdict::Candidate(candidate) = &self.verdict {
            let Candidate { email_key, name, company, password, environments, .. } = &**candidate;
            let company = company.as_ref().map_or(0, String::len);
            size += size_of::<Candidate>() + email_key.len() + name.len() + company + password.len() + 64;
            for (id, wanted) in environments {
                let texts = wanted.names.iter().chain(&wanted.bots);
                size += id.len() + texts.map(|text| text.len() + 48).sum::<usize>() + 96;
            }
        }
        size
    }

    fn pack(&self, bytes: &mut Vec<u8>) {
        put_u64(bytes, self.line);
        put_text(bytes, &self.email);
        let candidate = match &self.verdict {
            Verdict::Failed(check) => {
                bytes.push(*check as u8);
                return;
            }
            Verdict::Candidate(candidate) => candidate,
        };
        bytes.push(u8::MAX);
        let Candidate { email_key, name, company, password, role, environments, then } = &**candidate;
        for text in [email_key, name, company.as_ref().unwrap_or(&String::new()), password] {
            put_text(bytes, text);
        }
        bytes.push(Role::code(Some(role.map_or(Role::Administrator, Role::Of))));
        bytes.push(then.map_or(u8::MAX, |check| check as u8));
        put_u64(bytes, environments.len() as u64);
        for (id, wanted) in environments {
            put_text(bytes, id);
            put_texts(bytes, wanted.names.iter());
            put_texts(bytes, wanted.bots.iter());
        }
    }

    fn unpack(bytes: &[u8]) -> io::Result<Self> {
        let mut unpack = Unpack(bytes);
        let (line, email, code) = (unpack.u64()?, unpack.text()?, unpack.byte()?);
        if code != u8::MAX {
            let check = Check::from_code(code).ok_or_else(damaged)?;
            return Ok(Self { line, email, verdict: Verdict::Failed(check) });
        }
        let (email_key, name, company, password) =
            (unpack.text()?, unpack.text()?, unpack.text()?, unpack.text()?);
        let role = match Role::from_code(unpack.byte()?).ok_or_else(damaged)? {
            Role::Administrator => None,
            Role::Of(role) => Some(role),
        };
        let then = Check::from_code(unpack.byte()?);
        let mut environments = BTreeMap::new();
        for _ in 0..unpack.u64()? {
            let id = unpack.text()?;
            environments.insert(id, Wanted { names: unpack.texts()?, bots: unpack.texts()? });
        }
        if !unpack.0.is_empty() {
            return Err(damaged());
        }
        // No company is written without a character.
        let company = Some(company).filter(|company| !company.is_empty());
        let candidate = Candidate { email_key, name, company, password, role, environments, then };
        Ok(Self { line, email, verdict: Verdict::Candidate(Box::new(candidate)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_comes_back_from_a_scratch_file_as_it_was() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let wanted = Wanted { names: texts(&["E", "F"]), bots: texts(&["a", "b"]) };
        let candidate = Candidate {
            email_key: "ada@x.org".to_owned(),
            name: "Ada".to_owned(),
            company: None,
            password: " Abcde1".to_owned(),
            role: Some(OperatorRole::Editor),
            environments: BTreeMap::from([("e".to_owned(), wanted), ("f".to_owned(), Wanted::default())]),
            then: Some(Check::Conflicting),
        };
        let admin = Candidate { company: Some("A".to_owned()), role: None, then: None, ..candidate.clone() };
        for verdict in [
            Verdict::Failed(Check::EmailMissing),
            Verdict::Candidate(Box::new(candidate)),
            Verdict::Candidate(Box::new(admin)),
        ] {
            let entry = Entry { line: 3, email: "Ada@x.org".to_owned(), verdict };
            let mut bytes = Vec::new();
            entry.pack(&mut bytes);
            assert_eq!(Entry::unpack(&bytes).unwrap(), entry);
        }
    }
}
