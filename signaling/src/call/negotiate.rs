//! One party's description made the other's: our addresses, the formats both may use, versions, and what the shard is told (RFC 3264).

use super::{
    Call, Office, Partner, Phase,
    describe::{self, View, carries_speech},
    formats::{self, may_use},
};
use crate::{
    fact::CallState,
    media::{Ear, bridge, echo},
    sdp::{self, Carriage, Description, Direction, Local, Rewrite},
};
use contract::{Codec, Format, HearingTable, MemberId, PeerSpec, SourceRule};
use core::net::SocketAddr;
use smallvec::SmallVec;
use std::sync::Arc;

/// What is particular to the one who will read a description.
struct Towards<'a> {
    carriage: Carriage,
    direction: Direction,
    order: &'a [Codec],
    add: &'a [Format],
}

impl Call {
    /// Whether the caller's offer holds a codec that it and a callee who is allowed `callee` may use, or one that can be made another for that one.
    pub(super) fn has_common_format(&self, callee: &[Codec]) -> bool {
        let Some(view) = self.caller_leg().and_then(|leg| leg.talk.remote.as_ref()) else { return true };
        let caller = self.terms(self.caller).codecs;
        let shared = view.speech().any(|format| may_use(caller, format) && may_use(callee, format));
        let media = &self.settings.media;
        shared || media.transcode && formats::transcodes(media, view, caller) && formats::has_own(media, callee)
    }

    /// The address to write into descriptions for this leg.
    fn signalled(&self, number: u16) -> Option<SocketAddr> {
        let rtp = self.session.address(MemberId(number))?;
        let media = &self.settings.media;
        let advertised = if rtp.is_ipv6() { media.advertised_v6 } else { media.advertised_v4 };
        Some(SocketAddr::new(advertised.unwrap_or(rtp.ip()), rtp.port()))
    }

    /// The codecs that a leg's party is allowed; none: all.
    fn codecs_of(&self, number: u16) -> SmallVec<[Codec; 8]> {
        self.terms(number).codecs.into()
    }

    /// The offer of one party as the leg `towards` reads it: the formats both may use, then those that are made theirs by transcoding.
    pub(super) fn offer_to(&mut self, towards: u16, from: u16, bytes: &[u8]) -> Option<Box<[u8]>> {
        let settings = Arc::clone(&self.settings);
        let (reader, writer) = (self.codecs_of(towards), self.codecs_of(from));
        let description = Description::parse(bytes).ok()?;
        let mut add = Vec::new();
        if settings.media.transcode
            && let Some(audio) = description.audio()
        {
            let before = self.leg(towards).and_then(|leg| describe::view(leg.talk.sent.as_deref()?).ok());
            add = formats::added(&settings.media, &audio, &reader, &writer, before.as_ref());
        }
        let keep = |format: &Format| may_use(&reader, format) && may_use(&writer, format);
        let carriage = self.carriage_offered(towards);
        let said = description.audio().map(|audio| audio.direction()).unwrap_or_default();
        let how = Towards { carriage, direction: self.told_direction(said), order: &reader, add: &add };
        self.rewritten(towards, &description, &keep, &how)
    }

    /// The answer of the leg `from` as `towards` reads it, which offered `offer`. Where both share a codec only those they share go on, so that
    /// packets pass as they are; else the asker's first that can be transcoded.
    fn answer_to(&mut self, towards: u16, offer: &View, from: u16, bytes: &[u8]) -> Option<Box<[u8]>> {
        let settings = Arc::clone(&self.settings);
        let (reader, writer) = (self.codecs_of(towards), self.codecs_of(from));
        let description = Description::parse(bytes).ok()?;
        let usable = |format: &Format| may_use(&reader, format) && may_use(&writer, format);
        let carriage = self.carriage_answered(towards, &offer.carriage)?;
        // RFC 3264 section 6.1: an answer claims no more than the offer gives.
        let said = description.audio().map(|audio| audio.direction()).unwrap_or_default();
        let direction = offer.direction.answered(self.told_direction(said));
        if !settings.media.transcode {
            return self.rewritten(
                towards,
                &description,
                &usable,
                &Towards { carriage, direction, order: &reader, add: &[] },
            );
        }
        let answer = description.audio().map(|audio| audio.formats()).unwrap_or_default();
        let taken = formats::taken(&settings.media, offer, &answer, &reader, &usable)?;
        let keep = |format: &Format| taken.keep.contains(format);
        self.rewritten(towards, &description, &keep, &Towards { carriage, direction, order: &reader, add: &taken.add })
    }

    /// A description of one party rewritten for the leg `towards`; with its version, which grows only with a change (RFC 3264 section 8).
    fn rewritten(
        &mut self,
        towards: u16,
        description: &Description<'_>,
        keep: &dyn Fn(&Format) -> bool,
        how: &Towards<'_>,
    ) -> Option<Box<[u8]>> {
        let rtp = self.signalled(towards)?;
        let Towards { carriage, direction, order, add } = how;
        let direction = Some(*direction);
        self.versioned(towards, rtp, |local| {
            Some(sdp::rewrite(description, &Rewrite { local, carriage, keep, order, add, direction }))
        })
    }

    /// Writes a description with the version of our last one, and with the next version if it differs.
    fn versioned(
        &mut self,
        towards: u16,
        rtp: SocketAddr,
        write: impl Fn(Local) -> Option<Vec<u8>>,
    ) -> Option<Box<[u8]>> {
        let leg = self.leg_mut(towards)?;
        let talk = &mut leg.talk;
        let local = |version: u64| Local { session_id: talk.session, version, rtp, rtcp: None };
        let same = write(local(talk.version))?;
        if talk.sent.as_deref() == Some(&same) {
            return Some(same.into());
        }
        let body: Box<[u8]> = if talk.sent.is_none() { same.into() } else { write(local(talk.version + 1))?.into() };
        talk.version += u64::from(talk.sent.is_some());
        talk.sent = Some(body.clone());
        Some(body)
    }

    /// The offer in the INVITE to a leg; `None`: it is asked for one (the caller made none).
    pub(super) fn offer_for(&mut self, number: u16) -> Option<Box<[u8]>> {
        if self.phase == Phase::Summoning {
            return self.own_offer(number);
        }
        let caller = self.caller;
        if self.offer.is_none() && self.caller_leg().is_some_and(|leg| leg.is_confirmed()) {
            return self.offer_like(number, caller);
        }
        let offer = self.offer.take()?;
        let body = self.offer_to(number, caller, &offer);
        self.offer = Some(offer);
        body
    }

    /// An offer of our own with what the account may use of what every phone has.
    pub(super) fn own_offer(&mut self, number: u16) -> Option<Box<[u8]>> {
        let rtp = self.signalled(number)?;
        let settings = Arc::clone(&self.settings);
        let formats = formats::offered(&settings.media, &self.codecs_of(number));
        let carriage = self.carriage_offered(number);
        self.versioned(number, rtp, |local| Some(sdp::offer(&local, &carriage, &formats, Direction::SendRecv)))
    }

    /// An offer of our own that a party which has answered before can be joined with: its formats, and what we make of them.
    fn offer_like(&mut self, number: u16, waits: u16) -> Option<Box<[u8]>> {
        let rtp = self.signalled(number)?;
        let settings = Arc::clone(&self.settings);
        let (reader, writer) = (self.codecs_of(number), self.codecs_of(waits));
        let view = self.leg(waits)?.talk.remote.clone()?;
        let formats = formats::like(&settings.media, &view, &reader, &writer);
        let carriage = self.carriage_offered(number);
        self.versioned(number, rtp, |local| Some(sdp::offer(&local, &carriage, &formats, Direction::SendRecv)))
    }

    /// What a leg was told last, offered again; `anew`: both ways, with what its party can be joined with `other` by.
    pub(super) fn offer_again(&mut self, number: u16, other: Option<u16>, anew: bool) -> Option<Box<[u8]>> {
        let sent = self.leg(number)?.talk.sent.clone()?;
        let settings = Arc::clone(&self.settings);
        let rtp = self.signalled(number)?;
        let reader = self.codecs_of(number);
        let theirs = other.and_then(|other| self.leg(other)?.talk.remote.clone()).filter(|_| anew);
        let description = Description::parse(&sent).ok()?;
        let audio = description.audio()?;
        let before = describe::view(&sent).ok();
        let transcode = settings.media.transcode;
        let add = match &theirs {
            Some(_) if transcode => formats::added(&settings.media, &audio, &reader, &[], before.as_ref()),
            Some(theirs) => formats::lacking(&audio, theirs, &reader),
            None => Vec::new(),
        };
        let keep = |format: &Format| {
            let shared = |theirs: &View| theirs.formats.iter().any(|other| other.same_coding(format));
            transcode || theirs.as_ref().is_none_or(shared)
        };
        let carriage = self.carriage_offered(number);
        let holds = other.is_some_and(|other| self.holds(other));
        let said = self.leg(number).and_then(|leg| leg.talk.remote.as_ref()).map(|view| view.direction);
        let direction = Some(match (anew, holds) {
            (true, true) => Direction::SendOnly,
            (true, false) => Direction::SendRecv,
            // What changes nothing lets nothing be changed by its answer either.
            (false, _) => audio.direction().and(said.unwrap_or_default().reversed()),
        });
        self.versioned(number, rtp, |local| {
            Some(sdp::rewrite(
                &description,
                &Rewrite { local, carriage: &carriage, keep: &keep, order: &[], add: &add, direction },
            ))
        })
    }

    /// Whether a party with this answer to an offer of ours can be joined with one that has answered before.
    pub(super) fn suits(&self, (waits, asked): (u16, u16), answer: &View) -> bool {
        let shares = |view: &View| answer.speech().any(|format| view.speech().any(|other| other.same_coding(format)));
        let waiting = self.leg(waits).and_then(|leg| leg.talk.remote.as_ref());
        self.may_answer(asked, &answer.carriage)
            && answer.speech().next().is_some()
            && (waiting.is_some_and(shares)
                || self.settings.media.transcode
                    && answer.speech().any(|format| formats::is_transcoded(&self.settings.media, format)))
    }

    /// Our own answer to a leg's offer: what it may use, both ways as far as it lets us. `None`: nothing of it can be used.
    pub(super) fn own_answer(&mut self, number: u16, offer: &[u8]) -> Option<Box<[u8]>> {
        self.own_answer_for(number, offer, None)
    }

    /// As [`Call::own_answer`], for one that is joined with `other`.
    pub(super) fn own_answer_for(&mut self, number: u16, offer: &[u8], other: Option<u16>) -> Option<Box<[u8]>> {
        let rtp = self.signalled(number)?;
        let allowed = self.codecs_of(number);
        let description = Description::parse(offer).ok()?;
        let carriage = self.carriage_answered(number, &describe::view(offer).ok()?.carriage)?;
        let theirs = other.and_then(|other| self.leg(other)?.talk.remote.clone());
        let theirs = theirs.filter(|_| !self.settings.media.transcode);
        let takes = |format: &Format| {
            let shared = |theirs: &View| theirs.formats.iter().any(|other| other.same_coding(format));
            may_use(&allowed, format) && theirs.as_ref().is_none_or(shared)
        };
        self.versioned(number, rtp, |local| sdp::answer(&description, &local, &carriage, takes, Direction::SendRecv))
    }

    /// The answer of a branch in a provisional response: the caller hears it from now on. Returns what the caller is told.
    pub(super) fn early_answer(&mut self, office: &mut Office<'_>, number: u16, body: &[u8]) -> Option<Box<[u8]>> {
        let caller = self.caller;
        let answer = self.usable_answer(caller, number, body)?;
        let offer = self.leg(caller)?.talk.remote.clone()?;
        let told = self.answer_to(caller, &offer, number, body)?;
        if let Some(leg) = self.leg_mut(number) {
            leg.talk.remote = Some(answer);
        }
        self.describe_pair(office, caller, number);
        self.record_by_rule(office, number);
        self.hear(office, caller, number);
        Some(told)
    }

    /// Reads the answer of `asked` to what `asker` last offered. `None`: it cannot be used (RFC 3264 section 6).
    pub(super) fn usable_answer(&self, asker: u16, asked: u16, body: &[u8]) -> Option<View> {
        let answer = describe::view(body).ok()?;
        let offer = self.leg(asker)?.talk.remote.as_ref()?;
        self.agrees((asker, offer), (asked, &answer)).then_some(answer)
    }

    /// Whether an answer is protected as we offered it, and shares a format for speech with its offer, or with what we added to it.
    pub(super) fn agrees(&self, asker: (u16, &View), asked: (u16, &View)) -> bool {
        if !self.may_answer(asked.0, &asked.1.carriage) {
            return false;
        }
        if asked.1.speech().any(|format| asker.1.speech().any(|offered| offered.same_coding(format))) {
            return true;
        }
        let media = &self.settings.media;
        if !media.transcode || !formats::transcodes(media, asker.1, self.terms(asker.0).codecs) {
            return false;
        }
        let sent = self.leg(asked.0).and_then(|leg| describe::view(leg.talk.sent.as_deref()?).ok());
        sent.is_some_and(|sent| asked.1.shared_with(&sent).iter().any(|format| formats::is_transcoded(media, format)))
    }

    /// Offer and answer are agreed on: `asker`'s and `asked`'s descriptions hold from now on. Returns the answer as the asker reads it.
    pub(super) fn agree(
        &mut self,
        office: &mut Office<'_>,
        asker: (u16, View),
        asked: (u16, View),
        answer: &[u8],
    ) -> Option<Box<[u8]>> {
        let told = self.answer_to(asker.0, &asker.1, asked.0, answer)?;
        let pair = (asker.0, asked.0);
        for (number, view) in [asker, asked] {
            if let Some(leg) = self.leg_mut(number) {
                leg.talk.remote = Some(view);
            }
        }
        self.describe_pair(office, pair.0, pair.1);
        self.update_hearing(office);
        Some(told)
    }

    pub(super) fn describe_pair(&mut self, office: &mut Office<'_>, one: u16, two: u16) {
        self.describe_leg(office, one, Some(two));
        self.describe_leg(office, two, Some(one));
    }

    /// Tells the shard what a leg's description says.
    pub(super) fn describe_leg(&mut self, office: &mut Office<'_>, number: u16, other: Option<u16>) {
        let formats = self.formats_of(number, other);
        let digits = self.digit_mode(number, &formats);
        let Some((security, ice, rtcp_mux)) = self.agreed_with(number) else { return };
        let Some(leg) = self.leg(number) else { return };
        let Some(view) = &leg.talk.remote else { return };
        let learned = leg.behind_nat || view.rtp.is_none() || ice.is_some();
        let peer = PeerSpec {
            rtp: view.rtp,
            rtcp: if rtcp_mux { view.rtp } else { view.rtcp },
            rtcp_mux,
            source: if learned { SourceRule::Learned } else { SourceRule::Signalled },
            formats,
            packet_time: view.packet_time,
            digits,
            security,
            ice,
        };
        self.session.describe(&mut office.books.door, office.out, MemberId(number), peer);
    }

    /// The formats in which a leg is spoken to, preferred first: those it shares with the other's; where we transcode, all that it and we agreed on, the shared
    /// ones first.
    pub(super) fn formats_of(&self, number: u16, other: Option<u16>) -> Vec<Format> {
        let Some(view) = self.leg(number).and_then(|leg| leg.talk.remote.as_ref()) else { return Vec::new() };
        let theirs = other.and_then(|other| self.leg(other)?.talk.remote.as_ref());
        let mut formats = match theirs {
            None => view.formats.clone(),
            Some(theirs) if !self.settings.media.transcode => view.shared_with(theirs),
            Some(theirs) => {
                let sent = self.leg(number).and_then(|leg| describe::view(leg.talk.sent.as_deref()?).ok());
                let mut own = formats::agreed(view, sent.as_ref());
                own.sort_by_key(|format| {
                    (!carries_speech(format), !theirs.formats.iter().any(|other| other.same_coding(format)))
                });
                own
            }
        };
        formats.truncate(FORMATS_MAX);
        formats
    }

    /// States who hears whom, as the legs' directions say, and whether somebody holds.
    pub(super) fn update_hearing(&mut self, office: &mut Office<'_>) {
        if self.transfer.is_some() {
            return self.transfer_hearing(office);
        }
        self.sound(office, None);
        match (self.phase, self.partner) {
            (Phase::Connected, Partner::Leg(callee)) => {
                self.record_by_rule(office, callee);
                self.hear(office, self.caller, callee);
                let holds = [self.caller, callee].iter().any(|number| self.holds(*number));
                self.tell_state(office, if holds { CallState::Hold } else { CallState::Connected });
                self.watch_silence(office);
            }
            (Phase::Connected, Partner::Device(device)) => {
                let said = self.caller_leg().and_then(|leg| leg.talk.remote.as_ref()).map(|view| view.direction);
                let said = said.unwrap_or_default();
                let ear = Ear { member: MemberId(self.caller), speaks: said.sends(), hears: said.receives() };
                self.state_hearing(office, echo(ear, device));
                let holds = self.holds(self.caller);
                self.tell_state(office, if holds { CallState::Hold } else { CallState::Connected });
            }
            (Phase::Dialling { early: Some(number), .. }, _) => {
                self.record_by_rule(office, number);
                self.hear(office, self.caller, number);
            }
            _ => self.state_hearing(office, HearingTable::default()),
        }
    }

    /// Whether a leg has put the other on hold: its own description stops it from listening.
    pub(super) fn holds(&self, number: u16) -> bool {
        let said = self.leg(number).and_then(|leg| leg.talk.remote.as_ref()).map(|view| view.direction);
        match said {
            Some(Direction::SendOnly | Direction::Inactive) => true,
            Some(Direction::SendRecv | Direction::RecvOnly) | None => false,
        }
    }

    fn hear(&mut self, office: &mut Office<'_>, one: u16, two: u16) {
        let holder = self.holder_of(one, two);
        #[cfg(feature = "faults")]
        let holder = holder.filter(|_| !office.books.has(super::Fault::WrongHearingBit));
        if let Some(holder) = holder {
            return self.play_music(office, holder, if holder == one { two } else { one });
        }
        let said = |number: u16| {
            let view = self.leg(number).and_then(|leg| leg.talk.remote.as_ref());
            view.map_or(Direction::Inactive, |view| view.direction)
        };
        let (first, second) = (said(one), said(two));
        let ear = |number: u16, own: Direction, other: Direction| Ear {
            member: MemberId(number),
            speaks: own.sends() && other.receives(),
            hears: own.receives() && other.sends(),
        };
        #[cfg_attr(not(feature = "faults"), expect(unused_mut, reason = "a planted fault changes it"))]
        let mut ears = [ear(one, first, second), ear(two, second, first)];
        #[cfg(feature = "faults")]
        if office.books.has(super::Fault::WrongHearingBit) {
            ears[1].hears = true;
            ears[0].speaks = true;
        }
        self.state_hearing(office, bridge(ears));
        self.end_music(office);
    }
}

/// Formats of one leg that a shard takes.
const FORMATS_MAX: usize = 32;
