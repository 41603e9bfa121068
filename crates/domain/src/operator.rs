//! Operators: what they may reach and what a password must be.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::ids::Uuid;

/// Characters of a name, a company or an address, at most (contract section 3).
pub const MAX_OPERATOR_LINE: usize = 255;
/// Characters of the key of a configuration value, at most.
pub const MAX_CONFIGURATION_KEY: usize = 255;
/// Bytes of a configuration value, at most.
pub const MAX_CONFIGURATION_VALUE: usize = 16 << 10;
/// Configuration values of one operator, at most.
pub const MAX_CONFIGURATION_VALUES: usize = 1_000;

/// What an operator who is no administrator may do with the bots that the operator reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OperatorRole {
    Supervisor,
    Editor,
    Viewer,
}

impl OperatorRole {
    pub const ALL: [Self; 3] = [Self::Supervisor, Self::Editor, Self::Viewer];

    /// As it stands in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Supervisor => "supervisor",
            Self::Editor => "editor",
            Self::Viewer => "viewer",
        }
    }

    /// The role of this name, in any letter case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str().eq_ignore_ascii_case(text))
    }

    /// Whether the bots have to be named. A supervisor looks after an environment as a whole.
    pub fn needs_bots(self) -> bool {
        self != Self::Supervisor
    }
}

/// What an operator reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Every environment and bot of the organization, and the operators.
    Administrator,
    /// These environments, and the bots that are named of each, with one role everywhere.
    Environments { role: OperatorRole, environments: BTreeMap<Uuid, BTreeSet<Uuid>> },
}

impl Access {
    pub fn is_administrator(&self) -> bool {
        matches!(self, Self::Administrator)
    }
}

/// What a password must have. Signing in does not ask: a policy holds for passwords that are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// Characters, at least.
    pub min_length: usize,
    pub needs_upper: bool,
    pub needs_lower: bool,
    /// A digit, or what is neither letter nor digit.
    pub needs_digit_or_special: bool,
}

/// One of the things that a policy asks of a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordRule {
    MinLength,
    Upper,
    Lower,
    DigitOrSpecial,
    MaxBytes,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self { min_length: 6, needs_upper: true, needs_lower: true, needs_digit_or_special: true }
    }
}

impl PasswordPolicy {
    /// Bytes of a password, at most: hashing takes time for each of them.
    pub const MAX_BYTES: usize = 1_024;

    /// What it asks for.
    pub fn rules(&self) -> Vec<PasswordRule> {
        let all = [
            (true, PasswordRule::MinLength),
            (self.needs_upper, PasswordRule::Upper),
            (self.needs_lower, PasswordRule::Lower),
            (self.needs_digit_or_special, PasswordRule::DigitOrSpecial),
            (true, PasswordRule::MaxBytes),
        ];
        all.into_iter().filter(|(is_asked, _)| *is_asked).map(|(_, rule)| rule).collect()
    }

    /// Whether a password is as one rule asks.
    pub fn keeps(&self, rule: PasswordRule, password: &str) -> bool {
        match rule {
            PasswordRule::MinLength => password.chars().count() >= self.min_length,
            PasswordRule::Upper => password.chars().any(char::is_uppercase),
            PasswordRule::Lower => password.chars().any(char::is_lowercase),
            PasswordRule::DigitOrSpecial => password.chars().any(|character| !character.is_alphabetic()),
            PasswordRule::MaxBytes => password.len() <= Self::MAX_BYTES,
        }
    }

    pub fn admits(&self, password: &str) -> bool {
        self.rules().into_iter().all(|rule| self.keeps(rule, password))
    }
}

impl fmt::Display for PasswordPolicy {
    /// What is asked for, fit for whoever is to think of a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must have at least {} characters", self.min_length)?;
        let parts = [
            (self.needs_upper, "an upper-case letter"),
            (self.needs_lower, "a lower-case letter"),
            (self.needs_digit_or_special, "a digit or special character"),
        ];
        for (_, part) in parts.iter().filter(|(is_needed, _)| *is_needed) {
            write!(f, ", {part}")?;
        }
        write!(f, ", and at most {} bytes", Self::MAX_BYTES)
    }
}

/// The languages of what is written to operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MailLanguage {
    #[default]
    English,
    Spanish,
    Japanese,
    Portuguese,
}

impl MailLanguage {
    pub const ALL: [Self; 4] = [Self::English, Self::Spanish, Self::Japanese, Self::Portuguese];

    /// Its tag.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
            Self::Japanese => "ja",
            Self::Portuguese => "pt",
        }
    }

    pub fn parse(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.as_str() == tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_has_what_the_policy_asks_for() {
        let policy = PasswordPolicy::default();
        for good in ["Abcde1", "Abcde!", "Äöü ßx", "Passw0rd"] {
            assert!(policy.admits(good), "{good}");
        }
        for bad in ["", "Abcd1", "abcde1", "ABCDE1", "Abcdef", &format!("Ab1{}", "x".repeat(1_022))] {
            assert!(!policy.admits(bad), "{bad}");
        }
        let lax = PasswordPolicy { min_length: 8, needs_upper: false, needs_lower: false, ..policy };
        assert!(lax.admits("1234 567") && !lax.admits("1234567") && !lax.admits("abcdefgh"));
        assert_eq!(
            lax.rules(),
            [PasswordRule::MinLength, PasswordRule::DigitOrSpecial, PasswordRule::MaxBytes]
        );
    }

    #[test]
    fn a_policy_says_what_it_asks_for() {
        let words = PasswordPolicy::default().to_string();
        assert_eq!(
            words,
            "must have at least 6 characters, an upper-case letter, a lower-case letter, a digit or special character, \
             and at most 1024 bytes"
        );
        let lax = PasswordPolicy {
            min_length: 8,
            needs_upper: false,
            needs_lower: false,
            needs_digit_or_special: false,
        };
        assert_eq!(lax.to_string(), "must have at least 8 characters, and at most 1024 bytes");
    }

    #[test]
    fn a_role_is_known_in_any_letter_case() {
        for role in OperatorRole::ALL {
            assert_eq!(OperatorRole::parse(&role.as_str().to_uppercase()), Some(role));
        }
        assert_eq!(OperatorRole::parse("ADMIN"), None);
    }
}
