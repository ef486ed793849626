//! Which codecs pass, in which order, and that G.711 of both laws does.

use crate::{
    exchange::{Exchange, until},
    handset::{Handset, home},
    http::get,
    voice::{Voice, until_heard},
};

#[test]
fn an_accounts_codecs_reach_its_phone_in_its_order_and_no_others() {
    let exchange = home("", "codecs: [pcma, pcmu]").start();
    let mut alice = Handset::alice(&exchange).registered();
    alice.formats = &[96, 9, 0, 18, 8, 101];
    let mut boris = Handset::boris(&exchange).registered();
    boris.formats = &[8, 101];

    let asked = alice.dial("1002");
    let invite = boris.called();
    assert_eq!(invite.formats(), ["8", "0", "101"], "{}", invite.body());
    for gone in ["opus", "G722", "G729"] {
        assert!(!invite.body().contains(gone), "{}", invite.body());
    }
    boris.take(&invite);
    let answer = alice.final_answer(&asked);
    assert_eq!(answer.formats(), ["8", "101"], "{}", answer.body());
    let mut talk = alice.acknowledge(&asked, &answer, "");
    assert_eq!(get(&exchange, "/api/calls")["items"][0]["legs"][0]["codec"], "PCMA");
    alice.hang_up(&mut talk);
    boris.hung_up_on();

    // As caller: what it may not use does not reach the other either.
    boris.formats = &[9, 0, 8, 101];
    let asked = boris.dial("1001");
    let invite = alice.called();
    let mut offered = invite.formats();
    assert!(!offered.contains(&"9"), "{}", invite.body());
    // What follows is ours: it is made of his.
    offered.truncate(3);
    offered.sort_unstable();
    assert_eq!(offered, ["0", "101", "8"], "{}", invite.body());
    alice.say(&invite, 486);
    assert_eq!(boris.refused(&asked), 486);
}

#[test]
fn a_call_without_a_common_codec_is_refused_and_rings_nowhere() {
    let exchange = home("", "codecs: [pcma]").start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    // A codec that the exchange can carry and not make.
    alice.formats = &[97];
    let asked = alice.dial("1002");
    assert_eq!(alice.refused(&asked), 488);
    let row = until(|| get(&exchange, "/api/cdr")["items"].get(0).cloned()).expect("a record");
    assert_eq!((&row["disposition"], &row["hangup_cause"]), (&"failed".into(), &"incompatible".into()), "{row}");
    // Boris can be asked and has heard nothing else.
    boris.formats = &[8];
    alice.formats = &[8];
    let asked = alice.dial("1002");
    let invite = boris.called();
    assert_eq!(invite.formats(), ["8", "101"], "the first INVITE that came: {}", invite.body());
    boris.take(&invite);
    alice.connected(&asked);
}

#[test]
fn both_laws_of_g711_are_carried_as_they_are() {
    let exchange = Exchange::start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    for (formats, name) in [(&[0, 101][..], "PCMU"), (&[8, 101], "PCMA")] {
        (alice.formats, boris.formats) = (formats, formats);
        let asked = alice.dial("1002");
        let invite = boris.called();
        let at_boris = boris.take(&invite);
        let mut at_alice = alice.connected(&asked);
        let (mut hers, mut his) = (Voice::new(formats[0], 1), Voice::new(formats[0], 2));
        for heard in [
            until_heard((&alice, &mut hers, &at_alice), &boris, 0x2a),
            until_heard((&boris, &mut his, &at_boris), &alice, 0xd5),
        ] {
            assert!(heard.iter().all(|packet| packet.payload_type == formats[0]), "{heard:?}");
        }
        let calls = get(&exchange, "/api/calls");
        assert_eq!(calls["items"][0]["legs"][1]["codec"], name, "{calls}");
        alice.hang_up(&mut at_alice);
        boris.hung_up_on();
    }
}
