//! Registration with a provider: RFC 3261 section 10.2 as the client.

use super::{answer, at, begun, common::Line, common::Sip, registering, told, view};
use signaling::{auth::digest::Credentials, limits::REGISTER_RETRY_MAX};

const MD5: &str = "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"\r\n";
const SHA: &str = "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n2\", algorithm=SHA-256, qop=\"auth\"\r\n";

/// The last REGISTER; those before it are copies.
#[track_caller]
fn register(line: &mut Line) -> Sip {
    let mut last = line.expect(at(1), "REGISTER");
    while let Some(copy) = line.take(at(1)) {
        last = copy;
    }
    last
}

fn proves(register: &Sip) -> bool {
    let value = register.header("Authorization").to_owned();
    Credentials::parse(value.as_bytes())
        .ok()
        .flatten()
        .is_some_and(|credentials| credentials.prove(b"REGISTER", super::common::line::SECRET))
}

#[test]
fn a_trunk_registers_with_either_algorithm_and_comes_up() {
    for challenge in [MD5.to_owned(), SHA.to_owned(), format!("{SHA}{MD5}")] {
        let mut line = begun([registering("a", 1)]);
        let first = register(&mut line);
        assert_eq!((first.uri(), first.header("To")), ("sip:10.0.1.1:5060", "<sip:account-17@10.0.1.1>"));
        assert_eq!((first.header("Expires"), first.contact()), ("600", "sip:a@10.0.0.1:5060"));
        assert!(first.header("Authorization").is_empty());
        assert_eq!(told(&line), [("a".to_owned(), Some("not registered"))]);
        answer(&mut line, 1, &first, 401, &challenge);
        let second = register(&mut line);
        assert!(proves(&second), "{second:?}");
        assert_eq!(second.header("Call-ID"), first.header("Call-ID"));
        assert_eq!(second.cseq(), first.cseq() + 1);
        answer(&mut line, 1, &second, 200, "Contact: <sip:a@10.0.0.1:5060>;expires=300\r\n");
        assert_eq!(told(&line).last(), Some(&("a".to_owned(), None)));
        assert_eq!((view(&mut line).register_status, line.status().trunks_up), (Some(200), 1));
        // Refreshed in time, with the proof at once.
        line.pass_seconds(239);
        line.expect_silence(at(1));
        line.pass_seconds(32);
        let third = register(&mut line);
        assert!(proves(&third) && third.header("Authorization").contains("nc=00000002"), "{third:?}");
        answer(&mut line, 1, &third, 200, "Expires: 600\r\n");
        line.pass_seconds(470);
        line.expect_silence(at(1));
    }
}

#[test]
fn a_wrong_secret_is_tried_once_and_then_left_for_minutes() {
    let mut line = begun([registering("a", 1)]);
    let first = register(&mut line);
    answer(&mut line, 1, &first, 401, MD5);
    let second = register(&mut line);
    answer(&mut line, 1, &second, 401, MD5);
    line.pass_seconds(299);
    line.expect_silence(at(1));
    line.pass_seconds(32);
    register(&mut line);
    assert_eq!(view(&mut line).fault, Some("not registered"));
}

#[test]
fn a_registration_too_brief_is_asked_for_again_with_what_is_the_least() {
    let mut line = begun([registering("a", 1)]);
    let first = register(&mut line);
    answer(&mut line, 1, &first, 423, "Min-Expires: 1800\r\n");
    line.pass_seconds(0);
    let second = register(&mut line);
    assert_eq!(second.header("Expires"), "1800");
    answer(&mut line, 1, &second, 200, "");
    assert_eq!(told(&line).last(), Some(&("a".to_owned(), None)));
}

#[test]
fn a_stale_nonce_is_replaced_without_a_word() {
    let mut line = begun([registering("a", 1)]);
    let first = register(&mut line);
    answer(&mut line, 1, &first, 401, MD5);
    let second = register(&mut line);
    answer(&mut line, 1, &second, 200, "Expires: 60\r\n");
    line.pass_seconds(55);
    let third = register(&mut line);
    answer(&mut line, 1, &third, 401, &SHA.replace("qop", "stale=true, qop"));
    let fourth = register(&mut line);
    assert!(proves(&fourth) && fourth.header("Authorization").contains("nonce=\"n2\""));
    answer(&mut line, 1, &fourth, 200, "Expires: 60\r\n");
    assert_eq!(told(&line).len(), 2, "it was up all the time: {:?}", told(&line));
}

#[test]
fn who_does_not_answer_is_asked_again_and_again_at_growing_distances() {
    let mut line = begun([registering("a", 1)]);
    let mut seen = Vec::new();
    for second in 0..3_600_u64 {
        line.pass_seconds(1);
        while let Some(request) = line.take(at(1)) {
            if !seen.iter().any(|(_, cseq)| *cseq == request.cseq()) {
                seen.push((second, request.cseq()));
            }
        }
    }
    assert!((8..=20).contains(&seen.len()), "{seen:?}");
    let waits: Vec<u64> = seen.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    assert!(waits.iter().all(|wait| *wait <= REGISTER_RETRY_MAX.as_secs() + 33), "{waits:?}");
    assert!(waits.last() > waits.first(), "{waits:?}");
}

#[test]
fn retry_after_is_obeyed_and_a_registration_that_ran_out_takes_the_trunk_down() {
    let mut line = begun([registering("a", 1)]);
    let first = register(&mut line);
    answer(&mut line, 1, &first, 200, "Expires: 100\r\n");
    line.pass_seconds(92);
    let second = register(&mut line);
    answer(&mut line, 1, &second, 503, "Retry-After: 60\r\n");
    assert_eq!(told(&line).last(), Some(&("a".to_owned(), None)), "what was granted holds");
    line.pass_seconds(10);
    assert_eq!(told(&line).last(), Some(&("a".to_owned(), Some("not registered"))));
    line.pass_seconds(49);
    line.expect_silence(at(1));
    line.pass_seconds(10);
    let third = register(&mut line);
    answer(&mut line, 1, &third, 200, "Expires: 100\r\n");
    assert_eq!(told(&line).last(), Some(&("a".to_owned(), None)));
}
