//! Digest authentication by published vectors and by clause.

use super::*;

/// RFC 7616 section 3.9.1.
fn rfc7616(algorithm: Algorithm) -> Question<'static> {
    Question {
        algorithm,
        realm: "http-auth@example.org",
        nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        method: b"GET",
        uri: b"/dir/index.html",
        protection: Some(Protection { nc: "00000001", cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ" }),
    }
}

/// RFC 2617 section 3.5.
const RFC2617: Question<'static> = Question {
    algorithm: Algorithm::Md5,
    realm: "testrealm@host.com",
    nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
    method: b"GET",
    uri: b"/dir/index.html",
    protection: Some(Protection { nc: "00000001", cnonce: "0a4f113b" }),
};

#[test]
fn published_vectors_come_out() {
    let circle = "Circle of Life";
    assert_eq!(expected_response(&rfc7616(Algorithm::Md5), "Mufasa", circle), "8ca523f5e9506fed4657c9700eebdbec");
    assert_eq!(
        expected_response(&rfc7616(Algorithm::Sha256), "Mufasa", circle),
        "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
    );
    assert_eq!(expected_response(&RFC2617, "Mufasa", "Circle Of Life"), "6629fae49393a05397450978507c4ef1");
    let legacy = Question { protection: None, ..RFC2617 };
    assert_eq!(expected_response(&legacy, "Mufasa", "Circle Of Life"), "670fd8c2df070c60b045671b8b24ff02");
}

#[test]
fn credentials_prove_only_their_secret_method_and_fields() {
    let value = br#"Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",
        uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b",
        response="6629FAE49393A05397450978507C4EF1", opaque="5ccc069c403ebaf9f0171e9517f40e41""#;
    let text = String::from_utf8_lossy(value).replace('\n', "\r\n");
    let credentials = Credentials::parse(text.as_bytes()).expect("grammar").expect("Digest");
    assert!(credentials.prove(b"GET", "Circle Of Life"));
    assert!(!credentials.prove(b"PUT", "Circle Of Life"));
    assert!(!credentials.prove(b"GET", "Circle of Life"));
    assert!(!Credentials { response: "".into(), ..credentials.clone() }.prove(b"GET", "Circle Of Life"));
    assert!(!Credentials { algorithm: None, ..credentials.clone() }.prove(b"GET", "Circle Of Life"));
    assert!(!Credentials { qop: Qop::Other, ..credentials.clone() }.prove(b"GET", "Circle Of Life"));
    assert!(!Credentials { qop: Qop::Legacy, ..credentials }.prove(b"GET", "Circle Of Life"));
}

#[test]
fn a_nonce_count_is_hexadecimal() {
    let count = |nc: &str| {
        let value =
            format!(r#"Digest username="a",realm="b",nonce="c",uri="d",response="e",qop=auth,nc={nc},cnonce="f""#);
        match Credentials::parse(value.as_bytes()).ok().flatten().map(|credentials| credentials.qop) {
            Some(Qop::Auth { nc, .. }) => Some(nc),
            _ => None,
        }
    };
    assert_eq!(count("00000100"), Some(0x100));
    assert_eq!(count("0000000a"), Some(10));
    assert_eq!(count("FFFFFFFF"), Some(u32::MAX));
    assert_eq!(count("1"), None);
    assert_eq!(count("+0000001"), None);
    assert_eq!(count("000000001"), None);
}

#[test]
fn values_that_are_not_digest_credentials() {
    // RFC 4475 section 3.3.7.
    assert_eq!(Credentials::parse(b"NoOneKnowsThisScheme opaque-data=here"), Ok(None));
    assert_eq!(Credentials::parse(b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), Ok(None));
    for broken in [
        "",
        "Digest",
        "Digest ",
        "Digest username",
        "Digest username=",
        r#"Digest username="open"#,
        r#"Digest username="a",realm="b",nonce="c",uri="d""#,
        r#"Digest username="a",username="b",realm="b",nonce="c",uri="d",response="e""#,
        r#"Digest username="a",realm="b",nonce="c",uri="d",response="e" junk"#,
        r#"Digest username="a",realm="b",nonce="c",uri="d",response="e","#,
    ] {
        assert_eq!(Credentials::parse(broken.as_bytes()), Err(Malformed::Parameter), "{broken}");
    }
    let many = (0..FIELDS_MAX + 1).map(|at| format!("x{at}=1")).collect::<Vec<_>>().join(",");
    assert_eq!(Challenge::parse(format!("Digest {many}").as_bytes()), Err(Malformed::Parameter));
}

#[test]
fn a_challenge_is_written_read_and_answered() {
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        for qop_auth in [true, false] {
            let challenge = Challenge {
                realm: r#"a "quoted" \ realm"#.into(),
                nonce: "n0nce/+==".into(),
                algorithm: Some(algorithm),
                qop_auth,
                opaque: Some("x".into()),
                stale: true,
            };
            let written = challenge.to_string();
            assert_eq!(Challenge::parse(written.as_bytes()), Ok(Some(challenge.clone())));
            let client = Client {
                user: "100",
                secret: "s3cret",
                method: b"REGISTER",
                uri: "sip:example.com",
                cnonce: "c",
                nc: 0x1ff,
            };
            let answer = authorize(&challenge, &client).expect("a served algorithm");
            let credentials = Credentials::parse(answer.as_bytes()).expect("grammar").expect("Digest");
            // RFC 8760 section 2.6: SHA-256 without qop is not accepted.
            let served = qop_auth || algorithm == Algorithm::Md5;
            assert_eq!(credentials.prove(b"REGISTER", "s3cret"), served, "{answer}");
            assert!(!credentials.prove(b"REGISTER", "s3cres"));
            assert!(!format!("{credentials:?}{client:?}").contains("s3cret"));
            assert!(!format!("{credentials:?}").contains(&*credentials.response));
        }
    }
}

#[test]
fn quoting_cannot_break_out_of_its_line() {
    assert_eq!(Quoted("a\"b\r\nc").to_string(), "\"a\\\"b  c\"");
}
