//! A phone that watches, publishes and writes: requests outside calls, with credentials, and the NOTIFYs they bring.

use super::common::{Dialog, Line, Phone, Sip, line::DOMAIN};

/// What a watcher's request is made of.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    pub method: &'a str,
    /// The number in Request-URI and To.
    pub to: &'a str,
    /// Whole header lines.
    pub headers: &'a str,
    pub body: &'a str,
}

/// A phone that watches.
#[derive(Debug)]
pub struct Watcher {
    pub phone: Phone,
    serial: u32,
}

impl Watcher {
    pub fn new(phone: Phone) -> Self {
        Self { phone, serial: 0 }
    }

    /// Asks with credentials; the final answer, if it came at once.
    pub fn ask(&mut self, line: &mut Line, wish: Wish<'_>) -> Option<Sip> {
        self.serial += 1;
        let text = self.text(wish, 1, "");
        line.send(self.phone.address, &text);
        let challenge = line.take(self.phone.address)?;
        if challenge.status() != 401 {
            return Some(challenge);
        }
        let uri = format!("sip:{}@{DOMAIN}", wish.to);
        let proof = self.phone.authorization(&challenge, wish.method, &uri);
        let text = self.text(wish, 2, &format!("Authorization: {proof}\r\n"));
        line.send(self.phone.address, &text);
        line.take(self.phone.address)
    }

    fn text(&self, wish: Wish<'_>, cseq: u32, proof: &str) -> String {
        let Phone { number, address, .. } = &self.phone;
        let Wish { method, to, headers, body } = wish;
        let serial = self.serial;
        format!(
            "{method} sip:{to}@{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bKw{number}{serial}{cseq};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:{number}@{DOMAIN}>;tag=w{serial}\r\nTo: <sip:{to}@{DOMAIN}>\r\nCall-ID: w{serial}-{address}\r\nCSeq: {cseq} {method}\r\n\
             Contact: {}\r\n{headers}{proof}Content-Length: {}\r\n\r\n{body}",
            self.phone.contact(),
            body.len()
        )
    }

    /// Subscribes; the 200 and the watcher's end of the dialog.
    #[track_caller]
    pub fn subscribe(&mut self, line: &mut Line, to: &str, headers: &str) -> (Sip, Dialog) {
        let answer = self.ask(line, Wish { method: "SUBSCRIBE", to, headers, body: "" }).expect("an answer");
        assert_eq!(answer.status(), 200, "{answer:?}");
        let dialog = Dialog::begun(self.phone.address, &answer);
        (answer, dialog)
    }

    /// The status of a SUBSCRIBE, whatever it is.
    #[track_caller]
    pub fn refused(&mut self, line: &mut Line, to: &str, headers: &str) -> Sip {
        self.ask(line, Wish { method: "SUBSCRIBE", to, headers, body: "" }).expect("an answer")
    }

    /// Takes the next NOTIFY and answers it 200.
    #[track_caller]
    pub fn told(&mut self, line: &mut Line) -> Sip {
        self.told_and_says(line, 200)
    }

    /// Takes the next NOTIFY and answers it.
    #[track_caller]
    pub fn told_and_says(&mut self, line: &mut Line, status: u16) -> Sip {
        let notify = line.expect(self.phone.address, "NOTIFY");
        self.phone.answer(line, &notify, status, "");
        notify
    }
}

/// Sends a SUBSCRIBE within a dialog; the answer.
#[track_caller]
pub fn again(line: &mut Line, dialog: &mut Dialog, headers: &str) -> Sip {
    dialog.cseq += 1;
    let cseq = dialog.cseq;
    dialog.request_as(line, "SUBSCRIBE", cseq, "", headers);
    line.take(dialog.address).expect("an answer")
}
