//! SIPp as the generator of the signaling rows.

use super::peer::{Peer, listens};
use crate::configuration::{free_port, sipp_users};
use anyhow::{Context as _, Result, bail};
use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// The scenarios, written out for each run so that the binary needs no source tree.
const SCENARIOS: [(&str, &str); 4] = [
    ("register.xml", include_str!("../../scenarios/register.xml")),
    ("uac.xml", include_str!("../../scenarios/uac.xml")),
    ("uac_open.xml", include_str!("../../scenarios/uac_open.xml")),
    ("uas.xml", include_str!("../../scenarios/uas.xml")),
];

/// A directory with scenarios and users, and an address that answers calls.
#[derive(Debug)]
pub(super) struct Sipp {
    directory: TempDir,
    uas: SocketAddr,
    accounts: usize,
}

/// One run's counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counts {
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    pub(super) retransmissions: u64,
    /// Calls a second from the first to the last, as they were really placed.
    pub(super) rate: f64,
}

impl Sipp {
    /// For this many accounts.
    pub(super) fn new(accounts: usize) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("ironbell-sipp-").tempdir()?;
        for (name, text) in SCENARIOS {
            fs::write(directory.path().join(name), text)?;
        }
        fs::write(directory.path().join("all.csv"), sipp_users(accounts, false))?;
        fs::write(directory.path().join("callers.csv"), sipp_users(accounts, true))?;
        Ok(Self { directory, uas: free_port(IpAddr::from([127, 0, 0, 1]))?, accounts })
    }

    /// Registers every account once at `to`, its Contact at the address that answers calls.
    pub(super) fn register(&self, to: SocketAddr, rate: u32) -> Result<Counts> {
        let contact = self.uas.port().to_string();
        let arguments = ["-inf", "all.csv", "-key", "contact_port", &contact];
        self.run(to, "register.xml", &arguments, rate, self.accounts as u64)
    }

    /// Starts the side that answers.
    pub(super) fn answer(&self) -> Result<Peer> {
        let (directory, uas) = (self.directory.path().to_owned(), self.uas);
        Peer::start("sipp", None, uas, |_| {
            let mut command = self.command(&directory, "uas.xml", uas);
            command.args(["-bind_local"]);
            Ok(command)
        })
    }

    /// Places `count` calls at `rate` a second, with credentials or without.
    pub(super) fn call(&self, to: SocketAddr, credentials: bool, rate: u32, count: u64) -> Result<Counts> {
        let scenario = if credentials { "uac.xml" } else { "uac_open.xml" };
        self.run(to, scenario, &["-inf", "callers.csv", "-d", "100"], rate, count)
    }

    fn command(&self, directory: &Path, scenario: &str, local: SocketAddr) -> Command {
        let mut command = Command::new("sipp");
        command
            .arg("-sf")
            .arg(directory.join(scenario))
            .args(["-i", &local.ip().to_string(), "-p", &local.port().to_string()])
            .args(["-key", "domain", "pbx.test", "-nostdin", "-buff_size", "4000000"]);
        command
    }

    fn run(&self, to: SocketAddr, scenario: &str, arguments: &[&str], rate: u32, count: u64) -> Result<Counts> {
        let local = free_port(IpAddr::from([127, 0, 0, 1]))?;
        let statistics: PathBuf = self.directory.path().join("statistics.csv");
        let patience = Duration::from_secs(60 + count / u64::from(rate.max(1)));
        let mut command = self.command(self.directory.path(), scenario, local);
        command
            .arg(to.to_string())
            .args(arguments)
            .args(["-r", &rate.to_string(), "-m", &count.to_string(), "-l", "20000"])
            .args(["-timeout", &patience.as_secs().to_string(), "-timeout_error"])
            .args(["-trace_stat", "-fd", "1", "-stf"])
            .arg(&statistics)
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        debug_assert!(!listens(local), "the port was free");
        // Its exit code says whether a call failed; the counts say it better.
        command.status().context("cannot run sipp; it is the Debian package sip-tester")?;
        let text = fs::read_to_string(&statistics).context("sipp wrote no statistics")?;
        fs::remove_file(&statistics)?;
        counts(&text)
    }
}

/// The last line of SIPp's statistics.
fn counts(text: &str) -> Result<Counts> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split(';').collect();
    let last: Vec<&str> = lines.next_back().unwrap_or_default().split(';').collect();
    let field = |name: &str| {
        let place = names.iter().position(|n| *n == name)?;
        last.get(place)?.parse::<u64>().ok()
    };
    // A call lasts a little beyond the last one's start; SIPp's own cumulative rate contains that time.
    let rate = names.iter().position(|n| *n == "CallRate(C)").and_then(|at| last.get(at)?.parse().ok());
    match (field("SuccessfulCall(C)"), field("FailedCall(C)"), field("Retransmissions(C)"), rate) {
        (Some(succeeded), Some(failed), Some(retransmissions), Some(rate)) => {
            Ok(Counts { succeeded, failed, retransmissions, rate })
        }
        _ => bail!("sipp's statistics cannot be read"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_the_statistics_counts() {
        let text = "A;CallRate(C);SuccessfulCall(C);FailedCall(C);Retransmissions(C)\nx;1;1;0;0\nx;9.5;20;3;4\n";
        let found = counts(text).expect("readable");
        assert_eq!((found.succeeded, found.failed, found.retransmissions, found.rate), (20, 3, 4, 9.5));
        assert!(counts("").is_err());
    }
}
