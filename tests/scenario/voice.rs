//! RTP as a test sends and hears it: every packet carries a mark, so that it is known at the ear which one it was.

use crate::{
    exchange::{Exchange, PATIENCE},
    handset::{Handset, Talk},
};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

/// A stream of packets, RFC 3550 section 5.1.
#[derive(Clone, Debug)]
pub(crate) struct Voice {
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
}

/// A packet that was heard; one that is not all of one mark has the mark 0.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Heard {
    pub(crate) mark: u8,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    pub(crate) from: SocketAddr,
}

impl Voice {
    pub(crate) fn new(payload_type: u8, ssrc: u32) -> Self {
        Self { payload_type, sequence: 7, timestamp: 1_000, ssrc }
    }

    /// The next packet: 20 ms that are all `mark`.
    pub(crate) fn packet(&mut self, mark: u8) -> Vec<u8> {
        let mut packet = vec![0x80, self.payload_type];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend([mark; 160]);
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(160);
        packet
    }
}

impl Handset {
    /// Sends one packet to where the other side hears.
    pub(crate) fn speak(&self, voice: &mut Voice, talk: &Talk, mark: u8) {
        self.rtp.send_to(&voice.packet(mark), talk.hears.expect("it is known where the other side hears")).unwrap();
    }

    /// Sends one packet of a loud square wave to where the other side hears.
    pub(crate) fn speak_loud(&self, voice: &mut Voice, talk: &Talk) {
        let mut packet = voice.packet(0);
        for (at, octet) in packet.iter_mut().skip(12).enumerate() {
            // G.711: a loud positive and a loud negative value.
            *octet = if at / 8 % 2 == 0 { 0x90 } else { 0x10 };
        }
        self.rtp.send_to(&packet, talk.hears.expect("it is known where the other side hears")).unwrap();
    }

    /// The next packet within a moment.
    fn hear_one(&self) -> Option<Heard> {
        let mut buffer = [0; 2_048];
        self.rtp.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let (length, from) = self.rtp.recv_from(&mut buffer).ok()?;
        let four = |at: usize| u32::from_be_bytes(buffer[at..at + 4].try_into().unwrap());
        // RFC 5761: RTCP is told apart by its type.
        (length > 12 && !(200..=211).contains(&buffer[1])).then(|| Heard {
            mark: if buffer[12..length].iter().all(|byte| *byte == buffer[12]) { buffer[12] } else { 0 },
            payload_type: buffer[1] & 0x7f,
            sequence: u16::from_be_bytes([buffer[2], buffer[3]]),
            timestamp: four(4),
            ssrc: four(8),
            from,
        })
    }
}

/// `speaker` says `mark` again and again until `listener` hears it; everything it heard up to then.
pub(crate) fn until_heard(
    (speaker, voice, talk): (&Handset, &mut Voice, &Talk),
    listener: &Handset,
    mark: u8,
) -> Vec<Heard> {
    let end = Instant::now() + PATIENCE;
    let mut heard = Vec::new();
    while Instant::now() < end {
        speaker.speak(voice, talk, mark);
        while let Some(packet) = listener.hear_one() {
            heard.push(packet);
            if packet.mark == mark {
                return heard;
            }
        }
    }
    panic!("{} never hears {mark} of {}, but {heard:?}", listener.number, speaker.number);
}

/// Half a second of sound that nobody of the test made is heard; everything that was heard up to then.
pub(crate) fn until_music(listener: &Handset) -> Vec<Heard> {
    let end = Instant::now() + PATIENCE;
    let mut heard = Vec::new();
    while Instant::now() < end {
        heard.extend(listener.hear_one());
        if heard.iter().filter(|packet: &&Heard| packet.mark == 0).count() >= 25 {
            return heard;
        }
    }
    panic!("{} hears no music, but {heard:?}", listener.number);
}

/// When it returns, everything that was ordered of the media plane before is in force, and every packet that had come is dealt with: it has carried
/// out later orders, one after the other.
pub(crate) fn settle(exchange: &Exchange) {
    let mut phone = Handset::carol(exchange);
    let asked = phone.dial("*43");
    let mut talk = phone.connected(&asked);
    phone.hang_up(&mut talk);
}
