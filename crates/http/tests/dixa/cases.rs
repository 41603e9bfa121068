//! One case for every operation, for all of its places: what it needs and what it answers.
//!
//! A new operation without a case fails `coverage`, by its name. What is answered to whoever shows no token, the token of
//! another organization, an id that names nothing or none at all is the same everywhere and stands there.

/// An operation and what it takes. Names in braces stand for the scene's things.
pub(crate) struct Case {
    pub(crate) id: &'static str,
    /// With its `?`.
    pub(crate) query: &'static str,
    /// Empty: no body.
    pub(crate) body: &'static str,
    /// What a program that may everything gets.
    pub(crate) success: u16,
    /// Without this permission it is refused; with any token it may be asked where there is none.
    pub(crate) permission: Option<&'static str>,
    /// The status of that refusal.
    pub(crate) forbidden: u16,
    /// Whether it changes anything.
    pub(crate) writes: bool,
}

const READ: &str = "Directory:ReadContact";
const WRITE: &str = "Directory:WriteContact";
const ANONYMIZE: &str = "Directory:AnonymizeContact";

const USUAL: Case =
    Case { id: "", query: "", body: "", success: 200, permission: Some(READ), forbidden: 403, writes: false };
const WRITING: Case = Case { permission: Some(WRITE), writes: true, ..USUAL };
const ANONYMIZING: Case = Case { permission: Some(ANONYMIZE), success: 202, writes: true, ..USUAL };

pub(crate) const CASES: &[Case] = &[
    Case { id: "getEndusers", query: "?pageLimit=5&unknown=x", ..USUAL },
    Case {
        id: "postEndusers",
        body: r#"{"displayName": "New", "givenName": "ignored"}"#,
        success: 201,
        ..WRITING
    },
    Case {
        id: "postEndusersBulk",
        body: r#"{"data": [{"displayName": "New"}, {"email": "no address"}]}"#,
        success: 201,
        ..WRITING
    },
    Case { id: "patchEndusers", body: r#"{"data": [{"id": "{userId}", "firstName": "A"}]}"#, ..WRITING },
    Case { id: "putEndusers", body: r#"{"data": [{"id": "{userId}", "displayName": "A"}]}"#, ..WRITING },
    Case { id: "getEndusersUserid", ..USUAL },
    Case { id: "patchEndusersUserid", body: r#"{"firstName": "A", "lastName": null}"#, ..WRITING },
    Case { id: "putEndusersUserid", body: r#"{"displayName": "A"}"#, ..WRITING },
    Case { id: "patchEndusersUseridAnonymize", query: "?force=false", ..ANONYMIZING },
    Case {
        id: "patchEndusersUseridCustom-attributes",
        body: r#"{"{customAttributeId}": "gold"}"#,
        forbidden: 401,
        ..WRITING
    },
    Case { id: "getEndusersUseridConversations", query: "?pageLimit=1", ..USUAL },
    Case { id: "getCustom-attributes", ..USUAL },
    Case { id: "getCustom-attributesCustomattributeid", ..USUAL },
    Case {
        id: "getAnonymizationRequestRequestid",
        success: 200,
        forbidden: 401,
        writes: false,
        ..ANONYMIZING
    },
    Case {
        id: "postAnonymization",
        body: r#"{"entityId": "{userId}", "_type": "User"}"#,
        success: 200,
        ..ANONYMIZING
    },
    Case { id: "patchConversationsConversationidAnonymize", query: "?force=true", ..ANONYMIZING },
    // No operation shows messages, so what it changes is not seen here.
    Case { id: "patchConversationsConversationidMessagesMessageidAnonymize", writes: false, ..ANONYMIZING },
    Case {
        id: "patchConversationsConversationidCustom-attributes",
        body: r#"{"{conversationAttributeId}": "prices"}"#,
        forbidden: 401,
        ..WRITING
    },
    Case { id: "getConversationsConversationid", ..USUAL },
    Case { id: "getOrganization", permission: None, ..USUAL },
];
