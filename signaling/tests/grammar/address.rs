//! RFC 3261 section 20.10: name-addr and addr-spec; section 25.1: quoted strings and parameters.

use signaling::message::{Malformed, NameAddr, Params};

#[test]
fn addresses_with_display_name_uri_and_tag() {
    let table: &[(&str, &str, &str, Option<&str>)] = &[
        ("<sip:a@b>", "", "sip:a@b", None),
        ("<sip:a@b>;tag=x", "", "sip:a@b", Some("x")),
        ("sip:a@b;tag=x", "", "sip:a@b", Some("x")),
        ("sip:a@b ;\r\n  TAG\t = x", "", "sip:a@b", Some("x")),
        ("Bob<sip:a@b>", "Bob", "sip:a@b", None),
        ("A. G. Bell <sip:a@b;lr>;tag=y", "A. G. Bell", "sip:a@b;lr", Some("y")),
        ("\"a < b\" <sip:a@x>", "a < b", "sip:a@x", None),
        (
            "\"J Rosenberg \\\\\\\"\"       <sip:a@b>\r\n  ;\r\n  tag = 98asjd8",
            "J Rosenberg \\\"",
            "sip:a@b",
            Some("98asjd8"),
        ),
        ("\"two\r\n lines\" <sip:a@b>", "two lines", "sip:a@b", None),
        ("\"\" <sip:a@b>", "", "sip:a@b", None),
        ("\"%Z%45\" <sip:a@b>", "%Z%45", "sip:a@b", None),
        ("J\u{fc}rgen <sip:a@b>", "J\u{fc}rgen", "sip:a@b", None),
        (
            "token1~` token2'+_ token3*%!.- <sip:a@b>;x''~+*_!.-%=\"\u{440}\\\"\";tag=_t~1'+`*%!-.",
            "token1~` token2'+_ token3*%!.-",
            "sip:a@b",
            Some("_t~1'+`*%!-."),
        ),
        ("<tel:+1-201>;tag=a=b/c", "", "tel:+1-201", Some("a=b/c")),
        ("<http://www.example.com>;tag=3", "", "http://www.example.com", Some("3")),
        ("isbn:2983792873", "", "isbn:2983792873", None),
    ];
    for (text, display, uri, tag) in table {
        let address = NameAddr::parse(text.as_bytes()).unwrap_or_else(|why| panic!("{text}: {why}"));
        assert_eq!(address.display(), *display, "{text}");
        assert_eq!(address.uri.as_str(), *uri, "{text}");
        assert_eq!(address.tag(), tag.map(str::as_bytes), "{text}");
    }
}

#[test]
fn values_that_are_no_address() {
    let table: &[(&str, Malformed)] = &[
        ("", Malformed::Uri),
        ("<>", Malformed::Uri),
        ("<sip:a@b", Malformed::NameAddr),
        ("\"Mr. J. User <sip:j.user@example.com>", Malformed::NameAddr),
        ("\"x\"", Malformed::NameAddr),
        ("\"x\" sip:a@b", Malformed::NameAddr),
        ("\"x\\", Malformed::NameAddr),
        ("Bell, Alexander <sip:a@b>", Malformed::NameAddr),
        ("\"Watson\" < sip:t@example.org >", Malformed::Uri),
        ("sip:user@example.com?Route=%3Csip:x%3E", Malformed::NameAddr),
        ("sip:a@b, sip:c@d", Malformed::NameAddr),
        ("<sip:a@b>x", Malformed::Parameter),
        ("<sip:a@b>;", Malformed::Parameter),
        ("<sip:a@b>;;;;", Malformed::Parameter),
        ("<sip:a@b>;=x", Malformed::Parameter),
        ("<sip:a@b>;x=", Malformed::Parameter),
        ("<sip:a@b>;x=\"open", Malformed::Parameter),
        ("<sip:a@b>;tag=x y", Malformed::Parameter),
        ("<sip:a@b>;tag=x,y", Malformed::Parameter),
        ("*", Malformed::Uri),
    ];
    for (text, why) in table {
        assert_eq!(NameAddr::parse(text.as_bytes()).err(), Some(*why), "{text:?}");
    }
}

#[test]
fn q_and_expires_of_contacts() {
    let table: &[(&str, Option<u16>, Option<u32>)] = &[
        ("", None, None),
        (";q=1", Some(1000), None),
        (";q=0", Some(0), None),
        (";q=0.33;expires=60", Some(330), Some(60)),
        (";Q = 0.005 ; EXPIRES = 0", Some(5), Some(0)),
        (";q=1.000", Some(1000), None),
        (";q=1.", Some(1000), None),
        (";q=1.001;expires=-1", None, None),
        (";q=0.1234;expires=\"\"", None, None),
        (";q=2;expires=280297596632815", None, Some(u32::MAX)),
        (";q;expires", None, None),
    ];
    for (params, q, expires) in table {
        let text = format!("<sip:a@b>{params}");
        let address = NameAddr::parse(text.as_bytes()).unwrap_or_else(|why| panic!("{text}: {why}"));
        assert_eq!((address.q_milli(), address.expires()), (*q, *expires), "{text}");
    }
}

#[test]
fn parameters_keep_their_order_and_first_one_wins() {
    let params = Params::parse(b" ; a = \"x\\\"y\" ;b;A=2").expect("parameters");
    assert_eq!(params.text("a").as_deref(), Some("x\"y"));
    assert_eq!(params.get("b"), Some(None));
    assert_eq!(params.value("b"), None);
    assert_eq!(params.iter().count(), 3);
    assert_eq!(Params::default().iter().count(), 0);
}
