//! What a session description says, as far as a call needs it: where the audio goes, which way, and in which formats.

use crate::{
    message::Malformed,
    sdp::{self, Audio, Carriage, Description, Direction, Local, Rewrite},
};
use contract::{Codec, Format};
use core::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

/// A party's description, read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct View {
    /// Where its RTP goes; `None`: nowhere yet (RFC 3264 section 8.4), or by name.
    pub rtp: Option<SocketAddr>,
    /// Where its RTCP goes, unless it shares RTP's port.
    pub rtcp: Option<SocketAddr>,
    /// What it does.
    pub direction: Direction,
    /// In its order.
    pub formats: Vec<Format>,
    /// How much sound it wants in a packet.
    pub packet_time: Duration,
    /// How its stream is carried.
    pub carriage: Carriage,
}

impl View {
    /// The first codec that carries speech.
    #[must_use]
    pub fn codec(&self) -> Option<Codec> {
        self.speech().next().map(|format| format.codec)
    }

    /// The formats that carry speech.
    pub fn speech(&self) -> impl Iterator<Item = &Format> {
        self.formats.iter().filter(|format| carries_speech(format))
    }

    /// The formats that both have, with this one's payload types in the other's order.
    #[must_use]
    pub fn shared_with(&self, other: &Self) -> Vec<Format> {
        let same = |theirs: &Format| self.formats.iter().find(|ours| ours.same_coding(theirs)).copied();
        other.formats.iter().filter_map(same).collect()
    }

    /// Heap octets held.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.formats.capacity() * size_of::<Format>() + self.carriage.heap_bytes()
    }
}

/// Telephone-events and comfort noise accompany speech.
pub(super) const fn carries_speech(format: &Format) -> bool {
    !matches!(format.codec, Codec::TelephoneEvent | Codec::ComfortNoise)
}

/// Why a description cannot be used. The blame is its sender's, or nobody's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unusable {
    /// It cannot be read.
    Malformed(Malformed),
    /// It has no audio over RTP, or refuses it.
    NoAudio,
}

impl Unusable {
    /// The answer to a request that carries it.
    #[must_use]
    pub(super) const fn status(self) -> u16 {
        match self {
            Self::Malformed(fault) => fault.status(),
            // RFC 3261 section 21.4.26.
            Self::NoAudio => 488,
        }
    }
}

/// Reads a description.
///
/// # Errors
/// [`Unusable`].
pub(super) fn view(bytes: &[u8]) -> Result<View, Unusable> {
    let description = Description::parse(bytes).map_err(Unusable::Malformed)?;
    let audio = description.audio().filter(|audio| !audio.is_refused()).ok_or(Unusable::NoAudio)?;
    Ok(read(&description, &audio))
}

/// The answer that takes nothing of an offer: every stream is refused (RFC 3264 section 6). RFC 3261 section 13.2.2.4: an offer in a 2xx is
/// answered in the ACK even when BYE follows at once. `None`: the offer cannot be read.
pub(super) fn declined(offer: &[u8]) -> Option<Box<[u8]>> {
    let description = Description::parse(offer).ok()?;
    let local = Local { session_id: 0, version: 0, rtp: SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0), rtcp: None };
    let carriage = &Carriage::default();
    let how = Rewrite { local, carriage, keep: &|_| false, order: &[], add: &[], direction: None };
    Some(sdp::rewrite(&description, &how).into())
}

fn read(description: &Description<'_>, audio: &Audio<'_>) -> View {
    let rtp = audio.remote_rtp();
    let next = || rtp.and_then(|rtp| rtp.port().checked_add(1).map(|port| SocketAddr::new(rtp.ip(), port)));
    let rtcp = if audio.rtcp_mux() { next() } else { audio.remote_rtcp() };
    View {
        rtp,
        rtcp,
        direction: audio.direction(),
        formats: audio.formats(),
        packet_time: packet_time(audio),
        carriage: Carriage::of(description, &audio.media()),
    }
}

/// `a=ptime` within what `a=maxptime` allows (RFC 8866 sections 6.4 and 6.5), held within what we make; 20 ms when neither says otherwise.
fn packet_time(audio: &Audio<'_>) -> Duration {
    let wanted = audio.media().ptime_ms().filter(|wanted| *wanted > 0).unwrap_or(20);
    let most = audio.media().maxptime_ms().filter(|most| *most > 0).unwrap_or(60);
    Duration::from_millis(u64::from(wanted.min(most).clamp(10, 60)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sdp(media: &str) -> Vec<u8> {
        format!("v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n{media}").into_bytes()
    }

    #[test]
    fn what_a_description_says_is_read() {
        let said =
            view(&sdp("m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendonly\r\n")).unwrap();
        assert_eq!(said.rtp, Some("10.0.0.1:4000".parse().unwrap()));
        assert_eq!(said.rtcp, Some("10.0.0.1:4001".parse().unwrap()));
        assert_eq!(said.direction, Direction::SendOnly);
        assert_eq!((said.formats.len(), said.codec()), (2, Some(Codec::Pcmu)));
    }

    #[test]
    fn descriptions_without_usable_audio_are_told_apart() {
        assert_eq!(view(&sdp("m=audio 0 RTP/AVP 0\r\n")), Err(Unusable::NoAudio));
        assert_eq!(view(&sdp("m=video 4000 RTP/AVP 96\r\n")).map_err(Unusable::status), Err(488));
        assert_eq!(view(b"not a description").map_err(Unusable::status), Err(400));
    }

    #[test]
    fn what_is_declined_has_every_stream_of_the_offer_at_port_zero() {
        let answer = declined(&sdp("m=audio 4000 RTP/AVP 0\r\nm=video 4002 RTP/AVP 96\r\n")).unwrap();
        let ports: Vec<_> = Description::parse(&answer).unwrap().media().map(|media| media.port()).collect();
        assert_eq!(ports, [0, 0]);
    }

    #[test]
    fn packet_times_are_held_within_what_is_allowed() {
        // RFC 8866 sections 6.4 and 6.5.
        for (said, milliseconds) in [
            ("", 20),
            ("a=ptime:30\r\n", 30),
            ("a=ptime:30\r\na=maxptime:20\r\n", 20),
            ("a=maxptime:10\r\n", 10),
            ("a=ptime:0\r\n", 20),
            ("a=ptime:240\r\n", 60),
            ("a=ptime:x\r\na=maxptime:99999999\r\n", 20),
            ("a=ptime:2\r\n", 10),
        ] {
            let view = view(&sdp(&format!("m=audio 4000 RTP/AVP 0\r\n{said}"))).unwrap();
            assert_eq!(view.packet_time, Duration::from_millis(milliseconds), "{said}");
        }
    }

    #[test]
    fn shared_formats_keep_their_owners_payload_types() {
        let one = view(&sdp("m=audio 4000 RTP/AVP 0 96\r\na=rtpmap:96 opus/48000/2\r\n")).unwrap();
        let two = view(&sdp("m=audio 5000 RTP/AVP 111 8\r\na=rtpmap:111 opus/48000/2\r\n")).unwrap();
        let types = |formats: Vec<Format>| formats.iter().map(|format| format.payload_type).collect::<Vec<_>>();
        assert_eq!(types(one.shared_with(&two)), [96]);
        assert_eq!(types(two.shared_with(&one)), [111]);
    }
}
