//! Packets as phones make them.

use media_core::rtp::Header;

/// A stream of G.711 packets, 20 ms each.
#[derive(Clone, Debug)]
pub struct Stream {
    pub ssrc: u32,
    pub sequence: u16,
    pub timestamp: u32,
    pub payload_type: u8,
}

impl Stream {
    pub fn new(ssrc: u32) -> Self {
        Self { ssrc, sequence: 1_000, timestamp: 50_000, payload_type: 0 }
    }

    /// The next packet; its payload repeats the low octet of its sequence number.
    pub fn packet(&mut self) -> Vec<u8> {
        let mut packet = vec![0x80, self.payload_type];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend([self.sequence as u8; 160]);
        self.skip(1);
        packet
    }

    /// Packets that are not sent.
    pub fn skip(&mut self, packets: u16) {
        self.sequence = self.sequence.wrapping_add(packets);
        self.timestamp = self.timestamp.wrapping_add(160 * u32::from(packets));
    }
}

pub fn header(packet: &[u8]) -> Header {
    Header::parse(packet).expect("RTP")
}

/// Big-endian words.
pub fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|word| word.to_be_bytes()).collect()
}

pub fn word(bytes: &[u8], index: usize) -> u32 {
    u32::from_be_bytes(*bytes[4 * index..].first_chunk().expect("long enough"))
}
