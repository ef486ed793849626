//! A peer's process: started in a directory of its own, ended with it.

use crate::{clock, process};
use anyhow::{Context as _, Result, bail};
use core::{net::SocketAddr, time::Duration};
use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};
use tempfile::TempDir;

/// A peer that does not listen by then has failed.
const START_TIME_MAX: Duration = Duration::from_secs(20);

/// A running peer.
#[derive(Debug)]
pub(super) struct Peer {
    child: Child,
    directory: TempDir,
}

impl Peer {
    /// Starts what `command` makes of the peer's new directory, on processor `cpu` alone if given, and waits until it
    /// listens on UDP `address`.
    pub(super) fn start(
        name: &str,
        cpu: Option<usize>,
        address: SocketAddr,
        command: impl FnOnce(&Path) -> Result<Command>,
    ) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("ironbell-peer-").tempdir()?;
        let log = File::create(directory.path().join("log"))?;
        let wanted = command(directory.path())?;
        let mut command = match cpu {
            Some(cpu) => {
                let mut pinned = Command::new("taskset");
                pinned.arg("-c").arg(cpu.to_string()).arg(wanted.get_program()).args(wanted.get_args());
                pinned
            }
            None => wanted,
        };
        command.current_dir(directory.path()).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("cannot start {name}; it is a Debian package"))?;
        let mut peer = Self { child, directory };
        let began = clock::now();
        while !listens(address) {
            if let Some(status) = peer.child.try_wait()? {
                bail!("{name} ended with {status}:\n{}", peer.log());
            }
            if began.elapsed() > START_TIME_MAX {
                bail!("{name} does not listen on {address}:\n{}", peer.log());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(peer)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // What does not end by itself is killed; nothing more can be done about it here.
        let _ = process::stop(&mut self.child, Duration::from_secs(5));
    }
}

/// Whether some socket of this machine is bound to the port.
pub(super) fn listens(address: SocketAddr) -> bool {
    let wanted = format!(":{:04X}", address.port());
    fs::read_to_string("/proc/self/net/udp").is_ok_and(|text| {
        text.lines().skip(1).filter_map(|l| l.split_whitespace().nth(1)).any(|a| a.ends_with(&wanted))
    })
}
