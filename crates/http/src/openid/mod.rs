//! Signing operators in as a Keycloak of old does it: a realm for each organization, with the token endpoint, the public keys
//! and the description that standard libraries of OpenID Connect ask for. The list below is what is routed, documented and
//! tested.
//!
//! Every path is served below `/auth`, as older installations have it, and without that beginning. The issuer in a token is the
//! realm as its caller wrote it, which is what such libraries compare.

mod certs;
mod configuration;
mod errors;
mod realm;
mod token;
mod userinfo;
mod wire;

use axum::http::Method;
use serde_json::json;

use crate::kernel::{Dialect, Handler, Operation, SecurityKind, SecurityScheme, handler};

const SCHEMES: &[SecurityScheme] = &[SecurityScheme {
    name: "Bearer",
    kind: SecurityKind::Bearer("JWT"),
    description: "An access token from the token endpoint of the same realm.",
}];

/// The dialect, as the kernel serves it.
pub fn dialect() -> Dialect {
    Dialect {
        name: "openid",
        title: "eva: signing in",
        description: "The token endpoint for eva's User API, with what OpenID Connect says of it. The realm is the \
                      organization, by its name in paths or its UUID. Paths begin with `/auth`, or without it.",
        version: "1.0",
        roots: &["/auth", "/realms"],
        fits: |_, _| true,
        // What can be no organization's name is a realm that does not exist.
        judges_params: true,
        falls_through: false,
        problem: errors::render,
        operations,
        headers: &[],
        security_schemes: SCHEMES,
        security: &[&["Bearer"]],
        variables: &[("Authorization", "DENIZEN_EVA_TOKEN"), ("realm", "DENIZEN_ORG_UUID")],
        error_response: errors::describe,
    }
}

/// A path with and without the beginning. It has to be put together when the program is built.
macro_rules! both {
    ($path:literal) => {
        (concat!("/auth/realms/{realm}", $path), concat!("/realms/{realm}", $path))
    };
}

fn operation(
    method: Method,
    (path, short): (&'static str, &'static str),
    id: &'static str,
    handle: Handler,
) -> Operation {
    Operation::new(method.clone(), path, id, handle).alias(method, short)
}

fn operations() -> Vec<Operation> {
    vec![
        operation(
            Method::POST,
            both!("/protocol/openid-connect/token"),
            "token",
            handler(token::handle),
        )
        .tag("signing in")
        .summary("Sign in with a password, or stay signed in")
        .description(
            "`grant_type` is `password` or `refresh_token`. The program names itself in `client_id`, or as the user of \
             HTTP Basic, and needs no secret. Passwords are tried so often for an account, and from an address; then \
             the answer is 429 for a while.",
        )
        .form::<wire::TokenInput>()
        .example(json!({
            "grant_type": "password", "client_id": "eva-cockpit", "username": "ada@example.com",
            "password": "Passw0rd"
        }))
        .responds::<wire::TokenAnswer>(200)
        .errors(&[400, 401, 404, 413, 429, 500, 503])
        .public(),
        operation(
            Method::GET,
            both!("/.well-known/openid-configuration"),
            "openid-configuration",
            handler(configuration::handle),
        )
        .tag("verifying tokens")
        .summary("What the realm offers, and where")
        .responds::<wire::Configuration>(200)
        .errors(&[404, 500, 503])
        .public(),
        operation(
            Method::GET,
            both!("/protocol/openid-connect/certs"),
            "certs",
            handler(certs::handle),
        )
        .tag("verifying tokens")
        .summary("The public keys that verify the realm's tokens")
        .description(
            "A new key is published ten minutes before it signs. Keep the set for a few minutes, and read it again for a \
             token whose `kid` is not in it.",
        )
        .responds::<wire::KeySet>(200)
        .errors(&[404, 500, 503])
        .public(),
        operation(
            Method::GET,
            both!("/protocol/openid-connect/userinfo"),
            "userinfo",
            handler(userinfo::handle),
        )
        .tag("signing in")
        .summary("Who the token is for")
        .responds::<wire::UserInfo>(200)
        .errors(&[401, 404, 500, 503]),
    ]
}
