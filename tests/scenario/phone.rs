//! A telephone on a socket, scripted step by step. What it reads goes through `rsip`, another's parser.

use crate::{exchange::Exchange, line::Line, sound};
use rsip::{Method, Request, Response, SipMessage, headers::auth::AuthQop, prelude::*, services::DigestGenerator};
use std::{
    collections::BTreeSet,
    io::ErrorKind,
    net::{SocketAddr, UdpSocket},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

/// An IPv6 reference, which `rsip` cannot read, and the name it is read as.
const V6: &str = "[::1]";
pub(crate) const V6_NAME: &str = "v6-loopback.invalid";

static SERIAL: AtomicU32 = AtomicU32::new(1);

/// A number that no other part of this test run has.
pub(crate) fn serial() -> u32 {
    SERIAL.fetch_add(1, Ordering::Relaxed)
}

/// A telephone.
pub(crate) struct Phone {
    line: Line,
    /// Its mouth and ear.
    pub(crate) rtp: UdpSocket,
    pub(crate) number: &'static str,
    user: &'static str,
    secret: &'static str,
    /// Requests that were seen, by method and Via, so that a retransmission is answered by nobody twice.
    seen: BTreeSet<String>,
}

/// One side of a dialog.
#[derive(Clone, Debug)]
pub(crate) struct Dialog {
    call_id: String,
    local: String,
    remote: String,
    target: String,
    cseq: u32,
    /// Where the other side hears.
    pub(crate) hears: Option<SocketAddr>,
}

/// An INVITE that has no final answer yet.
pub(crate) struct Dialling {
    text: String,
    call_id: String,
    cseq: u32,
}

impl Phone {
    pub(crate) fn alice(exchange: &Exchange) -> Self {
        Self::new(exchange.sip, "1001", "alice", "Kf3-first-wheel-9")
    }

    pub(crate) fn boris(exchange: &Exchange) -> Self {
        Self::new(exchange.sip, "1002", "1002", "Qs8-second-wheel-4")
    }

    pub(crate) fn new(exchange: SocketAddr, number: &'static str, user: &'static str, secret: &'static str) -> Self {
        Self::on(Line::datagrams(exchange), number, user, secret)
    }

    /// Alice on any line.
    pub(crate) fn alice_on(line: Line) -> Self {
        Self::on(line, "1001", "alice", "Kf3-first-wheel-9")
    }

    /// Someone on any line.
    pub(crate) fn on(line: Line, number: &'static str, user: &'static str, secret: &'static str) -> Self {
        let rtp = UdpSocket::bind(line.beside()).unwrap();
        Self { line, rtp, number, user, secret, seen: BTreeSet::new() }
    }

    /// Loses its line and has another.
    pub(crate) fn reconnect(&mut self, line: impl FnOnce() -> Line) {
        // The one of before is closed before the other is opened.
        self.line = Line::datagrams(SocketAddr::from(([127, 0, 0, 1], 9)));
        self.line = line();
    }

    /// A registered phone.
    pub(crate) fn registered(mut self) -> Self {
        assert_eq!(self.register(3_600), 200, "registration of {}", self.number);
        self
    }

    /// The exchange is somewhere else now.
    pub(crate) fn moved_to(&mut self, exchange: &Exchange) {
        if let Line::Datagrams { exchange: known, .. } = &mut self.line {
            *known = exchange.sip;
        }
    }

    /// Its Contact.
    fn contact(&self) -> String {
        format!("<sip:{}@{}{}>", self.number, self.line.name(), self.line.parameter())
    }

    /// Registers with credentials; the final status.
    pub(crate) fn register(&mut self, expires: u32) -> u16 {
        let (call_id, tag) = (format!("reg-{}", serial()), format!("t{}", serial()));
        let head = |cseq: u32, more: &str| {
            format!(
                "REGISTER sip:pbx.test SIP/2.0\r\n{}From: <sip:{n}@pbx.test>;tag={tag}\r\nTo: <sip:{n}@pbx.test>\r\n\
                 Call-ID: {call_id}\r\nCSeq: {cseq} REGISTER\r\nContact: {}\r\nExpires: {expires}\r\n{more}Content-Length: 0\r\n\r\n",
                self.via(),
                self.contact(),
                n = self.number,
            )
        };
        self.send(&head(1, ""));
        let first = self.response(&call_id, 1);
        if status(&first) != 401 {
            return status(&first);
        }
        let authorization = self.authorize(&first, Method::Register, "sip:pbx.test");
        self.send(&head(2, &authorization));
        status(&self.response(&call_id, 2))
    }

    /// Dials; credentials are given when asked for. The answer is fetched by [`Self::answered`] or [`Self::refused`].
    pub(crate) fn dial(&mut self, number: &str) -> Dialling {
        let (call_id, tag) = (format!("call-{}", serial()), format!("t{}", serial()));
        let uri = format!("sip:{number}@pbx.test");
        let sdp = self.sdp();
        let head = |cseq: u32, more: &str| {
            format!(
                "INVITE {uri} SIP/2.0\r\n{}From: <sip:{n}@pbx.test>;tag={tag}\r\nTo: <{uri}>\r\nCall-ID: {call_id}\r\n\
                 CSeq: {cseq} INVITE\r\nContact: {}\r\nUser-Agent: scenario\r\n{more}Content-Type: application/sdp\r\n\
                 Content-Length: {}\r\n\r\n{sdp}",
                self.via(),
                self.contact(),
                sdp.len(),
                n = self.number,
            )
        };
        let first = head(1, "");
        self.send(&first);
        let challenge = self.response(&call_id, 1);
        if status(&challenge) != 401 {
            panic!("an INVITE without credentials is answered {}", status(&challenge));
        }
        self.send(&acknowledgement(&first, &challenge));
        let text = head(2, &self.authorize(&challenge, Method::Invite, &uri));
        self.send(&text);
        Dialling { text, call_id, cseq: 2 }
    }

    /// Gives up.
    pub(crate) fn cancel(&mut self, dialling: &Dialling) {
        let keep = |name: &str| field(&dialling.text, name);
        let uri = dialling.text.split(' ').nth(1).unwrap();
        self.send(&format!(
            "CANCEL {uri} SIP/2.0\r\nVia:{}\r\nFrom:{}\r\nTo:{}\r\nCall-ID:{}\r\nCSeq: {} CANCEL\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            keep("Via"),
            keep("From"),
            keep("To"),
            keep("Call-ID"),
            dialling.cseq
        ));
    }

    /// Waits for the answer, which must be 200, and acknowledges it.
    pub(crate) fn answered(&mut self, dialling: &Dialling) -> Dialog {
        let response = self.response(&dialling.call_id, dialling.cseq);
        assert_eq!(status(&response), 200, "{response}");
        let dialog = Dialog {
            call_id: dialling.call_id.clone(),
            local: field(&dialling.text, "From").trim().to_owned(),
            remote: header(&response.headers, "To").unwrap(),
            target: target(&response.headers),
            cseq: dialling.cseq,
            hears: ear(&response.body),
        };
        self.send(&self.in_dialog("ACK", &dialog, dialog.cseq));
        dialog
    }

    /// Waits for the answer, which must be a refusal, and acknowledges it.
    pub(crate) fn refused(&mut self, dialling: &Dialling) -> Response {
        let response = self.response(&dialling.call_id, dialling.cseq);
        assert!(status(&response) >= 300, "{response}");
        self.send(&acknowledgement(&dialling.text, &response));
        response
    }

    /// Waits to be called.
    pub(crate) fn called(&mut self) -> Request {
        self.request(Method::Invite)
    }

    /// Answers an INVITE with a status and no description.
    pub(crate) fn say(&self, request: &Request, code: u16) {
        self.send(&self.reply(request, code, None));
    }

    /// Takes the call; waits for the acknowledgement.
    pub(crate) fn take(&mut self, invite: &Request) -> Dialog {
        let sdp = self.sdp();
        let text = self.reply(invite, 200, Some(&sdp));
        self.send(&text);
        let acknowledged = self.request(Method::Ack);
        // The offer is in the INVITE, or, when that had none, the answer is in the ACK.
        let hears = ear(&invite.body).or_else(|| ear(&acknowledged.body));
        Dialog {
            call_id: header(&invite.headers, "Call-ID").unwrap(),
            local: field(&text, "To").trim().to_owned(),
            remote: header(&invite.headers, "From").unwrap(),
            target: target(&invite.headers),
            cseq: 0,
            hears,
        }
    }

    /// Takes a change of the session, if one comes before anything else is waited for; the new place where the other side hears.
    pub(crate) fn take_change(&mut self, dialog: &mut Dialog) {
        let invite = self.request(Method::Invite);
        let changed = self.take_again(&invite);
        dialog.hears = changed.or(dialog.hears);
    }

    fn take_again(&mut self, invite: &Request) -> Option<SocketAddr> {
        let sdp = self.sdp();
        self.send(&self.reply(invite, 200, Some(&sdp)));
        let acknowledged = self.request(Method::Ack);
        ear(&invite.body).or_else(|| ear(&acknowledged.body))
    }

    /// Hangs up; waits for the answer.
    pub(crate) fn hang_up(&mut self, dialog: &mut Dialog) {
        dialog.cseq += 1;
        self.send(&self.in_dialog("BYE", dialog, dialog.cseq));
        let response = self.response(&dialog.call_id, dialog.cseq);
        assert_eq!(status(&response), 200, "{response}");
    }

    /// Waits for the other side to hang up.
    pub(crate) fn hung_up_on(&mut self) {
        let bye = self.request(Method::Bye);
        self.say(&bye, 200);
    }

    /// Waits for a request of this kind and passes over others.
    pub(crate) fn request(&mut self, method: Method) -> Request {
        loop {
            if let SipMessage::Request(request) = self.receive()
                && request.method == method
            {
                let transaction = format!("{method} {}", header(&request.headers, "Via").unwrap());
                if method == Method::Ack || self.seen.insert(transaction) {
                    return request;
                }
            }
        }
    }

    /// Waits for the final response to a request.
    fn response(&self, call_id: &str, cseq: u32) -> Response {
        loop {
            if let SipMessage::Response(response) = self.receive()
                && header(&response.headers, "Call-ID").as_deref() == Some(call_id)
                && header(&response.headers, "CSeq").unwrap().starts_with(&format!("{cseq} "))
                && !header(&response.headers, "CSeq").unwrap().ends_with("CANCEL")
                && status(&response) >= 200
            {
                return response;
            }
        }
    }

    /// Waits for a provisional response of this status.
    pub(crate) fn progress(&self, code: u16) {
        loop {
            if let SipMessage::Response(response) = self.receive()
                && status(&response) == code
            {
                return;
            }
        }
    }

    fn receive(&self) -> SipMessage {
        let bytes = self.line.receive().unwrap_or_else(|fault| panic!("{} hears nothing: {fault}", self.number));
        let bytes = String::from_utf8(bytes).unwrap().replace(V6, V6_NAME).into_bytes();
        SipMessage::try_from(bytes.as_slice())
            .unwrap_or_else(|fault| panic!("rsip cannot read: {fault}\n{}", String::from_utf8_lossy(&bytes)))
    }

    fn send(&self, text: &str) {
        self.line.send(&text.replace(V6_NAME, V6));
    }

    fn via(&self) -> String {
        let (token, name) = (self.line.token(), self.line.name());
        format!("Via: SIP/2.0/{token} {name};rport;branch=z9hG4bK-{}\r\nMax-Forwards: 70\r\n", serial())
    }

    fn in_dialog(&self, method: &str, dialog: &Dialog, cseq: u32) -> String {
        format!(
            "{method} {} SIP/2.0\r\n{}From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\nContent-Length: 0\r\n\r\n",
            dialog.target,
            self.via(),
            dialog.local,
            dialog.remote,
            dialog.call_id
        )
    }

    fn reply(&self, request: &Request, code: u16, sdp: Option<&str>) -> String {
        let mut text = format!("SIP/2.0 {code} Whatever\r\n");
        for line in request.headers.iter().map(ToString::to_string) {
            let name = line.split(':').next().unwrap().to_owned();
            let to_be_tagged = name == "To" && !line.contains(";tag=");
            if ["Via", "From", "To", "Call-ID", "CSeq", "Record-Route"].contains(&name.as_str()) {
                let tag = if to_be_tagged { format!(";tag=of-{}", self.number) } else { String::new() };
                text.push_str(&format!("{line}{tag}\r\n"));
            }
        }
        text.push_str(&format!("Contact: {}\r\n", self.contact()));
        match sdp {
            Some(sdp) => {
                text.push_str(&format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len()))
            }
            None => text.push_str("Content-Length: 0\r\n\r\n"),
        }
        text
    }

    fn sdp(&self) -> String {
        format!(
            "v=0\r\no=- {n} {n} IN {at}\r\ns=-\r\nc=IN {at}\r\nt=0 0\r\nm=audio {} RTP/AVP 0 101\r\n\
             a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n",
            self.rtp.local_addr().unwrap().port(),
            n = serial(),
            at = match self.rtp.local_addr().unwrap() {
                SocketAddr::V4(at) => format!("IP4 {}", at.ip()),
                SocketAddr::V6(at) => format!("IP6 {}", at.ip()),
            },
        )
    }

    fn authorize(&self, challenge: &Response, method: Method, uri: &str) -> String {
        let offered = header(&challenge.headers, "WWW-Authenticate").unwrap();
        Self::credentials((self.user, self.secret), &offered, &method.to_string(), uri)
    }

    /// The header line that answers a challenge.
    pub(crate) fn credentials((user, secret): (&str, &str), challenge: &str, method: &str, uri: &str) -> String {
        let offered = rsip::headers::WwwAuthenticate::new(challenge.to_owned()).into_typed().unwrap();
        let algorithm = offered.algorithm.unwrap_or(rsip::headers::auth::Algorithm::Md5);
        let quality = AuthQop::Auth { cnonce: "0a4f113b".to_owned(), nc: 1 };
        let parsed = rsip::Uri::try_from(uri).unwrap();
        let method = method.parse::<Method>().unwrap();
        let response = DigestGenerator {
            username: user,
            password: secret,
            nonce: &offered.nonce,
            uri: &parsed,
            realm: &offered.realm,
            method: &method,
            qop: Some(&quality),
            algorithm,
        }
        .compute();
        format!(
            "Authorization: Digest username=\"{user}\",realm=\"{}\",nonce=\"{}\",uri=\"{uri}\",response=\"{response}\",\
             algorithm={algorithm},qop=auth,nc=00000001,cnonce=\"0a4f113b\"{}\r\n",
            offered.realm,
            offered.nonce,
            offered.opaque.map(|opaque| format!(",opaque=\"{opaque}\"")).unwrap_or_default(),
        )
    }

    /// Sends one packet of its tone.
    pub(crate) fn speak(&self, dialog: &Dialog, hertz: f64, number: usize) {
        let sequence = (number as u16).to_be_bytes();
        let timestamp = ((number * sound::SAMPLES) as u32).to_be_bytes();
        // RFC 3550 section 5.1.
        let mut packet = vec![0x80, 0];
        packet.extend(sequence.into_iter().chain(timestamp).chain(self.number.bytes().take(4)));
        packet.extend(sound::tone(hertz, number));
        self.rtp.send_to(&packet, dialog.hears.expect("the other side has said where it hears")).unwrap();
    }

    /// Everything that has come to its ear, payload after payload in the order of arrival.
    pub(crate) fn heard(&self) -> Vec<Vec<u8>> {
        self.rtp.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let mut heard = Vec::new();
        let mut buffer = [0; 2_048];
        loop {
            match self.rtp.recv(&mut buffer) {
                Ok(length) if length > 12 => heard.push(buffer[12..length].to_vec()),
                Ok(_) => {}
                Err(fault) if matches!(fault.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return heard,
                Err(_) => {}
            }
        }
    }
}

/// Both parties speak, `packets` each at the pace of speech; what each has heard.
pub(crate) fn talk(
    one: (&Phone, &Dialog, f64),
    other: (&Phone, &Dialog, f64),
    packets: usize,
) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    for number in 0..packets {
        one.0.speak(one.1, one.2, number);
        other.0.speak(other.1, other.2, number);
        thread::sleep(Duration::from_millis(20));
    }
    (one.0.heard(), other.0.heard())
}

pub(crate) fn status(response: &Response) -> u16 {
    response.status_code.code()
}

/// The first value of a header.
pub(crate) fn header(headers: &rsip::Headers, name: &str) -> Option<String> {
    headers.iter().find_map(|header| {
        let line = header.to_string();
        let (known, value) = line.split_once(':')?;
        known.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}

/// The address in a Contact.
fn target(headers: &rsip::Headers) -> String {
    let contact = header(headers, "Contact").unwrap();
    contact.split(['<', '>']).nth(1).unwrap_or(&contact).to_owned()
}

/// Where a description says its sender hears.
fn ear(description: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(description).unwrap();
    let line = |start: &str| text.lines().find_map(|line| line.strip_prefix(start));
    let address = line("c=IN IP4 ").or_else(|| line("c=IN IP6 "))?;
    let port: u16 = line("m=audio ")?.split(' ').next()?.parse().ok()?;
    Some(SocketAddr::new(address.trim().parse().ok()?, port))
}

/// A header of a text of ours.
fn field<'t>(text: &'t str, name: &str) -> &'t str {
    let start = format!("{name}:");
    text.lines().find_map(|line| line.strip_prefix(start.as_str())).unwrap()
}

/// The ACK to a refusal, RFC 3261 section 17.1.1.3.
fn acknowledgement(invite: &str, response: &Response) -> String {
    let uri = invite.split(' ').nth(1).unwrap();
    let cseq = field(invite, "CSeq").trim().split(' ').next().unwrap();
    format!(
        "ACK {uri} SIP/2.0\r\nVia:{}\r\nMax-Forwards: 70\r\nFrom:{}\r\nTo: {}\r\nCall-ID:{}\r\nCSeq: {cseq} ACK\r\nContent-Length: 0\r\n\r\n",
        field(invite, "Via"),
        field(invite, "From"),
        header(&response.headers, "To").unwrap(),
        field(invite, "Call-ID"),
    )
}
