//! Phones on TCP.

use super::common::{Line, Phone, Sip};
use core::net::SocketAddr;
use signaling::flow::ConnectionId;

const STREAM: ConnectionId = ConnectionId(7);

/// Boris registers over TCP.
fn on_stream() -> (Line, Phone, Phone, SocketAddr) {
    let mut line = Line::new();
    let mut alice = Phone::new("1001", "10.0.0.11:5061");
    alice.register(&mut line);
    let mut boris = Phone::new("1002", "10.0.0.12:5062");
    let remote: SocketAddr = "10.0.0.12:40000".parse().unwrap();
    let contact = "<sip:1002@10.0.0.12:5062;transport=tcp>;expires=600";
    let stream = |text: String| text.replace("SIP/2.0/UDP", "SIP/2.0/TCP");
    let text = stream(boris.register_text(contact, None));
    line.send_on(STREAM, remote, &text);
    let challenge = line.expect(remote, "401");
    let authorization = boris.authorization(&challenge, "REGISTER", "sip:pbx.test");
    let text = stream(boris.register_text(contact, Some(&authorization)));
    line.send_on(STREAM, remote, &text);
    line.expect(remote, "200");
    (line, alice, boris, remote)
}

fn answer(line: &mut Line, remote: SocketAddr, request: &Sip, status: u16, body: &str) {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    let to = request.header("To");
    let to = if to.contains(";tag=") { to.to_owned() } else { format!("{to};tag=b") };
    let text = format!(
        "SIP/2.0 {status} Answer\r\nVia: {}\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\nContact: <sip:1002@10.0.0.12:5062;transport=tcp>\r\n\
         {kind}Content-Length: {}\r\n\r\n{body}",
        request.header("Via"),
        request.header("From"),
        request.header("Call-ID"),
        request.header("CSeq"),
        body.len()
    );
    line.send_on(STREAM, remote, &text);
}

#[test]
fn a_phone_is_called_on_its_own_stream() {
    let (mut line, mut alice, boris, remote) = on_stream();
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(remote, "INVITE");
    assert!(asked.header("Contact").contains("transport=tcp"), "{asked:?}");
    assert!(line.opened.is_empty());
    answer(&mut line, remote, &asked, 200, &boris.sdp());
    line.expect(remote, "ACK");
    let ok = line.expect(alice.address, "200");
    let mut caller = invite.dialog(&ok);
    caller.ack(&mut line, "");
    caller.request(&mut line, "BYE", "");
    let bye = line.expect(remote, "BYE");
    answer(&mut line, remote, &bye, 200, "");
    line.expect_rest();
}

#[test]
fn a_call_survives_its_stream_and_opens_another_for_the_next_request() {
    let (mut line, mut alice, boris, remote) = on_stream();
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(remote, "INVITE");
    answer(&mut line, remote, &asked, 200, &boris.sdp());
    line.expect(remote, "ACK");
    let ok = line.expect(alice.address, "200");
    let mut caller = invite.dialog(&ok);
    caller.ack(&mut line, "");
    line.lose(STREAM);
    assert_eq!(line.heard().len(), 2);
    line.expect_silence(alice.address);
    caller.request(&mut line, "BYE", "");
    line.expect(alice.address, "200");
    assert_eq!(line.opened.iter().map(|(_, to)| *to).collect::<Vec<_>>(), [boris.address]);
    line.expect_rest();
}

#[test]
fn a_phone_whose_stream_breaks_while_it_rings_is_not_there() {
    let (mut line, mut alice, _, remote) = on_stream();
    alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(remote, "INVITE");
    answer(&mut line, remote, &asked, 180, "");
    line.lose(STREAM);
    line.expect(alice.address, "180");
    line.pass_seconds(31);
    line.expect(alice.address, "480");
    line.expect_rest();
}

#[test]
fn a_bye_whose_stream_breaks_is_sent_again_on_another() {
    let (mut line, mut alice, boris, remote) = on_stream();
    let invite = alice.call(&mut line, "1002", &alice.sdp());
    let asked = line.expect(remote, "INVITE");
    answer(&mut line, remote, &asked, 200, &boris.sdp());
    line.expect(remote, "ACK");
    let ok = line.expect(alice.address, "200");
    let mut caller = invite.dialog(&ok);
    caller.ack(&mut line, "");
    caller.request(&mut line, "BYE", "");
    line.expect(remote, "BYE");
    line.lose(STREAM);
    line.expect(boris.address, "BYE");
    // That one is lost too; there is no third.
    let (connection, _) = line.opened[0];
    line.lose(connection);
    line.expect_silence(boris.address);
    line.expect_rest();
}
