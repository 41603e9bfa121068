//! POST `/user/signin` (contract section 4.2): asks for a link by mail.
//!
//! Known and unknown addresses get the same answer at the same cost; the difference is made after the answer.

use super::input;
use crate::kernel::{Call, Problem, Reader, Reply};

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let mut body = Reader::body(&call)?;
    let redirect = input::required_uri(&mut body, "redirect_link");
    let email = body.email("email");
    let (redirect, email) = body.finish((redirect, email))?;
    call.directory().request_magic_link(call.path("organization"), email, redirect).await?;
    Ok(Reply::null())
}
