//! The engine's things as Amigo's structs.

use denizen_directory::OpContext;
use denizen_directory::external_events::ExternalEvent;
use denizen_directory::members::{Member, UserModel};
use denizen_directory::memories::Memory;
use denizen_directory::temporary_grants::ListedGrant;
use denizen_domain::member::{Preferences, UserDimension};
use denizen_domain::permission::FrontendView;

use super::{input, wire};

pub(super) fn user(member: Member, org_id: &str) -> wire::User {
    wire::User {
        org_id: org_id.to_owned(),
        user_id: member.user_id.as_member().to_string(),
        first_name: member.first_name,
        last_name: member.last_name,
        email: member.email,
        user_stats: wire::UserStats {
            num_conversations: member.stats.conversations,
            num_messages: member.stats.messages,
            last_message_time: member.stats.last_message_at,
        },
        role: member.role_id.to_string(),
        preferences: preferences(member.preferences),
        nonsensitive_variables: member.open_variables,
        sensitive_variables: member.secret_variables.into_keys().collect(),
        is_verified: member.is_verified,
        enable_actions_access: None,
    }
}

pub(super) fn users(members: Vec<Member>, ctx: &OpContext) -> Vec<wire::User> {
    let org_id = ctx.organization.slug.as_str();
    members.into_iter().map(|member| user(member, org_id)).collect()
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

pub(super) fn preferences(preferences: Preferences) -> wire::Preferences {
    wire::Preferences {
        enable_response_recommendation: preferences.enable_response_recommendation,
        preferred_language: preferences.preferred_language,
        conversations_visible_to_admins: preferences.conversations_visible_to_admins,
        user_model_visible_to_admins: preferences.user_model_visible_to_admins,
        timezone: preferences.timezone,
        audio_keyterms: preferences.audio_keyterms,
    }
}

pub(super) fn frontend_view(view: FrontendView) -> wire::FrontendView {
    match view {
        FrontendView::Client => wire::FrontendView::Client,
        FrontendView::Admin => wire::FrontendView::Admin,
    }
}

pub(super) fn dimensions(dimensions: Vec<UserDimension>) -> Vec<wire::UserDimension> {
    dimensions
        .into_iter()
        .map(|one| wire::UserDimension { description: one.description, tags: one.tags })
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
