//! Checking and decrypting what comes. RFC 3711 section 3.3: number, replay, tag, and only then the state moves.

use super::{
    ENCRYPTED, INDEX_BYTES, Kind, RTCP_CLEAR, Refused, Transform, clear_len, names, replay::Streams, rtcp_ssrc,
};
use contract::{SrtpKey, SrtpSuite};
use subtle::ConstantTimeEq;

/// The context of what comes from the far end.
#[derive(Debug)]
pub struct Inbound {
    rtp: Transform,
    rtcp: Transform,
    streams: Streams,
    reports: Streams,
}

impl Inbound {
    /// `None`: the key is of another suite.
    #[must_use]
    pub fn new(suite: SrtpSuite, key: &SrtpKey) -> Option<Self> {
        Some(Self {
            rtp: Transform::new(suite, key, Kind::Rtp)?,
            rtcp: Transform::new(suite, key, Kind::Rtcp)?,
            streams: Streams::default(),
            reports: Streams::default(),
        })
    }

    /// Decrypts an SRTP packet; how long the RTP packet is.
    ///
    /// # Errors
    /// [`Refused`]; nothing of the context has changed.
    pub fn unprotect_rtp(&mut self, bytes: &mut [u8]) -> Result<usize, Refused> {
        let (clear, (sequence, ssrc)) = clear_len(bytes).zip(names(bytes)).ok_or(Refused::Malformed)?;
        let len = bytes.len().checked_sub(self.rtp.tag()).filter(|len| *len >= clear).ok_or(Refused::Malformed)?;
        let index = self.streams.index(ssrc, sequence)?;
        self.streams.check(ssrc, index)?;
        match &self.rtp {
            Transform::Counter { cipher, mac, .. } => {
                let (packet, tag) = bytes.split_at_mut(len);
                let full = mac.tag(packet, &((index >> 16) as u32).to_be_bytes());
                if !bool::from(full[..tag.len()].ct_eq(tag)) {
                    return Err(Refused::NotAuthentic);
                }
                cipher.apply(cipher.counter(ssrc, index), &mut packet[clear..]);
            }
            Transform::Gcm(gcm) => {
                let (clear, payload) = bytes.split_at_mut(clear);
                gcm.open(ssrc, index, clear, payload)?;
            }
        }
        self.streams.note(ssrc, index);
        Ok(len)
    }

    /// Decrypts an SRTCP compound; how long the RTCP compound is.
    ///
    /// # Errors
    /// [`Refused`]; nothing of the context has changed.
    pub fn unprotect_rtcp(&mut self, bytes: &mut [u8]) -> Result<usize, Refused> {
        let ssrc = rtcp_ssrc(bytes).ok_or(Refused::Malformed)?;
        let tag = self.rtcp.tag();
        let len = bytes.len().checked_sub(tag + INDEX_BYTES).filter(|len| *len >= RTCP_CLEAR);
        let len = len.ok_or(Refused::Malformed)?;
        // RFC 3711 section 3.4 puts the index before the tag, RFC 7714 section 9 behind it.
        let at = match &self.rtcp {
            Transform::Counter { .. } => len,
            Transform::Gcm(_) => len + tag,
        };
        let word = *bytes.get(at..).and_then(<[u8]>::first_chunk::<INDEX_BYTES>).ok_or(Refused::Malformed)?;
        let (encrypted, index) = (u32::from_be_bytes(word) & ENCRYPTED != 0, u32::from_be_bytes(word) & !ENCRYPTED);
        let index = u64::from(index);
        self.reports.check(ssrc, index)?;
        match &self.rtcp {
            Transform::Counter { cipher, mac, .. } => {
                let (packet, trailer) = bytes.split_at_mut(len);
                let full = mac.tag(packet, &word);
                if !bool::from(full[..tag].ct_eq(&trailer[INDEX_BYTES..])) {
                    return Err(Refused::NotAuthentic);
                }
                if encrypted {
                    cipher.apply(cipher.counter(ssrc, index), &mut packet[RTCP_CLEAR..]);
                }
            }
            // A compound in clear is authentic only as associated data, which no suite of ours negotiates.
            Transform::Gcm(_) if !encrypted => return Err(Refused::NotAuthentic),
            Transform::Gcm(gcm) => {
                let (clear, rest) = bytes.split_at_mut(RTCP_CLEAR);
                let mut associated = [0; RTCP_CLEAR + INDEX_BYTES];
                associated[..RTCP_CLEAR].copy_from_slice(clear);
                associated[RTCP_CLEAR..].copy_from_slice(&word);
                let sealed = rest.len() - INDEX_BYTES;
                gcm.open(ssrc, index, &associated, &mut rest[..sealed])?;
            }
        }
        self.reports.note(ssrc, index);
        Ok(len)
    }
}
