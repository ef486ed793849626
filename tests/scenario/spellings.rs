//! A call written as few phones write it: compact names, folded lines, several values a line, odd case and blanks (RFC 3261 section 7.3).

use crate::{exchange::Exchange, handset::Handset, phone::Phone};

#[test]
fn compact_folded_and_listed_headers_make_a_call_like_any_other() {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange);
    let mut boris = Handset::boris(&exchange).registered();
    let body = alice.description("sendrecv");
    let at = alice.claims.clone();
    let write = |cseq: u32, proof: &str| {
        format!(
            "INVITE sip:%31002@PBX.test SIP/2.0\r\nv : SIP / 2.0 / UDP {at};branch=z9hG4bK-odd{cseq} ;rport,\r\n \
             SIP/2.0/UDP 192.0.2.4:5062;branch=z9hG4bKbelow\r\nf:\r\n \"Alice, \\\"at work\\\"\"\r\n\t<sip:1001@pbx.test>\r\n ;TAG=odd\r\n\
             t:sip:1002@pbx.test\r\ni:odd-call@phone\r\nCSEQ:  {cseq}\r\n INVITE\r\nmax-forwards:0070\r\n{proof}\
             m: \"Alice\" <sip:1001@{at}> ; q=0.7\r\nsubject: one,\r\n  two\r\nk: timer, 100rel ,\r\n\treplaces\r\n\
             X-Unheard-Of: any;thing=\"goes, here\"\r\nc : application / sdp\r\nl: {length}\r\n\r\n{body}",
            length = body.len(),
        )
    };
    alice.send(&write(1, ""));
    let challenge = alice.wait(|message| message.status() == 401);
    assert_eq!(challenge.all("Via").join(", ").matches("SIP").count(), 2, "every Via comes back: {challenge:?}");
    let proof = Phone::credentials(
        ("alice", "Kf3-first-wheel-9"),
        challenge.field("WWW-Authenticate"),
        "INVITE",
        "sip:%31002@PBX.test",
    );
    // The credentials folded at every comma outside quotes.
    alice.send(&write(2, &proof.replacen(',', ",\r\n  ", 3)));

    let invite = boris.called();
    assert!(invite.field("From").contains("sip:1001@"), "{invite:?}");
    assert_eq!(invite.formats()[..2], ["0", "101"], "{invite:?}");
    boris.say(&invite, 180);
    let ringing = alice.wait(|message| message.status() == 180);
    assert!(ringing.field("From").to_ascii_lowercase().contains(";tag=odd"), "{ringing:?}");
    let mut at_boris = boris.say_taken(&invite);
    let answer = alice.wait(|message| message.status() == 200 && message.method() == "INVITE");
    alice.send(&format!(
        "ACK {} SIP/2.0\r\nv:SIP/2.0/UDP {};branch=z9hG4bK-oddack\r\nf: {}\r\nt: {}\r\ni: odd-call@phone\r\nCSeq: 2 ACK\r\n\
         Max-Forwards: 70\r\nl:0\r\n\r\n",
        answer.target(),
        alice.claims,
        answer.field("From"),
        answer.field("To"),
    ));
    boris.acknowledged(&invite);
    boris.hang_up(&mut at_boris);
    alice.hung_up_on();
}
