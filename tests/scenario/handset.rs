//! A telephone that says exactly what a test lets it say, polite or not: wrong addresses, odd spellings, any description, any order. What comes
//! is kept until somebody asks for it, so that a test may wait for things in its own order.

use crate::{
    exchange::{Exchange, Home, PATIENCE},
    message::Message,
    phone::{Phone, serial},
};
use std::{
    collections::{BTreeSet, VecDeque},
    net::{SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

/// Media ports of an exchange that has a few calls.
pub(crate) const PORTS: u16 = 60;

/// A directory like every other, with `server` added to that section and `boris` to the account 1002.
pub(crate) fn home(server: &str, boris: &str) -> Home {
    let home = Home::new(PORTS);
    if !server.is_empty() {
        home.edit("  domain: pbx.test\n", &format!("  domain: pbx.test\n  {server}\n"));
    }
    if !boris.is_empty() {
        home.edit("\"Qs8-second-wheel-4\"", &format!("\"Qs8-second-wheel-4\", {boris}"));
    }
    home
}

/// A telephone.
pub(crate) struct Handset {
    pub(crate) sip: UdpSocket,
    pub(crate) rtp: UdpSocket,
    pub(crate) exchange: SocketAddr,
    pub(crate) number: &'static str,
    user: &'static str,
    secret: &'static str,
    /// Where it hears SIP when that is not where it speaks from.
    pub(crate) inbox: Option<UdpSocket>,
    /// Host and port it writes into Via and Contact.
    pub(crate) claims: String,
    /// Whether its Via asks for `rport`.
    pub(crate) rport: bool,
    /// The address and port it writes into descriptions.
    pub(crate) ear: SocketAddr,
    /// Payload types of its descriptions, preferred first.
    pub(crate) formats: &'static [u8],
    waiting: VecDeque<Message>,
    seen: BTreeSet<String>,
}

/// One side of a dialog.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    call_id: String,
    local: String,
    remote: String,
    target: String,
    cseq: u32,
    /// Where the other side hears.
    pub(crate) hears: Option<SocketAddr>,
}

/// A request of ours that begins something.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    text: String,
    call_id: String,
    pub(crate) cseq: u32,
}

impl Talk {
    /// The call as it is before it is answered, for who placed it.
    pub(crate) fn of(progress: &Message) -> Self {
        Self {
            call_id: progress.field("Call-ID").to_owned(),
            local: progress.field("From").to_owned(),
            remote: progress.field("To").to_owned(),
            target: progress.target(),
            cseq: progress.cseq().0,
            hears: progress.ear(),
        }
    }

    /// The dialog as Replaces in a URI names it to its other side (RFC 3891 section 6.1).
    pub(crate) fn replaces(&self) -> String {
        let tag = |value: &str| value.split(";tag=").nth(1).unwrap().to_owned();
        let value = format!("{};to-tag={};from-tag={}", self.call_id, tag(&self.remote), tag(&self.local));
        value.replace(';', "%3B").replace('=', "%3D").replace('@', "%40")
    }
}

impl Asked {
    pub(crate) fn call_id(&self) -> &str {
        &self.call_id
    }
}

pub(crate) fn bound() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").unwrap()
}

impl Handset {
    pub(crate) fn new(exchange: &Exchange, number: &'static str, user: &'static str, secret: &'static str) -> Self {
        let (sip, rtp) = (bound(), bound());
        let (claims, ear) = (sip.local_addr().unwrap().to_string(), rtp.local_addr().unwrap());
        let exchange = exchange.sip;
        let (waiting, seen) = (VecDeque::new(), BTreeSet::new());
        Self {
            sip,
            rtp,
            exchange,
            number,
            user,
            secret,
            inbox: None,
            claims,
            rport: true,
            ear,
            formats: &[0, 101],
            waiting,
            seen,
        }
    }

    pub(crate) fn alice(exchange: &Exchange) -> Self {
        Self::new(exchange, "1001", "alice", "Kf3-first-wheel-9")
    }

    pub(crate) fn boris(exchange: &Exchange) -> Self {
        Self::new(exchange, "1002", "1002", "Qs8-second-wheel-4")
    }

    pub(crate) fn carol(exchange: &Exchange) -> Self {
        Self::new(exchange, "1003", "1003", "Zt5-third-wheel-2")
    }

    pub(crate) fn registered(mut self) -> Self {
        let answer = self.register("3600", "");
        assert_eq!(answer.status(), 200, "{answer:?}");
        self
    }

    /// Where it really is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.sip.local_addr().unwrap()
    }

    pub(crate) fn contact(&self) -> String {
        format!("<sip:{}@{}>", self.number, self.claims)
    }

    // ── Asking ──

    /// Registers its Contact; the final answer.
    pub(crate) fn register(&mut self, expires: &str, more: &str) -> Message {
        let more = format!("Contact: {}\r\nExpires: {expires}\r\n{more}", self.contact());
        self.ask("REGISTER", "sip:pbx.test", self.number, &more)
    }

    /// Asks for something that is no call; with credentials when they are wanted. The final answer.
    pub(crate) fn ask(&mut self, method: &str, uri: &str, to: &str, more: &str) -> Message {
        let asked = self.begin(method, uri, to, more, "");
        self.final_answer(&asked)
    }

    /// Calls with its own description.
    pub(crate) fn dial(&mut self, number: &str) -> Asked {
        let body = self.description("sendrecv");
        self.dial_with(number, "", &body)
    }

    /// Calls with header lines and a description, or none, of the test's choice.
    pub(crate) fn dial_with(&mut self, number: &str, more: &str, body: &str) -> Asked {
        let more = format!("Contact: {}\r\n{more}", self.contact());
        self.begin("INVITE", &format!("sip:{number}@pbx.test"), number, &more, body)
    }

    /// As [`Self::ask`], with a body; the answer is fetched by [`Self::final_answer`].
    pub(crate) fn begin(&mut self, method: &str, uri: &str, to: &str, more: &str, body: &str) -> Asked {
        let (call_id, tag) = (format!("c-{}@phone", serial()), format!("t{}", serial()));
        let from = format!("<sip:{}@pbx.test>;tag={tag}", self.number);
        let write = |phone: &Self, cseq: u32, more: &str| {
            phone.compose(method, uri, (&from, &format!("<sip:{to}@pbx.test>")), (&call_id, cseq), more, body)
        };
        let mut asked = Asked { text: write(self, 1, more), call_id: call_id.clone(), cseq: 1 };
        self.send(&asked.text);
        let first = self.wait(|message| answers(message, &asked) && message.status() != 100);
        if first.status() != 401 {
            // Not what was expected of it; whoever waits for it finds it.
            self.waiting.push_front(first);
            return asked;
        }
        if method == "INVITE" {
            self.send(&acknowledgement(&asked.text, &first));
        }
        let proof = Phone::credentials((self.user, self.secret), first.field("WWW-Authenticate"), method, uri);
        asked = Asked { text: write(self, 2, &format!("{proof}{more}")), call_id, cseq: 2 };
        self.send(&asked.text);
        asked
    }

    /// Calls as somebody whom the exchange knows by his address: nobody asks for proof, and no answer is waited for. `from` is his From without tag.
    pub(crate) fn call_in(&mut self, number: &str, from: &str, more: &str) -> Asked {
        self.call_in_to(number, from, &format!("<sip:{number}@pbx.test>"), more)
    }

    /// As [`Self::call_in`], with a To of its own.
    pub(crate) fn call_in_to(&mut self, number: &str, from: &str, to: &str, more: &str) -> Asked {
        let (call_id, from) = (format!("c-{}@carrier", serial()), format!("{from};tag=t{}", serial()));
        let (uri, more) = (format!("sip:{number}@pbx.test"), format!("Contact: {}\r\n{more}", self.contact()));
        let text = self.compose("INVITE", &uri, (&from, to), (&call_id, 1), &more, &self.description("sendrecv"));
        self.send(&text);
        Asked { text, call_id, cseq: 1 }
    }

    /// Takes it back; the answer to the CANCEL must be 200.
    pub(crate) fn cancel(&mut self, asked: &Asked) {
        let keep = |name: &str| line_of(&asked.text, name);
        let uri = asked.text.split(' ').nth(1).unwrap();
        self.send(&format!(
            "CANCEL {uri} SIP/2.0\r\nVia:{}\r\nFrom:{}\r\nTo:{}\r\nCall-ID:{}\r\nCSeq: {} CANCEL\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            keep("Via"),
            keep("From"),
            keep("To"),
            keep("Call-ID"),
            asked.cseq
        ));
        let answer = self.wait(|message| message.status() >= 200 && message.cseq() == (asked.cseq, "CANCEL"));
        assert_eq!(answer.status(), 200, "{answer:?}");
    }

    /// Waits for a provisional answer of this status.
    pub(crate) fn progress(&mut self, asked: &Asked, status: u16) -> Message {
        self.wait(|message| answers(message, asked) && message.status() == status)
    }

    /// Waits for the final answer; a refused INVITE is acknowledged.
    pub(crate) fn final_answer(&mut self, asked: &Asked) -> Message {
        let answer = self.wait(|message| answers(message, asked) && message.status() >= 200);
        if answer.method() == "INVITE" && answer.status() >= 300 {
            self.send(&acknowledgement(&asked.text, &answer));
        }
        answer
    }

    /// Waits for the refusal; its status.
    pub(crate) fn refused(&mut self, asked: &Asked) -> u16 {
        let answer = self.final_answer(asked);
        assert!(answer.status() >= 300, "{answer:?}");
        answer.status()
    }

    /// Waits for 200 and acknowledges it.
    pub(crate) fn connected(&mut self, asked: &Asked) -> Talk {
        let answer = self.final_answer(asked);
        self.acknowledge(asked, &answer, "")
    }

    /// Acknowledges a 200, with a description if the 200 was an offer.
    pub(crate) fn acknowledge(&mut self, asked: &Asked, answer: &Message, body: &str) -> Talk {
        assert_eq!(answer.status(), 200, "{answer:?}");
        let talk = Talk {
            call_id: asked.call_id.clone(),
            local: answer.field("From").to_owned(),
            remote: answer.field("To").to_owned(),
            target: answer.target(),
            cseq: asked.cseq,
            hears: answer.ear(),
        };
        self.send(&self.within("ACK", &talk, talk.cseq, "", body));
        talk
    }

    // ── Being asked ──

    /// Waits to be called.
    pub(crate) fn called(&mut self) -> Message {
        self.wait(|message| message.is_request("INVITE") && !message.in_dialog())
    }

    /// Waits for a request.
    pub(crate) fn request(&mut self, method: &str) -> Message {
        self.wait(|message| message.is_request(method))
    }

    /// Waits for the ACK to a 2xx of ours.
    pub(crate) fn acknowledged(&mut self, request: &Message) -> Message {
        let number = request.cseq().0;
        self.wait(|message| message.is_request("ACK") && message.cseq().0 == number && same_call(message, request))
    }

    /// Answers without a description.
    pub(crate) fn say(&self, request: &Message, status: u16) {
        self.say_with(request, status, "", "");
    }

    /// Answers with header lines and a description.
    pub(crate) fn say_with(&self, request: &Message, status: u16, more: &str, body: &str) {
        let mut text = format!("SIP/2.0 {status} So\r\n");
        for name in ["Via", "Record-Route"] {
            for value in request.all(name) {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        let to = self.as_callee(request);
        text.push_str(&format!("To: {to}\r\n"));
        for name in ["From", "Call-ID", "CSeq"] {
            text.push_str(&format!("{name}: {}\r\n", request.field(name)));
        }
        if !more.contains("Contact:") {
            text.push_str(&format!("Contact: {}\r\n", self.contact()));
        }
        text.push_str(more);
        self.send(&with_body(&text, body));
    }

    /// Takes the call with its own description; waits for the ACK.
    pub(crate) fn take(&mut self, invite: &Message) -> Talk {
        let body = self.description("sendrecv");
        self.say_with(invite, 200, "Allow: INVITE, ACK, BYE, CANCEL, UPDATE, INFO\r\n", &body);
        self.taken(invite)
    }

    /// Takes the call and does not wait for the ACK.
    pub(crate) fn say_taken(&mut self, invite: &Message) -> Talk {
        let body = self.description("sendrecv");
        self.say_with(invite, 200, "", &body);
        self.ringing_talk(invite)
    }

    /// Its answer was 200; waits for the ACK.
    pub(crate) fn taken(&mut self, invite: &Message) -> Talk {
        let ack = self.acknowledged(invite);
        let talk = self.ringing_talk(invite);
        Talk { hears: ack.ear().or(talk.hears), ..talk }
    }

    /// The call as it is before its answer is acknowledged.
    pub(crate) fn ringing_talk(&self, invite: &Message) -> Talk {
        Talk {
            call_id: invite.field("Call-ID").to_owned(),
            local: self.as_callee(invite),
            remote: invite.field("From").to_owned(),
            target: invite.target(),
            cseq: 0,
            hears: invite.ear(),
        }
    }

    fn as_callee(&self, request: &Message) -> String {
        let to = request.field("To");
        if request.in_dialog() { to.to_owned() } else { format!("{to};tag=of-{}", self.number) }
    }

    // ── Within a call ──

    /// Sends a request within the call; the final answer, acknowledged if it is one to an INVITE.
    pub(crate) fn change(&mut self, talk: &mut Talk, method: &str, more: &str, body: &str) -> Message {
        let asked = self.begin_change(talk, method, more, body);
        self.end_change(talk, &asked)
    }

    /// Sends a request within the call.
    pub(crate) fn begin_change(&mut self, talk: &mut Talk, method: &str, more: &str, body: &str) -> Asked {
        talk.cseq += 1;
        let more = format!("Contact: {}\r\n{more}", self.contact());
        let text = self.within(method, talk, talk.cseq, &more, body);
        self.send(&text);
        Asked { text, call_id: talk.call_id.clone(), cseq: talk.cseq }
    }

    /// Waits for what becomes of it.
    pub(crate) fn end_change(&mut self, talk: &mut Talk, asked: &Asked) -> Message {
        let answer = self.final_answer(asked);
        if answer.method() == "INVITE" && answer.status() == 200 {
            self.send(&self.within("ACK", talk, asked.cseq, "", ""));
        }
        if answer.status() == 200 {
            talk.hears = answer.ear().or(talk.hears);
        }
        answer
    }

    pub(crate) fn hang_up(&mut self, talk: &mut Talk) {
        let answer = self.change(talk, "BYE", "", "");
        assert_eq!(answer.status(), 200, "{answer:?}");
    }

    pub(crate) fn hung_up_on(&mut self) {
        let bye = self.request("BYE");
        self.say(&bye, 200);
    }

    // ── Text ──

    /// Its description, with a direction.
    pub(crate) fn description(&self, direction: &str) -> String {
        let words: Vec<String> = self.formats.iter().map(ToString::to_string).collect();
        let names: String =
            self.formats.iter().map(|format| format!("a=rtpmap:{format} {}\r\n", coding(*format))).collect();
        let ip = self.ear.ip();
        format!(
            "v=0\r\no=- {n} {n} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {} RTP/AVP {}\r\n{names}a={direction}\r\n",
            self.ear.port(),
            words.join(" "),
            n = serial(),
        )
    }

    fn within(&self, method: &str, talk: &Talk, cseq: u32, more: &str, body: &str) -> String {
        self.compose(method, &talk.target, (&talk.local, &talk.remote), (&talk.call_id, cseq), more, body)
    }

    fn compose(
        &self,
        method: &str,
        uri: &str,
        (from, to): (&str, &str),
        (call_id, cseq): (&str, u32),
        more: &str,
        body: &str,
    ) -> String {
        let rport = if self.rport { ";rport" } else { "" };
        let head = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bK-h{}{rport}\r\nMax-Forwards: 70\r\nFrom: {from}\r\n\
             To: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n{more}",
            self.claims,
            serial(),
        );
        with_body(&head, body)
    }

    // ── The wire ──

    pub(crate) fn send(&self, text: &str) {
        self.sip.send_to(text.as_bytes(), self.exchange).unwrap();
    }

    /// Waits for a message; others are kept for whoever asks for them later, and a repeated request is one.
    pub(crate) fn wait(&mut self, wanted: impl Fn(&Message) -> bool) -> Message {
        self.wait_for(PATIENCE, wanted)
    }

    /// As [`Handset::wait`], with the patience that the matter needs.
    pub(crate) fn wait_for(&mut self, patience: Duration, wanted: impl Fn(&Message) -> bool) -> Message {
        let found = self.wait_within(patience, wanted);
        found.unwrap_or_else(|| panic!("{} waits in vain; unread: {:#?}", self.number, self.waiting))
    }

    /// As [`Handset::wait`]; `None`: no such message came in that time.
    pub(crate) fn wait_within(&mut self, patience: Duration, wanted: impl Fn(&Message) -> bool) -> Option<Message> {
        if let Some(at) = self.waiting.iter().position(&wanted) {
            return self.waiting.remove(at);
        }
        let until = Instant::now() + patience;
        let mut buffer = vec![0; 65_536];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let inbox = self.inbox.as_ref().unwrap_or(&self.sip);
            inbox.set_read_timeout(Some(left)).unwrap();
            let Ok((length, _)) = inbox.recv_from(&mut buffer) else { continue };
            let message = Message::read(&buffer[..length]);
            if message.status() == 0 && !self.seen.insert(format!("{} {}", message.method(), message.field("Via"))) {
                continue;
            }
            if wanted(&message) {
                return Some(message);
            }
            self.waiting.push_back(message);
        }
    }

    /// Whether such a message has come and was not asked for. Says nothing of what may still come.
    pub(crate) fn has_unread(&self, wanted: impl Fn(&Message) -> bool) -> bool {
        self.waiting.iter().any(wanted)
    }
}

fn answers(message: &Message, asked: &Asked) -> bool {
    message.status() > 0
        && message.field("Call-ID") == asked.call_id
        && message.cseq().0 == asked.cseq
        && message.method() != "CANCEL"
}

fn same_call(one: &Message, other: &Message) -> bool {
    one.field("Call-ID") == other.field("Call-ID")
}

/// RFC 3551 section 6, and two dynamic ones.
fn coding(format: u8) -> &'static str {
    match format {
        0 => "PCMU/8000",
        8 => "PCMA/8000",
        9 => "G722/8000",
        18 => "G729/8000",
        96 => "opus/48000/2",
        97 => "iLBC/8000",
        _ => "telephone-event/8000",
    }
}

fn with_body(head: &str, body: &str) -> String {
    let kind = if body.is_empty() || head.contains("Content-Type:") { "" } else { "Content-Type: application/sdp\r\n" };
    // A test that writes its own length means it.
    if head.contains("\r\nl: ") {
        return format!("{head}{kind}\r\n{body}");
    }
    format!("{head}{kind}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn line_of<'t>(text: &'t str, name: &str) -> &'t str {
    let start = format!("{name}:");
    text.lines().find_map(|line| line.strip_prefix(start.as_str())).unwrap()
}

/// The ACK to a refusal, RFC 3261 section 17.1.1.3.
fn acknowledgement(invite: &str, answer: &Message) -> String {
    format!(
        "ACK {} SIP/2.0\r\nVia:{}\r\nMax-Forwards: 70\r\nFrom:{}\r\nTo: {}\r\nCall-ID:{}\r\nCSeq: {} ACK\r\nContent-Length: 0\r\n\r\n",
        invite.split(' ').nth(1).unwrap(),
        line_of(invite, "Via"),
        line_of(invite, "From"),
        answer.field("To"),
        line_of(invite, "Call-ID"),
        answer.cseq().0,
    )
}
