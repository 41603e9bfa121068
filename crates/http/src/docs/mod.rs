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

use crate::kernel::{Dialect, Handler, Mounted, Operation, Reply, handler, openapi_text, plain_problem};

pub(crate) fn mounted(dialects: &[Dialect], public_url: &str) -> Mounted {
    let mut operations = vec![
        // Whoever opens the bare address in a browser wants to know what this is.
        Operation::get("/", "root", always(Reply::see_other("/docs"))),
        Operation::get("/docs", "docs", always(Reply::html(200, page::index(dialects)))),
    ];
    for dialect in dialects {
        let page: &'static str = leaked(format!("/docs/{}", dialect.name));
        let document: &'static str = leaked(format!("/docs/{}/openapi.json", dialect.name));
        let html = Reply::html(200, page::dialect(dialect, public_url));
        let json = Reply::json_text(200, Bytes::from(openapi_text(dialect)));
        operations.push(Operation::get(page, "docs-dialect", always(html)));
        operations.push(Operation::get(document, "docs-openapi", always(json)));
    }
    let operations = operations.into_iter().map(Operation::internal).collect();
    Mounted { name: "docs", owns_path: |_| false, problem: plain_problem, operations }
}

/// An answer that was made beforehand; its body is shared, not copied.
fn always(reply: Reply) -> Handler {
    handler(move |_| std::future::ready(Ok(reply.clone())))
}

/// Paths of operations are text of the program. These few are made at the start, once per process.
fn leaked(path: String) -> &'static str {
    Box::leak(path.into_boxed_str())
}
