//! A phone: an address, an account, and the few requests and answers it can make.

use super::{
    Line, Sip,
    line::{DOMAIN, SECRET},
    sdp,
};
use core::net::SocketAddr;
use signaling::auth::digest::{Challenge, Client, authorize};

/// A phone of an account.
#[derive(Clone, Debug)]
pub struct Phone {
    pub number: String,
    pub address: SocketAddr,
    serial: u32,
}

/// One end of a dialog, the phone's.
#[derive(Clone, Debug)]
pub struct Dialog {
    pub address: SocketAddr,
    pub call_id: String,
    pub local: String,
    pub remote: String,
    pub target: String,
    pub cseq: u32,
    /// CSeq number of the INVITE to acknowledge.
    pub invite: u32,
    serial: u32,
}

/// An INVITE that waits for its answers.
#[derive(Clone, Debug)]
pub struct Invite {
    pub text: String,
    pub call_id: String,
    pub from: String,
    pub to: String,
    pub uri: String,
    pub branch: String,
    pub cseq: u32,
    pub address: SocketAddr,
}

impl Phone {
    pub fn new(number: &str, address: &str) -> Self {
        Self { number: number.into(), address: address.parse().unwrap(), serial: 0 }
    }

    fn next(&mut self) -> u32 {
        self.serial += 1;
        self.serial
    }

    pub fn contact(&self) -> String {
        format!("<sip:{}@{}>", self.number, self.address)
    }

    pub fn sdp(&self) -> String {
        sdp(&self.address.ip().to_string(), 4000)
    }

    /// Answers a challenge.
    pub fn authorization(&self, challenge: &Sip, method: &str, uri: &str) -> String {
        self.authorization_with(challenge, method, uri, SECRET)
    }

    pub fn authorization_with(&self, challenge: &Sip, method: &str, uri: &str, secret: &str) -> String {
        let value = challenge.header("WWW-Authenticate").to_owned();
        let challenge = Challenge::parse(value.as_bytes()).unwrap().unwrap();
        let user = format!("user-{}", self.number);
        let client = Client { user: &user, secret, method: method.as_bytes(), uri, nc: 1, cnonce: "c0ffee" };
        authorize(&challenge, &client).unwrap()
    }

    /// Registers; returns the last answer.
    pub fn register(&mut self, line: &mut Line) -> Sip {
        let contact = format!("{};expires=3600", self.contact());
        self.register_as(line, &contact)
    }

    pub fn register_as(&mut self, line: &mut Line, contact: &str) -> Sip {
        let challenge = self.send_register(line, contact, None);
        assert_eq!(challenge.status(), 401, "{challenge:?}");
        let authorization = self.authorization(&challenge, "REGISTER", &format!("sip:{DOMAIN}"));
        self.send_register(line, contact, Some(&authorization))
    }

    pub fn send_register(&mut self, line: &mut Line, contact: &str, authorization: Option<&str>) -> Sip {
        let text = self.register_text(contact, authorization);
        line.send(self.address, &text);
        line.take(self.address).unwrap_or_else(|| Sip {
            start: String::new(),
            headers: Vec::new(),
            body: String::new(),
        })
    }

    pub fn register_text(&mut self, contact: &str, authorization: Option<&str>) -> String {
        let Self { number, address, .. } = self.clone();
        let serial = self.next();
        let authorization = authorization.map(|value| format!("Authorization: {value}\r\n")).unwrap_or_default();
        format!(
            "REGISTER sip:{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bKr{number}{serial};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:{number}@{DOMAIN}>;tag=r{number}\r\nTo: <sip:{number}@{DOMAIN}>\r\nCall-ID: register-{address}\r\nCSeq: {serial} REGISTER\r\n\
             Contact: {contact}\r\nUser-Agent: Text Phone\r\n{authorization}Content-Length: 0\r\n\r\n"
        )
    }

    /// Calls, answers the challenge, and returns the INVITE that counts. Its 100 is taken.
    #[track_caller]
    pub fn call(&mut self, line: &mut Line, to: &str, body: &str) -> Invite {
        self.call_with(line, to, body, "")
    }

    #[track_caller]
    pub fn call_with(&mut self, line: &mut Line, to: &str, body: &str, headers: &str) -> Invite {
        let first = self.invite(to, body, headers, 1);
        line.send(self.address, &first.text);
        let challenge = line.expect(self.address, "401");
        line.send(self.address, &first.ack(&challenge));
        let invite = self.authorized(&first, &challenge, body, headers);
        line.send(self.address, &invite.text);
        invite
    }

    /// An INVITE without credentials.
    pub fn invite(&mut self, to: &str, body: &str, headers: &str, cseq: u32) -> Invite {
        let Self { number, address, .. } = self.clone();
        let serial = self.next();
        let uri = format!("sip:{to}@{DOMAIN}");
        let from = format!("\"Phone {number}\" <sip:{number}@{DOMAIN}>;tag=c{serial}");
        self.invite_text(&uri, &from, &format!("call-{serial}-{address}"), cseq, body, headers)
    }

    pub fn authorized(&mut self, first: &Invite, challenge: &Sip, body: &str, headers: &str) -> Invite {
        let authorization = self.authorization(challenge, "INVITE", &first.uri);
        let headers = format!("{headers}Authorization: {authorization}\r\n");
        self.invite_text(&first.uri, &first.from, &first.call_id, first.cseq + 1, body, &headers)
    }

    fn invite_text(&mut self, uri: &str, from: &str, call_id: &str, cseq: u32, body: &str, headers: &str) -> Invite {
        let address = self.address;
        let serial = self.next();
        let branch = format!("z9hG4bKi{}-{serial}", self.number);
        let to = format!("<{uri}>");
        let contact = self.contact();
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let text = format!(
            "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch={branch};rport\r\nMax-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\n\
             Call-ID: {call_id}\r\nCSeq: {cseq} INVITE\r\nContact: {contact}\r\nAllow: INVITE, ACK, BYE, CANCEL, UPDATE\r\nUser-Agent: Text Phone\r\n{headers}{kind}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let from = from.to_owned();
        Invite { text, call_id: call_id.to_owned(), from, to, uri: uri.to_owned(), branch, cseq, address }
    }

    /// Answers a request with this status and body; returns the phone's end of the dialog.
    pub fn answer(&mut self, line: &mut Line, request: &Sip, status: u16, body: &str) -> Dialog {
        self.answer_with(line, request, status, body, "")
    }

    pub fn answer_with(&mut self, line: &mut Line, request: &Sip, status: u16, body: &str, headers: &str) -> Dialog {
        let tag = format!("u{}", self.address.port());
        self.answer_as(line, request, status, body, headers, &tag)
    }

    pub fn answer_as(
        &mut self,
        line: &mut Line,
        request: &Sip,
        status: u16,
        body: &str,
        headers: &str,
        tag: &str,
    ) -> Dialog {
        let to = request.header("To");
        let to = if to.contains(";tag=") || status == 100 { to.to_owned() } else { format!("{to};tag={tag}") };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let vias: String = request.all("Via").iter().map(|via| format!("Via: {via}\r\n")).collect();
        let contact = self.contact();
        line.send(
            self.address,
            &format!(
                "SIP/2.0 {status} Answer\r\n{vias}From: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\nContact: {contact}\r\nAllow: INVITE, ACK, BYE, UPDATE\r\n\
                 Server: Text Phone\r\n{headers}{kind}Content-Length: {}\r\n\r\n{body}",
                request.header("From"),
                request.header("Call-ID"),
                request.header("CSeq"),
                body.len()
            ),
        );
        Dialog {
            address: self.address,
            call_id: request.header("Call-ID").to_owned(),
            local: to,
            remote: request.header("From").to_owned(),
            target: request.contact().to_owned(),
            cseq: 0,
            invite: 0,
            serial: 0,
        }
    }
}

impl Invite {
    /// The ACK for a refusal, within the INVITE's transaction.
    pub fn ack(&self, response: &Sip) -> String {
        format!(
            "ACK {} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch={};rport\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} ACK\r\n\
             Content-Length: 0\r\n\r\n",
            self.uri,
            self.address,
            self.branch,
            self.from,
            response.header("To"),
            self.call_id,
            self.cseq
        )
    }

    /// The CANCEL.
    pub fn cancel(&self) -> String {
        format!(
            "CANCEL {} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch={};rport\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} CANCEL\r\n\
             Content-Length: 0\r\n\r\n",
            self.uri, self.address, self.branch, self.from, self.to, self.call_id, self.cseq
        )
    }

    /// The phone's end of the dialog that a response makes.
    pub fn dialog(&self, response: &Sip) -> Dialog {
        Dialog {
            address: self.address,
            call_id: self.call_id.clone(),
            local: self.from.clone(),
            remote: response.header("To").to_owned(),
            target: response.contact().to_owned(),
            cseq: self.cseq,
            invite: self.cseq,
            serial: 0,
        }
    }
}

impl Dialog {
    /// The phone's end of the dialog that a response to its request makes.
    pub fn begun(address: SocketAddr, response: &Sip) -> Self {
        Self {
            address,
            call_id: response.header("Call-ID").to_owned(),
            local: response.header("From").to_owned(),
            remote: response.header("To").to_owned(),
            target: response.contact().to_owned(),
            cseq: response.cseq(),
            invite: 0,
            serial: 0,
        }
    }

    /// Sends a request within the dialog; returns its branch.
    pub fn request(&mut self, line: &mut Line, method: &str, body: &str) -> String {
        self.cseq += 1;
        let number = self.cseq;
        self.request_as(line, method, number, body, "")
    }

    pub fn request_as(&mut self, line: &mut Line, method: &str, cseq: u32, body: &str, headers: &str) -> String {
        self.serial += 1;
        let call: String = self.call_id.chars().filter(char::is_ascii_alphanumeric).collect();
        let branch = format!("z9hG4bKd{}-{}-{cseq}-{call}", self.address.port(), self.serial);
        let text = self.text(method, cseq, body, headers, &branch);
        line.send(self.address, &text);
        branch
    }

    pub fn text(&self, method: &str, cseq: u32, body: &str, headers: &str, branch: &str) -> String {
        let Self { address, call_id, local, remote, target, .. } = self;
        let kind =
            if body.is_empty() || headers.contains("Content-Type") { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch={branch};rport\r\nMax-Forwards: 70\r\nFrom: {local}\r\nTo: {remote}\r\n\
             Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nContact: <sip:phone@{address}>\r\n{headers}{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// Acknowledges the 2xx of the dialog's last INVITE.
    pub fn ack(&mut self, line: &mut Line, body: &str) {
        let cseq = self.invite;
        self.request_as(line, "ACK", cseq, body, "");
    }

    /// Sends a re-INVITE.
    pub fn reinvite(&mut self, line: &mut Line, body: &str) -> String {
        let branch = self.request(line, "INVITE", body);
        self.invite = self.cseq;
        branch
    }
}
