//! What a mail says and to whom; how it is worded and sent is the courier's business.

use serde::{Deserialize, Serialize};

/// One mail to one person, complete: whoever sends it looks nothing up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// The recipient's address, already validated.
    pub to: String,
    /// "First Last"; may be empty.
    pub recipient_name: String,
    /// The recipient's language tag as it was stored (`es`, `spa`, `pt-BR`, …), if any is known.
    pub language: Option<String>,
    /// The name of the organization on whose behalf the mail goes out.
    pub organization_name: String,
    pub content: MailContent,
}

/// The kinds of mail that denizen sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MailContent {
    /// An administrator invited the recipient; `login_link` is the administrator's own link.
    Invitation {
        login_link: String,
        /// Confirms the address when opened; lives `verify_days` days.
        verify_link: Option<String>,
        verify_days: u32,
    },
    /// The recipient (or somebody else) asked for a link to sign in.
    MagicLink { link: String, minutes: u32 },
    /// An account was made for the recipient, who signs in with the address that the mail goes to. The password is never in
    /// it.
    OperatorCreated {
        /// Sets the password, once; lives `link_days` days. `None` where the account was made with a password.
        link: Option<String>,
        link_days: u32,
    },
}
