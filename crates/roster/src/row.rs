//! One row, and what can be said of it by itself.

use std::cmp::Ordering;
use std::io;

use denizen_domain::operator::{MAX_OPERATOR_LINE, OperatorRole, PasswordPolicy};
use denizen_domain::text::{Email, TextError, stripped};

use crate::check::Check;
use crate::layout::{Column, Layout};
use crate::neutral::restored;
use crate::pack::{Unpack, damaged, put_text, put_u64};
use crate::sort::Sorted;

/// The role of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Administrator,
    Of(OperatorRole),
}

impl Role {
    const ALL: [Self; 4] = [
        Self::Administrator,
        Self::Of(OperatorRole::Supervisor),
        Self::Of(OperatorRole::Editor),
        Self::Of(OperatorRole::Viewer),
    ];

    fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("admin") {
            return Some(Self::Administrator);
        }
        OperatorRole::parse(text).map(Self::Of)
    }

    pub(crate) fn code(role: Option<Self>) -> u8 {
        let at = Self::ALL.iter().position(|known| Some(*known) == role);
        at.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

/// A row, its cells trimmed but for the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) line: u64,
    pub(crate) email: String,
    /// Under which the address is unique; any text has one.
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) company: String,
    pub(crate) password: String,
    pub(crate) role: Option<Role>,
    /// In lower case.
    pub(crate) environment: String,
    pub(crate) environment_name: String,
    /// In lower case.
    pub(crate) bot: String,
    /// What is wrong with the row by itself. That name and password are there is asked of the first row of an e-mail only.
    pub(crate) check: Option<Check>,
}

impl Row {
    pub(crate) fn new(line: u64, layout: &Layout, cells: &[String], policy: &PasswordPolicy) -> Self {
        let cell = |column| layout.cell(cells, column).trim();
        let text = |column| restored(cell(column)).trim().to_owned();
        let email = text(Column::Email);
        let mut row = Self {
            line,
            key: Email::key_of(&email),
            email,
            name: text(Column::Name),
            company: text(Column::Company),
            password: layout.cell(cells, Column::Password).to_owned(),
            role: Role::parse(cell(Column::Role)),
            environment: cell(Column::Environment).to_lowercase(),
            environment_name: text(Column::EnvironmentName),
            bot: cell(Column::Bot).to_lowercase(),
            check: None,
        };
        let has_role = !cell(Column::Role).is_empty();
        row.check = row.breach(layout.has_surplus(cells), has_role, policy);
        row
    }

    /// The first breach in the contract's order.
    fn breach(&self, has_surplus: bool, has_role: bool, policy: &PasswordPolicy) -> Option<Check> {
        let is_refused =
            |text: &str| matches!(stripped(text, MAX_OPERATOR_LINE), Err(error) if error != TextError::Empty);
        let place = |missing: bool, check| missing.then_some(check);
        let needs_place = matches!(self.role, Some(Role::Of(_)));
        let needs_bot = matches!(self.role, Some(Role::Of(role)) if role.needs_bots());
        [
            place(self.email.is_empty(), Check::EmailMissing),
            place(Email::parse(&self.email).is_err(), Check::EmailInvalid),
            place(has_surplus, Check::TooManyColumns),
            place(is_refused(&self.name), Check::NameInvalid),
            place(is_refused(&self.company), Check::CompanyInvalid),
            place(!has_role, Check::RoleMissing),
            place(self.role.is_none(), Check::RoleUnknown),
            place(!self.password.is_empty() && !policy.admits(&self.password), Check::PasswordWeak),
            place(needs_place && self.environment.is_empty(), Check::EnvironmentMissing),
            place(needs_place && self.environment_name.is_empty(), Check::EnvironmentNameMissing),
            place(needs_bot && self.bot.is_empty(), Check::BotMissing),
        ]
        .into_iter()
        .flatten()
        .next()
    }

    /// As [`Row::check`], for the first row of its e-mail.
    pub(crate) fn check_as_first(&self) -> Option<Check> {
        let name = self.name.is_empty().then_some(Check::NameMissing);
        let password = self.password.is_empty().then_some(Check::PasswordMissing);
        [self.check, name, password].into_iter().flatten().min()
    }
}

/// By e-mail, then in the order of the file.
impl Sorted for Row {
    fn compare(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key).then(self.line.cmp(&other.line))
    }

    fn size(&self) -> usize {
        let texts = [
            &self.email,
            &self.key,
            &self.name,
            &self.company,
            &self.password,
            &self.environment,
            &self.environment_name,
            &self.bot,
        ];
        // What the allocator adds to each is not nothing.
        size_of::<Self>() + texts.iter().map(|text| text.capacity() + 16).sum::<usize>()
    }

    fn pack(&self, bytes: &mut Vec<u8>) {
        put_u64(bytes, self.line);
        for text in [&self.email, &self.key, &self.name, &self.company, &self.password] {
            put_text(bytes, text);
        }
        for text in [&self.environment, &self.environment_name, &self.bot] {
            put_text(bytes, text);
        }
        bytes.push(Role::code(self.role));
        bytes.push(self.check.map_or(u8::MAX, |check| check as u8));
    }

    fn unpack(bytes: &[u8]) -> io::Result<Self> {
        let mut unpack = Unpack(bytes);
        let row = Self {
            line: unpack.u64()?,
            email: unpack.text()?,
            key: unpack.text()?,
            name: unpack.text()?,
            company: unpack.text()?,
            password: unpack.text()?,
            environment: unpack.text()?,
            environment_name: unpack.text()?,
            bot: unpack.text()?,
            role: Role::from_code(unpack.byte()?),
            check: Check::from_code(unpack.byte()?),
        };
        if unpack.0.is_empty() { Ok(row) } else { Err(damaged()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENVIRONMENT: &str = "00000000-0000-4000-8000-000000000001";

    fn row(text: &str) -> Row {
        let cells: Vec<String> = text.split(';').map(str::to_owned).collect();
        let (layout, _) = Layout::of_first(&["no header".to_owned()]).unwrap();
        Row::new(7, &layout, &cells, &PasswordPolicy::default())
    }

    #[test]
    fn the_first_breach_of_a_row_is_told() {
        for (text, check) in [
            (";;;;;;;;x", Some(Check::EmailMissing)),
            ("ada;;;;;;;;x", Some(Check::EmailInvalid)),
            ("ada@x.org;;;;;;;;x", Some(Check::TooManyColumns)),
            ("ada@x.org;;c;viewer;p", Some(Check::NameMissing)),
            ("ada@x.org;a\0b;c;viewer;p", Some(Check::NameInvalid)),
            ("ada@x.org;n", Some(Check::RoleMissing)),
            ("ada@x.org;n;c\0;r;p", Some(Check::CompanyInvalid)),
            ("ada@x.org;n;c;owner;p", Some(Check::RoleUnknown)),
            ("ada@x.org;n;c;viewer", Some(Check::PasswordMissing)),
            ("ada@x.org;n;c;viewer;abc", Some(Check::PasswordWeak)),
            ("ada@x.org;n;c;viewer; Abc12 ", Some(Check::EnvironmentMissing)),
            ("ada@x.org;n;c;viewer;Abc123;e", Some(Check::EnvironmentNameMissing)),
            ("ada@x.org;n;c;Viewer;Abc123;e;E", Some(Check::BotMissing)),
            ("ada@x.org;n;c;supervisor;Abc123;e;E", None),
            ("ada@x.org;n;c;EDITOR;Abc123;e;E;b;; ;", None),
            (" ada@x.org ; n ;; Admin ;Abc123", None),
        ] {
            assert_eq!(row(text).check_as_first(), check, "{text:?}");
        }
        let long = format!("ada@x.org;{};;admin;Abc123", "é".repeat(256));
        assert_eq!(row(&long).check, Some(Check::NameInvalid));
    }

    #[test]
    fn cells_are_trimmed_and_restored_but_not_the_password() {
        let row = row(&format!(" 'Ada@X.org; '=n ;'-c;admin;'=A b1 ;{};'@e;B", ENVIRONMENT.to_uppercase()));
        assert_eq!((row.email.as_str(), row.key.as_str()), ("'Ada@X.org", "'ada@x.org"));
        assert_eq!((row.name.as_str(), row.company.as_str()), ("=n", "-c"));
        assert_eq!(row.password, "'=A b1 ");
        assert_eq!((row.environment.as_str(), row.environment_name.as_str()), (ENVIRONMENT, "@e"));
        assert_eq!(row.bot, "b");
    }

    #[test]
    fn a_row_comes_back_from_a_scratch_file_as_it_was() {
        for text in ["ada@x.org;n;c;editor;Abc123;e;E;b", "", ";;;;;;;;x"] {
            let row = row(text);
            let mut bytes = Vec::new();
            row.pack(&mut bytes);
            assert_eq!(Row::unpack(&bytes).unwrap(), row);
            assert!(Row::unpack(&bytes[..bytes.len() - 1]).is_err());
        }
    }
}
