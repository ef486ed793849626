//! An Ironbell started for one run: in a directory of its own that goes with it, ready when `/readyz` says so, asked for its
//! metrics, stopped in the end.

use crate::{
    clock,
    configuration::{API_KEY, Configuration},
    process,
};
use anyhow::{Context as _, Result, bail};
use core::{net::SocketAddr, time::Duration};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};
use tempfile::TempDir;

/// A start that takes longer has failed.
const READY_TIME_MAX: Duration = Duration::from_secs(30);

/// A stop that takes longer is a kill: running calls may be drained for 30 s.
const STOP_TIME_MAX: Duration = Duration::from_secs(40);

/// The gauges that return to 0 when no call is up.
pub const BALANCED: [&str; 4] =
    ["ironbell_calls_active", "ironbell_media_sessions", "ironbell_media_ports_in_use", "ironbell_transactions_active"];

/// A running exchange.
#[derive(Debug)]
pub struct Exchange {
    child: Child,
    directory: TempDir,
    api: SocketAddr,
    sip: SocketAddr,
    ready_after: Duration,
}

impl Exchange {
    /// Starts `binary` with `configure`d settings, on processor `cpu` alone if given, and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready; the error carries the end of what it printed.
    pub fn start(
        binary: &Path,
        cpu: Option<usize>,
        configure: impl FnOnce(&Path) -> Result<Configuration>,
    ) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("ironbell-load-").tempdir()?;
        let configuration = configure(&directory.path().join("data"))?;
        let file = directory.path().join("ironbell.yml");
        fs::write(&file, configuration.yaml())?;
        let log = File::create(directory.path().join("log"))?;
        let mut command = match cpu {
            Some(cpu) => {
                let mut command = Command::new("taskset");
                command.arg("-c").arg(cpu.to_string()).arg(binary);
                command
            }
            None => Command::new(binary),
        };
        command.args(["run", "--config"]).arg(&file);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let began = clock::now();
        let child = command.spawn().with_context(|| format!("cannot start {}", binary.display()))?;
        let mut exchange =
            Self { child, directory, api: configuration.api, sip: configuration.sip, ready_after: Duration::ZERO };
        loop {
            if exchange.get("/readyz").is_ok() {
                exchange.ready_after = began.elapsed();
                return Ok(exchange);
            }
            if let Some(status) = exchange.child.try_wait()? {
                bail!("the exchange ended with {status}:\n{}", exchange.log_end());
            }
            if began.elapsed() > READY_TIME_MAX {
                bail!("the exchange was not ready within {READY_TIME_MAX:?}:\n{}", exchange.log_end());
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its SIP listener.
    #[must_use]
    pub const fn sip(&self) -> SocketAddr {
        self.sip
    }

    /// Its directory: the configuration, `data`, `log`.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// From the start of the program until `/readyz` answered 200.
    #[must_use]
    pub const fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// The body of a 200 answer of its API.
    ///
    /// # Errors
    /// When it does not answer 200.
    pub fn get(&self, path: &str) -> Result<String> {
        let mut answer = ureq::get(format!("http://{}{path}", self.api))
            .header("authorization", format!("Bearer {API_KEY}"))
            .config()
            .timeout_global(Some(Duration::from_secs(10)))
            .build()
            .call()?;
        Ok(answer.body_mut().read_to_string()?)
    }

    /// All samples of `/metrics`, by name with labels.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn metrics(&self) -> Result<BTreeMap<String, f64>> {
        Ok(samples(&self.get("/metrics")?))
    }

    /// Waits until every gauge of [`BALANCED`] is 0, at most `patience`, and returns their last values.
    ///
    /// # Errors
    /// When the exchange does not answer.
    pub fn settle(&self, patience: Duration) -> Result<BTreeMap<String, f64>> {
        let until = clock::now() + patience;
        loop {
            let metrics = self.metrics()?;
            let gauges: BTreeMap<String, f64> = BALANCED
                .iter()
                .map(|name| ((*name).to_owned(), metrics.get(*name).copied().unwrap_or(f64::NAN)))
                .collect();
            if gauges.values().all(|value| *value == 0.0) || clock::now() >= until {
                return Ok(gauges);
            }
            thread::sleep(Duration::from_millis(250));
        }
    }

    /// Stops it with SIGTERM.
    ///
    /// # Errors
    /// When it did not end by itself, or not with success.
    pub fn stop(mut self) -> Result<()> {
        let status = process::stop(&mut self.child, STOP_TIME_MAX)?;
        if !status.success() {
            bail!("the exchange ended with {status}:\n{}", self.log_end());
        }
        Ok(())
    }

    /// The end of what it printed.
    #[must_use]
    pub fn log_end(&self) -> String {
        let text = fs::read(self.directory.path().join("log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // A run that failed half-way leaves nothing behind; what cannot be killed is already gone.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Samples of the Prometheus text format, by name with labels.
fn samples(text: &str) -> BTreeMap<String, f64> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_text_is_read() {
        let found = samples("# HELP a b\na 1\nb{c=\"d e\"} 2.5\n");
        assert_eq!(found.get("a"), Some(&1.0));
        assert_eq!(found.get("b{c=\"d e\"}"), Some(&2.5));
    }
}
