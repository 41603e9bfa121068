//! Dixa's API: the end users of an organization, their conversations as far as they concern them, and their
//! anonymization. The list below is what is routed, documented and tested.
//!
//! No path names an organization: the token does. Every path is served below `/v1` and below `/beta`. One file for an
//! operation, or for the operations on one thing and on many; [`wire`] holds the vendor's structs and nothing else does.

mod anonymize;
mod anonymize_entity;
mod attribute_definitions;
mod caller;
mod conversations;
mod create_contacts;
mod errors;
mod get_anonymization;
mod get_contact;
mod get_conversation;
mod get_organization;
mod input;
mod list_contacts;
mod list_conversations;
mod outcomes;
mod paging;
mod patch_attributes;
mod patch_contacts;
mod render;
mod replace_contacts;
mod wire;

use axum::http::Method;
use denizen_domain::ids::Uuid;
use serde_json::json;

use crate::kernel::{Dialect, Operation, QueryParam, SecurityKind, SecurityScheme, handler};

const SCHEMES: &[SecurityScheme] = &[SecurityScheme {
    name: "ApiKeyAuth",
    kind: SecurityKind::Header("Authorization"),
    description: "An access token of the organization, alone or behind the word `Bearer`.",
}];

/// Dixa, as the kernel serves it.
pub fn dialect() -> Dialect {
    Dialect {
        name: "dixa",
        title: "Dixa: end users",
        description: "Dixa's end-user family as its published clients speak it, served by denizen. The token says which \
                      organization is meant. Paths begin with `/v1` or, as those of the published description do, with \
                      `/beta`.",
        version: "v1",
        roots: &[
            "/v1/endusers",
            "/v1/conversations",
            "/v1/custom-attributes",
            "/v1/anonymization",
            "/v1/organization",
            // Resources of the published API that are not served: its clients look for the words of the 404 in its form.
            "/v1/agents",
            "/v1/analytics",
            "/v1/business-hours",
            "/v1/contact-endpoints",
            "/v1/knowledge",
            "/v1/queues",
            "/v1/search",
            "/v1/tags",
            "/v1/teams",
            "/v1/webhooks",
            "/beta",
        ],
        fits: |name, word| match name {
            "conversationId" => word.parse::<i64>().is_ok(),
            _ => Uuid::parse(word).is_some(),
        },
        judges_params: true,
        falls_through: true,
        problem: errors::render,
        operations,
        headers: &[],
        security_schemes: SCHEMES,
        security: &[&["ApiKeyAuth"]],
        variables: &[("Authorization", "DENIZEN_DIXA_TOKEN")],
        error_response: errors::describe,
    }
}

/// A path below both versions. It has to be put together when the program is built.
macro_rules! both {
    ($path:literal) => {
        (concat!("/v1", $path), concat!("/beta", $path))
    };
}

fn operation(
    method: Method,
    (path, beta): (&'static str, &'static str),
    id: &'static str,
    handle: crate::kernel::Handler,
) -> Operation {
    Operation::new(method.clone(), path, id, handle).alias(method, beta)
}

fn operations() -> Vec<Operation> {
    let mut operations = contact_operations();
    operations.extend(bulk_operations());
    operations.extend(conversation_operations());
    operations.extend(anonymization_operations());
    operations.extend(attribute_operations());
    operations
}

fn page_params(operation: Operation) -> Operation {
    operation
        .query(
            QueryParam::new("pageLimit", json!({"type": "integer", "format": "int32", "minimum": 1}))
                .about("How many a page holds; what is more than the server's bound counts as the bound."),
        )
        .query(QueryParam::text("pageKey").about(
            "Where the page begins, from `meta.next` or `meta.previous` of an earlier answer. A filter beside it does \
             not count.",
        ))
}

/// What every operation can answer, besides what it says itself.
const ALWAYS: &[u16] = &[400, 401, 403, 429, 500, 503];
/// As the published description has it, also where everything there is to find is the organization's own list.
const OF_ONE: &[u16] = &[400, 401, 403, 404, 429, 500, 503];
/// Of writes: what was asked for may have been done or not (see `errors`).
const UNCERTAIN: &[u16] = &[409];

fn contact_operations() -> Vec<Operation> {
    let reads = "Needs the permission `Directory:ReadContact`.";
    let end_user = both!("/endusers/{userId}");
    vec![
        page_params(operation(Method::GET, both!("/endusers"), "getEndusers", handler(list_contacts::handle)))
            .tag("end users")
            .summary("List end users, or find one by address, number or external id")
            .description(
                "Needs the permission `Directory:ReadContact`. In the order of their creation. At most one filter; one \
                 that finds nobody is answered with an empty list.",
            )
            .query(QueryParam::text("email").about("The end user with this address, primary or additional, in any letter case."))
            .query(QueryParam::text("phone").about("The end user with this number, primary or additional."))
            .query(QueryParam::text("externalId").about("The end users with this external id."))
            .responds::<wire::DataPage<wire::EndUser>>(200)
            .errors(OF_ONE),
        operation(Method::POST, both!("/endusers"), "postEndusers", handler(create_contacts::one))
            .tag("end users")
            .summary("Create an end user")
            .description("Needs the permission `Directory:WriteContact`.")
            .body::<wire::CreateEndUserInput>()
            .example(json!({"displayName": "Ada Lovelace", "email": "ada@example.com", "phoneNumber": "+4520123456"}))
            .responds::<wire::Data<wire::EndUser>>(201)
            .errors(ALWAYS)
            .errors(UNCERTAIN)
            .errors(&[413]),
        operation(Method::GET, end_user, "getEndusersUserid", handler(get_contact::handle))
            .tag("end users")
            .summary("One end user")
            .description(reads)
            .responds::<wire::Data<wire::EndUser>>(200)
            .errors(OF_ONE),
        operation(Method::PATCH, end_user, "patchEndusersUserid", handler(patch_contacts::one))
            .tag("end users")
            .summary("Change an end user")
            .description(
                "Needs the permission `Directory:WriteContact`. Members that are absent or null stay as they are; a list \
                 replaces the whole list.",
            )
            .body::<wire::PatchEndUserInput>()
            .example(json!({"displayName": "Ada King", "additionalEmails": []}))
            .responds::<wire::Data<wire::EndUser>>(200)
            .errors(OF_ONE)
            .errors(UNCERTAIN)
            .errors(&[413]),
        operation(Method::PUT, end_user, "putEndusersUserid", handler(replace_contacts::one))
            .tag("end users")
            .summary("Replace an end user")
            .description(
                "Needs the permission `Directory:WriteContact`. Members that are absent are cleared, but for the time of \
                 creation and the custom attributes.",
            )
            .body::<wire::UpdateEndUserInput>()
            .example(json!({"displayName": "Ada King", "email": "ada@example.com"}))
            .responds::<wire::Data<wire::EndUser>>(200)
            .errors(OF_ONE)
            .errors(UNCERTAIN)
            .errors(&[413]),
    ]
}

fn bulk_operations() -> Vec<Operation> {
    let about = "Needs the permission `Directory:WriteContact`. Each item is carried out by itself, in order, and later ones \
                 see earlier ones; the outcomes stand in the same order. The status says success whatever became of \
                 the items.";
    let with_alias = |operation: Operation| {
        let path = both!("/endusers/bulk");
        let method = operation.method.clone();
        operation.alias_if(|settings| settings.dixa.bulk_alias, method.clone(), path.0).alias_if(
            |settings| settings.dixa.bulk_alias,
            method,
            path.1,
        )
    };
    let operations = vec![
        operation(Method::POST, both!("/endusers/bulk"), "postEndusersBulk", handler(create_contacts::many))
            .summary("Create many end users")
            .body::<wire::BulkInput<wire::CreateEndUserInput>>()
            .example(json!({"data": [{"displayName": "Ada Lovelace"}, {"displayName": "Grace Hopper"}]}))
            .responds::<wire::DataList<wire::BulkActionOutcome>>(201),
        with_alias(operation(
            Method::PATCH,
            both!("/endusers"),
            "patchEndusers",
            handler(patch_contacts::many),
        ))
        .summary("Change many end users")
        .body::<wire::BulkInput<wire::BulkPatchEndUserInput>>()
        .example(json!({"data": [{"id": "…", "displayName": "Ada King"}]}))
        .responds::<wire::DataList<wire::BulkActionOutcome>>(200),
        with_alias(operation(
            Method::PUT,
            both!("/endusers"),
            "putEndusers",
            handler(replace_contacts::many),
        ))
        .summary("Replace many end users")
        .body::<wire::BulkInput<wire::BulkUpdateEndUserInput>>()
        .example(json!({"data": [{"id": "…", "displayName": "Ada King"}]}))
        .responds::<wire::DataList<wire::BulkActionOutcome>>(200),
    ];
    let common = |operation: Operation| {
        operation
            .tag("many end users")
            .description(about)
            .bulk()
            .errors(ALWAYS)
            .errors(UNCERTAIN)
            .errors(&[413])
    };
    operations.into_iter().map(common).collect()
}

fn conversation_operations() -> Vec<Operation> {
    let of_contact = both!("/endusers/{userId}/conversations");
    vec![
        page_params(operation(
            Method::GET,
            of_contact,
            "getEndusersUseridConversations",
            handler(list_conversations::handle),
        ))
        .tag("conversations")
        .summary("List the conversations of an end user")
        .description(
            "Needs the permission `Directory:ReadContact`. In the order of their ids. Custom attributes are not shown \
             here.",
        )
        .responds::<wire::DataPage<wire::Conversation>>(200)
        .errors(OF_ONE),
        operation(
            Method::GET,
            both!("/conversations/{conversationId}"),
            "getConversationsConversationid",
            handler(get_conversation::handle),
        )
        .tag("conversations")
        .summary("One conversation, with its custom attributes")
        .description("Needs the permission `Directory:ReadContact`.")
        .responds::<wire::Data<wire::Conversation>>(200)
        .errors(OF_ONE),
    ]
}

fn anonymization_operations() -> Vec<Operation> {
    let about = "Needs the permission `Directory:AnonymizeContact`. The answer is the request, which is carried out soon; \
                 asked for again, it is the same request.";
    let force = |operation: Operation| {
        operation.query(
            QueryParam::new("force", json!({"type": "boolean", "default": false}))
                .about("Closes conversations that are not closed, which stand in the way otherwise."),
        )
    };
    let accepted = |operation: Operation| {
        operation
            .description(about)
            .responds::<wire::Data<wire::AnonymizationRequestStatus>>(202)
            .errors(OF_ONE)
            .errors(UNCERTAIN)
    };
    let operations = vec![
        force(accepted(operation(
            Method::PATCH,
            both!("/endusers/{userId}/anonymize"),
            "patchEndusersUseridAnonymize",
            handler(anonymize::contact),
        )))
        .summary("Make an end user anonymous, with all conversations and messages"),
        force(accepted(operation(
            Method::PATCH,
            both!("/conversations/{conversationId}/anonymize"),
            "patchConversationsConversationidAnonymize",
            handler(anonymize::conversation),
        )))
        .summary("Make a conversation anonymous, with its messages"),
        accepted(operation(
            Method::PATCH,
            both!("/conversations/{conversationId}/messages/{messageId}/anonymize"),
            "patchConversationsConversationidMessagesMessageidAnonymize",
            handler(anonymize::message),
        ))
        .summary("Make a message anonymous"),
        operation(
            Method::GET,
            both!("/anonymization/request/{requestId}"),
            "getAnonymizationRequestRequestid",
            handler(get_anonymization::handle),
        )
        .summary("How far a request is")
        .description(
            "Needs the permission `Directory:AnonymizeContact`; without it the answer is 401. `processedAt` is there once \
             it is done.",
        )
        .responds::<wire::Data<wire::AnonymizationRequestStatus>>(200)
        .errors(OF_ONE),
        operation(Method::POST, both!("/anonymization"), "postAnonymization", handler(anonymize_entity::handle))
            .summary("Make an end user, a conversation or a message anonymous; the older way")
            .description(about)
            .body::<wire::AnonymizeEntityInput>()
            .example(json!({"entityId": "…", "_type": "User", "forceAnonymization": true}))
            .responds::<wire::Data<wire::AnonymizationRequestStatus>>(200)
            .errors(OF_ONE)
            .errors(UNCERTAIN)
            .errors(&[413]),
    ];
    operations.into_iter().map(|operation| operation.tag("anonymization")).collect()
}

fn attribute_operations() -> Vec<Operation> {
    let patches = "Needs the permission `Directory:WriteContact`; without it the answer is 401. All is noted or nothing. A text \
                   for a definition of type `Text`, a list of the values of options, outer ones first, for one of type \
                   `Select`; null takes away. The answer is all that is noted then.";
    let reads = "Needs the permission `Directory:ReadContact`.";
    let example = json!({"01234567-89ab-4def-8123-456789abcdef": "gold"});
    let patch = |operation: Operation| {
        operation
            .description(patches)
            .body::<wire::AttributePatch>()
            .example(example.clone())
            .responds::<wire::DataList<wire::CustomAttribute>>(200)
            .errors(OF_ONE)
            .errors(UNCERTAIN)
            .errors(&[413])
    };
    let operations = vec![
        operation(
            Method::GET,
            both!("/custom-attributes"),
            "getCustom-attributes",
            handler(attribute_definitions::all),
        )
        .summary("What can be noted of end users and conversations")
        .description(reads)
        .responds::<wire::DataList<wire::CustomAttributeDefinition>>(200)
        .errors(ALWAYS),
        operation(
            Method::GET,
            both!("/custom-attributes/{customAttributeId}"),
            "getCustom-attributesCustomattributeid",
            handler(attribute_definitions::one),
        )
        .summary("One definition")
        .description(reads)
        .responds::<wire::Data<wire::CustomAttributeDefinition>>(200)
        .errors(OF_ONE),
        patch(operation(
            Method::PATCH,
            both!("/endusers/{userId}/custom-attributes"),
            "patchEndusersUseridCustom-attributes",
            handler(patch_attributes::of_contact),
        ))
        .summary("Note custom attributes of an end user"),
        patch(operation(
            Method::PATCH,
            both!("/conversations/{conversationId}/custom-attributes"),
            "patchConversationsConversationidCustom-attributes",
            handler(patch_attributes::of_conversation),
        ))
        .summary("Note custom attributes of a conversation"),
        operation(Method::GET, both!("/organization"), "getOrganization", handler(get_organization::handle))
            .tag("organization")
            .summary("The organization of the token")
            .responds::<wire::Data<wire::OrganizationDetails>>(200)
            .errors(OF_ONE),
    ];
    let tagged = |operation: Operation| {
        if operation.tag.is_empty() { operation.tag("custom attributes") } else { operation }
    };
    operations.into_iter().map(tagged).collect()
}
