//! The folder that takes the mails when no SMTP server is configured: one `.eml` file each.
//!
//! Knows bytes and message ids, nothing of what a mail says.

use std::{
    fmt::Write as _,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// Makes the folder, and those above it that are missing, readable by the owner alone: mails hold links that sign in.
/// A folder that is already there keeps its mode.
pub(crate) fn create(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Puts a mail into the folder so that its name appears only when all of it is on disk. Blocks on the disk.
///
/// The same message id gives the same file, so a repeated job leaves one mail.
pub(crate) fn write(folder: &Path, message_id: &str, content: &[u8]) -> io::Result<PathBuf> {
    // Tells the temporary files of concurrent deliveries apart; the name of the finished file doesn't depend on it.
    static SERIAL: AtomicU64 = AtomicU64::new(0);

    create(folder)?;
    let name = file_name(message_id);
    let target = folder.join(format!("{name}.eml"));
    let temporary =
        folder.join(format!(".{}-{}.tmp", std::process::id(), SERIAL.fetch_add(1, Ordering::Relaxed)));
    let written = write_new(&temporary, content).and_then(|()| fs::rename(&temporary, &target));
    if let Err(error) = written {
        // The first error is the one to report; what is left of the file is the same trouble again.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    // Without this the rename itself may be lost with the power.
    File::open(folder)?.sync_all()?;
    Ok(target)
}

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    // A process that was killed may have left a file of this name, with whatever mode and content.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// A file name from a message id without its angle brackets. Bytes that mean something to a shell or a file system become
/// `%XX`, so that two ids never share a name; a leading dot does too, since it would hide the file.
fn file_name(message_id: &str) -> String {
    let mut name = String::with_capacity(message_id.len());
    for (index, byte) in message_id.bytes().enumerate() {
        if byte.is_ascii_alphanumeric() || b"@-_+=".contains(&byte) || (byte == b'.' && index > 0) {
            name.push(char::from(byte));
        } else {
            write!(name, "%{byte:02X}").expect("a String takes whatever is written to it");
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn a_message_id_cannot_name_a_file_elsewhere_or_a_hidden_one() {
        assert_eq!(file_name("job-1@example.com"), "job-1@example.com");
        assert_eq!(file_name("../etc/x y@z"), "%2E.%2Fetc%2Fx%20y@z");
        assert_ne!(file_name("a/b"), file_name("a%2Fb"));
    }
}
