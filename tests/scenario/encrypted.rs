//! Phones that encrypt by keys in session descriptions (RFC 4568, 3711, 7714): a tone of each at the other's ear, whatever the other does, and
//! nothing in clear on the wire.

use crate::{
    exchange::{PATIENCE, until},
    handset::{Handset, Talk, home},
    http::{figure_becomes, get},
    message::Message,
    sound::{SAMPLES, TONES, dominant, tone},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use contract::{SrtpKey, SrtpSuite};
use media_core::secure::srtp::{Inbound, Outbound};
use std::time::{Duration, Instant};

/// Packets of 20 ms that are listened to: half a second.
const PACKETS: usize = 25;

const SUITES: [(&str, SrtpSuite); 6] = [
    ("AEAD_AES_256_GCM", SrtpSuite::AeadAes256Gcm),
    ("AEAD_AES_128_GCM", SrtpSuite::AeadAes128Gcm),
    ("AES_256_CM_HMAC_SHA1_80", SrtpSuite::AesCm256Sha1_80),
    ("AES_CM_128_HMAC_SHA1_80", SrtpSuite::AesCm128Sha1_80),
    ("AES_256_CM_HMAC_SHA1_32", SrtpSuite::AesCm256Sha1_32),
    ("AES_CM_128_HMAC_SHA1_32", SrtpSuite::AesCm128Sha1_32),
];

/// A phone's own key, different for each `seed`, and the line that tells it.
fn own(tag: &str, suite: &str, seed: u8) -> (SrtpSuite, SrtpKey, String) {
    let known = SUITES.iter().find(|(name, _)| *name == suite).expect("a suite of RFC 4568, 6188 or 7714").1;
    let material: Vec<u8> = (0..known.material_len()).map(|n| seed.wrapping_add(n as u8)).collect();
    let line = format!("a=crypto:{tag} {suite} inline:{}\r\n", STANDARD.encode(&material));
    (known, SrtpKey::new(known, &material).unwrap(), line)
}

/// The exchange's line with that suite: its tag, and its key.
fn theirs(message: &Message, suite: &str) -> (String, SrtpKey) {
    let known = SUITES.iter().find(|(name, _)| *name == suite).unwrap().1;
    let lines = message.body().lines().filter_map(|line| line.strip_prefix("a=crypto:"));
    let line = lines.map(|line| line.split(' ').collect::<Vec<_>>()).find(|words| words[1] == suite);
    let words = line.unwrap_or_else(|| panic!("no {suite} in {}", message.body()));
    let material = STANDARD.decode(words[2].strip_prefix("inline:").unwrap()).unwrap();
    (words[0].to_owned(), SrtpKey::new(known, &material).unwrap())
}

/// A party's end of the wire.
struct Wire {
    ours: Option<(Outbound, Inbound)>,
    hertz: f64,
    sent: usize,
    /// What was heard, in µ-law.
    heard: Vec<u8>,
    /// Packets that came and could not be opened.
    closed: usize,
}

impl Wire {
    fn clear(hertz: f64) -> Self {
        Self { ours: None, hertz, sent: 0, heard: Vec::new(), closed: 0 }
    }

    fn protected(hertz: f64, suite: SrtpSuite, own: &SrtpKey, theirs: &SrtpKey) -> Self {
        let ours = Some((Outbound::new(suite, own).unwrap(), Inbound::new(suite, theirs).unwrap()));
        Self { ours, ..Self::clear(hertz) }
    }

    /// Says the next 20 ms of its tone.
    fn speak(&mut self, phone: &Handset, talk: &Talk) {
        let mut packet = vec![0x80, 0];
        packet.extend((self.sent as u16).to_be_bytes());
        packet.extend((self.sent as u32 * SAMPLES as u32).to_be_bytes());
        packet.extend([0, 0, 0x10, self.hertz as u8]);
        packet.extend(tone(self.hertz, self.sent));
        self.sent += 1;
        if let Some((outbound, _)) = &mut self.ours {
            let length = packet.len();
            packet.resize(length + 20, 0);
            let length = outbound.protect_rtp(&mut packet, length).unwrap();
            packet.truncate(length);
        }
        phone.rtp.send_to(&packet, talk.hears.unwrap()).unwrap();
    }

    /// Takes what has come.
    fn listen(&mut self, phone: &Handset) {
        let mut buffer = [0; 2_048];
        phone.rtp.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        while let Ok((length, _)) = phone.rtp.recv_from(&mut buffer) {
            // RFC 5761 section 4: RTCP is told apart by its type.
            if length <= 12 || (200..=211).contains(&buffer[1]) {
                continue;
            }
            let length = match &mut self.ours {
                Some((_, inbound)) => match inbound.unprotect_rtp(&mut buffer[..length]) {
                    Ok(length) => length,
                    Err(_) => {
                        self.closed += 1;
                        continue;
                    }
                },
                None => length,
            };
            self.heard.extend(&buffer[12..length]);
        }
    }
}

/// Both say their tones until both have heard half a second; at each ear is the other's tone and nothing else.
fn converse(one: (&Handset, &mut Wire, &Talk), other: (&Handset, &mut Wire, &Talk)) {
    let end = Instant::now() + PATIENCE;
    for wire in [&mut *one.1, &mut *other.1] {
        wire.heard.clear();
    }
    while one.1.heard.len().min(other.1.heard.len()) < PACKETS * SAMPLES {
        assert!(Instant::now() < end, "{} and {} octets were heard", one.1.heard.len(), other.1.heard.len());
        one.1.speak(one.0, one.2);
        other.1.speak(other.0, other.2);
        one.1.listen(one.0);
        other.1.listen(other.0);
    }
    for (listener, speaker) in [(&*one.1, &*other.1), (&*other.1, &*one.1)] {
        // The last half second: before it the stream began.
        let sound = &listener.heard[listener.heard.len() - PACKETS * SAMPLES..];
        assert_eq!(dominant(sound), Some(speaker.hertz), "at the ear of {}", listener.hertz);
        assert_eq!(listener.closed, 0, "packets that {} could not open", listener.hertz);
    }
}

fn with_keys(phone: &Handset, profile: &str, lines: &str) -> String {
    phone.description("sendrecv").replace("RTP/AVP", profile) + lines
}

/// Boris takes a call with the line of this suite.
fn take_with(boris: &mut Handset, invite: &Message, profile: &str, suite: &str) -> (Talk, Wire) {
    let (tag, ours) = theirs(invite, suite);
    let (known, key, line) = own(&tag, suite, 0x40);
    boris.say_with(invite, 200, "", &with_keys(boris, profile, &line));
    (boris.taken(invite), Wire::protected(TONES[1], known, &key, &ours))
}

#[test]
fn a_plain_phone_and_one_that_must_encrypt_hear_each_other_in_every_suite() {
    let exchange = home("", "media_encryption: required").start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    for (suite, _) in SUITES {
        let asked = alice.dial("1002");
        let invite = boris.called();
        assert!(invite.body().contains(" RTP/SAVP "), "{}", invite.body());
        let (at_boris, mut his) = take_with(&mut boris, &invite, "RTP/SAVP", suite);
        let answer = alice.final_answer(&asked);
        assert!(answer.body().contains(" RTP/AVP ") && !answer.body().contains("crypto"), "{}", answer.body());
        let mut at_alice = alice.acknowledge(&asked, &answer, "");
        let mut hers = Wire::clear(TONES[0]);
        converse((&alice, &mut hers, &at_alice), (&boris, &mut his, &at_boris));
        alice.hang_up(&mut at_alice);
        boris.hung_up_on();
    }
    figure_becomes(&exchange, "ironbell_media_sessions", 0.0);
}

#[test]
fn two_that_encrypt_each_in_its_way_hear_each_other_and_what_is_in_clear_is_not_heard() {
    let exchange = home("", "media_encryption: required").start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    // RFC 8643: Alice offers keys beside clear.
    let (known, key, line) = own("1", "AES_CM_128_HMAC_SHA1_80", 0x20);
    let asked = alice.dial_with("1002", "", &with_keys(&alice, "RTP/AVP", &line));
    let invite = boris.called();
    let (at_boris, mut his) = take_with(&mut boris, &invite, "RTP/SAVP", "AEAD_AES_256_GCM");
    let answer = alice.final_answer(&asked);
    let (tag, ours) = theirs(&answer, "AES_CM_128_HMAC_SHA1_80");
    assert_eq!(tag, "1");
    let mut at_alice = alice.acknowledge(&asked, &answer, "");
    let mut hers = Wire::protected(TONES[0], known, &key, &ours);
    converse((&alice, &mut hers, &at_alice), (&boris, &mut his, &at_boris));

    // In clear, from her own address: not heard, and it changes nothing.
    let mut bare = Wire::clear(TONES[2]);
    for _ in 0..10 {
        bare.speak(&alice, &at_alice);
    }
    converse((&alice, &mut hers, &at_alice), (&boris, &mut his, &at_boris));

    // Hold and back, with the same keys: the streams go on.
    for (direction, answer) in [("sendonly", "recvonly"), ("sendrecv", "sendrecv")] {
        let body = with_keys(&alice, "RTP/AVP", &line).replace("a=sendrecv", &format!("a={direction}"));
        let change = alice.begin_change(&mut at_alice, "INVITE", "", &body);
        let again = boris.request("INVITE");
        let (tag, same) = theirs(&again, "AEAD_AES_256_GCM");
        assert_eq!(same.material(), theirs(&invite, "AEAD_AES_256_GCM").1.material());
        let (_, _, own_line) = own(&tag, "AEAD_AES_256_GCM", 0x40);
        let body = with_keys(&boris, "RTP/SAVP", &own_line).replace("a=sendrecv", &format!("a={answer}"));
        boris.say_with(&again, 200, "", &body);
        boris.acknowledged(&again);
        assert_eq!(alice.end_change(&mut at_alice, &change).status(), 200);
    }
    converse((&alice, &mut hers, &at_alice), (&boris, &mut his, &at_boris));

    // Alice brings another key: RFC 4568 section 7.1.4. Hers is new to us, ours to her stays.
    let (_, anew, line) = own("1", "AES_CM_128_HMAC_SHA1_80", 0x60);
    let change = alice.begin_change(&mut at_alice, "INVITE", "", &with_keys(&alice, "RTP/AVP", &line));
    let again = boris.request("INVITE");
    let (_, _, own_line) = own(&theirs(&again, "AEAD_AES_256_GCM").0, "AEAD_AES_256_GCM", 0x40);
    boris.say_with(&again, 200, "", &with_keys(&boris, "RTP/SAVP", &own_line));
    boris.acknowledged(&again);
    let answer = alice.end_change(&mut at_alice, &change);
    assert_eq!(theirs(&answer, "AES_CM_128_HMAC_SHA1_80").1.material(), ours.material());
    let (_, inbound) = hers.ours.take().unwrap();
    hers.ours = Some((Outbound::new(known, &anew).unwrap(), inbound));
    converse((&alice, &mut hers, &at_alice), (&boris, &mut his, &at_boris));
    let call = get(&exchange, "/api/calls");
    let call = &call["items"][0];
    assert_eq!(
        (&call["legs"][0]["media_security"], &call["legs"][1]["media_security"]),
        (&"sdes".into(), &"sdes".into()),
        "{call}"
    );
    alice.hang_up(&mut at_alice);
    boris.hung_up_on();
    let row = until(|| get(&exchange, "/api/cdr")["items"].get(0).cloned()).expect("a record");
    assert_eq!(row["legs"][0]["media_security"], "sdes", "{row}");
}

#[test]
fn an_account_that_must_encrypt_is_refused_in_clear_and_told_why() {
    let exchange = home("", "media_encryption: required").start();
    let mut alice = Handset::alice(&exchange).registered();
    let mut boris = Handset::boris(&exchange).registered();
    let asked = boris.dial("1001");
    let refused = boris.final_answer(&asked);
    assert_eq!(refused.status(), 488);
    assert!(refused.field("Warning").contains("Media encryption is required"), "{refused:?}");
    let row = until(|| get(&exchange, "/api/cdr")["items"].get(0).cloned()).expect("a record");
    assert_eq!(row["hangup_cause"], "media unprotected", "{row}");
    // Alice's phone, which takes no keys, is asked in clear beside them, and answers so.
    let (_, _, line) = own("1", "AES_CM_128_HMAC_SHA1_80", 0x20);
    let asked = boris.dial_with("1001", "", &with_keys(&boris, "RTP/SAVP", &line));
    let invite = alice.called();
    assert!(invite.body().contains(" RTP/AVP ") && invite.body().contains("a=crypto:1 AEAD_AES_256_GCM"), "{invite:?}");
    alice.take(&invite);
    let answer = boris.final_answer(&asked);
    assert!(answer.body().contains(" RTP/SAVP "), "{}", answer.body());
    let mut at_boris = boris.acknowledge(&asked, &answer, "");
    boris.hang_up(&mut at_boris);
    alice.hung_up_on();
    // Neither keys nor credentials are in what the exchange says of itself.
    assert!(!exchange.said().all().contains("inline:"), "{}", exchange.said().all());
}
