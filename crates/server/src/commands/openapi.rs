//! `denizen openapi DIALECT`: the dialect's OpenAPI document.

use crate::cli;
use crate::report;

pub fn run(dialect: cli::Dialect) -> anyhow::Result<()> {
    let dialect = match dialect {
        cli::Dialect::Amigo => denizen_http::amigo::dialect(),
        cli::Dialect::Dixa => denizen_http::dixa::dialect(),
        cli::Dialect::Eva => denizen_http::eva::dialect(),
        cli::Dialect::Openid => denizen_http::openid::dialect(),
        cli::Dialect::Admin => denizen_http::admin::dialect(),
    };
    report::print(&denizen_http::openapi_text(&dialect))
}
