//! RFC 3261 section 19.1: URIs and their equality; RFC 3966: `tel`; RFC 5118: IPv6.

use core::net::IpAddr;
use signaling::message::{Host, Malformed, Scheme, Uri, equivalent};

fn uri(text: &str) -> Uri<'_> {
    Uri::parse(text.as_bytes()).unwrap_or_else(|why| panic!("{text}: {why}"))
}

fn ip(text: &str) -> Host<'static> {
    Host::Ip(text.parse::<IpAddr>().expect("an address"))
}

#[test]
fn parts_of_uris() {
    type Row = (&'static str, Scheme, Option<&'static str>, Option<Host<'static>>, Option<u16>);
    let table: &[Row] = &[
        ("sip:example.com", Scheme::Sip, None, Some(Host::Name("example.com")), None),
        ("SIPS:a@example.com:5061", Scheme::Sips, Some("a"), Some(Host::Name("example.com")), Some(5061)),
        (
            "sip:alice:secret@example.com;transport=tcp?a=b",
            Scheme::Sip,
            Some("alice"),
            Some(Host::Name("example.com")),
            None,
        ),
        ("sip:100@192.0.2.1:5060", Scheme::Sip, Some("100"), Some(ip("192.0.2.1")), Some(5060)),
        ("sip:a@[2001:db8::10]", Scheme::Sip, Some("a"), Some(ip("2001:db8::10")), None),
        ("sip:a@[2001:db8::10]:5070;x", Scheme::Sip, Some("a"), Some(ip("2001:db8::10")), Some(5070)),
        ("sip:[2001:db8::10:5070]", Scheme::Sip, None, Some(ip("2001:db8::10:5070")), None),
        ("sip:a@[::ffff:192.0.2.2]", Scheme::Sip, Some("a"), Some(ip("::ffff:192.0.2.2")), None),
        ("sip:a@[2001:db8:::192.0.2.1]", Scheme::Sip, Some("a"), Some(ip("2001:db8::192.0.2.1")), None),
        (
            "sip:user;par=u%40example.net@example.com",
            Scheme::Sip,
            Some("user;par=u@example.net"),
            Some(Host::Name("example.com")),
            None,
        ),
        (
            "sip:sips%3Auser%40example.com@example.net",
            Scheme::Sip,
            Some("sips:user@example.com"),
            Some(Host::Name("example.net")),
            None,
        ),
        ("sip:null-%00-null@example.com", Scheme::Sip, Some("null-\u{0}-null"), Some(Host::Name("example.com")), None),
        ("sip:*43#@example.com", Scheme::Sip, Some("*43#"), Some(Host::Name("example.com")), None),
        ("sip:a@my_host.example.com", Scheme::Sip, Some("a"), Some(Host::Name("my_host.example.com")), None),
        ("tel:+1-201-555-0123;phone-context=x", Scheme::Tel, Some("+1-201-555-0123"), None, None),
        ("soap.beep://192.0.2.103:3002", Scheme::Other, None, None, None),
        ("nobodyKnowsThisScheme:totallyopaquecontent", Scheme::Other, None, None, None),
    ];
    for (text, scheme, user, host, port) in table {
        let uri = uri(text);
        assert_eq!(uri.scheme(), *scheme, "{text}");
        assert_eq!(uri.user_decoded().as_deref(), *user, "{text}");
        assert_eq!((uri.host(), uri.port()), (*host, *port), "{text}");
        assert_eq!((uri.as_bytes(), uri.as_str()), (text.as_bytes(), *text));
    }
    let odd = "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)";
    let text = format!("sip:{odd}@example.com");
    assert_eq!(uri(&text).user(), odd.split(':').next().map(str::as_bytes));
}

#[test]
fn bytes_that_are_no_uri() {
    let table: &[(&[u8], Malformed)] = &[
        (b"", Malformed::Uri),
        (b"sip", Malformed::Uri),
        (b"sip:", Malformed::Uri),
        (b"tel:", Malformed::Uri),
        (b":x", Malformed::Uri),
        (b"1sip:x", Malformed::Uri),
        (b"s p:x", Malformed::Uri),
        (b"<sip:user@example.com>", Malformed::Uri),
        (b"sip:@example.com", Malformed::Uri),
        (b"sip:a@", Malformed::Host),
        (b"sip:a@b@c", Malformed::Host),
        (b"sip:a b@example.com", Malformed::Uri),
        (b"sip:a\xff@example.com", Malformed::Uri),
        (b"sip:a\0@example.com", Malformed::Uri),
        (b"sip:a%4@example.com", Malformed::Uri),
        (b"sip:a%@example.com", Malformed::Uri),
        (b"sip:a%zz@example.com", Malformed::Uri),
        (b"sip:2001:db8::10", Malformed::Host),
        (b"sip:[2001:db8::10", Malformed::Host),
        (b"sip:[2001:db8::10]x", Malformed::Host),
        (b"sip:[192.0.2.1]", Malformed::Host),
        (b"sip:[]", Malformed::Host),
        (b"sip:[:::::]", Malformed::Host),
        (b"sip:[1:::2:::3]", Malformed::Host),
        (b"sip:exa mple.com", Malformed::Host),
        (b"sip:example.com:", Malformed::Host),
        (b"sip:example.com:x", Malformed::Host),
        (b"sip:example.com:65536", Malformed::Host),
        (b"sip:example.com;a b", Malformed::Uri),
        (b"sip:example.com;a=%4", Malformed::Uri),
        (b"sip:example.com;a=<b>", Malformed::Uri),
        (b"tel:+1 2", Malformed::Uri),
        (b"http:\"", Malformed::Uri),
    ];
    for (bytes, why) in table {
        assert_eq!(Uri::parse(bytes).err(), Some(*why), "{}", bytes.escape_ascii());
    }
    let long = format!("sip:[{}]", ":".repeat(60_000));
    assert_eq!(Uri::parse(long.as_bytes()).err(), Some(Malformed::Host));
}

#[test]
fn parameters_and_headers() {
    let uri = uri("sip:a@b.c;Transport=TCP;lr;;%6Cr2=x;ob?Route=%3Csip:x%3E&a&b=");
    assert_eq!(uri.param("transport"), Some(Some(&b"TCP"[..])));
    assert_eq!(uri.param("LR"), Some(None));
    assert_eq!(uri.param("lr2"), Some(Some(&b"x"[..])));
    assert_eq!(uri.param("maddr"), None);
    assert_eq!(uri.params().count(), 4);
    assert!(uri.has_headers());
    let headers: Vec<_> = uri.headers().collect();
    assert_eq!(headers, [(&b"Route"[..], Some(&b"%3Csip:x%3E"[..])), (b"a", None), (b"b", Some(b""))]);
    assert_eq!(uri.without_params(), b"sip:a@b.c");
}

/// RFC 3261 section 19.1.4, its examples and more.
#[test]
fn equality_of_uris() {
    let same = [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("sip:a@[2001:DB8::1]", "sip:a@[2001:db8:0::1]"),
        ("tel:+1-201-555-0123", "tel:+1(201)5550123"),
        ("http://x", "http://x"),
    ];
    let unlike = [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:a@b.c", "sips:a@b.c"),
        ("sip:b.c", "sip:a@b.c"),
        ("sip:a:x@b.c", "sip:a@b.c"),
        ("sip:a@b.c;maddr=192.0.2.1", "sip:a@b.c"),
        ("sip:a@b.c;%75ser=phone", "sip:a@b.c"),
        ("tel:+1", "tel:+2"),
        ("http://x", "http://y"),
    ];
    for (one, two) in same {
        assert!(equivalent(&uri(one), &uri(two)) && equivalent(&uri(two), &uri(one)), "{one} {two}");
    }
    for (one, two) in unlike {
        assert!(!equivalent(&uri(one), &uri(two)) && !equivalent(&uri(two), &uri(one)), "{one} {two}");
    }
}
