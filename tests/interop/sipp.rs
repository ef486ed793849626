//! SIPp with the scenarios of `loadtest/scenarios`.

use crate::{
    ears::{callee_tone, caller_tone},
    namespace::{CARRIER, EXCHANGE, PHONES, at_phone},
};
use loadtest::{clock, configuration::sipp_users, tone::Law};
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Child, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// Every SIPp ends by itself before this.
const PATIENCE: Duration = Duration::from_secs(90);

/// A directory with users and tones for SIPp.
pub(crate) struct Sipp {
    directory: TempDir,
    transport: &'static str,
    /// Where requests go.
    remote: SocketAddr,
}

impl Sipp {
    /// Over `transport`, `u1` (UDP) or `t1` (TCP).
    pub(crate) fn new(transport: &'static str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        fs::write(at("all.csv"), sipp_users(4, false)).expect("users");
        fs::write(at("callers.csv"), sipp_users(4, true)).expect("users");
        let wrong = sipp_users(4, true).replace("password=", "password=not-");
        fs::write(at("strangers.csv"), wrong).expect("users");
        let unknown = sipp_users(4, true).replace(";1001;", ";4999;").replace(";1003;", ";4998;");
        fs::write(at("nowhere.csv"), unknown).expect("users");
        // A minute of each tone, µ-law without a header, as rtp_stream wants it
        fs::write(at("caller.ulaw"), Law::Mu.frame(Some(caller_tone())).repeat(3_000)).expect("a tone");
        fs::write(at("callee.ulaw"), Law::Mu.frame(Some(callee_tone())).repeat(3_000)).expect("a tone");
        Self { directory, transport, remote: SocketAddr::from((EXCHANGE, 5060)) }
    }

    /// With another first hop than the exchange.
    pub(crate) fn through(self, remote: SocketAddr) -> Self {
        Self { remote, ..self }
    }

    /// With one account, 1000, that calls `number`; the file's name for `-inf`.
    pub(crate) fn caller_of(&self, number: &str) -> String {
        let file = format!("to-{number}.csv");
        let users = sipp_users(2, true).replace(";1001;", &format!(";{number};"));
        fs::write(self.directory.path().join(&file), users).expect("users");
        file
    }

    /// With a caller from the world for `number`; the file's name for `-inf`.
    pub(crate) fn stranger_to(&self, number: &str) -> String {
        let file = format!("from-outside-to-{number}.csv");
        fs::write(self.directory.path().join(&file), format!("SEQUENTIAL\n+4989777;{number};\n")).expect("users");
        file
    }

    /// Registers all four accounts with a Contact at the callee's address.
    pub(crate) fn register(&self) {
        self.at_callee("register", &["-inf", "all.csv", "-key", "contact_port", "5064", "-m", "4"]).finish();
    }

    /// A run at the callee's side, port 5064 unless it registers.
    pub(crate) fn at_callee(&self, scenario: &str, arguments: &[&str]) -> Running {
        let port = if scenario == "register" { "5066" } else { "5064" };
        self.run(scenario, 1, port, arguments)
    }

    /// A run as a carrier, which speaks to the exchange itself.
    pub(crate) fn at_carrier(&self, scenario: &str, port: u16, arguments: &[&str]) -> Running {
        self.run_at(scenario, 1, (CARRIER, &port.to_string()), SocketAddr::from((EXCHANGE, 5060)), arguments)
    }

    /// A run at the caller's side.
    pub(crate) fn at_caller(&self, scenario: &str, arguments: &[&str]) -> Running {
        self.run(scenario, 0, "5062", arguments)
    }

    fn run(&self, scenario: &str, phone: usize, port: &str, arguments: &[&str]) -> Running {
        self.run_at(scenario, phone, (PHONES[phone], port), self.remote, arguments)
    }

    fn run_at(
        &self,
        scenario: &str,
        phone: usize,
        (address, port): (Ipv4Addr, &str),
        remote: SocketAddr,
        arguments: &[&str],
    ) -> Running {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("loadtest/scenarios").join(format!("{scenario}.xml"));
        let address = address.to_string();
        let mut command = at_phone(phone, "sipp");
        command
            .arg(remote.to_string())
            .arg("-sf")
            .arg(file)
            .args(["-i", &address, "-mi", &address, "-p", port, "-key", "domain", "pbx.test", "-nostdin"])
            .args(["-auth_uri", "pbx.test"])
            .args(["-t", self.transport, "-timeout", "80", "-timeout_error"])
            .args(["-trace_err", "-error_file", &format!("{scenario}-{port}.errors")])
            .args(arguments)
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().expect("sipp starts");
        let errors = self.directory.path().join(format!("{scenario}-{port}.errors"));
        Running { child, errors, scenario: scenario.to_owned() }
    }
}

/// A SIPp under way.
pub(crate) struct Running {
    child: Child,
    errors: std::path::PathBuf,
    scenario: String,
}

impl Running {
    /// Waits for its end; every call must have gone as the scenario says.
    pub(crate) fn finish(mut self) {
        let until = clock::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("sipp is a child") {
                let errors = fs::read_to_string(&self.errors).unwrap_or_default();
                assert!(status.success(), "{} ended with {status}:\n{errors}", self.scenario);
                return;
            }
            assert!(clock::now() < until, "{} does not end", self.scenario);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nothing to be done about a process that is already gone.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
