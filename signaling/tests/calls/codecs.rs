//! Parties whose codecs are unlike meet where the media plane transcodes; where they share one, packets pass as they are.

use super::{
    common::{Line, Phone, Sip, extension, settings},
    join,
};
use contract::{Codec, MediaCommand};
use signaling::settings::{Directory, Dtmf, Settings};

fn transcoding(codecs: &[Codec]) -> Settings {
    let mut settings = settings();
    settings.media.transcode = true;
    let mut boris = extension("1002", "Boris Bell");
    boris.codecs = codecs.to_vec();
    settings.directory = Directory::new([extension("1001", "Alice Ames"), boris]);
    settings
}

fn office(codecs: &[Codec]) -> (Line, Phone, Phone) {
    let mut line = Line::with(transcoding(codecs));
    let (alice, boris) = join(&mut line);
    (line, alice, boris)
}

/// A description with these formats; of the dynamic ones 96 is opus and 101 events.
fn sdp(formats: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 10.0.0.12\r\ns=-\r\nc=IN IP4 10.0.0.12\r\nt=0 0\r\nm=audio 4000 RTP/AVP {formats}\r\n\
         a=rtpmap:96 opus/48000/2\r\na=rtpmap:97 EVS/16000\r\na=rtpmap:101 telephone-event/8000\r\n"
    )
}

fn formats(message: &Sip) -> &str {
    message.sdp("m=audio ").split_once(" RTP/AVP ").map_or("", |(_, formats)| formats)
}

/// Payload types last told to the shard of a leg.
fn told(line: &Line, number: u16) -> Vec<u8> {
    let formats = line.media.iter().rev().find_map(|command| match command {
        MediaCommand::DescribeLeg { member, peer, .. } if member.0 == number => Some(&peer.formats),
        _ => None,
    });
    formats.expect("the leg was described").iter().map(|format| format.payload_type).collect()
}

/// Alice's offer, Boris' account; what he is offered; his answer; what she is told; what the shard is told of both.
type Row<'a> = (&'a str, &'a [Codec], &'a str, &'a str, &'a str, &'a [u8], &'a [u8]);

#[test]
fn unlike_codecs_meet_and_like_ones_pass() {
    let rows: &[Row<'_>] = &[
        // Nothing shared: Boris' codec, and Alice's own first back.
        ("0 101", &[Codec::G722], "101 9", "9 101", "0 101", &[0, 101], &[9, 101]),
        ("0 8 101", &[Codec::G722], "101 9", "9", "0 101", &[0, 101], &[9]),
        // A caller without events is offered as one with them.
        ("8", &[Codec::Pcmu], "0 101", "0 101", "8", &[8], &[0, 101]),
        // Hers first, ours behind; Boris takes hers, and it is passed as it is.
        ("0 101", &[], "0 101 8 9 111", "0 101", "0 101", &[0, 101], &[0, 101]),
        // Boris prefers his: the shared one is told first.
        ("0 101", &[], "0 101 8 9 111", "8 0 101", "0 101", &[0, 101], &[0, 8, 101]),
        // A number of hers is not taken for one of ours; a codec that only passes is offered because she did.
        ("18 96 101", &[], "18 96 101 8 0 9", "8 101", "96 101", &[96, 101], &[8, 101]),
        ("18 96 101", &[], "18 96 101 8 0 9", "18 101", "18 101", &[18, 101], &[18, 101]),
        // Codecs that are neither shared nor transcoded are of no use, but do no harm.
        ("97 0", &[Codec::Pcma], "8 101", "8 101", "0", &[0], &[8, 101]),
    ];
    for (offered, account, passed, answered, told_back, of_alice, of_boris) in rows {
        let (mut line, mut alice, mut boris) = office(account);
        let invite = alice.call(&mut line, "1002", &sdp(offered));
        let asked = line.expect(boris.address, "INVITE");
        assert_eq!(formats(&asked), *passed, "{offered} to {account:?}");
        boris.answer(&mut line, &asked, 200, &sdp(answered));
        line.expect(boris.address, "ACK");
        let answer = line.expect(alice.address, "200");
        assert_eq!(formats(&answer), *told_back, "{offered}, answered {answered}");
        let mut caller = invite.dialog(&answer);
        caller.ack(&mut line, "");
        assert_eq!(
            (&told(&line, 0)[..], &told(&line, 1)[..]),
            (*of_alice, *of_boris),
            "{offered}, answered {answered}"
        );
        assert_eq!(line.heard().len(), 2);
        caller.request(&mut line, "BYE", "");
        line.expect_rest();
    }
}

#[test]
fn what_only_passes_cannot_meet_what_it_is_not() {
    // G.729 at one end only.
    let (mut line, mut alice, boris) = office(&[Codec::Pcma]);
    alice.call(&mut line, "1002", &sdp("18 101"));
    line.expect(alice.address, "488");
    line.expect_silence(boris.address);
    // An account that may use nothing of ours.
    let (mut line, mut alice, boris) = office(&[Codec::G729]);
    alice.call(&mut line, "1002", &sdp("0 101"));
    line.expect(alice.address, "488");
    line.expect_silence(boris.address);
    // An answer with a format that was neither hers nor ours.
    let (mut line, mut alice, mut boris) = office(&[]);
    alice.call(&mut line, "1002", &sdp("0"));
    let asked = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &asked, 200, &sdp("97"));
    line.expect(boris.address, "ACK");
    line.expect(boris.address, "BYE");
    line.expect(alice.address, "488");
}

#[test]
fn g729_is_made_where_the_system_can_and_offered_to_who_names_it() {
    // Alice's offer, Boris' account; what he is offered; his answer; what she is told.
    let rows: &[(&str, &[Codec], &str, &str, &str)] = &[
        ("18 101", &[Codec::Pcma], "101 8", "8 101", "18 101"),
        ("0 101", &[Codec::G729], "101 18", "18 101", "0 101"),
        ("0 101", &[], "0 101 8 9 111", "0 101", "0 101"),
        ("18 101", &[], "18 101 8 0 9 111", "18 101", "18 101"),
    ];
    for (offered, account, passed, answered, told_back) in rows {
        let mut settings = transcoding(account);
        settings.media.g729 = true;
        let mut line = Line::with(settings);
        let (mut alice, mut boris) = join(&mut line);
        let invite = alice.call(&mut line, "1002", &sdp(offered));
        let asked = line.expect(boris.address, "INVITE");
        assert_eq!(formats(&asked), *passed, "{offered} to {account:?}");
        boris.answer(&mut line, &asked, 200, &sdp(answered));
        line.expect(boris.address, "ACK");
        let answer = line.expect(alice.address, "200");
        assert_eq!(formats(&answer), *told_back, "{offered}, answered {answered}");
        let mut caller = invite.dialog(&answer);
        caller.ack(&mut line, "");
        caller.request(&mut line, "BYE", "");
        line.expect_rest();
    }
}

#[test]
fn hold_keeps_codecs_and_payload_types() {
    let (mut line, mut alice, mut boris) = office(&[Codec::G722, Codec::Opus]);
    let invite = alice.call(&mut line, "1002", &sdp("0 101"));
    let asked = line.expect(boris.address, "INVITE");
    let first = formats(&asked).to_owned();
    assert_eq!(first, "101 9 111");
    let mut called = boris.answer(&mut line, &asked, 200, &sdp("9 101"));
    line.expect(boris.address, "ACK");
    let answer = line.expect(alice.address, "200");
    let mut caller = invite.dialog(&answer);
    caller.ack(&mut line, "");
    for direction in ["sendonly", "sendrecv"] {
        caller.reinvite(&mut line, &format!("{}a={direction}\r\n", sdp("0 101")));
        let asked = line.expect(boris.address, "INVITE");
        assert_eq!(formats(&asked), first, "{direction}");
        boris.answer(&mut line, &asked, 200, &sdp("9 101"));
        line.expect(boris.address, "ACK");
        assert_eq!(formats(&line.expect(alice.address, "200")), "0 101", "{direction}");
        caller.ack(&mut line, "");
        assert_eq!((told(&line, 0), told(&line, 1)), (vec![0, 101], vec![9, 101]), "{direction}");
    }
    // The callee asks: what it offers becomes hers the same way.
    called.reinvite(&mut line, &sdp("9 101"));
    let asked = line.expect(alice.address, "INVITE");
    assert_eq!(formats(&asked), "9 101 8 0 111");
    alice.answer(&mut line, &asked, 200, &sdp("0 101"));
    line.expect(alice.address, "ACK");
    assert_eq!(formats(&line.expect(boris.address, "200")), "9 101");
    called.ack(&mut line, "");
    called.request(&mut line, "BYE", "");
    line.expect(alice.address, "BYE");
}

#[test]
fn the_length_of_packets_is_told_to_the_shard() {
    let (mut line, mut alice, mut boris) = office(&[]);
    alice.call(&mut line, "1002", &format!("{}a=ptime:40\r\na=maxptime:30\r\n", sdp("0")));
    let asked = line.expect(boris.address, "INVITE");
    boris.answer(&mut line, &asked, 200, &sdp("0"));
    let of = |number: u16| {
        line.media.iter().find_map(|command| match command {
            MediaCommand::DescribeLeg { member, peer, .. } if member.0 == number => Some(peer.packet_time.as_millis()),
            _ => None,
        })
    };
    assert_eq!((of(0), of(1)), (Some(30), Some(20)));
}

#[test]
fn an_account_says_how_keys_are_told() {
    use contract::DigitMode;
    // Mode of the account, formats answered, Allow; what the shard is told.
    for (dtmf, answered, allow, mode) in [
        (Dtmf::Rfc4733, "0 101", "", DigitMode::Event),
        (Dtmf::Rfc4733, "0", "", DigitMode::Event),
        (Dtmf::Inband, "0 101", "", DigitMode::Inband),
        (Dtmf::Info, "0 101", "", DigitMode::Info),
        (Dtmf::Auto, "0 101", "Allow: INFO\r\n", DigitMode::Event),
        (Dtmf::Auto, "0", "Allow: INFO\r\n", DigitMode::Info),
        (Dtmf::Auto, "0", "", DigitMode::Inband),
    ] {
        let mut settings = transcoding(&[]);
        let mut account = extension("1002", "Boris Bell");
        account.dtmf = dtmf;
        settings.directory = Directory::new([extension("1001", "Alice Ames"), account]);
        let mut line = Line::with(settings);
        let (mut alice, mut boris) = join(&mut line);
        alice.call(&mut line, "1002", &sdp("0 101"));
        let asked = line.expect(boris.address, "INVITE");
        boris.answer_with(&mut line, &asked, 200, &sdp(answered), allow);
        let told = line.media.iter().rev().find_map(|command| match command {
            MediaCommand::DescribeLeg { member, peer, .. } if member.0 == 1 => Some(peer.digits),
            _ => None,
        });
        assert_eq!(told, Some(mode), "{dtmf:?} {answered} {allow}");
    }
}
