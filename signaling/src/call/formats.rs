//! Which formats go from one party's description into the other's, as pure functions (RFC 3264 sections 5.1, 6.1, 7).
//!
//! What can be transcoded is a list of the settings: this module knows nothing of how.

use super::describe::{View, carries_speech};
use crate::{
    message::number,
    sdp::Audio,
    settings::{MediaSettings, TRANSCODED},
};
use contract::{Codec, Format};

/// What we can offer by ourselves, cheapest first, with the payload types of RFC 3551 table 4 where there are such.
const OWN: [Format; 5] = [
    Format { payload_type: 8, codec: Codec::Pcma, clock_rate_hz: 8_000, channels: 1 },
    Format { payload_type: 0, codec: Codec::Pcmu, clock_rate_hz: 8_000, channels: 1 },
    Format { payload_type: 9, codec: Codec::G722, clock_rate_hz: 8_000, channels: 1 },
    Format { payload_type: 111, codec: Codec::Opus, clock_rate_hz: 48_000, channels: 2 },
    G729,
];

/// Costly to make and not made everywhere: offered by ourselves only to an account that names it.
const G729: Format = Format { payload_type: 18, codec: Codec::G729, clock_rate_hz: 8_000, channels: 1 };

/// RFC 4733: events on the clock of the narrow-band codecs.
const EVENTS: Format = Format { payload_type: 101, codec: Codec::TelephoneEvent, clock_rate_hz: 8_000, channels: 1 };

/// Whether a party that is allowed these codecs (none: all) may use a format. Events and comfort noise go with every codec.
pub(super) fn may_use(allowed: &[Codec], format: &Format) -> bool {
    allowed.is_empty() || !carries_speech(format) || allowed.contains(&format.codec)
}

/// Whether the media plane can make another codec of it: at the clock and with the channels of its registration, linear PCM at the rates the plane works
/// at.
pub(super) fn is_transcoded(media: &MediaSettings, format: &Format) -> bool {
    let Format { codec, clock_rate_hz, channels, .. } = *format;
    let is_made = match codec {
        Codec::Opus => (clock_rate_hz, channels) == (48_000, 2),
        Codec::L16 => matches!((clock_rate_hz, channels), (8_000 | 16_000, 1)),
        Codec::Pcmu
        | Codec::Pcma
        | Codec::G722
        | Codec::G729
        | Codec::TelephoneEvent
        | Codec::ComfortNoise
        | Codec::Other(_) => (clock_rate_hz, channels) == (8_000, 1),
    };
    is_made && (TRANSCODED.contains(&codec) || codec == Codec::G729 && media.g729)
}

/// Whether a party that may use what it is allowed can be transcoded for.
pub(super) fn transcodes(media: &MediaSettings, view: &View, allowed: &[Codec]) -> bool {
    view.speech().any(|format| may_use(allowed, format) && is_transcoded(media, format))
}

/// What we can offer to a party that is allowed these codecs, in their order.
fn own(media: &MediaSettings, allowed: &[Codec]) -> Vec<Format> {
    let is_made = |format: &Format| *format != G729 || media.g729 && allowed.contains(&Codec::G729);
    let mut formats: Vec<Format> =
        OWN.into_iter().filter(|format| may_use(allowed, format) && is_made(format)).collect();
    formats.sort_by_key(|format| allowed.iter().position(|codec| *codec == format.codec).unwrap_or(allowed.len()));
    formats
}

/// Whether we have anything to offer to such a party.
pub(super) fn has_own(media: &MediaSettings, allowed: &[Codec]) -> bool {
    !own(media, allowed).is_empty()
}

/// An offer of our own to such a party: with opus only where we transcode, because what is joined to it later may not have it.
pub(super) fn offered(media: &MediaSettings, allowed: &[Codec]) -> Vec<Format> {
    let mut formats = own(media, allowed);
    formats.retain(|format| media.transcode || format.codec != Codec::Opus);
    formats.push(EVENTS);
    formats
}

/// What we add to the offer of `writer` for `reader`: our codecs that it has not, and events. `before` is what the reader was told last; a format keeps its
/// payload type for the life of a session (RFC 3264 section 8.3.2), as far as the offer leaves it free.
pub(super) fn added(
    media: &MediaSettings,
    offer: &Audio<'_>,
    reader: &[Codec],
    writer: &[Codec],
    before: Option<&View>,
) -> Vec<Format> {
    let formats = offer.formats();
    if offer.is_refused() || !formats.iter().any(|format| may_use(writer, format) && is_transcoded(media, format)) {
        return Vec::new();
    }
    let numbers = offer.media().formats().filter_map(|word| number(word).and_then(|number| u8::try_from(number).ok()));
    let mut used: Vec<u8> = numbers.collect();
    let passes = |format: &Format| may_use(reader, format) && may_use(writer, format);
    let has = |own: &Format| formats.iter().any(|format| passes(format) && format.same_coding(own));
    let events = !formats.iter().any(|format| format.codec == Codec::TelephoneEvent);
    let mut added = Vec::new();
    for own in own(media, reader).into_iter().filter(|own| !has(own)).chain(events.then_some(EVENTS)) {
        let known = before.and_then(|before| before.formats.iter().find(|format| format.same_coding(&own)));
        let wished = [known.map(|format| format.payload_type), Some(own.payload_type)];
        // RFC 3551 section 6: dynamic payload types are 96 to 127.
        let free = wished.into_iter().flatten().chain(96..=127).find(|wanted| !used.contains(wanted));
        let Some(payload_type) = free else { break };
        used.push(payload_type);
        added.push(Format { payload_type, ..own });
    }
    added
}

/// An offer of our own for one who shall be joined with a party of these formats: those of them that both may use, and with transcoding what we make of
/// them.
pub(super) fn like(media: &MediaSettings, view: &View, reader: &[Codec], writer: &[Codec]) -> Vec<Format> {
    let passes = |format: &&Format| may_use(reader, format) && may_use(writer, format);
    let mut formats: Vec<Format> = view.formats.iter().filter(passes).copied().collect();
    if media.transcode && transcodes(media, view, writer) {
        let has = |own: &Format| formats.iter().any(|format| format.same_coding(own));
        let more: Vec<Format> = own(media, reader).into_iter().filter(|own| !has(own)).collect();
        number_into(&mut formats, more);
    }
    if !formats.iter().any(|format| format.codec == Codec::TelephoneEvent) {
        number_into(&mut formats, vec![EVENTS]);
    }
    formats
}

/// What a party of these formats has and our offer lacks, as far as its reader may use it.
pub(super) fn lacking(offer: &Audio<'_>, theirs: &View, reader: &[Codec]) -> Vec<Format> {
    let mut formats = offer.formats();
    let known = formats.len();
    let lacks = |format: &&Format| !formats.iter().any(|ours| ours.same_coding(format)) && may_use(reader, format);
    let more: Vec<Format> = theirs.formats.iter().filter(lacks).copied().collect();
    number_into(&mut formats, more);
    formats.split_off(known)
}

/// Adds formats under payload types that are free: their own if they are, else dynamic ones (RFC 3551 section 6).
fn number_into(formats: &mut Vec<Format>, more: Vec<Format>) {
    for format in more {
        let used = |wanted: &u8| formats.iter().any(|format| format.payload_type == *wanted);
        let Some(payload_type) = [format.payload_type].into_iter().chain(96..=127).find(|wanted| !used(wanted)) else {
            return;
        };
        formats.push(Format { payload_type, ..format });
    }
}

/// What an answer becomes for the one who offered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Taken {
    /// Of the answer's formats those that pass.
    pub(super) keep: Vec<Format>,
    /// Of the offer's formats those that the answer has not.
    pub(super) add: Vec<Format>,
}

/// Of an answer to our version of `offer` what the one who offered is told. `None`: nothing that it could use.
pub(super) fn taken(
    media: &MediaSettings,
    offer: &View,
    answer: &[Format],
    asker: &[Codec],
    usable: &dyn Fn(&Format) -> bool,
) -> Option<Taken> {
    let offered = |format: &&Format| offer.formats.iter().any(|offered| offered.same_coding(format));
    let keep: Vec<Format> = answer.iter().filter(offered).filter(|format| usable(format)).copied().collect();
    if let Some(speech) = keep.iter().find(|format| carries_speech(format)) {
        let has_events = keep.iter().any(|format| format.codec == Codec::TelephoneEvent);
        let free = |format: &Format| keep.iter().all(|kept| kept.payload_type != format.payload_type);
        let add = if has_events { None } else { events(offer, speech).filter(free) };
        return Some(Taken { add: add.into_iter().collect(), keep });
    }
    let speech = *offer.speech().find(|format| may_use(asker, format) && is_transcoded(media, format))?;
    Some(Taken { keep: Vec::new(), add: [speech].into_iter().chain(events(offer, &speech)).collect() })
}

/// The events of an offer: on the clock of the speech if there are such (RFC 4733 section 2.1 wants them alike), else the first.
fn events(offer: &View, speech: &Format) -> Option<Format> {
    let events = || offer.formats.iter().filter(|format| format.codec == Codec::TelephoneEvent);
    events().find(|format| format.clock_rate_hz == speech.clock_rate_hz).or_else(|| events().next()).copied()
}

/// The formats that a party and we agreed on, with its payload types. An answer never holds more than its offer, so the shorter of the two descriptions is the
/// answer, and its order counts (RFC 3264 section 6.1).
pub(super) fn agreed(said: &View, sent: Option<&View>) -> Vec<Format> {
    let Some(sent) = sent else { return said.formats.clone() };
    if said.formats.len() < sent.formats.len() {
        let both = |format: &&Format| sent.formats.iter().any(|other| other.same_coding(format));
        said.formats.iter().filter(both).copied().collect()
    } else {
        said.shared_with(sent)
    }
}
