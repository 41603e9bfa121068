//! What rows are checked for, in the order in which it is told (contract section 10).

/// A check that a row, or the rows of one e-mail together, did not pass. Of several breaches the first of this order is
/// told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Check {
    EmailMissing,
    EmailInvalid,
    TooManyColumns,
    NameMissing,
    /// Longer than a name may be, or with a character that no name may have.
    NameInvalid,
    /// As above. The contract has no words for either: it bounds both where operators are made one by one.
    CompanyInvalid,
    RoleMissing,
    RoleUnknown,
    PasswordMissing,
    PasswordWeak,
    EnvironmentMissing,
    EnvironmentNameMissing,
    BotMissing,
    /// Unknown, inactive or of another organization.
    EnvironmentUnknown,
    EnvironmentNameWrong,
    BotUnknown,
    BotElsewhere,
    SeveralRoles,
    Conflicting,
    Repeated,
    EmailTaken,
}

impl Check {
    pub const ALL: [Self; 21] = [
        Self::EmailMissing,
        Self::EmailInvalid,
        Self::TooManyColumns,
        Self::NameMissing,
        Self::NameInvalid,
        Self::CompanyInvalid,
        Self::RoleMissing,
        Self::RoleUnknown,
        Self::PasswordMissing,
        Self::PasswordWeak,
        Self::EnvironmentMissing,
        Self::EnvironmentNameMissing,
        Self::BotMissing,
        Self::EnvironmentUnknown,
        Self::EnvironmentNameWrong,
        Self::BotUnknown,
        Self::BotElsewhere,
        Self::SeveralRoles,
        Self::Conflicting,
        Self::Repeated,
        Self::EmailTaken,
    ];

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// What is told of it. `line` is where the row begins, counted from 1: without an e-mail nothing else says which row
    /// is meant.
    pub fn message(self, line: u64) -> String {
        let text = match self {
            Self::EmailMissing => return format!("Line {line}: the email is required"),
            Self::EmailInvalid => "The email is not valid",
            Self::TooManyColumns => "The line has too many columns",
            Self::NameMissing => "The name is required",
            Self::NameInvalid => "The name is not valid",
            Self::CompanyInvalid => "The company is not valid",
            Self::RoleMissing => "The role is required",
            Self::RoleUnknown => "The role must be one of ADMIN, SUPERVISOR, EDITOR or VIEWER",
            Self::PasswordMissing => "The password is required",
            Self::PasswordWeak => "The password does not meet the password policy",
            Self::EnvironmentMissing => "The environmentUuid is required for this role",
            Self::EnvironmentNameMissing => "The environmentName is required for this role",
            Self::BotMissing => "The bot is required for this role",
            Self::EnvironmentUnknown => "The environment does not exist or is not active",
            Self::EnvironmentNameWrong => "The environmentName does not match the environmentUuid",
            Self::BotUnknown => "The bot does not exist or is not active",
            Self::BotElsewhere => "The bot does not belong to the environment",
            Self::SeveralRoles => "A user may have only one role",
            Self::Conflicting => "The lines of this user do not agree",
            Self::Repeated => "The email is repeated in the file",
            Self::EmailTaken => "The email is already in use",
        };
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_kept_by_their_place_in_the_order() {
        for (at, check) in Check::ALL.into_iter().enumerate() {
            assert_eq!(check as usize, at);
            assert_eq!(Check::from_code(check as u8), Some(check));
        }
        assert_eq!(Check::from_code(21), None);
    }
}
