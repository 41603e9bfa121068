//! The engine's things as Amigo's structs.

use denizen_directory::external_events::ExternalEvent;
use denizen_directory::members::{ListedMember, UserModel};
use denizen_directory::memories::Memory;
use denizen_directory::temporary_grants::ListedGrant;
use denizen_directory::{Listed, OpContext};
use denizen_domain::member::{Preferences, UserDimension};
use denizen_domain::permission::FrontendView;

use super::{input, organization_wire, wire};

/// `actions` is a member of the answer in some lists only.
pub(super) fn users<'u>(
    members: &'u Listed<ListedMember>,
    ctx: &'u OpContext,
    actions: Option<bool>,
) -> Vec<wire::User<'u>> {
    let texts = &members.texts;
    let user = |member: &'u ListedMember| wire::User {
        org_id: ctx.organization.slug.as_str(),
        user_id: member.user_id.as_member(),
        first_name: texts.get(member.first_name),
        last_name: texts.get(member.last_name),
        email: texts.get(member.email),
        user_stats: wire::UserStats {
            num_conversations: member.stats.conversations,
            num_messages: member.stats.messages,
            last_message_time: member.stats.last_message_at,
        },
        role: member.role_id,
        preferences: preferences(&member.preferences),
        nonsensitive_variables: wire::Variables(texts, member.open_variables),
        sensitive_variables: wire::VariableNames(texts, member.secret_variables),
        is_verified: member.is_verified,
        enable_actions_access: actions,
    };
    members.rows.iter().map(user).collect()
}

/// About the bytes of these users as JSON: the names of the members of one are most of it.
pub(super) fn size_of_users(members: &Listed<ListedMember>) -> usize {
    members.texts.size() + (members.rows.len() + 1) * 512
}

pub(super) fn external_event(event: ExternalEvent, org_id: &str) -> wire::ExternalEvent {
    wire::ExternalEvent {
        id: event.event_id.to_string(),
        user_id: event.user_id.as_member().to_string(),
        org_id: org_id.to_owned(),
        event_type: event.event_type,
        starts_at: event.starts_at,
        ends_at: event.ends_at,
        description: event.description,
        transcript: event.transcript,
    }
}

pub(super) fn temporary_grant(listed: ListedGrant, org_id: &str) -> wire::TemporaryPermissionGrant {
    let grant = listed.grant;
    wire::TemporaryPermissionGrant {
        grant_id: grant.grant_id.to_string(),
        org_id: org_id.to_owned(),
        created_at: grant.created_at,
        // It cannot be changed.
        updated_at: grant.created_at,
        user_id: grant.user_id.as_member().to_string(),
        expires_at: grant.expires_at,
        permission_grant: input::grant_out(&grant.grant),
        justification: grant.justification,
        creator: wire::UserReference {
            user_id: grant.creator.as_member().to_string(),
            // The creator's organization may have been deleted since.
            org_id: listed.creator_org.map_or_else(String::new, |slug| slug.to_string()),
        },
        tags: grant.tags,
    }
}

pub(super) fn preferences(preferences: &Preferences) -> wire::Preferences<'_> {
    wire::Preferences {
        enable_response_recommendation: preferences.enable_response_recommendation,
        preferred_language: preferences.preferred_language.as_deref(),
        conversations_visible_to_admins: preferences.conversations_visible_to_admins,
        user_model_visible_to_admins: preferences.user_model_visible_to_admins,
        timezone: preferences.timezone.as_deref(),
        audio_keyterms: &preferences.audio_keyterms,
    }
}

pub(super) fn frontend_view(view: FrontendView) -> wire::FrontendView {
    match view {
        FrontendView::Client => wire::FrontendView::Client,
        FrontendView::Admin => wire::FrontendView::Admin,
    }
}

pub(super) fn dimensions(dimensions: Vec<UserDimension>) -> Vec<organization_wire::UserDimension> {
    dimensions
        .into_iter()
        .map(|one| organization_wire::UserDimension { description: one.description, tags: one.tags })
        .collect()
}

pub(super) fn user_model(model: UserModel) -> wire::UserModel {
    wire::UserModel {
        content: model.content,
        insight_ids: model.insight_ids,
        dimensions: dimensions(model.dimensions),
    }
}

pub(super) fn memory(memory: Memory) -> wire::Memory {
    wire::Memory {
        id: memory.memory_id.to_string(),
        created_at: memory.created_at,
        timestamp: memory.created_at,
        conversation_id: memory.conversation_id.to_string(),
        references: memory.references.iter().map(ToString::to_string).collect(),
        content: memory.content,
        context: memory.context,
    }
}
