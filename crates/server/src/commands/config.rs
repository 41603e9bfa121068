//! `denizen config`: the effective configuration.

use denizen_courier::MailSettings;

use crate::config::Loaded;
use crate::report;
use crate::wiring;

pub fn run(loaded: &Loaded) -> anyhow::Result<()> {
    let mail = wiring::mail_settings(&loaded.config);
    // What would stop `serve` stops here, too; with some server set no folder for mails is made.
    let smtp_url = mail.smtp_url.clone().or_else(|| Some("smtp://localhost".to_owned()));
    wiring::courier(&loaded.config, &MailSettings { smtp_url, ..mail })?;
    report::print(&loaded.to_toml())
}
