//! The published description, and the page for people.

use std::collections::BTreeSet;

use denizen_http::dixa::dialect;
use denizen_http::openapi;
use denizen_testkit::TestServer;
use serde_json::{Value, json};

use super::scene::program;

const NAMES: &str = "displayName email phoneNumber additionalEmails additionalPhoneNumbers firstName lastName \
                     middleNames avatarUrl externalId";
const ALL_BUT_DISPLAY_NAME: &str = "email phoneNumber additionalEmails additionalPhoneNumbers firstName lastName \
                                    middleNames avatarUrl externalId";
const DESK: &str = "direction state stateUpdatedAt assignment queue link customAttributes transportExpiresAt";

/// The vendor's own description: each schema's required members, and its others in two parts.
const PUBLISHED: &[(&str, &str, &str, &str)] = &[
    ("EndUser", "id createdAt", NAMES, "customAttributes"),
    ("CreateEndUserInput", "", NAMES, ""),
    ("PatchEndUserInput", "", NAMES, ""),
    ("UpdateEndUserInput", "displayName", ALL_BUT_DISPLAY_NAME, ""),
    ("BulkPatchEndUserInput", "id", NAMES, ""),
    ("BulkUpdateEndUserInput", "id displayName", ALL_BUT_DISPLAY_NAME, ""),
    ("CustomAttribute", "id name identifier value", "", ""),
    (
        "CustomAttributeDefinition",
        "id entityType identifier label inputDefinition createdAt isRequired isArchived isDeactivated",
        "description updatedAt",
        "",
    ),
    ("SelectOption", "id label value isDeactivated orderIndex", "nestedOptions", ""),
    (
        "AnonymizationRequestStatus",
        "id entityType _type initiatedAt targetEntityId requestedBy",
        "processedAt",
        "",
    ),
    ("AnonymizeEntityInput", "entityId", "entityType forceAnonymization _type", ""),
    ("PaginationLinks", "", "previous next", ""),
    ("OrganizationDetails", "id name subdomain status", "avatarUrl", ""),
    ("Assignment", "agentId assignedAt", "", ""),
    ("Queue", "id", "queuedAt", ""),
    ("BrowserInfo", "name", "version ipAddress originatingUrl", ""),
    (
        "AnonymizedConversation",
        "id requesterId channel createdAt anonymizedAt",
        "direction state stateUpdatedAt link customAttributes transportExpiresAt",
        "",
    ),
    ("ChatConversation", "id requesterId channel createdAt", DESK, "browserInfo language"),
    (
        "ContactFormConversation",
        "id requesterId channel createdAt fromEmail",
        DESK,
        "toEmail integrationEmail language subject",
    ),
    (
        "EmailConversation",
        "id requesterId channel createdAt toEmail fromEmail integrationEmail",
        DESK,
        "language subject",
    ),
    ("FacebookMessengerConversation", "id requesterId channel createdAt", DESK, ""),
    ("GenericConversation", "id requesterId channel createdAt", DESK, "fromContactPointId toContactPointId"),
    ("MessengerConversation", "id requesterId channel createdAt", DESK, "browserInfo language"),
    ("PstnPhoneConversation", "id requesterId channel createdAt", DESK, ""),
    ("SmsConversation", "id requesterId channel createdAt", DESK, "fromNumber toNumber"),
    (
        "TwitterConversation",
        "id requesterId channel createdAt conversationType",
        DESK,
        "contactPointTwitterId endUserTwitterId",
    ),
    ("WhatsAppConversation", "id requesterId channel createdAt", DESK, ""),
];

/// What is always there though it need not be, or, after a minus, never there though it could be.
fn differences(schema: &str) -> &'static [&'static str] {
    match schema {
        "EndUser" => &["additionalEmails", "additionalPhoneNumbers", "middleNames", "customAttributes"],
        "SelectOption" => &["nestedOptions"],
        "OrganizationDetails" => &["-avatarUrl"],
        // In every example, in no property list.
        name if name.ends_with("Conversation") => &["_type"],
        _ => &[],
    }
}

fn words(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.split_whitespace()
}

#[test]
fn schemas_have_the_published_members_and_the_same_of_them_are_required() {
    let document = openapi(&dialect());
    for (name, required, optional, own) in PUBLISHED {
        let schema = &document["components"]["schemas"][name];
        let differences = differences(name);
        let absent: Vec<&str> = differences.iter().filter_map(|name| name.strip_prefix('-')).collect();
        let always = differences.iter().copied().filter(|name| !name.starts_with('-'));
        let members: BTreeSet<&str> =
            schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let expected: BTreeSet<&str> = words(required)
            .chain(words(optional))
            .chain(words(own))
            .chain(always.clone())
            .filter(|member| !absent.contains(member))
            .collect();
        assert_eq!(members, expected, "{name}");
        let asked: BTreeSet<&str> = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|member| member.as_str().unwrap())
            .collect();
        assert_eq!(asked, words(required).chain(always).collect(), "{name}");
    }
    let variants = document["components"]["schemas"]["Conversation"]["anyOf"].as_array().unwrap();
    assert_eq!(variants.len(), 11);
}

#[test]
fn words_are_the_published_ones() {
    let document = openapi(&dialect());
    let schemas = &document["components"]["schemas"];
    let of = |schema: &str, member: &str| schemas[schema]["properties"][member]["enum"].clone();
    assert_eq!(
        schemas["ChannelName"]["enum"],
        json!([
            "WhatsApp",
            "Voicemail",
            "WidgetChat",
            "FacebookMessenger",
            "Twitter",
            "Email",
            "ContactForm",
            "Callback",
            "PstnPhone",
            "Sms",
            "Messenger"
        ])
    );
    assert_eq!(of("ChatConversation", "direction"), json!(["Inbound", "Outbound", "Internal"]));
    assert_eq!(of("ChatConversation", "state"), json!(["AwaitingPending", "Closed", "Open", "Pending"]));
    assert_eq!(of("TwitterConversation", "conversationType"), json!(["DirectMessage", "Tweet"]));
    assert_eq!(of("ConversationLink", "_type"), json!(["EmailForward", "FollowUp", "SideConversation"]));
    assert_eq!(of("CustomAttributeDefinition", "entityType"), json!(["Contact", "Conversation"]));
    assert_eq!(of("AnonymizationRequestStatus", "_type"), json!(["User", "Conversation", "Message"]));
    for variant in schemas["Conversation"]["anyOf"].as_array().unwrap() {
        let name = variant["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
        assert_eq!(schemas[name]["properties"]["_type"]["const"], name);
    }
}

#[test]
fn no_member_of_an_answer_can_be_null() {
    fn check(schema: &Value, path: &str) {
        match schema {
            Value::Object(members) => {
                for (key, value) in members {
                    let is_null = (key == "type"
                        && (value == "null" || value.to_string().contains("\"null\"")))
                        || (key == "enum" && value.to_string().contains("null"));
                    assert!(!is_null, "{path}: {schema}");
                    check(value, &format!("{path}/{key}"));
                }
            }
            Value::Array(items) => items.iter().for_each(|item| check(item, path)),
            _ => {}
        }
    }
    let document = openapi(&dialect());
    let mut seen = 0;
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        // What is sent may be null, which is taken for absent.
        let is_sent = name.contains("Input") || name == "AttributePatch" || name == "NamedType";
        if !is_sent || name.ends_with("InputDefinition") {
            check(schema, name);
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen}");
}

#[tokio::test]
async fn the_examples_of_the_page_can_be_sent_as_they_stand() {
    let server = TestServer::start().await;
    let program = program(&server, "acme").await;
    let mut sent = Vec::new();
    for operation in (dialect().operations)() {
        let Some(example) = &operation.body_example else { continue };
        if operation.path.contains('{') || example.to_string().contains('…') {
            continue;
        }
        let answer = program.call(operation.method.as_str(), operation.path, Some(example)).await;
        assert!((200..300).contains(&answer.status), "{answer}");
        sent.push(operation.id);
    }
    assert_eq!(sent, ["postEndusers", "postEndusersBulk"]);
}

#[tokio::test]
async fn the_page_shows_the_token_where_it_is_put() {
    let server = TestServer::start().await;
    let page = server.anonymous("GET", "/docs/dixa", None).await.expect(200);
    let text = page.text().replace("&quot;", "\"");
    assert!(text.contains("<pre>export DENIZEN_DIXA_TOKEN=…</pre>"), "no path names an organization: {text}");
    let call = "/v1/endusers/$USER_ID/conversations\" \\\n  -H \"Authorization: $DENIZEN_DIXA_TOKEN\"";
    assert!(text.contains(call), "{text}");
}
