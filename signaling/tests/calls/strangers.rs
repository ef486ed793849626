//! What somebody gets who has proven nothing: the same whether he names an account or none, once for each request, and a standing by his address.

use super::{
    common::{
        Line, Phone,
        line::{DOMAIN, settings},
    },
    two,
};
use core::{net::SocketAddr, time::Duration};
use signaling::{
    effect::Effect,
    fact::Fact,
    flow::{Flow, ListenerId, Standing},
    input::Input,
};

const STRANGER: &str = "198.51.100.66:5060";

fn request(method: &str, number: &str, more: &str) -> String {
    let head = format!(
        "{method} sip:{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.66:5060;branch=z9hG4bK-{method}-{number};rport\r\n"
    );
    format!(
        "{head}Max-Forwards: 70\r\nFrom: <sip:{number}@{DOMAIN}>;tag=a\r\nTo: <sip:{number}@{DOMAIN}>\r\nCall-ID: x-{method}-{number}\r\n\
         CSeq: 1 {method}\r\nContact: <sip:{number}@198.51.100.66:5060>\r\n{more}Content-Length: 0\r\n\r\n"
    )
}

/// What a stranger's request is answered: where the answer goes, its status, and how long it is.
fn answers(line: &mut Line, text: &str) -> Vec<(SocketAddr, String, usize)> {
    let (mut out, from) = (Vec::new(), STRANGER.parse().unwrap());
    line.pbx.handle(
        line.now,
        Input::Received { flow: Flow::datagram(ListenerId(0), from), bytes: text.as_bytes() },
        &mut out,
    );
    sent(&out)
}

fn sent(out: &[Effect]) -> Vec<(SocketAddr, String, usize)> {
    out.iter()
        .filter_map(|effect| match effect {
            Effect::Transmit { flow, bytes } => {
                Some((flow.remote, String::from_utf8_lossy(&bytes[8..11]).into_owned(), bytes.len()))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn an_account_and_none_are_answered_alike() {
    let wrong = |user: &str| {
        format!(
            "Authorization: Digest username=\"{user}\", realm=\"{DOMAIN}\", nonce=\"none\", uri=\"sip:{DOMAIN}\", response=\"0\"\r\n"
        )
    };
    for (method, more) in [
        ("REGISTER", ""),
        ("INVITE", ""),
        ("SUBSCRIBE", "Event: presence\r\n"),
        ("MESSAGE", ""),
        ("PUBLISH", "Event: presence\r\n"),
        ("OPTIONS", ""),
        ("BYE", ""),
    ] {
        let (mut line, _, _) = two();
        let shapes: [fn(String) -> String; 3] = [
            |text| text,
            // Nor does the way of the answer tell it: no rport, another port in Via, an address that is not his.
            |text| text.replace(";rport", "").replacen("198.51.100.66:5060;", "198.51.100.66:7777;", 1),
            |text| text.replace(";rport", "").replacen("198.51.100.66:5060;", "192.168.1.5:7777;", 1),
        ];
        for (n, shape) in shapes.into_iter().enumerate() {
            let mut ask = |number| {
                let text = shape(request(method, number, more));
                answers(&mut line, &text.replace("z9hG4bK", &format!("z9hG4bK{n}")).replace("x-", &format!("x{n}")))
            };
            let (known, unknown) = (ask("1001"), ask("1999"));
            assert!(!known.is_empty(), "{method}");
            assert_eq!(known, unknown, "{method}");
        }
        let [known, unknown] = ["1001", "1999"].map(|number| {
            let proof = wrong(&format!("user-{number}"));
            answers(
                &mut line,
                &request(method, number, &format!("{more}{proof}")).replace("x-", "y-").replace("4bK-", "4bKy"),
            )
        });
        assert_eq!(known, unknown, "{method}");
    }
}

#[test]
fn a_refusal_of_a_stranger_is_sent_once_for_each_request() {
    let (mut line, _, _) = two();
    for (method, more, status) in [("INVITE", "", "401"), ("INVITE", "Require: x\r\n", "420")] {
        let text = request(method, "1001", more).replace("z9hG4bK", &format!("z9hG4bK{status}")).replace("x-", status);
        assert_eq!(answers(&mut line, &text).len(), 1);
        line.pass(Duration::from_secs(3));
        // RFC 3261 section 17.1.1.2: who did ask repeats his request, and is answered again.
        line.expect_silence(STRANGER.parse().unwrap());
        let again: Vec<_> = answers(&mut line, &text).into_iter().map(|(_, status, _)| status).collect();
        assert_eq!(again, [status]);
    }
    line.expect_rest();
}

#[test]
fn a_wrong_answer_is_a_failure_only_of_who_was_asked() {
    let (mut line, mut alice, _) = two();
    let failures = |line: &Line| line.facts.iter().filter(|fact| matches!(fact, Fact::AuthFailed { .. })).count();
    let first = alice.invite("1002", "", "", 1);
    line.send(alice.address, &first.text);
    let challenge = line.expect(alice.address, "401");
    line.send(alice.address, &first.ack(&challenge));
    let right = alice.authorized(&first, &challenge, "", "");
    let wrong = right.text.replace("response=\"", "response=\"0");
    // The nonce is good for the source that it was given to.
    let elsewhere: SocketAddr = "10.0.0.99:5060".parse().unwrap();
    line.send(elsewhere, &wrong);
    line.expect(elsewhere, "401");
    assert_eq!(failures(&line), 0);
    line.send(alice.address, &wrong.replace("branch=z9hG4bK", "branch=z9hG4bKagain"));
    line.expect(alice.address, "403");
    assert_eq!(failures(&line), 1);
}

#[test]
fn an_address_stands_as_what_is_registered_there() {
    let mut line = Line::with(settings());
    let standing = |line: &Line, at: &str| line.pbx.standing(line.now, at.parse().unwrap());
    let mut alice = Phone::new("1001", "10.0.0.11:5061");
    assert_eq!(standing(&line, "10.0.0.11:5061"), Standing::Stranger);
    alice.register(&mut line);
    for (at, stands) in [
        ("10.0.0.11:5061", Standing::Registered),
        ("[::ffff:10.0.0.11]:5061", Standing::Registered),
        ("10.0.0.11:5062", Standing::Neighbour),
        ("10.0.0.12:5061", Standing::Stranger),
        ("10.0.0.10:5061", Standing::Stranger),
    ] {
        assert_eq!(standing(&line, at), stands, "{at}");
    }
    line.pass(Duration::from_secs(7_300));
    assert_eq!(standing(&line, "10.0.0.11:5061"), Standing::Stranger, "it ran out");
    let mut six = Phone::new("1002", "[2001:db8:1:2::12]:5062");
    six.register(&mut line);
    for (at, stands) in [
        ("[2001:db8:1:2::12]:5062", Standing::Registered),
        ("[2001:db8:1:2::1]:5062", Standing::Neighbour),
        ("[2001:db8:1:2:ffff::]:1", Standing::Neighbour),
        ("[2001:db8:1:3::12]:5062", Standing::Stranger),
        ("[2001:db8:1:1::12]:5062", Standing::Stranger),
    ] {
        assert_eq!(standing(&line, at), stands, "{at}");
    }
}
