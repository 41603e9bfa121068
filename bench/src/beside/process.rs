//! A server under measurement, whatever it is: a process on loopback with its children, what they use, and their end.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

/// Clock ticks of `/proc/PID/stat` in a second, as Linux shows them to programs on every architecture.
const TICKS: f64 = 100.0;
/// So long a server may take until it answers, or to stop.
const PATIENCE: Duration = Duration::from_mins(2);

pub(super) struct Running {
    process: Child,
    pub(super) port: u16,
    started: Instant,
    log: PathBuf,
}

/// Memory of all processes, in bytes; what several share is counted once.
#[derive(Clone, Copy)]
pub(super) struct Memory {
    /// Not backed by a file, so nobody else's.
    pub(super) own: f64,
    /// With the pages of files that are mapped, such as programs and LMDB's data.
    pub(super) resident: f64,
}

/// A port that is free, and that nobody is likely to take before the server does.
pub(super) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

impl Running {
    /// Starts a server that stays in the foreground and listens on `port`; all that it says goes to a file.
    pub(super) fn start(mut command: Command, port: u16, log: &Path) -> anyhow::Result<Self> {
        let out = File::create(log)?;
        let started = Instant::now();
        let process = command.stdout(out.try_clone()?).stderr(out).spawn()?;
        Ok(Self { process, port, started, log: log.to_owned() })
    }

    /// Waits until `answers` says that the server does its work; the time since its start, in seconds.
    pub(super) fn ready(&mut self, mut answers: impl FnMut() -> bool) -> anyhow::Result<f64> {
        while self.started.elapsed() < PATIENCE {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() && answers() {
                return Ok(self.started.elapsed().as_secs_f64());
            }
            if self.process.try_wait()?.is_some() {
                bail!("the server ended at once; see {}", self.log.display());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        bail!("the server does not answer; see {}", self.log.display());
    }

    /// Processor time of all processes so far, in seconds.
    pub(super) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let mut ticks = 0.0;
        for (_, fields) in self.family()? {
            ticks += fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
        }
        Ok(ticks / TICKS)
    }

    pub(super) fn memory(&self) -> anyhow::Result<Memory> {
        let mut memory = Memory { own: 0.0, resident: 0.0 };
        for (process, _) in self.family()? {
            let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
            let kib = |name: &str| -> anyhow::Result<f64> {
                let line = text.lines().find_map(|line| line.strip_prefix(name)).context("smaps_rollup")?;
                Ok(line.trim_start_matches(':').trim_end_matches("kB").trim().parse()?)
            };
            memory.resident += kib("Pss:")? * 1024.0;
            memory.own += (kib("Pss_Anon:")? + kib("Pss_Shmem:")?) * 1024.0;
        }
        Ok(memory)
    }

    /// The process and all its descendants: their ids, and the fields of their `stat` from the third on.
    fn family(&self) -> anyhow::Result<Vec<(u32, Vec<String>)>> {
        let mut all = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let Ok(process) = entry?.file_name().to_string_lossy().parse::<u32>() else { continue };
            // A process may be gone by now.
            let Ok(stat) = fs::read_to_string(format!("/proc/{process}/stat")) else { continue };
            // The name of the program stands in brackets and may hold spaces.
            let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat")?;
            all.push((process, fields.split_whitespace().map(str::to_owned).collect::<Vec<_>>()));
        }
        let mut ids = vec![self.process.id()];
        let mut at = 0;
        while let Some(parent) = ids.get(at).map(u32::to_string) {
            ids.extend(all.iter().filter(|(_, fields)| fields[1] == parent).map(|(process, _)| *process));
            at += 1;
        }
        all.retain(|(process, _)| ids.contains(process));
        Ok(all)
    }

    /// Asks the server to stop, and waits until it has.
    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        let asked = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status()?;
        ensure!(asked.success(), "the server is gone already; see {}", self.log.display());
        let asked = Instant::now();
        while asked.elapsed() < PATIENCE {
            if self.process.try_wait()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        bail!("the server did not stop; see {}", self.log.display());
    }
}

impl Drop for Running {
    /// For runs that fail: a server that was stopped is gone, and then both do nothing.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
