//! Passing a description on with our addresses: a back-to-back user agent's work on RFC 3264 offers and answers.

use super::{
    Audio, Carriage, Description, Direction,
    build::Local,
    description::{Line, words},
};
use crate::message::{number, trim};
use contract::{Codec, Format};

/// How a description is to be changed.
#[derive(Clone, Copy)]
pub struct Rewrite<'a> {
    /// Our side towards the one who will read it.
    pub local: Local,
    /// How the audio stream is carried between us and that one.
    pub carriage: &'a Carriage,
    /// Which formats may pass; the others are taken out with their `a=rtpmap` and `a=fmtp`.
    pub keep: &'a dyn Fn(&Format) -> bool,
    /// Codecs to be put first, in this order; the others follow in theirs.
    pub order: &'a [Codec],
    /// Formats of our own that follow those that pass, with payload types that no word of the description has.
    pub add: &'a [Format],
    /// The direction to write; `None`: the one the description means.
    pub direction: Option<Direction>,
}

impl core::fmt::Debug for Rewrite<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Rewrite")
            .field("local", &self.local)
            .field("direction", &self.direction)
            .finish_non_exhaustive()
    }
}

/// Attributes that speak of the sender's own transport, keys and sources, and therefore end here; so do extensions of RTP and RTCP, which packets of ours
/// need not have.
const ENDING_HERE: [&[u8]; 33] = [
    b"candidate",
    b"remote-candidates",
    b"end-of-candidates",
    b"ice-ufrag",
    b"ice-pwd",
    b"ice-lite",
    b"ice-options",
    b"ice-mismatch",
    b"ice-pacing",
    b"crypto",
    b"fingerprint",
    b"setup",
    b"connection",
    b"tls-id",
    b"dtls-id",
    b"key-mgmt",
    b"zrtp-hash",
    b"rtcp",
    b"rtcp-mux",
    b"rtcp-mux-only",
    b"rtcp-rsize",
    b"rtcp-fb",
    b"rtcp-xr",
    b"extmap",
    b"extmap-allow-mixed",
    b"mid",
    b"ssrc",
    b"ssrc-group",
    b"msid",
    b"msid-semantic",
    b"group",
    b"bundle-only",
    b"source-filter",
];

/// Attributes whose value begins with a payload type.
const OF_PAYLOAD_TYPE: [&[u8]; 2] = [b"rtpmap", b"fmtp"];

/// Writes `description` anew: our origin, address and ports; the audio stream with the formats that pass, carried in our way; every other medium
/// refused (port 0). The number and order of media stay (RFC 3264 section 6), and so does, byte for byte, every line that does not speak of
/// the sender's transport. An audio stream none of whose formats pass is refused too.
#[must_use]
pub fn rewrite(description: &Description<'_>, how: &Rewrite<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(1_024);
    let mut connected = false;
    for line in description.session_lines() {
        // RFC 8866 section 5: c= stands after these and before all others.
        if !connected && !matches!(line.kind, b'v' | b'o' | b's' | b'i' | b'u' | b'e' | b'p') {
            how.local.write_connection(&mut out);
            connected = true;
        }
        match line.kind {
            b'o' => how.local.write_origin(&mut out),
            b'c' | b'k' => {}
            b'a' if !passes(line, None) => {}
            _ => write(&mut out, line),
        }
    }
    if !connected {
        how.local.write_connection(&mut out);
    }
    let audio = description.audio();
    how.carriage.write_session(&mut out);
    for index in 0..description.media().len() {
        let formats = audio.filter(|audio| audio.media().index() == index).map(|audio| (audio, kept(&audio, how)));
        match formats {
            Some((audio, formats)) if !(audio.is_refused() || formats.is_empty() && how.add.is_empty()) => {
                write_audio(&mut out, description.section(index), &audio, &formats, how);
            }
            _ => write_refused(&mut out, description.section(index)),
        }
    }
    out
}

/// The words of the `m=` line that pass, in the order wanted.
fn kept<'a>(audio: &Audio<'a>, how: &Rewrite<'_>) -> Vec<&'a [u8]> {
    let mut words: Vec<(usize, &[u8])> = Vec::with_capacity(8);
    for word in audio.media().formats().take(super::audio::FORMATS_MAX) {
        if let Some(format) = audio.format(word).filter(|format| (how.keep)(format)) {
            let rank = how.order.iter().position(|codec| *codec == format.codec).unwrap_or(how.order.len());
            words.push((rank, word));
        }
    }
    // The sort is stable: within one rank the sender's order stays.
    words.sort_by_key(|(rank, _)| *rank);
    words.into_iter().map(|(_, word)| word).collect()
}

fn write_audio(out: &mut Vec<u8>, section: &[Line<'_>], audio: &Audio<'_>, formats: &[&[u8]], how: &Rewrite<'_>) {
    out.extend(b"m=audio ");
    out.extend(how.local.rtp.port().to_string().as_bytes());
    out.push(b' ');
    out.extend(how.carriage.profile.name().as_bytes());
    for word in formats {
        out.push(b' ');
        out.extend(*word);
    }
    super::build::write_payload_types(out, how.add);
    out.extend(b"\r\n");
    for line in section.get(1..).unwrap_or_default() {
        match line.kind {
            b'c' | b'k' => {}
            b'a' if !passes(line, Some(formats)) => {}
            _ => write(out, line),
        }
    }
    super::build::write_formats(out, how.add);
    how.carriage.write_media(out, &how.local);
    super::build::write_direction(out, how.direction.unwrap_or_else(|| audio.direction()));
}

/// RFC 3264 section 6: refused by port 0; at least one format stays, because the grammar wants one.
fn write_refused(out: &mut Vec<u8>, section: &[Line<'_>]) {
    let Some(line) = section.first() else { return };
    let mut words = words(line.value);
    let (kind, _port) = (words.next().unwrap_or_default(), words.next());
    out.extend(b"m=");
    out.extend(kind);
    out.extend(b" 0");
    for word in words {
        out.push(b' ');
        out.extend(word);
    }
    out.extend(b"\r\n");
}

/// Whether an `a=` line goes on; on the audio stream `formats` are the payload types that do.
fn passes(line: &Line<'_>, formats: Option<&[&[u8]]>) -> bool {
    let Some((name, value)) = line.attribute() else { return true };
    if ENDING_HERE.contains(&name) || Direction::named(name).is_some() {
        return false;
    }
    match (formats, value) {
        (Some(formats), Some(value)) if OF_PAYLOAD_TYPE.contains(&name) => {
            let value = trim(value);
            let word = &value[..memchr::memchr(b' ', value).unwrap_or(value.len())];
            formats.iter().any(|kept| number(kept).is_some() && number(kept) == number(word))
        }
        _ => true,
    }
}

fn write(out: &mut Vec<u8>, line: &Line<'_>) {
    out.extend([line.kind, b'=']);
    out.extend(line.value);
    out.extend(b"\r\n");
}
