//! What the first bytes of a packet say, without parsing it.
//!
//! A guess, and used as one: whoever disguises a request only avoids a limit of its own, not that of all packets, and no scanner's name decides about who is
//! registered or a trunk.

use memchr::memmem;

/// What a packet begins with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// A REGISTER.
    Register,
    /// An INVITE.
    Invite,
    /// Anything else.
    Other,
}

/// What a packet begins with. Methods are case-sensitive, RFC 3261 section 7.1; line ends before the start line are skipped, section 7.5.
pub(super) fn kind(bytes: &[u8]) -> Kind {
    let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    let line = &bytes[start..];
    if line.starts_with(b"REGISTER ") {
        Kind::Register
    } else if line.starts_with(b"INVITE ") {
        Kind::Invite
    } else {
        Kind::Other
    }
}

/// Octets of a packet that are searched for the name of a scanner. The fields that tell it stand far before that.
const SEARCHED_MAX: usize = 2_048;

/// How tools that search the net for exchanges call themselves in User-Agent or in the name of From, in small letters. None of them is a phone.
const SCANNERS: [&[u8]; 14] = [
    b"friendly-scanner",
    b"friendly-request",
    b"sipvicious",
    b"sundayddr",
    b"sipcli",
    b"sip-scan",
    b"sipscan",
    b"vaxsipuseragent",
    b"vaxipuseragent",
    b"pplsip",
    b"iwar",
    b"siparmyknife",
    b"mr.sip",
    b"nmap",
];

/// Whether a request says that it is a scanner's.
pub(super) fn is_scanner(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(SEARCHED_MAX)];
    let mut rest = head;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        rest = &rest[end + 1..];
        if !matches!(rest.first(), Some(b'U' | b'u' | b'F' | b'f')) {
            continue;
        }
        let line = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())];
        let value = ["user-agent", "from", "f"].iter().find_map(|name| value_of(line, name.as_bytes()));
        if value.is_some_and(names_scanner) {
            return true;
        }
    }
    false
}

/// The value of a field of that name.
fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = line.split_at_checked(name.len())?;
    let rest = rest.trim_ascii_start();
    (start.eq_ignore_ascii_case(name) && rest.first() == Some(&b':')).then(|| &rest[1..])
}

fn names_scanner(value: &[u8]) -> bool {
    // Longer than any name that is searched for; of From the name comes first.
    let mut small = [0; 96];
    let length = value.len().min(small.len());
    for (to, from) in small.iter_mut().zip(value) {
        *to = from.to_ascii_lowercase();
    }
    SCANNERS.iter().any(|name| memmem::find(&small[..length], name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_method_is_seen_in_the_first_bytes() {
        for (bytes, seen) in [
            ("REGISTER sip:pbx.test SIP/2.0\r\n", Kind::Register),
            ("\r\n\r\nINVITE sip:1002@pbx.test SIP/2.0\r\n", Kind::Invite),
            ("INVITED sip:a SIP/2.0\r\n", Kind::Other),
            ("invite sip:a SIP/2.0\r\n", Kind::Other),
            ("SIP/2.0 200 OK\r\n", Kind::Other),
            ("REGISTER", Kind::Other),
            ("\r\n\r\n", Kind::Other),
            ("", Kind::Other),
        ] {
            assert_eq!(kind(bytes.as_bytes()), seen, "{bytes:?}");
        }
    }

    #[test]
    fn scanners_are_known_by_what_they_call_themselves() {
        let request = |line: &str| {
            format!("OPTIONS sip:100@192.0.2.1 SIP/2.0\r\nTo: <sip:100@192.0.2.1>\r\n{line}\r\nCSeq: 1 OPTIONS\r\n\r\n")
        };
        for scanner in [
            "User-Agent: friendly-scanner",
            "user-agent : sipcli/v1.8",
            "USER-AGENT:SIPVicious",
            "From: \"sipvicious\"<sip:100@1.1.1.1>;tag=1",
            "f: \"sipvicious\"<sip:100@1.1.1.1>",
            "User-Agent: VaxSIPUserAgent/3.1",
            "User-Agent:\tpplsip",
        ] {
            assert!(is_scanner(request(scanner).as_bytes()), "{scanner}");
        }
        for phone in [
            "User-Agent: Yealink SIP-T46S 66.85.0.5",
            "User-Agent: baresip v1.0.0",
            "Subject: friendly-scanner",
            "X-From: sipvicious",
            "From: \"Alice\" <sip:1001@pbx.test>;tag=1",
            "User-Agents: friendly-scanner",
            "Foo: sipvicious",
        ] {
            assert!(!is_scanner(request(phone).as_bytes()), "{phone}");
        }
        assert!(!is_scanner(b"User-Agent: friendly-scanner"), "the start line is no field");
        assert!(!is_scanner(b"\nU") && !is_scanner(b"\n") && !is_scanner(b""));
        let far = format!("OPTIONS a\r\nSubject: {}\r\nUser-Agent: sipcli\r\n", "x".repeat(SEARCHED_MAX));
        assert!(!is_scanner(far.as_bytes()));
    }
}
