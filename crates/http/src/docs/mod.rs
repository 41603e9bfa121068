//! The pages about the dialects, for people, and their OpenAPI documents, for programs.
//!
//! All of it is made once, at the start, from the lists of operations. The pages load nothing from anywhere: no script,
//! no font, no picture.

mod curl;
mod html;
mod page;
mod schema;
mod style;

use bytes::Bytes;

use crate::kernel::{Dialect, Handler, Mounted, Operation, Reply, handler, openapi_text};

pub(crate) fn mounted(dialects: &[Dialect], public_url: &str) -> Mounted {
    let mut operations = vec![
        // Whoever opens the bare address in a browser wants to know what this is.
        Operation::get("/", "root", handler(async |_| Ok(Reply::see_other("/docs")))),
        Operation::get("/docs", "docs", always(Reply::html, page::index(dialects))),
    ];
    for dialect in dialects {
        let page: &'static str = leaked(format!("/docs/{}", dialect.name));
        let document: &'static str = leaked(format!("/docs/{}/openapi.json", dialect.name));
        let html = always(Reply::html, page::dialect(dialect, public_url));
        let json = always(Reply::json_text, openapi_text(dialect));
        operations.push(Operation::get(page, "docs-dialect", html));
        operations.push(Operation::get(document, "docs-openapi", json));
    }
    let operations = operations.into_iter().map(Operation::internal).collect();
    Mounted::own("docs", operations)
}

/// An answer with a body that was made beforehand, and is shared, not copied.
fn always(reply: fn(u16, Bytes) -> Reply, body: String) -> Handler {
    let body = Bytes::from(body);
    handler(move |_| std::future::ready(Ok(reply(200, body.clone()))))
}

/// Paths of operations are text of the program. These few are made at the start, once per process.
fn leaked(path: String) -> &'static str {
    Box::leak(path.into_boxed_str())
}
