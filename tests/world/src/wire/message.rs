//! One message alone: the mandatory headers, the length, and what a second parser makes of it.

use crate::text::{Sip, comma};
use rsip::headers::UntypedHeader as _;
use rsip::message::HeadersExt as _;
use signaling::flow::Transport;

/// Headers that occur once, RFC 3261 table 2.
const ONCE: [&str; 9] =
    ["from", "to", "call-id", "cseq", "max-forwards", "content-length", "content-type", "expires", "min-expires"];

pub(super) fn check(sip: &Sip, bytes: &[u8], transport: Transport) -> Result<(), String> {
    for name in ONCE {
        if sip.all(name).count() > 1 {
            return Err(format!("{name} occurs more than once"));
        }
    }
    for name in ["via", "from", "to", "call-id", "cseq", "content-length"] {
        if sip.text(name).is_empty() {
            return Err(format!("{name} is missing"));
        }
    }
    let length: usize = sip.text("content-length").parse().map_err(|_| "Content-Length is no number".to_owned())?;
    if length != sip.body.len() {
        return Err(format!("Content-Length {length}, body {}", sip.body.len()));
    }
    if length > 0 && sip.get("content-type").is_none() {
        return Err("a body without Content-Type".to_owned());
    }
    match sip.status() {
        Some(status) if !(100..700).contains(&status) => return Err(format!("status {status}")),
        Some(_) => {}
        None => {
            let number = sip.text("cseq").split_whitespace().nth(1).unwrap_or("");
            if number != sip.method() {
                return Err(format!("CSeq says {number}"));
            }
            let hops: u8 = sip.text("max-forwards").parse().map_err(|_| "no Max-Forwards".to_owned())?;
            if hops == 0 || hops > 70 {
                return Err(format!("Max-Forwards {hops}"));
            }
            if !sip.text("via").starts_with(&format!("SIP/2.0/{} ", transport.token())) {
                return Err(format!("a Via of another transport than {transport}"));
            }
        }
    }
    if bytes.is_ascii() && !sip.start.contains('[') && comma(sip.text("contact")).len() < 2 {
        second_opinion(sip, bytes)?;
    }
    Ok(())
}

/// `rsip` reads the same message; both must agree on what identifies it.
fn second_opinion(sip: &Sip, bytes: &[u8]) -> Result<(), String> {
    const KNOWN: [&str; 10] =
        ["INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "UPDATE", "INFO", "MESSAGE", "NOTIFY"];
    if !KNOWN.contains(&sip.method()) {
        return Ok(());
    }
    let other = rsip::SipMessage::try_from(bytes).map_err(|e| format!("rsip cannot read it: {e}"))?;
    let agree = |name: &str, theirs: &str, ours: &str| {
        if theirs.trim() == ours { Ok(()) } else { Err(format!("rsip reads {name} {theirs}, the text says {ours}")) }
    };
    let broken = |e: rsip::Error| format!("rsip misses a header: {e}");
    agree("Call-ID", other.call_id_header().map_err(broken)?.value(), sip.text("call-id"))?;
    agree("CSeq", other.cseq_header().map_err(broken)?.value(), sip.text("cseq"))?;
    agree("From", other.from_header().map_err(broken)?.value(), sip.text("from"))?;
    agree("To", other.to_header().map_err(broken)?.value(), sip.text("to"))?;
    match (&other, sip.status()) {
        (rsip::SipMessage::Request(request), None) => agree("method", &request.method.to_string(), sip.method()),
        (rsip::SipMessage::Response(response), Some(status)) => {
            agree("status", &response.status_code.code().to_string(), &status.to_string())
        }
        (rsip::SipMessage::Request(_) | rsip::SipMessage::Response(_), _) => {
            Err("rsip takes a request for a response".to_owned())
        }
    }
}
