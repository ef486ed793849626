//! rtpengine as the peer of the media rows, spoken to in its `ng` protocol: a cookie and a bencoded dictionary in a UDP
//! datagram, `offer` then `answer`, each with a session description that comes back rewritten.

use super::peer::Peer;
use crate::{clock, configuration::free_port, sdp, tone::Law};
use anyhow::{Context as _, Result, bail};
use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use std::{io::ErrorKind, net::UdpSocket, process::Command};

/// The first answer may have to wait for the daemon; later ones come at once.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);

/// A running rtpengine.
#[derive(Debug)]
pub(super) struct RtpEngine {
    peer: Peer,
    control: UdpSocket,
    serial: u32,
}

impl RtpEngine {
    /// Starts it at 127.0.0.1 with ports apart from ours, on processor `cpu` alone if given; never the kernel module.
    pub(super) fn start(cpu: Option<usize>) -> Result<Self> {
        let local = IpAddr::from([127, 0, 0, 1]);
        let ng = free_port(local)?;
        let peer = Peer::start("rtpengine", cpu, ng, |_| {
            let mut command = Command::new("rtpengine");
            command
                .args(["--config-file=none", "--foreground", "--log-stderr", "--log-level=3", "--table=-1"])
                .args(["--interface=127.0.0.1", "--port-min=20000", "--port-max=31999"])
                .args(["--timeout=3600", "--silent-timeout=3600"])
                .arg(format!("--listen-ng={ng}"));
            Ok(command)
        })?;
        let control = UdpSocket::bind(SocketAddr::new(local, 0))?;
        control.connect(ng)?;
        control.set_read_timeout(Some(Duration::from_millis(500)))?;
        Ok(Self { peer, control, serial: 0 })
    }

    pub(super) fn pid(&self) -> u32 {
        self.peer.pid()
    }

    /// Sets up one call between two parties that receive at `caller` and `callee`; where each of them shall send.
    pub(super) fn call(&mut self, caller: SocketAddr, callee: SocketAddr) -> Result<(SocketAddr, SocketAddr)> {
        self.serial += 1;
        let id = format!("call-{}", self.serial);
        let offer = sdp::describe(caller, &[Law::Mu], 1);
        let offered = self.ask(&[("command", "offer"), ("call-id", &id), ("from-tag", "f"), ("sdp", &offer)])?;
        let answer = sdp::describe(callee, &[Law::Mu], 1);
        let answered =
            self.ask(&[("command", "answer"), ("call-id", &id), ("from-tag", "f"), ("to-tag", "t"), ("sdp", &answer)])?;
        // The rewritten offer goes to the callee: it says where the callee sends.
        Ok((sdp::audio_of(answered.as_bytes())?.0, sdp::audio_of(offered.as_bytes())?.0))
    }

    /// One question; the session description of its answer.
    fn ask(&mut self, fields: &[(&str, &str)]) -> Result<String> {
        let cookie = format!("{}-{}", self.serial, fields[0].1);
        let question = format!("{cookie} {}", bencode(fields));
        let until = clock::now() + ANSWER_TIME_MAX;
        let mut buffer = vec![0; 65_535];
        while clock::now() < until {
            self.control.send(question.as_bytes())?;
            let length = match self.control.recv(&mut buffer) {
                Ok(length) => length,
                Err(fault) if matches!(fault.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
                Err(fault) => return Err(fault).context("rtpengine does not answer"),
            };
            let answer = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if let Some(body) = answer.strip_prefix(&cookie) {
                return match (value(body, "result"), value(body, "sdp")) {
                    (Some("ok"), Some(sdp)) => Ok(sdp.to_owned()),
                    _ => bail!("rtpengine refused: {body}"),
                };
            }
        }
        bail!("rtpengine did not answer within {ANSWER_TIME_MAX:?}")
    }
}

/// A flat dictionary of strings. Keys need not be sorted for rtpengine.
fn bencode(fields: &[(&str, &str)]) -> String {
    let mut text = String::from("d");
    for (key, value) in fields {
        text.push_str(&format!("{}:{key}{}:{value}", key.len(), value.len()));
    }
    text.push('e');
    text
}

/// The string that follows the string `key`.
fn value<'b>(body: &'b str, key: &str) -> Option<&'b str> {
    let (_, after) = body.split_once(&format!("{}:{key}", key.len()))?;
    let (length, rest) = after.split_once(':')?;
    rest.get(..length.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dictionary_is_written_and_its_values_found() {
        let text = bencode(&[("command", "offer"), ("sdp", "v=0\r\n")]);
        assert_eq!(text, "d7:command5:offer3:sdp5:v=0\r\ne");
        assert_eq!(value(&text, "sdp"), Some("v=0\r\n"));
        assert_eq!(value(&text, "result"), None);
    }
}
