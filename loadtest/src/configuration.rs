//! The configuration file of an exchange under load: as many accounts as there are phones, everything else small and local.

use crate::{account::Account, limits::ACCOUNTS_MAX};
use anyhow::{Result, bail};
use core::net::{IpAddr, SocketAddr};
use std::{
    fmt::Write as _,
    net::{TcpListener, UdpSocket},
    ops::RangeInclusive,
    path::PathBuf,
};

/// The administrator's key of an exchange that lives as long as one run.
pub const API_KEY: &str = "loadtest-key-of-one-run-0123456789";

/// What differs between runs.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// Where the exchange listens for SIP, UDP and TCP.
    pub sip: SocketAddr,
    /// Where its API listens.
    pub api: SocketAddr,
    /// Its ports for RTP.
    pub rtp_ports: RangeInclusive<u16>,
    /// Its domain.
    pub domain: String,
    /// Where it keeps its files.
    pub data_dir: PathBuf,
    /// How many accounts.
    pub extensions: usize,
    /// Media shards; `None`: as it likes.
    pub shards: Option<u16>,
    /// Digest algorithms offered, in order; empty: as it likes.
    pub digest: Vec<String>,
    /// How long an unanswered call rings, seconds; `None`: as it likes.
    pub ring_seconds: Option<u32>,
    /// Sections `trunks`, `routes` and `dids`; with them every account may call outside.
    pub outside: String,
}

impl Configuration {
    /// A configuration on free ports of `address`.
    ///
    /// # Errors
    /// When no port is free or there are too many accounts.
    pub fn local(address: IpAddr, extensions: usize, data_dir: PathBuf) -> Result<Self> {
        if extensions > ACCOUNTS_MAX {
            bail!("{extensions} accounts; numbers have four digits, so the limit is {ACCOUNTS_MAX}");
        }
        Ok(Self {
            sip: free_port(address)?,
            api: free_port(address)?,
            // Below the ports the system gives to everybody else
            rtp_ports: 10_000..=32_000,
            domain: "pbx.test".into(),
            data_dir,
            extensions,
            shards: None,
            digest: vec!["sha-256".into(), "md5".into()],
            ring_seconds: None,
            outside: String::new(),
        })
    }

    /// The file.
    #[must_use]
    pub fn yaml(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "server:\n  domain: {}\n  data_dir: {}\n  sip:\n    listen: [\"udp://{sip}\", \"tcp://{sip}\"]\n",
            self.domain,
            self.data_dir.display(),
            sip = self.sip,
        );
        if !self.digest.is_empty() {
            let _ = writeln!(text, "    digest: [{}]", self.digest.join(", "));
        }
        let _ = write!(
            text,
            "  rtp:\n    bind: {}\n    ports: {}-{}\n    timeout: 1h\n",
            self.sip.ip(),
            self.rtp_ports.start(),
            self.rtp_ports.end(),
        );
        if let Some(shards) = self.shards {
            let _ = writeln!(text, "    shards: {shards}");
        }
        let _ = write!(
            text,
            "api:\n  listen: {}\n  keys: [{{ name: loadtest, role: admin, key: \"{API_KEY}\" }}]\n\
             security:\n  rate: {{ register_per_ip: 100000/s, invite_per_ip: 100000/s, packets_per_ip: 1000000/s }}\nextensions:\n",
            self.api
        );
        for index in 0..self.extensions {
            let Account { number, auth_user, secret } = Account::of(index);
            let _ = write!(
                text,
                "  - {{ number: \"{number}\", name: \"Desk {number}\", auth_user: {auth_user}, secret: \"{secret}\", call_limit: 100, codecs: [pcmu, pcma]"
            );
            if let Some(seconds) = self.ring_seconds {
                let _ = write!(text, ", forward: {{ no_answer_after: {seconds}s }}");
            }
            if !self.outside.is_empty() {
                text.push_str(", permissions: { external: true }");
            }
            text.push_str(" }\n");
        }
        text.push_str(&self.outside);
        text
    }
}

/// Users for the SIPp scenarios (`-inf`): number; number to call; credentials. With `callers` every second account only.
#[must_use]
pub fn sipp_users(extensions: usize, callers: bool) -> String {
    let mut text = String::from("SEQUENTIAL\n");
    for index in (0..extensions).step_by(if callers { 2 } else { 1 }) {
        let Account { number, auth_user, secret } = Account::of(index);
        let called = Account::of(index + 1).number;
        let _ = writeln!(text, "{number};{called};[authentication username={auth_user} password={secret}]");
    }
    text
}

/// A port of `address` that is free now, for UDP and for TCP.
///
/// # Errors
/// When there is none.
pub fn free_port(address: IpAddr) -> Result<SocketAddr> {
    for _ in 0..100 {
        let free = TcpListener::bind(SocketAddr::new(address, 0))?.local_addr()?;
        if UdpSocket::bind(free).is_ok() {
            return Ok(free);
        }
    }
    bail!("no port of {address} is free for both UDP and TCP")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_all_accounts() {
        let configuration =
            Configuration::local(IpAddr::from([127, 0, 0, 1]), 25, PathBuf::from("/nowhere")).expect("ports");
        let text = configuration.yaml();
        assert_eq!(text.matches("secret:").count(), 25);
        assert!(Configuration::local(IpAddr::from([127, 0, 0, 1]), ACCOUNTS_MAX + 1, PathBuf::new()).is_err());
    }
}
