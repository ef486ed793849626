//! A SIP message as a test reads it: text, by name. `rsip`, another's parser, must be able to read it too.

use rsip::SipMessage;
use std::net::SocketAddr;

/// A message that came.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    head: String,
    body: String,
}

impl Message {
    /// Reads what came in one datagram.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        SipMessage::try_from(bytes).unwrap_or_else(|fault| panic!("rsip cannot read: {fault}\n{text}"));
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no empty line in {text}"));
        Self { head: head.to_owned(), body: body.to_owned() }
    }

    fn first_line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    /// The status, 0 of a request.
    pub(crate) fn status(&self) -> u16 {
        let line = self.first_line();
        line.strip_prefix("SIP/2.0 ").map_or(0, |rest| rest[..3].parse().unwrap())
    }

    /// The method, of a response too: that of its CSeq.
    pub(crate) fn method(&self) -> &str {
        self.cseq().1
    }

    pub(crate) fn is_request(&self, method: &str) -> bool {
        self.status() == 0 && self.method() == method
    }

    /// The Request-URI.
    pub(crate) fn uri(&self) -> &str {
        self.first_line().split(' ').nth(1).unwrap()
    }

    /// Every value of a header, one a line.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(known, _)| known.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    }

    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    /// The first value of a header that must be there.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.find(name).unwrap_or_else(|| panic!("no {name} in {}", self.head))
    }

    pub(crate) fn cseq(&self) -> (u32, &str) {
        let (number, method) = self.field("CSeq").split_once(' ').unwrap();
        (number.parse().unwrap(), method.trim())
    }

    /// The URI in Contact.
    pub(crate) fn target(&self) -> String {
        let contact = self.field("Contact");
        contact.split(['<', '>']).nth(1).unwrap_or(contact).to_owned()
    }

    pub(crate) fn in_dialog(&self) -> bool {
        self.field("To").contains(";tag=")
    }

    pub(crate) fn body(&self) -> &str {
        &self.body
    }

    /// The words of the audio line after port and profile.
    pub(crate) fn formats(&self) -> Vec<&str> {
        let line = self.body.lines().find(|line| line.starts_with("m=audio")).unwrap_or("");
        line.split(' ').skip(3).collect()
    }

    /// Where its sender says it hears.
    pub(crate) fn ear(&self) -> Option<SocketAddr> {
        let line = |start: &str| self.body.lines().find_map(|line| line.strip_prefix(start));
        let port: u16 = line("m=audio ")?.split(' ').next()?.parse().ok()?;
        Some(SocketAddr::new(line("c=IN IP4 ")?.trim().parse().ok()?, port))
    }
}
