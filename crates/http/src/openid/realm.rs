//! The realm of a call.

use std::sync::Arc;

use denizen_directory::ErrorCode;
use denizen_directory::organizations::Organization;

use crate::kernel::{Call, Problem};

/// An organization, by the name that the caller has for it.
pub(super) struct Realm {
    pub(super) organization: Arc<Organization>,
    /// The address of the realm as the caller writes it: who says what is in tokens.
    pub(super) issuer: String,
}

/// The realm that the path names.
///
/// # Errors
/// 404 when there is none.
pub(super) async fn of(call: &Call) -> Result<Realm, Problem> {
    let directory = call.directory();
    let name = call.path("realm");
    let organization = directory.find_realm(name).await?.ok_or(ErrorCode::OrganizationNotFound)?;
    call.set_organization(organization.slug.as_str());
    let beginning = if call.request_path().starts_with("/auth/") { "/auth" } else { "" };
    let uuid = organization.uuid.to_string();
    // A UUID has many spellings, and an issuer one.
    let name = if name.eq_ignore_ascii_case(&uuid) { uuid.as_str() } else { organization.slug.as_str() };
    let issuer = format!("{}{beginning}/realms/{name}", directory.settings().public_url);
    Ok(Realm { organization, issuer })
}
