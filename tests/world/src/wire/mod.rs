//! What the exchange sends, judged from outside: each message alone (`message`), each transaction, each dialog, and what it owes.
//!
//! It sees what reached the exchange and what left it, never the exchange's inside. RFC 3261 sections 8, 9, 12, 13 and 17.

mod duty;
mod message;

use crate::{
    net::{Findings, Net},
    text::Sip,
};
use contract::Instant;
use duty::{Confirmed, LIFE, Owed};
use signaling::flow::{ConnectionId, Flow};
use std::collections::{BTreeMap, BTreeSet};

/// Branch and method.
type Key = (String, String);

/// A request that reached the exchange.
#[derive(Debug)]
struct Asked {
    at: Instant,
    /// First final status sent, and its bytes.
    answered: Option<(u16, Vec<u8>)>,
    said_at: Option<Instant>,
    vias: usize,
    to_tag: Option<String>,
}

/// A request that the exchange sent.
#[derive(Debug)]
struct Sent {
    bytes: Vec<u8>,
    call_id: String,
    from_tag: String,
    cseq: u32,
    has_sdp: bool,
    in_dialog: bool,
    /// The stream it went by; `Some` and in `lost`: its transaction ended with the stream, and what answers it later is a stray.
    stream: Option<ConnectionId>,
    at: Instant,
    /// When the first response came.
    heard_at: Option<Instant>,
    /// When the first 2xx came.
    accepted_at: Option<Instant>,
    /// When it was given up.
    cancelled_at: Option<Instant>,
}

/// All traffic of one run.
#[derive(Debug)]
pub(crate) struct Wire {
    /// Hosts that our Via may name.
    advertised: Vec<String>,
    secrets: Vec<String>,
    asked: BTreeMap<Key, Asked>,
    sent: BTreeMap<Key, Sent>,
    /// Last CSeq the exchange used in a dialog, by Call-ID and both tags.
    sequence: BTreeMap<[String; 3], u32>,
    /// 2xx to INVITE that the exchange sent and must repeat until the ACK.
    repeating: BTreeMap<Key, Owed>,
    /// 2xx to INVITE that reached the exchange: each must be acknowledged, and its dialog ended some day.
    confirmed: BTreeMap<(String, String), Confirmed>,
    /// Dialogs, by Call-ID, in which BYE went either way.
    ended: BTreeMap<(String, String), Instant>,
    /// INVITEs whose 2xx was acknowledged, by Call-ID, the phone's tag and CSeq.
    acknowledged: BTreeSet<((String, String), u32)>,
    /// Streams that broke.
    lost: BTreeSet<ConnectionId>,
    /// Messages judged.
    pub(crate) judged: u64,
    /// The last judged message was sent before, byte for byte.
    pub(crate) repeated: bool,
}

impl Wire {
    pub(crate) fn new(advertised: Vec<String>, secrets: Vec<String>) -> Self {
        Self {
            advertised,
            secrets,
            asked: BTreeMap::new(),
            sent: BTreeMap::new(),
            sequence: BTreeMap::new(),
            repeating: BTreeMap::new(),
            confirmed: BTreeMap::new(),
            ended: BTreeMap::new(),
            acknowledged: BTreeSet::new(),
            lost: BTreeSet::new(),
            judged: 0,
            repeated: false,
        }
    }

    /// A whole message reached the exchange.
    pub(crate) fn delivered(&mut self, now: Instant, message: &Sip) {
        let key = (message.branch().to_owned(), message.method().to_owned());
        if let Some(status) = message.status() {
            if let Some(sent) = self.sent.get_mut(&key) {
                sent.heard_at.get_or_insert(now);
                if (200..300).contains(&status) {
                    sent.accepted_at.get_or_insert(now);
                }
            }
            if key.1 == "INVITE" && (200..300).contains(&status) {
                self.owe_acknowledgement(now, &key, message);
            }
            if key.1 == "BYE" && status >= 200 {
                self.end(now, message);
            }
            return;
        }
        if !key.0.starts_with("z9hG4bK") {
            return;
        }
        match key.1.as_str() {
            "ACK" => self.acknowledged(message),
            "BYE" => self.end(now, message),
            _ => {}
        }
        if key.1 != "ACK" {
            let vias = message.all("via").count();
            self.asked.entry(key).or_insert(Asked {
                at: now,
                answered: None,
                said_at: None,
                vias,
                to_tag: message.to_tag().map(str::to_owned),
            });
        }
    }

    /// Whether the request of this branch was an INVITE outside a dialog.
    pub(crate) fn was_first_invite(&self, branch: &str) -> bool {
        self.asked.get(&(branch.to_owned(), "INVITE".to_owned())).is_some_and(|a| a.to_tag.is_none())
    }

    /// A stream broke.
    pub(crate) fn stream_lost(&mut self, stream: ConnectionId) {
        self.lost.insert(stream);
    }

    fn end(&mut self, now: Instant, message: &Sip) {
        let call_id = message.text("call-id").to_owned();
        for tag in [message.sender_tag(), message.to_tag()].into_iter().flatten() {
            self.ended.entry((call_id.clone(), tag.to_owned())).or_insert(now);
        }
    }

    /// The exchange sent something that is no keep-alive.
    pub(crate) fn transmitted(&mut self, now: Instant, flow: Flow, bytes: &[u8], found: &mut Findings) -> Option<Sip> {
        self.judged += 1;
        self.repeated = false;
        if let Some(secret) = self.secrets.iter().find(|s| bytes.windows(s.len()).any(|w| w == s.as_bytes())) {
            found.add(Net::Wire, format!("a secret went out: {secret}"));
        }
        let Some(sip) = Sip::parse(bytes) else {
            found.add(Net::Wire, format!("unreadable: {}", String::from_utf8_lossy(bytes)));
            return None;
        };
        if let Err(wrong) = message::check(&sip, bytes, flow.transport) {
            found.add(Net::Wire, format!("{wrong}: {}", String::from_utf8_lossy(bytes)));
        }
        let outcome =
            if sip.status().is_some() { self.response(now, &sip, bytes) } else { self.request(now, &sip, flow, bytes) };
        if let Err(wrong) = outcome {
            found.add(Net::Wire, format!("{wrong}: {}", String::from_utf8_lossy(bytes)));
        }
        Some(sip)
    }

    fn response(&mut self, now: Instant, sip: &Sip, bytes: &[u8]) -> Result<(), String> {
        let status = sip.status().unwrap_or(0);
        let key = (sip.branch().to_owned(), sip.method().to_owned());
        if key.1 == "ACK" {
            return Err("a response to ACK".to_owned());
        }
        if !key.0.starts_with("z9hG4bK") {
            return Ok(());
        }
        let Some(asked) = self.asked.get_mut(&key) else {
            return Err("a response to a request that never came".to_owned());
        };
        if sip.all("via").count() != asked.vias {
            return Err("not the Vias of the request".to_owned());
        }
        // RFC 3261 section 8.2.6.2: the To tag of the request stays; without one every response but 100 gets one.
        match (&asked.to_tag, sip.to_tag()) {
            (Some(asked), tag) if tag != Some(asked) => return Err("the To tag of the request changed".to_owned()),
            (None, None) if status > 100 => return Err("no To tag".to_owned()),
            (Some(_) | None, _) => {}
        }
        match &asked.answered {
            // RFC 3261 section 17.2: one final answer a transaction; only its repetition may follow.
            Some((first, _)) if status < 200 => return Err(format!("a provisional answer after the final {first}")),
            // Timer J and timer L have passed: a late repetition of the request is a request of its own.
            Some((_, known)) if known != bytes && asked.said_at.is_some_and(|at| now.since(at) > LIFE) => {}
            Some((first, known)) if known != bytes => {
                return Err(format!("a second final answer, the first was {first}"));
            }
            Some(_) => self.repeated = true,
            None if status >= 200 => {
                asked.answered = Some((status, bytes.to_vec()));
                asked.said_at = Some(now);
            }
            None => {}
        }
        if key.1 == "INVITE" && (200..300).contains(&status) {
            if sip.get("contact").is_none() {
                return Err("a 2xx to INVITE without Contact".to_owned());
            }
            self.repeats(now, key, sip);
        }
        Ok(())
    }

    fn request(&mut self, now: Instant, sip: &Sip, flow: Flow, bytes: &[u8]) -> Result<(), String> {
        let key = (sip.branch().to_owned(), sip.method().to_owned());
        let via = sip.text("via");
        // RFC 3261 section 18.1.1: the top Via is ours.
        if sip.all("via").count() != 1 || !self.advertised.iter().any(|host| via.contains(host.as_str())) {
            return Err("the Via is not ours".to_owned());
        }
        if !key.0.starts_with("z9hG4bK") {
            return Err("a branch without the cookie of RFC 3261 section 8.1.1.7".to_owned());
        }
        if self.sent.contains_key(&key) {
            self.repeated = true;
            if key.1 == "ACK" {
                self.acknowledge(sip)?;
            }
            let sent = &self.sent[&key];
            // RFC 3261 section 18.1.1: a large request that TCP refuses goes by UDP after all; only its Via tells them apart.
            let same = sent.bytes == bytes || without_transport(&sent.bytes) == without_transport(bytes);
            return if same { Ok(()) } else { Err("a branch is used for two requests".to_owned()) };
        }
        let (call_id, from_tag) = (sip.text("call-id").to_owned(), sip.sender_tag().unwrap_or("").to_owned());
        if from_tag.is_empty() {
            return Err("no From tag".to_owned());
        }
        match key.1.as_str() {
            "CANCEL" => self.check_cancel(now, &key, sip)?,
            "ACK" => {
                self.acknowledge(sip)?;
            }
            _ => {
                // RFC 3261 section 12.2.1.1: the number grows by each request of a dialog.
                let dialog = [call_id.clone(), from_tag.clone(), sip.to_tag().unwrap_or("").to_owned()];
                let last = self.sequence.entry(dialog).or_insert(0);
                // A 2xx that comes again after its dialog is forgotten is ended anew, with the number it was ended with before.
                let anew = key.1 == "BYE" && sip.cseq() == *last;
                if sip.cseq() <= *last && !anew {
                    return Err(format!("CSeq {} after {last}", sip.cseq()));
                }
                *last = sip.cseq();
            }
        }
        if key.1 == "BYE" {
            self.end(now, sip);
        }
        if matches!(key.1.as_str(), "INVITE" | "UPDATE") && sip.get("contact").is_none() {
            return Err("no Contact".to_owned());
        }
        let sent = Sent {
            bytes: bytes.to_vec(),
            call_id,
            from_tag,
            cseq: sip.cseq(),
            has_sdp: sip.has_sdp(),
            in_dialog: sip.to_tag().is_some(),
            stream: flow.connection,
            at: now,
            heard_at: None,
            accepted_at: None,
            cancelled_at: None,
        };
        self.sent.insert(key, sent);
        Ok(())
    }

    /// RFC 3261 section 9.1: a CANCEL looks like its INVITE.
    fn check_cancel(&mut self, now: Instant, key: &Key, sip: &Sip) -> Result<(), String> {
        let Some(invite) = self.sent.get_mut(&(key.0.clone(), "INVITE".to_owned())) else {
            return Err("a CANCEL without its INVITE".to_owned());
        };
        if invite.cseq != sip.cseq() || invite.call_id != sip.text("call-id") {
            return Err("a CANCEL that does not match its INVITE".to_owned());
        }
        invite.cancelled_at = Some(now);
        Ok(())
    }
}

/// A request as text, whatever its Via says of the transport and the port.
fn without_transport(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    text.split("\r\n")
        .map(|line| match line.strip_prefix("Via: ").and_then(|via| via.split_once(";")) {
            Some((_, parameters)) => parameters.to_owned(),
            None => line.to_owned(),
        })
        .collect()
}
