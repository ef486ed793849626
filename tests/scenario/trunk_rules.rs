//! What a trunk has of its own: header fields by rule and direction, the meaning of its refusals, who it is told calls, how it wants numbers, and whether
//! its sound before the answer is heard.

use crate::{
    carrier::start,
    handset::Handset,
    voice::{Voice, until_heard},
};

const OUT: &str = "headers: [\
    { direction: out, action: set, header: User-Agent, value: Office }, \
    { direction: out, action: add, header: X-Account, value: \"{caller}/{X-Cost}\" }, \
    { direction: out, action: add, header: X-None, value: \"{X-Nothing}\" }, \
    { direction: out, action: pass, header: \"/^X-Crm-/\" }]";
const IN: &str = "headers: [\
    { direction: in, action: set, header: X-Line, value: \"{caller} to {callee}\" }, \
    { direction: in, action: pass, header: X-Call-Tag }, \
    { direction: in, action: remove, header: User-Agent }]";

#[test]
fn header_fields_are_read_added_set_removed_and_let_pass_by_rule_and_direction() {
    let (exchange, mut a, mut b) = start([OUT, IN]);
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let body = alice.description("sendrecv");
    let more = "X-Cost: 7\r\nX-Crm-Id: 42\r\nX-Private: 1\r\n";
    let asked = alice.dial_with("9123", more, &body);
    let invite = a.called();
    assert_eq!((invite.all("User-Agent"), invite.all("X-Account")), (vec!["Office"], vec!["1001/7"]));
    assert_eq!((invite.find("X-Crm-Id"), invite.find("X-Private"), invite.find("X-None")), (Some("42"), None, None));
    a.say(&invite, 503);
    // The rules of one trunk are not those of another.
    let invite = b.called();
    assert_eq!((invite.find("X-Account"), invite.find("X-Crm-Id"), invite.find("X-Line")), (None, None, None));
    b.say(&invite, 486);
    assert_eq!(alice.refused(&asked), 486);
    let asked =
        b.call_in("+49305550", "<sip:+4989777@carrier.test>", "X-Call-Tag: t9\r\nX-Node: 4\r\nUser-Agent: Core\r\n");
    let invite = boris.called();
    assert_eq!((invite.find("X-Line"), invite.find("X-Call-Tag")), (Some("+4989777 to +49305550"), Some("t9")));
    assert_eq!((invite.find("X-Node"), invite.find("User-Agent")), (None, None));
    boris.say(&invite, 486);
    assert_eq!(b.refused(&asked), 486);
}

#[test]
fn a_refusal_counts_as_what_the_trunk_means_by_it() {
    let (exchange, mut a, mut b) = start(["responses: [{ from: 404, to: 503 }, { from: 480, to: 486 }]", ""]);
    let mut alice = Handset::alice(&exchange).registered();
    let (asked, invite) = alice.dial_by(&mut a, "9123");
    a.say(&invite, 480);
    assert_eq!(alice.refused(&asked), 486);
    let (asked, invite) = alice.dial_by(&mut a, "9123");
    a.say(&invite, 404);
    let invite = b.called();
    b.say(&invite, 404);
    assert_eq!(alice.refused(&asked), 404, "the other trunk's 404 is one");
}

#[test]
fn who_calls_and_whom_is_written_as_the_trunk_wants() {
    let (exchange, mut a, mut b) = start([
        "trust: true, plus: \"00\", auth_user: account-17, secret: \"x-1-y-2-z-3\"",
        "identity: from, plus: bare, from_domain: office.test",
    ]);
    let mut alice = Handset::alice(&exchange).registered();
    let (asked, invite) = alice.dial_by(&mut a, "9123");
    let at_a = a.address();
    assert_eq!(invite.uri(), format!("sip:004930123@{at_a}"));
    assert!(invite.field("From").starts_with("\"Alice\" <sip:account-17@127.0.0.1>;tag="), "{invite:?}");
    assert_eq!(invite.field("P-Asserted-Identity"), "\"Alice\" <sip:1001@127.0.0.1>");
    a.say(&invite, 500);
    let invite = b.called();
    assert_eq!(invite.uri(), format!("sip:4930123@{}", b.address()));
    assert!(invite.field("From").starts_with("\"Alice\" <sip:1001@office.test>;tag="), "{invite:?}");
    assert_eq!(invite.find("P-Asserted-Identity"), None, "it is not in our trust domain");
    b.say(&invite, 486);
    assert_eq!(alice.refused(&asked), 486);
    // What the trusted one asserts is believed, of the other it is not.
    let mut boris = Handset::boris(&exchange).registered();
    for (carrier, shown) in [(&mut a, "\"Bob\" <sip:+4989222@pbx.test>"), (&mut b, "<sip:+4989777@pbx.test>")] {
        let asserted = "P-Asserted-Identity: \"Bob\" <sip:+4989222@carrier.test>\r\n";
        let asked = carrier.call_in("+49305550", "<sip:+4989777@carrier.test>", asserted);
        let invite = boris.called();
        assert!(invite.field("From").starts_with(&format!("{shown};tag=")), "{invite:?}");
        boris.say(&invite, 486);
        assert_eq!(carrier.refused(&asked), 486);
    }
}

#[test]
fn sound_before_the_answer_is_heard_or_the_phone_rings_by_itself() {
    for (policy, status, has_sound) in [("ring", 180, false), ("relay", 183, true)] {
        let (exchange, mut a, _) = start([&format!("early_media: {policy}"), ""]);
        let mut alice = Handset::alice(&exchange).registered();
        let (asked, invite) = alice.dial_by(&mut a, "9123");
        let body = a.description("sendrecv");
        a.say_with(&invite, 183, "", &body);
        let progress = alice.progress(&asked, status);
        assert_eq!(!progress.body().is_empty(), has_sound, "{progress:?}");
        if has_sound {
            let mut theirs = Voice::new(0, 2);
            let early = a.ringing_talk(&invite);
            until_heard((&a, &mut theirs, &early), &alice, 7);
        }
        a.say(&invite, 486);
        assert_eq!(alice.refused(&asked), 486);
    }
}
