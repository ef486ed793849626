//! What holds for the life of the process: sockets, threads and files that are open, and what others were told of them. A file that changes it is taken
//! over without that, and says so until the next start.

use super::{Change, Config, diff};
use std::collections::BTreeSet;

/// The keys, with all below them.
pub(super) const FIXED: [&str; 17] = [
    "server.domain",
    "server.data_dir",
    "server.workers",
    "server.dns",
    "server.trace",
    "server.sip.listen",
    "server.sip.networks",
    "server.sip.advertise",
    "server.rtp.bind",
    "server.rtp.ports",
    "server.rtp.shards",
    "server.rtp.offload",
    "api.listen",
    "store.url",
    "logging.format",
    "logging.file",
    "security",
];

/// Whether a path is one of [`FIXED`], or below one.
fn is_fixed(path: &str) -> bool {
    FIXED.iter().any(|key| path.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '['])))
}

/// A configuration as a running process takes it.
#[derive(Clone, Debug)]
pub struct Taken {
    /// What is in force from now on.
    pub config: Config,
    /// What that changes, by key.
    pub changes: Vec<Change>,
    /// Keys that differ from those the process was started with, and wait for the next start.
    pub needs_restart: Vec<String>,
}

impl Config {
    /// This configuration as a process takes it that was started with `started` and runs with `running`.
    #[must_use]
    pub fn taken(&self, started: &Self, running: &Self) -> Taken {
        let needs_restart: BTreeSet<String> =
            diff(started, self).into_iter().map(|change| change.path).filter(|path| is_fixed(path)).collect();
        let mut config = self.clone();
        let (server, before) = (&mut config.server, &started.server);
        server.domain.clone_from(&before.domain);
        server.data_dir.clone_from(&before.data_dir);
        server.workers = before.workers;
        server.dns.clone_from(&before.dns);
        server.trace.clone_from(&before.trace);
        server.sip.listen.clone_from(&before.sip.listen);
        server.sip.advertise.clone_from(&before.sip.advertise);
        server.rtp.bind = before.rtp.bind;
        server.rtp.ports = before.rtp.ports;
        server.rtp.shards = before.rtp.shards;
        server.rtp.offload = before.rtp.offload;
        server.sip.networks.clone_from(&before.sip.networks);
        config.security.clone_from(&started.security);
        config.api.listen = started.api.listen;
        config.store.clone_from(&started.store);
        config.logging.format = started.logging.format;
        config.logging.file.clone_from(&started.logging.file);
        let changes = diff(running, &config);
        Taken { config, changes, needs_restart: needs_restart.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    const BEFORE: &str = "extensions: [{ number: \"1001\", auth_user: a, secret: Ju4-sixth-pane-22 }]\n";

    /// A file in which everything that is fixed is otherwise, and some that is not.
    const AFTER: &str = "\
server:
  domain: other.test
  data_dir: /elsewhere
  workers: 3
  calls_max: 7
  dns: { servers: [192.0.2.53] }
  trace: { keep: 2h }
  sip: { listen: [\"udp://127.0.0.1:5070\"], networks: [any], advertise: pbx.example, registration: { min: 2m } }
  rtp: { bind: 127.0.0.2, ports: 30000-30100, shards: 9, offload: \"off\", timeout: 2m, advertise: 192.0.2.9 }
api: { listen: 127.0.0.1:9090, metrics_open: false }
store: { url: \"sqlite:other.db\" }
security: { ban: 7m }
logging: { format: json, file: /elsewhere/log, level: debug }
extensions: [{ number: \"1002\", auth_user: b, secret: Kw8-other-pane-73 }]
";

    #[test]
    fn what_is_fixed_stays_and_everything_else_is_taken() {
        let [before, after] = [BEFORE, AFTER].map(|text| parse("a.yml", text, &|_| None).unwrap());
        let Taken { config, changes, needs_restart } = after.taken(&before, &before);
        for key in FIXED {
            assert!(needs_restart.iter().any(|path| path.starts_with(key)), "{key} is not told: {needs_restart:?}");
        }
        assert!(needs_restart.iter().all(|path| is_fixed(path)), "{needs_restart:?}");
        assert!(diff(&before, &config).iter().all(|change| !is_fixed(&change.path)), "something fixed is changed");
        assert!(diff(&after, &config).iter().all(|change| is_fixed(&change.path)), "something is not taken");
        let told: Vec<&str> = changes.iter().map(|change| change.path.as_str()).collect();
        for path in [
            "server.calls_max",
            "server.rtp.timeout",
            "server.rtp.advertise",
            "logging.level",
            "extensions[1002].number",
        ] {
            assert!(told.contains(&path), "{path} is not told: {told:?}");
        }
        // It waits until the start, whatever is taken over meanwhile.
        let again = after.taken(&before, &config);
        assert_eq!((again.changes.len(), again.needs_restart), (0, needs_restart));
        let back = before.taken(&before, &config);
        assert_eq!((back.changes.len(), back.needs_restart.len()), (changes.len(), 0));
    }
}
