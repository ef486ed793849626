//! Descriptions of our own, when we are an end: the echo test, a call placed by order.

use super::{Carriage, Description, Direction, audio::codec_name};
use contract::{Codec, Format};
use core::net::{IpAddr, SocketAddr};

/// Our side of a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Local {
    /// Session identifier of `o=`; the same for the dialog's life.
    pub session_id: u64,
    /// Version of `o=`; one more with each description that differs (RFC 3264 section 8).
    pub version: u64,
    /// Where we receive RTP.
    pub rtp: SocketAddr,
    /// Where we receive RTCP, if that is not the port after RTP's.
    pub rtcp: Option<u16>,
}

impl Local {
    fn address(&self) -> String {
        match self.rtp.ip() {
            IpAddr::V4(address) => format!("IN IP4 {address}"),
            IpAddr::V6(address) => format!("IN IP6 {address}"),
        }
    }

    pub(super) fn write_origin(&self, out: &mut Vec<u8>) {
        out.extend(format!("o=- {} {} {}\r\n", self.session_id, self.version, self.address()).as_bytes());
    }

    pub(super) fn write_connection(&self, out: &mut Vec<u8>) {
        out.extend(format!("c={}\r\n", self.address()).as_bytes());
    }

    /// RFC 3605 section 2.1: only where it is not the next port.
    pub(super) fn write_rtcp(&self, out: &mut Vec<u8>) {
        if let Some(port) = self.rtcp.filter(|port| Some(*port) != self.rtp.port().checked_add(1)) {
            out.extend(format!("a=rtcp:{port}\r\n").as_bytes());
        }
    }
}

pub(super) fn write_direction(out: &mut Vec<u8>, direction: Direction) {
    out.extend(b"a=");
    out.extend(direction.name().as_bytes());
    out.extend(b"\r\n");
}

fn begin(local: &Local, carriage: &Carriage) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    out.extend(b"v=0\r\n");
    local.write_origin(&mut out);
    out.extend(b"s=-\r\n");
    local.write_connection(&mut out);
    out.extend(b"t=0 0\r\n");
    carriage.write_session(&mut out);
    out
}

fn named(formats: &[Format]) -> impl Iterator<Item = &Format> {
    formats.iter().filter(|format| !codec_name(format.codec).is_empty())
}

/// The words of an `m=` line for these formats.
pub(super) fn write_payload_types(out: &mut Vec<u8>, formats: &[Format]) {
    for format in named(formats) {
        out.extend(format!(" {}", format.payload_type).as_bytes());
    }
}

/// `a=rtpmap` and, where we have one to say, `a=fmtp` of each format.
pub(super) fn write_formats(out: &mut Vec<u8>, formats: &[Format]) {
    for format in named(formats) {
        let Format { payload_type, codec, clock_rate_hz, channels } = *format;
        out.extend(format!("a=rtpmap:{payload_type} {}/{clock_rate_hz}", codec_name(codec)).as_bytes());
        if channels > 1 {
            out.extend(format!("/{channels}").as_bytes());
        }
        out.extend(b"\r\n");
        match codec {
            // RFC 4733 section 2.4.1: the sixteen keys and flash.
            Codec::TelephoneEvent => out.extend(format!("a=fmtp:{payload_type} 0-16\r\n").as_bytes()),
            // RFC 7587 section 6.1: we make use of the forward error correction.
            Codec::Opus => out.extend(format!("a=fmtp:{payload_type} useinbandfec=1\r\n").as_bytes()),
            Codec::Pcmu
            | Codec::Pcma
            | Codec::G722
            | Codec::G729
            | Codec::L16
            | Codec::ComfortNoise
            | Codec::Other(_) => {}
        }
    }
}

/// One audio stream with these formats. Those of codecs we cannot name are left out.
fn write_audio(out: &mut Vec<u8>, local: &Local, carriage: &Carriage, formats: &[Format], direction: Direction) {
    out.extend(format!("m=audio {} {}", local.rtp.port(), carriage.profile.name()).as_bytes());
    write_payload_types(out, formats);
    out.extend(b"\r\n");
    write_formats(out, formats);
    out.extend(b"a=ptime:20\r\n");
    carriage.write_media(out, local);
    write_direction(out, direction);
}

/// An offer of one audio stream, RFC 3264 section 5.
#[must_use]
pub fn offer(local: &Local, carriage: &Carriage, formats: &[Format], direction: Direction) -> Vec<u8> {
    let mut out = begin(local, carriage);
    write_audio(&mut out, local, carriage, formats, direction);
    out
}

/// The answer to `offer` by one who takes the formats for which `takes` holds, with the offer's payload types and order, carries the stream as
/// `carriage` says (in the offer's profile) and wishes the direction `wish`. `None`: the offer has no audio stream for us, or none of its formats is taken (488).
#[must_use]
pub fn answer(
    offer: &Description<'_>,
    local: &Local,
    carriage: &Carriage,
    takes: impl Fn(&Format) -> bool,
    wish: Direction,
) -> Option<Vec<u8>> {
    let audio = offer.audio().filter(|audio| !audio.is_refused())?;
    let formats: Vec<Format> = audio.formats().into_iter().filter(|format| takes(format)).collect();
    let speaks =
        |format: &Format| !matches!(format.codec, Codec::TelephoneEvent | Codec::ComfortNoise | Codec::Other(_));
    if !formats.iter().any(speaks) {
        return None;
    }
    let mut out = begin(local, carriage);
    for media in offer.media() {
        if media.index() == audio.media().index() {
            write_audio(&mut out, local, carriage, &formats, audio.direction().answered(wish));
        } else {
            // RFC 3264 section 6: every stream of the offer is answered, in its place.
            out.extend(b"m=");
            out.extend(media.kind());
            out.extend(b" 0 ");
            out.extend(media.proto());
            for word in media.formats() {
                out.push(b' ');
                out.extend(word);
            }
            out.extend(b"\r\n");
        }
    }
    Some(out)
}
