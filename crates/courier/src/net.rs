//! What the ways out of the process have in common: which hosts are this machine, and what a broken connection means.

use std::{error::Error, io};

use url::{Host, Url};

/// Whether the URL leads to this very machine, so that nobody is in between.
pub(crate) fn is_loopback(url: &Url) -> bool {
    // The url crate reads addresses in the hosts of web schemes only, so this parses again.
    match url.host_str().map(Host::parse) {
        Some(Ok(Host::Ipv4(address))) => address.is_loopback(),
        Some(Ok(Host::Ipv6(address))) => address.is_loopback(),
        Some(Ok(Host::Domain(name))) => name == "localhost",
        _ => false,
    }
}

/// Why there is no connection to `server`, if the cause is one of the operating system's, the resolver's or of TLS.
pub(crate) fn connection_trouble(error: &(dyn Error + 'static), server: &str) -> Option<String> {
    let cause = innermost_io_error(error)?;
    Some(if cause.kind() == io::ErrorKind::InvalidData {
        // What the TLS layer has to say is about certificates and protocol versions.
        format!("no encrypted connection to {server}: {cause}")
    } else if cause.raw_os_error().is_none() {
        // Without a number from the operating system it is the resolver or the runtime that speaks, and names no host.
        format!("no connection to {server}: {cause}")
    } else {
        format!("no connection to {server}: {}", cause.kind())
    })
}

/// Libraries wrap one such error in another, and only the innermost says its kind.
fn innermost_io_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    let mut found = None;
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(cause) = next {
        next = cause.source();
        if let Some(io_error) = cause.downcast_ref::<io::Error>() {
            found = Some(io_error);
            // `source` leaves out what was wrapped.
            next = io_error.get_ref().map(|inner| inner as &(dyn Error + 'static)).or(next);
        }
    }
    found
}
