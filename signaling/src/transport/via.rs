//! What becomes of the topmost Via of a request on its way back: RFC 3261 section 18.2.1, RFC 3581 section 4.

use crate::{flow::Transport, message::Via};
use core::net::{IpAddr, SocketAddr};
use std::io::Write as _;

/// The port of a sent-by that names none, RFC 3261 section 18.2.2. Of transports with another default nobody is connected to for an answer.
const PORT_DEFAULT: u16 = Transport::Udp.port_default();

/// The port that the answer goes to at the address the request came from: the source port if `rport` asks for it, else that of sent-by.
///
// Deviates: RFC 3261 section 18.2.2 sends answers to `maddr` if there is one. It is ignored: it would let anyone aim our answers at a third party,
// and multicast is not served.
pub(crate) fn reply_port(via: &Via<'_>, source: SocketAddr) -> u16 {
    match via.rport() {
        Some(_) => source.port(),
        None => via.port().unwrap_or(PORT_DEFAULT),
    }
}

/// Appends the Via value with `received` and `rport` as they are from our side; those that the sender wrote are not believed.
pub(crate) fn stamp(value: &[u8], via: &Via<'_>, source: SocketAddr, out: &mut Vec<u8>) {
    let params = via.params().as_bytes();
    let (sent, params) = value.split_at(value.len().saturating_sub(params.len()));
    unfold(sent, out);
    for param in split(params) {
        let name = param.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
        if name.eq_ignore_ascii_case(b"received") || name.eq_ignore_ascii_case(b"rport") {
            continue;
        }
        out.push(b';');
        unfold(param, out);
    }
    // RFC 3581 section 4: with `rport` both are written, even if they say nothing new. RFC 3261 section 18.2.1: `received` where the host in sent-by
    // is a name or another address.
    let wants_port = via.rport().is_some();
    if wants_port || via.host().ip() != Some(source.ip()) {
        // Memory takes everything; the result says nothing.
        let _ = match source.ip() {
            IpAddr::V4(address) => write!(out, ";received={address}"),
            // RFC 5118 section 4.5: without brackets.
            IpAddr::V6(address) => write!(out, ";received={address}"),
        };
    }
    if wants_port {
        let _ = write!(out, ";rport={}", source.port());
    }
}

/// The parameters between semicolons that stand outside quotes, without white space around.
fn split(params: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    params
        .split(move |byte| {
            let was_escaped = core::mem::take(&mut escaped);
            match byte {
                b'\\' if quoted && !was_escaped => escaped = true,
                b'"' if !was_escaped => quoted = !quoted,
                b';' if !quoted => return true,
                _ => {}
            }
            false
        })
        .map(<[u8]>::trim_ascii)
        .filter(|param| !param.is_empty())
}

/// Appends bytes without white space around them and with line ends as spaces.
fn unfold(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(bytes.trim_ascii());
    for byte in &mut out[start..] {
        if matches!(byte, b'\r' | b'\n') {
            *byte = b' ';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamped(value: &str, source: &str) -> (String, u16) {
        let via = Via::parse(value.as_bytes()).expect("a Via");
        let source = source.parse().expect("an address");
        let mut out = Vec::new();
        stamp(value.as_bytes(), &via, source, &mut out);
        (String::from_utf8(out).expect("text"), reply_port(&via, source))
    }

    #[test]
    fn answers_find_the_way_back() {
        let table = [
            // RFC 3261 section 18.2.1: nothing to add when sent-by is where it came from; the answer goes to sent-by.
            (
                "SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK1",
                "192.0.2.1:9",
                "SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK1",
                5070,
            ),
            ("SIP/2.0/UDP 192.0.2.1", "192.0.2.1:5060", "SIP/2.0/UDP 192.0.2.1", 5060),
            // RFC 3261 section 18.2.1: another address, or a name.
            ("SIP/2.0/UDP 10.0.0.1;branch=b", "192.0.2.1:9", "SIP/2.0/UDP 10.0.0.1;branch=b;received=192.0.2.1", 5060),
            (
                "SIP/2.0/UDP phone.test;branch=b",
                "192.0.2.1:9",
                "SIP/2.0/UDP phone.test;branch=b;received=192.0.2.1",
                5060,
            ),
            // RFC 3581 section 4.
            (
                "SIP/2.0/UDP 192.0.2.1:5070;rport;branch=b",
                "192.0.2.1:5070",
                "SIP/2.0/UDP 192.0.2.1:5070;branch=b;received=192.0.2.1;rport=5070",
                5070,
            ),
            (
                "SIP/2.0/UDP 10.0.0.1;rport=1;branch=b",
                "192.0.2.1:9",
                "SIP/2.0/UDP 10.0.0.1;branch=b;received=192.0.2.1;rport=9",
                9,
            ),
            // What the sender claims about itself is not believed.
            (
                "SIP/2.0/UDP 10.0.0.1;received=198.51.100.7;branch=b",
                "192.0.2.1:9",
                "SIP/2.0/UDP 10.0.0.1;branch=b;received=192.0.2.1",
                5060,
            ),
            // maddr does not lead anywhere, quotes and white space are kept in order.
            (
                "SIP / 2.0 / UDP 192.0.2.1 : 5062 ; maddr=224.0.1.75 ;x=\"a;received=b\" ; branch=b",
                "192.0.2.1:9",
                "SIP / 2.0 / UDP 192.0.2.1 : 5062;maddr=224.0.1.75;x=\"a;received=b\";branch=b",
                5062,
            ),
            // RFC 5118 section 4.5.
            (
                "SIP/2.0/UDP [2001:db8::9]:7;branch=b",
                "[2001:db8::1]:9",
                "SIP/2.0/UDP [2001:db8::9]:7;branch=b;received=2001:db8::1",
                7,
            ),
        ];
        for (value, source, want, port) in table {
            assert_eq!(stamped(value, source), (want.to_owned(), port), "{value}");
        }
    }
}
