//! RFC 3261 section 20.42, RFC 3581 section 4, RFC 5118 section 4.5.

use core::net::IpAddr;
use signaling::message::{Header, Host, Malformed, Via};

#[test]
fn parts_of_via() {
    let via = Via::parse(
        b"SIP  /   2.0\r\n /UDP\r\n    192.0.2.2 : 5070 ; branch =\r\n z9hG4bK30239 ;rport;received=192.0.2.9",
    )
    .expect("a Via");
    assert_eq!(via.transport(), b"UDP");
    assert_eq!((via.host(), via.port()), (Host::Ip(IpAddr::from([192, 0, 2, 2])), Some(5070)));
    assert_eq!(via.branch(), Some(&b"z9hG4bK30239"[..]));
    assert_eq!(via.rport(), Some(None));
    assert_eq!(via.received(), Some(IpAddr::from([192, 0, 2, 9])));
    assert_eq!(via.params().iter().count(), 3);

    let via = Via::parse(b"SIP/7.0/UNKNOWN t4.example.com").expect("a Via of another version");
    assert_eq!((via.transport(), via.host(), via.port()), (&b"UNKNOWN"[..], Host::Name("t4.example.com"), None));
    assert_eq!((via.branch(), via.rport(), via.received()), (None, None, None));
}

#[test]
fn received_with_and_without_brackets() {
    let expected = "2001:db8::9:255".parse::<IpAddr>().ok();
    for received in ["2001:db8::9:255", "[2001:db8::9:255]"] {
        let text = format!("SIP/2.0/UDP [2001:db8::9:1];received={received};rport=5061;branch=z9hG4bKas3");
        let via = Via::parse(text.as_bytes()).unwrap_or_else(|why| panic!("{text}: {why}"));
        assert_eq!((via.received(), via.rport()), (expected, Some(Some(5061))));
    }
    let via = Via::parse(b"SIP/2.0/UDP a;received=nonsense;rport=99999").expect("a Via");
    assert_eq!((via.received(), via.rport()), (None, Some(None)));
}

#[test]
fn values_that_are_no_via() {
    let table: &[(&str, Malformed)] = &[
        ("", Malformed::Value(Header::Via)),
        ("SIP/2.0/UDP", Malformed::Value(Header::Via)),
        ("SIP/2.0/UDP ", Malformed::Host),
        ("SIP/2.0 /", Malformed::Value(Header::Via)),
        ("SIP/2.0UDP a", Malformed::Value(Header::Via)),
        ("HTTP/1.1/TCP a", Malformed::Value(Header::Via)),
        ("SIP/2.0/UDP 192.0.2.15;;,;,,", Malformed::Parameter),
        ("SIP/2.0/UDP a b", Malformed::Parameter),
        ("SIP/2.0/UDP a:", Malformed::Host),
        ("SIP/2.0/UDP a:70000", Malformed::Host),
        ("SIP/2.0/UDP 2001:db8::1", Malformed::Host),
        ("SIP/2.0/UDP [2001:db8::1", Malformed::Host),
        ("SIP/2.0/UDP a;branch=", Malformed::Parameter),
    ];
    for (text, why) in table {
        assert_eq!(Via::parse(text.as_bytes()).err(), Some(*why), "{text:?}");
    }
}
