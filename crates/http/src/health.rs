//! What operators ask of a process: whether it lives, whether it is ready, its numbers, its public keys.
//!
//! These take the same way through the kernel as every other answer, without authentication and limits.

use axum::http::HeaderValue;

use crate::kernel::{Call, Mounted, Operation, Problem, Reply, handler};

/// The media type of OpenMetrics, which `prometheus-client` writes.
const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

pub(crate) fn mounted() -> Mounted {
    let operations = vec![
        Operation::get("/livez", "livez", handler(livez)).internal().quiet(),
        Operation::get("/readyz", "readyz", handler(readyz)).internal().quiet(),
        Operation::get("/metrics", "metrics", handler(metrics)).internal().quiet(),
        Operation::get("/.well-known/jwks.json", "jwks", handler(jwks)).internal(),
    ];
    Mounted::own("system", operations)
}

async fn livez(_: Call) -> Result<Reply, Problem> {
    Ok(Reply::text(200, "ok"))
}

/// Ready means that the store answers and that the process is not about to stop; what it says otherwise is for operators
/// and holds no data.
async fn readyz(call: Call) -> Result<Reply, Problem> {
    if call.app().is_leaving() {
        return Ok(Reply::text(503, "the process is about to stop"));
    }
    Ok(match call.directory().ping().await {
        Ok(()) => Reply::text(200, "ok"),
        Err(error) => {
            error.log(Some(call.request_id()), Some("/readyz"));
            Reply::text(503, format!("the store does not answer: {error}"))
        }
    })
}

async fn metrics(call: Call) -> Result<Reply, Problem> {
    let app = call.app();
    app.refresh_gauges();
    Ok(Reply::bytes(200, OPEN_METRICS, app.metrics().text().into()))
}

async fn jwks(call: Call) -> Result<Reply, Problem> {
    Ok(Reply::json_text(200, call.directory().jwks_json().await?))
}
