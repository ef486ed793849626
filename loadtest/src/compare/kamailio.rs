//! Kamailio as the peer of the signaling rows: a stateful proxy with a registrar in memory.

use super::peer::Peer;
use crate::configuration::free_port;
use anyhow::Result;
use core::net::{IpAddr, SocketAddr};
use std::{fs, process::Command};

/// A running Kamailio.
#[derive(Debug)]
pub(super) struct Kamailio {
    peer: Peer,
    sip: SocketAddr,
}

impl Kamailio {
    /// Starts it: registrations with digest as ours, calls without (a proxy in front of trusted phones, its cheapest case).
    pub(super) fn start() -> Result<Self> {
        let sip = free_port(IpAddr::from([127, 0, 0, 1]))?;
        let peer = Peer::start("kamailio", None, sip, |directory| {
            let file = directory.join("kamailio.cfg");
            fs::write(&file, configuration(sip))?;
            let mut command = Command::new("kamailio");
            // In the foreground, errors to the log, 512 MB of shared memory, 16 MB for each process
            command.args(["-DD", "-E", "-m", "512", "-M", "16", "-w"]).arg(directory).arg("-f").arg(file);
            Ok(command)
        })?;
        Ok(Self { peer, sip })
    }

    pub(super) fn pid(&self) -> u32 {
        self.peer.pid()
    }

    pub(super) const fn sip(&self) -> SocketAddr {
        self.sip
    }
}

/// Without `auto_aliases=no`, `rev_dns=no` and `dns=no` it asks for names at the start, which takes 12 s in a namespace.
/// Two workers: as many as processors. The secret is computed as ours are (see `account`).
fn configuration(sip: SocketAddr) -> String {
    format!(
        r#"#!KAMAILIO
debug=0
log_stderror=yes
fork=yes
children=2
auto_aliases=no
dns=no
rev_dns=no
dns_try_ipv6=no
disable_tcp=yes
listen=udp:{sip}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "maxfwd.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
modparam("usrloc", "db_mode", 0)
modparam("usrloc", "hash_size", 14)
modparam("registrar", "max_contacts", 10)
modparam("auth", "nonce_count", 0)
modparam("auth", "qop", "auth")
request_route {{
  if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
  if (is_method("REGISTER")) {{
    $var(secret) = "Lt7-" + $(au{{s.md5}});
    if (!pv_www_authenticate("pbx.test", "$var(secret)", "0")) {{ www_challenge("pbx.test", "1"); exit; }}
    if (!save("location")) {{ sl_reply_error(); }}
    exit;
  }}
  if (is_method("CANCEL")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
  if (is_method("INVITE") && $rd == "pbx.test") {{
    t_newtran();
    if (!lookup("location")) {{ t_reply("404", "Not Found"); exit; }}
  }}
  if (!t_relay()) {{ sl_reply_error(); }}
}}
"#
    )
}
