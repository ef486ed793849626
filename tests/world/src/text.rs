//! SIP as the simulated phones read and write it: plain text, a list of lines.
//!
//! Deliberately shares nothing with `signaling::message`, so that a misreading there meets an independent reading here.
//! RFC 3261 sections 7 and 18.3, as much as a phone needs.

use std::fmt::Write as _;

/// One message as text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sip {
    /// Request line or status line.
    pub(crate) start: String,
    /// Lower-case full names, values trimmed, in order.
    pub(crate) headers: Vec<(String, String)>,
    /// Everything after the empty line.
    pub(crate) body: String,
}

impl Sip {
    /// `None` when it is not a whole message.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let text = core::str::from_utf8(bytes).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let start = lines.next()?.to_owned();
        if !start.contains("SIP/2.0") {
            return None;
        }
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines {
            if let (true, Some(last)) = (line.starts_with([' ', '\t']), headers.last_mut()) {
                last.1.push(' ');
                last.1.push_str(line.trim());
                continue;
            }
            let (name, value) = line.split_once(':')?;
            headers.push((full_name(name.trim()), value.trim().to_owned()));
        }
        Some(Self { start, headers, body: body.to_owned() })
    }

    /// First value of a header; `name` in lower case.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// As [`Self::get`], empty when missing.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or("")
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The status of a response.
    pub(crate) fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// The method of a request, or of the request a response answers.
    pub(crate) fn method(&self) -> &str {
        if self.status().is_some() {
            self.text("cseq").split_whitespace().nth(1).unwrap_or("")
        } else {
            self.start.split(' ').next().unwrap_or("")
        }
    }

    pub(crate) fn cseq(&self) -> u32 {
        self.text("cseq").split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0)
    }

    /// Branch of the top Via.
    pub(crate) fn branch(&self) -> &str {
        parameter(self.text("via").split(',').next().unwrap_or(""), "branch").unwrap_or("")
    }

    pub(crate) fn to_tag(&self) -> Option<&str> {
        tag(self.text("to"))
    }

    pub(crate) fn sender_tag(&self) -> Option<&str> {
        tag(self.text("from"))
    }

    /// Whether the body is a session description.
    pub(crate) fn has_sdp(&self) -> bool {
        !self.body.is_empty() && self.text("content-type").eq_ignore_ascii_case("application/sdp")
    }
}

/// The long lower-case name of a header, RFC 3261 section 7.3.3.
fn full_name(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    match lower.as_str() {
        "v" => "via",
        "f" => "from",
        "t" => "to",
        "i" => "call-id",
        "m" => "contact",
        "l" => "content-length",
        "c" => "content-type",
        "k" => "supported",
        "s" => "subject",
        "e" => "content-encoding",
        _ => return lower,
    }
    .to_owned()
}

/// The parameter of a header value, outside `<>`.
pub(crate) fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let after = value.rsplit_once('>').map_or(value, |(_, rest)| rest);
    after.split(';').skip(1).find_map(|p| {
        let (n, v) = p.split_once('=').unwrap_or((p, ""));
        n.trim().eq_ignore_ascii_case(name).then_some(v.trim())
    })
}

pub(crate) fn tag(value: &str) -> Option<&str> {
    parameter(value, "tag")
}

/// The URI inside a name-addr or addr-spec value.
pub(crate) fn uri(value: &str) -> &str {
    match value.split_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or(""),
        None => value.split(';').next().unwrap_or("").trim(),
    }
}

/// The user part of a SIP URI; empty when it has none.
pub(crate) fn user(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, r)| r);
    rest.split_once('@').map_or("", |(u, _)| u)
}

/// The values of a comma-separated header value.
pub(crate) fn comma(value: &str) -> Vec<&str> {
    let (mut found, mut depth, mut quoted, mut from) = (Vec::new(), 0, false, 0);
    for (at, c) in value.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '<' if !quoted => depth += 1,
            '>' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                found.push(value[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    found.push(value[from..].trim());
    found.retain(|v| !v.is_empty());
    found
}

/// Writes a message; each of `lines` is a whole header line without its end.
pub(crate) fn write(start: &str, lines: &[String], body: Option<&str>) -> Vec<u8> {
    let mut text = format!("{start}\r\n");
    for line in lines {
        let _ = write!(text, "{line}\r\n");
    }
    let body = body.unwrap_or("");
    if !body.is_empty() {
        text.push_str("Content-Type: application/sdp\r\n");
    }
    let _ = write!(text, "Content-Length: {}\r\n\r\n{body}", body.len());
    text.into_bytes()
}

/// Takes the next whole message off a stream's buffer; keep-alives are swallowed.
pub(crate) fn unframe(buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    let blank = buffer.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    buffer.drain(..blank);
    let head = buffer.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let length = core::str::from_utf8(&buffer[..head])
        .ok()?
        .split("\r\n")
        .filter_map(|l| l.split_once(':'))
        .find(|(n, _)| n.trim().eq_ignore_ascii_case("content-length") || n.trim() == "l")
        .and_then(|(_, v)| v.trim().parse::<usize>().ok())
        .unwrap_or(0);
    (buffer.len() >= head + length).then(|| buffer.drain(..head + length).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_inside_quotes_and_brackets_do_not_split() {
        assert_eq!(comma("\"a, b\" <sip:x,y@z>;q=1, <sip:c>"), ["\"a, b\" <sip:x,y@z>;q=1", "<sip:c>"]);
    }

    #[test]
    fn a_stream_is_cut_by_content_length() {
        let mut buffer = b"\r\n\r\nOPTIONS sip:a SIP/2.0\r\nl: 2\r\n\r\nhiSIP/2.0 200".to_vec();
        assert!(unframe(&mut buffer).is_some_and(|m| m.ends_with(b"\r\n\r\nhi")));
        assert_eq!(buffer, b"SIP/2.0 200");
        assert!(unframe(&mut buffer).is_none());
    }
}
