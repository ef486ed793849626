//! Kamailio as the edge: a stateful proxy between phones and the exchange, by which registrations carry Path (RFC 3327) and dialogs Record-Route.

use crate::namespace::{EDGE, EXCHANGE, PHONES, run};
use loadtest::clock;
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// Longest wait for its first answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where phones find it.
pub(crate) const AT: (Ipv4Addr, u16) = (EDGE, 5060);

/// A running Kamailio.
pub(crate) struct Kamailio {
    child: Child,
    directory: TempDir,
}

impl Kamailio {
    /// Starts it. From now on no packet of the exchange reaches a phone but through it.
    pub(crate) fn start() -> Self {
        for phone in PHONES {
            run(&format!("ip rule add from {EXCHANGE} to {phone} blackhole"));
        }
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("kamailio.cfg");
        fs::write(&file, configuration()).expect("a file");
        let log = fs::File::create(directory.path().join("log")).expect("a log");
        let child = Command::new("kamailio")
            .args(["-DD", "-E", "-m", "64", "-M", "8", "-w"])
            .arg(directory.path())
            .arg("-f")
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("kamailio starts");
        let edge = Self { child, directory };
        edge.wait();
        edge
    }

    /// Until it answers.
    fn wait(&self) {
        let socket = UdpSocket::bind((EXCHANGE, 0)).expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
        let from = socket.local_addr().expect("an address");
        let until = clock::now() + PATIENCE;
        for attempt in 0.. {
            let ping = format!(
                "OPTIONS sip:edge SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKp{attempt}\r\nMax-Forwards: 0\r\n\
                 From: <sip:test@edge>;tag=1\r\nTo: <sip:edge>\r\nCall-ID: p{attempt}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
            );
            socket.send_to(ping.as_bytes(), SocketAddr::from(AT)).ok();
            if socket.recv(&mut [0; 2_048]).is_ok() {
                return;
            }
            let log = || fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
            assert!(clock::now() < until, "kamailio does not answer:\n{}", log());
        }
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        // It takes its workers along. Nothing to be done about a process that is already gone.
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).ok();
        self.child.wait().ok();
    }
}

/// Without `auto_aliases=no`, `rev_dns=no` and `dns=no` it asks for names at the start, which takes 12 s in a namespace. One worker, so that what comes in one
/// order leaves in it.
fn configuration() -> String {
    format!(
        r#"#!KAMAILIO
debug=0
log_stderror=yes
fork=yes
children=1
auto_aliases=no
dns=no
rev_dns=no
dns_try_ipv6=no
disable_tcp=yes
listen=udp:{EDGE}:5060
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "rr.so"
loadmodule "path.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
request_route {{
  if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
  if (is_method("CANCEL")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
  if (has_totag()) {{
    if (loose_route()) {{ t_relay(); exit; }}
    if (is_method("ACK") && t_check_trans()) {{ t_relay(); exit; }}
    if (!is_method("ACK")) {{ sl_send_reply("481", "Nobody Knows"); }}
    exit;
  }}
  if (is_method("INVITE|SUBSCRIBE")) {{ record_route(); }}
  if ($si == "{EXCHANGE}") {{
    # Takes itself from the Path; the phone's Contact is in the Request-URI.
    loose_route();
  }} else {{
    if (is_method("REGISTER")) {{ add_path(); }}
    $du = "sip:{EXCHANGE}:5060";
  }}
  if (!t_relay()) {{ sl_reply_error(); }}
}}
"#
    )
}
