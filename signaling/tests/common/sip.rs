//! A SIP message as text: another, much simpler reader than the one under test.

/// A message that was received.
#[derive(Clone, Debug)]
pub struct Sip {
    pub start: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Sip {
    pub fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8(bytes.to_vec()).expect("our messages are text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head ends");
        let mut lines = head.split("\r\n");
        let start = lines.next().expect("a first line").to_owned();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(':').expect("a header field"))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect();
        let message = Self { start, headers, body: body.to_owned() };
        assert_eq!(message.header("Content-Length"), message.body.len().to_string(), "{message:?}");
        message
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()).collect()
    }

    pub fn header(&self, name: &str) -> &str {
        self.all(name).first().copied().unwrap_or("")
    }

    pub fn status(&self) -> u16 {
        self.start
            .strip_prefix("SIP/2.0 ")
            .and_then(|rest| rest.get(..3))
            .and_then(|code| code.parse().ok())
            .unwrap_or(0)
    }

    pub fn method(&self) -> &str {
        if self.status() == 0 { self.start.split(' ').next().unwrap_or("") } else { "" }
    }

    /// The method a response answers.
    pub fn answers(&self) -> &str {
        self.header("CSeq").split(' ').next_back().unwrap_or("")
    }

    pub fn uri(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or("")
    }

    pub fn cseq(&self) -> u32 {
        self.header("CSeq").split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
    }

    pub fn tag(&self, name: &str) -> &str {
        self.header(name).split(";tag=").nth(1).unwrap_or("")
    }

    pub fn contact(&self) -> &str {
        self.header("Contact").trim_start_matches('<').split('>').next().unwrap_or("")
    }

    /// A value of a line of the body, such as `m=audio 4000`.
    pub fn sdp(&self, start: &str) -> &str {
        self.body.split("\r\n").find_map(|line| line.strip_prefix(start)).unwrap_or("")
    }
}
