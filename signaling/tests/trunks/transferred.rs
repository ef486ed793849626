//! A party that called by a trunk is given to somebody else: its channel goes with it, from call to call, and is given back once.

use super::{begun, boris, common::Phone, common::sdp, trunk};
use signaling::settings::{Network, Trunk};

const GATEWAY: &str = "10.0.2.7:5060";

fn tag(value: &str) -> &str {
    value.split(";tag=").nth(1).unwrap()
}

#[test]
fn a_channel_goes_with_its_leg_into_the_call_that_takes_it_over() {
    let network = Network { address: "10.0.2.0".parse().unwrap(), prefix: 24 };
    let mut line = begun([Trunk { allow_from: vec![network], calls_max: 1, ..trunk("a", 1) }]);
    let mut boris = boris(&mut line);
    let mut carol = Phone::new("1003", "10.0.0.13:5063");
    assert_eq!(carol.register(&mut line).status(), 200);
    let gateway = GATEWAY.parse().unwrap();

    let body = sdp("10.0.2.7", 4000);
    line.send(
        gateway,
        &format!(
            "INVITE sip:1002@pbx.test SIP/2.0\r\nVia: SIP/2.0/UDP {GATEWAY};branch=z9hG4bKg1;rport\r\nMax-Forwards: 70\r\n\
             From: <sip:+4930111@carrier.test>;tag=g1\r\nTo: <sip:1002@pbx.test>\r\nCall-ID: g1\r\nCSeq: 1 INVITE\r\n\
             Contact: <sip:gw@{GATEWAY}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ),
    );
    let asked = line.expect(boris.address, "INVITE");
    let sdp = boris.sdp();
    let outside = boris.answer(&mut line, &asked, 200, &sdp);
    line.expect(boris.address, "ACK");
    let answered = line.expect(gateway, "200");
    line.send(
        gateway,
        &format!(
            "ACK {} SIP/2.0\r\nVia: SIP/2.0/UDP {GATEWAY};branch=z9hG4bKg2\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\n\
             Call-ID: g1\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
            answered.contact(),
            answered.header("From"),
            answered.header("To"),
        ),
    );
    let invite = boris.call(&mut line, "1003", &sdp);
    let rung = line.expect(carol.address, "INVITE");
    let sdp = carol.sdp();
    let mut called = carol.answer(&mut line, &rung, 200, &sdp);
    line.expect(carol.address, "ACK");
    let answer_to_boris = line.expect(boris.address, "200");
    let mut inside = invite.dialog(&answer_to_boris);
    inside.ack(&mut line, "");
    assert_eq!((line.pbx.status().calls, super::view(&mut line).calls), (2, 1));

    // Boris gives the one outside to Carol, in the dialog of the call with her.
    let replaces = format!("{};to-tag={};from-tag={}", outside.call_id, tag(&outside.remote), tag(&outside.local));
    let replaces = replaces.replace(';', "%3B").replace('=', "%3D").replace('@', "%40");
    inside.cseq += 1;
    let cseq = inside.cseq;
    inside.request_as(&mut line, "REFER", cseq, "", &format!("Refer-To: <sip:x@pbx.test?Replaces={replaces}>\r\n"));
    line.expect(boris.address, "202");
    while let Some(request) = line.take(boris.address) {
        boris.answer(&mut line, &request, 200, "");
    }
    let renewed = line.expect(carol.address, "INVITE");
    let sdp = carol.sdp();
    carol.answer(&mut line, &renewed, 200, &sdp);
    line.expect(carol.address, "ACK");
    line.pass_seconds(1);
    assert_eq!(super::view(&mut line).calls, 1, "the channel is held by the call that goes on");

    line.forget(carol.address);
    called.request(&mut line, "BYE", "");
    line.expect(carol.address, "200");
    assert_eq!(super::view(&mut line).calls, 0);
    line.pbx.check_invariants().unwrap();
}
