//! Protecting what we send.

use super::{
    ENCRYPTED, INDEX_BYTES, Kind, RTCP_CLEAR, Refused, Transform, clear_len, names, replay::Streams, rtcp_ssrc,
};
use contract::{SrtpKey, SrtpSuite};

/// The context of what we send.
#[derive(Debug)]
pub struct Outbound {
    rtp: Transform,
    rtcp: Transform,
    streams: Streams,
    /// The next SRTCP index. One for all SSRCs: none sees a number twice.
    index: u32,
}

impl Outbound {
    /// `None`: the key is of another suite.
    #[must_use]
    pub fn new(suite: SrtpSuite, key: &SrtpKey) -> Option<Self> {
        let rtp = Transform::new(suite, key, Kind::Rtp)?;
        Some(Self { rtp, rtcp: Transform::new(suite, key, Kind::Rtcp)?, streams: Streams::default(), index: 1 })
    }

    /// Protects the RTP packet in the first `len` octets of `bytes`; how long it is then.
    ///
    /// # Errors
    /// [`Refused`]; the packet must not be sent. A number that was sent already is refused: a key stream is used once.
    pub fn protect_rtp(&mut self, bytes: &mut [u8], len: usize) -> Result<usize, Refused> {
        let packet = bytes.get(..len).ok_or(Refused::Malformed)?;
        let (clear, (sequence, ssrc)) = clear_len(packet).zip(names(packet)).ok_or(Refused::Malformed)?;
        let end = len + self.rtp.tag();
        let index = self.streams.index(ssrc, sequence)?;
        self.streams.check(ssrc, index)?;
        let (packet, tag) = bytes.get_mut(..end).ok_or(Refused::NoRoom)?.split_at_mut(len);
        match &self.rtp {
            Transform::Counter { cipher, mac, .. } => {
                cipher.apply(cipher.counter(ssrc, index), &mut packet[clear..]);
                // RFC 3711 section 4.2: what is authenticated ends with the roll-over counter.
                let full = mac.tag(packet, &((index >> 16) as u32).to_be_bytes());
                tag.copy_from_slice(&full[..tag.len()]);
            }
            Transform::Gcm(gcm) => {
                let (clear, payload) = packet.split_at_mut(clear);
                tag.copy_from_slice(&gcm.seal(ssrc, index, clear, payload)?);
            }
        }
        self.streams.note(ssrc, index);
        Ok(end)
    }

    /// Protects the RTCP compound in the first `len` octets of `bytes`; how long it is then.
    ///
    /// # Errors
    /// [`Refused`]; the compound must not be sent.
    pub fn protect_rtcp(&mut self, bytes: &mut [u8], len: usize) -> Result<usize, Refused> {
        let ssrc = bytes.get(..len).and_then(rtcp_ssrc).ok_or(Refused::Malformed)?;
        // RFC 3711 section 9.2: a key protects no more than 2³¹ compounds.
        if self.index >= ENCRYPTED {
            return Err(Refused::Spent);
        }
        let (index, word) = (u64::from(self.index), (self.index | ENCRYPTED).to_be_bytes());
        let end = len + INDEX_BYTES + self.rtcp.tag();
        let (packet, trailer) = bytes.get_mut(..end).ok_or(Refused::NoRoom)?.split_at_mut(len);
        let (clear, payload) = packet.split_at_mut(RTCP_CLEAR);
        match &self.rtcp {
            Transform::Counter { cipher, mac, .. } => {
                cipher.apply(cipher.counter(ssrc, index), payload);
                let (shown, tag) = trailer.split_at_mut(INDEX_BYTES);
                shown.copy_from_slice(&word);
                let full = mac.tag(packet, &word);
                tag.copy_from_slice(&full[..tag.len()]);
            }
            Transform::Gcm(gcm) => {
                // RFC 7714 section 9.2: the header and the index are authenticated; the tag comes before the index.
                let mut associated = [0; RTCP_CLEAR + INDEX_BYTES];
                associated[..RTCP_CLEAR].copy_from_slice(clear);
                associated[RTCP_CLEAR..].copy_from_slice(&word);
                let (tag, shown) = trailer.split_at_mut(trailer.len() - INDEX_BYTES);
                tag.copy_from_slice(&gcm.seal(ssrc, index, &associated, payload)?);
                shown.copy_from_slice(&word);
            }
        }
        self.index += 1;
        Ok(end)
    }
}
