//! What a condition may name: the attributes of the targets of each permission.
//!
//! The published contract names `org_id` only; the others are denizen's own choice and this table
//! is where they are documented. Whoever evaluates a permission must be able to supply every
//! attribute of its row for each target that exists.

use std::cmp::Reverse;

use super::{PermissionName, names};
use crate::text::Email;

/// An attribute of the targets of a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute {
    pub name: &'static str,
    pub kind: Kind,
}

/// The kind of an attribute's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Text,
    /// A text that is an e-mail address. Addresses are compared by their key ([`Email::key_of`]), so that a
    /// denial does not miss a user for the letter case of an address: a compiled filter holds keys, and whoever
    /// supplies the attribute supplies the key.
    Email,
    Bool,
    Int,
}

const fn text(name: &'static str) -> Attribute {
    Attribute { name, kind: Kind::Text }
}

const fn boolean(name: &'static str) -> Attribute {
    Attribute { name, kind: Kind::Bool }
}

const EMAIL: Attribute = Attribute { name: "email", kind: Kind::Email };

/// Of a user: the organization, the user, and the user's role.
const USER: &[Attribute] =
    &[text("org_id"), text("user_id"), EMAIL, text("role_id"), text("role_name"), boolean("is_verified")];

/// Of an external event: those of the user whom it concerns, and its own.
const EXTERNAL_EVENT: &[Attribute] = &[
    text("org_id"),
    text("user_id"),
    EMAIL,
    text("role_id"),
    text("role_name"),
    boolean("is_verified"),
    text("external_event_id"),
    text("type"),
];

const ROLE: &[Attribute] = &[text("org_id"), text("role_id"), text("role_name")];

const ORGANIZATION: &[Attribute] = &[text("org_id")];

/// Of an API key: `key_id` is the UUID that clients use, `role_id` the role of the key itself.
const API_KEY: &[Attribute] = &[text("org_id"), text("key_id"), text("role_id"), text("creator_user_id")];

/// Of a message: `user_id` is the user who holds the conversation.
const MESSAGE: &[Attribute] = &[text("org_id"), text("user_id"), text("conversation_id"), text("message_id")];

static TABLE: &[(PermissionName, &[Attribute])] = &[
    (names::USER_GET_USER_INFO, USER),
    (names::USER_INVITE_USER, USER),
    (names::USER_UPDATE_USER_INFO, USER),
    (names::USER_DELETE_USER, USER),
    (names::USER_GET_USER_MODEL, USER),
    (names::USER_GET_EXTERNAL_EVENT, EXTERNAL_EVENT),
    (names::USER_CREATE_EXTERNAL_EVENT, EXTERNAL_EVENT),
    (names::USER_DELETE_EXTERNAL_EVENT, EXTERNAL_EVENT),
    (names::ROLE_CREATE_ROLE, ROLE),
    (names::ROLE_GET_ROLE, ROLE),
    (names::ROLE_MODIFY_ROLE, ROLE),
    (names::ROLE_CREATE_TEMPORARY_PERMISSION_GRANT, ROLE),
    (names::ROLE_GET_TEMPORARY_PERMISSION_GRANT, ROLE),
    (names::ORGANIZATION_CREATE_ORGANIZATION, ORGANIZATION),
    (names::ORGANIZATION_MODIFY_ORGANIZATION, ORGANIZATION),
    (names::ORGANIZATION_DELETE_ORGANIZATION, ORGANIZATION),
    (names::ORGANIZATION_GET_ORGANIZATION_DETAILS, ORGANIZATION),
    (names::ORGANIZATION_CREATE_API_KEY, API_KEY),
    (names::ORGANIZATION_GET_API_KEY, API_KEY),
    (names::ORGANIZATION_DELETE_API_KEY, API_KEY),
    (names::CONVERSATION_GET_MESSAGE, MESSAGE),
    (names::DIRECTORY_INGEST_RECORDS, ORGANIZATION),
    (names::DIRECTORY_LINK_ACCOUNT, ORGANIZATION),
    (names::DIRECTORY_GET_JOB, ORGANIZATION),
    (names::DIRECTORY_READ_CONTACT, ORGANIZATION),
    (names::DIRECTORY_WRITE_CONTACT, ORGANIZATION),
    (names::DIRECTORY_ANONYMIZE_CONTACT, ORGANIZATION),
    (names::DIRECTORY_READ_OPERATOR, ORGANIZATION),
    (names::DIRECTORY_WRITE_OPERATOR, ORGANIZATION),
];

/// The attributes that a condition of this permission may name; none if denizen does not evaluate
/// the permission, and so cannot know what its conditions are about.
pub fn attributes_of(permission: &PermissionName) -> Option<&'static [Attribute]> {
    TABLE.iter().find(|(name, _)| name == permission).map(|(_, attributes)| *attributes)
}

impl Kind {
    /// The form in which a text is compared.
    pub(super) fn comparable(self, text: &str) -> String {
        match self {
            Self::Email => Email::key_of(text),
            Self::Text | Self::Bool | Self::Int => text.to_owned(),
        }
    }
}

/// The permissions one of which was meant by a name that is not evaluated; none where the name may be somebody else's. It
/// is meant to be the one that differs in letter case only, or any of denizen's own resource, where nobody else makes names;
/// of those the ones that look most like it come first.
pub(super) fn meant_by(permission: &PermissionName) -> Vec<&'static PermissionName> {
    let own = "Directory";
    let evaluated = || TABLE.iter().map(|(name, _)| name);
    match evaluated().find(|name| name.as_str().eq_ignore_ascii_case(permission.as_str())) {
        Some(name) => vec![name],
        None if permission.resource().eq_ignore_ascii_case(own) => {
            let mut names: Vec<_> = evaluated().filter(|name| name.resource() == own).collect();
            names.sort_by_key(|name| Reverse(likeness(name.action(), permission.action())));
            names
        }
        None => Vec::new(),
    }
}

/// How many letters two words begin and end with in common, whatever their case.
fn likeness(a: &str, b: &str) -> usize {
    let alike = |(a, b): &(u8, u8)| a.eq_ignore_ascii_case(b);
    let begin = a.bytes().zip(b.bytes()).take_while(alike).count();
    let end = a.bytes().rev().zip(b.bytes().rev()).take_while(alike).count();
    (begin + end).min(a.len()).min(b.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permission::KNOWN;

    #[test]
    fn every_evaluated_permission_is_known_and_has_an_organization() {
        assert_eq!(TABLE.len(), 29);
        for (name, attributes) in TABLE {
            assert!(KNOWN.contains(name), "{name}");
            assert_eq!(attributes[0], text("org_id"), "{name}");
        }
    }

    #[test]
    fn an_external_event_has_the_attributes_of_its_user() {
        assert_eq!(&EXTERNAL_EVENT[..USER.len()], USER);
    }

    #[test]
    fn the_attributes_of_a_permission_that_is_not_evaluated_are_not_known() {
        assert_eq!(attributes_of(&PermissionName::parse("Tool:CreateTool").unwrap()), None);
    }
}
