//! What a service manager is told, in the protocol of systemd's `sd_notify`: that the server is ready, that it leaves, and,
//! where it asks for that, that it is alive. Datagrams to a socket which the manager names in a variable; whoever starts the
//! server otherwise names none, and then nothing is said.
//!
//! Alive means that this process still gets to its tasks. Whether the database answers is `/readyz`'s to say: a restart
//! would not bring it back.

use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use super::Stop;

/// The manager that started this process, if there is one.
#[derive(Debug, Clone)]
pub struct Manager {
    socket: Option<Arc<UnixDatagram>>,
    /// How often it wants to hear that the process is alive, at the least.
    within: Option<Duration>,
}

impl Manager {
    /// Whom the variables of this process name. `process` is its own id: what is meant for another is not for this one.
    ///
    /// # Errors
    /// When the socket that is named cannot be used: the manager waits for a word that could never come.
    pub fn from_environment(variable: impl Fn(&str) -> Option<OsString>, process: u32) -> io::Result<Self> {
        let Some(name) = variable("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Ok(Self { socket: None, within: None });
        };
        let address = match name.as_bytes() {
            // A name that is no file's, as managers in containers have it.
            [b'@', rest @ ..] => SocketAddr::from_abstract_name(rest)?,
            path => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(path))?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address)?;
        // A manager that does not read must not hold the server up.
        socket.set_nonblocking(true)?;
        let number = |name| variable(name)?.to_str()?.parse::<u64>().ok();
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(process));
        let within =
            number("WATCHDOG_USEC").filter(|micros| is_ours && *micros > 0).map(Duration::from_micros);
        Ok(Self { socket: Some(Arc::new(socket)), within })
    }

    /// The server takes requests.
    pub fn ready(&self) {
        self.tell("READY=1");
    }

    /// The server is about to end.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// Says that the process is alive twice in each of the times within which the manager wants to hear it, until the
    /// process is asked to stop.
    pub async fn watch(self, stop: Stop) {
        let Some(within) = self.within else { return };
        loop {
            self.tell("WATCHDOG=1");
            tokio::select! {
                () = stop.requested() => return,
                () = tokio::time::sleep(within / 2) => {}
            }
        }
    }

    fn tell(&self, what: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(what.as_bytes())
        {
            tracing::warn!(%error, what, "the service manager could not be told");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn managed(variables: &[(&str, OsString)]) -> io::Result<Manager> {
        let find =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        Manager::from_environment(find, 7)
    }

    #[test]
    fn who_was_started_by_nobody_in_particular_tells_nobody() {
        let alone = managed(&[("WATCHDOG_USEC", "1000".into())]).unwrap();
        assert!(alone.socket.is_none() && alone.within.is_none());
        alone.ready();
    }

    #[test]
    fn a_socket_that_is_not_there_is_an_error_and_not_silence() {
        let folder = tempfile::tempdir().unwrap();
        assert!(managed(&[("NOTIFY_SOCKET", folder.path().join("absent").into())]).is_err());
    }

    #[test]
    fn a_manager_is_told_by_the_name_of_a_file_and_by_an_abstract_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("denizen-test-{}", std::process::id());
        for (address, variable) in [
            (SocketAddr::from_pathname(&path).unwrap(), path.clone().into_os_string()),
            (SocketAddr::from_abstract_name(&name).unwrap(), format!("@{name}").into()),
        ] {
            let listener = UnixDatagram::bind_addr(&address).unwrap();
            let manager = managed(&[("NOTIFY_SOCKET", variable)]).unwrap();
            manager.ready();
            manager.stopping();
            for expected in ["READY=1", "STOPPING=1"] {
                let mut told = [0; 64];
                let length = listener.recv(&mut told).unwrap();
                assert_eq!(&told[..length], expected.as_bytes());
            }
        }
    }

    #[test]
    fn a_watchdog_is_fed_if_it_watches_this_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let _listener = UnixDatagram::bind(&path).unwrap();
        let within = |pid: Option<&str>| {
            let mut variables =
                vec![("NOTIFY_SOCKET", path.clone().into_os_string()), ("WATCHDOG_USEC", "20000".into())];
            variables.extend(pid.map(|pid| ("WATCHDOG_PID", pid.into())));
            managed(&variables).unwrap().within
        };
        assert_eq!(within(None), Some(Duration::from_millis(20)));
        assert_eq!(within(Some("7")), Some(Duration::from_millis(20)));
        assert_eq!(within(Some("8")), None);
    }
}
