//! One party's description made the other's: our addresses, the formats both may use, versions, and what the shard is told (RFC 3264).

use super::{
    Call, Office, Partner, Phase,
    describe::{self, View, carries_speech},
};
use crate::{
    fact::CallState,
    media::{Ear, bridge, echo},
    sdp::{self, Description, Direction, Local, Rewrite},
    settings::Extension,
};
use contract::{Codec, Format, HearingTable, MemberId, PeerSpec, SourceRule};
use core::net::SocketAddr;
use std::sync::Arc;

/// Whether an account may use a format. Events and comfort noise go with every codec.
fn may_use(account: Option<&Extension>, format: &Format) -> bool {
    account.is_none_or(|account| {
        account.codecs.is_empty() || !carries_speech(format) || account.codecs.contains(&format.codec)
    })
}

impl Call {
    /// Whether the caller's offer holds a codec that it and `callee` may use.
    pub(super) fn has_common_format(&self, callee: &Extension) -> bool {
        let Some(view) = self.caller_leg().and_then(|leg| leg.talk.remote.as_ref()) else { return true };
        let caller = self.account(&self.from);
        view.speech().any(|format| may_use(caller, format) && may_use(Some(callee), format))
    }

    /// The address to write into descriptions for this leg.
    fn signalled(&self, number: u16) -> Option<SocketAddr> {
        let rtp = self.session.address(MemberId(number))?;
        let media = &self.settings.media;
        let advertised = if rtp.is_ipv6() { media.advertised_v6 } else { media.advertised_v4 };
        Some(SocketAddr::new(advertised.unwrap_or(rtp.ip()), rtp.port()))
    }

    /// A description of one party rewritten for the leg `towards`; with its version, which grows only with a change (RFC 3264 section 8).
    fn rewritten(&mut self, towards: u16, from: u16, bytes: &[u8]) -> Option<Box<[u8]>> {
        let rtp = self.signalled(towards)?;
        let settings = Arc::clone(&self.settings);
        let account = |number: u16| self.leg(number).and_then(|leg| settings.directory.extension(&leg.party));
        let (reader, writer) = (account(towards), account(from));
        let description = Description::parse(bytes).ok()?;
        let keep = |format: &Format| may_use(reader, format) && may_use(writer, format);
        let order: &[Codec] = reader.map_or(&[], |reader| &reader.codecs);
        self.versioned(towards, rtp, |local| {
            Some(sdp::rewrite(&description, &Rewrite { local, keep: &keep, order, direction: None }))
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
        let offer = self.offer.take()?;
        let caller = self.caller;
        let body = self.rewritten(number, caller, &offer);
        self.offer = Some(offer);
        body
    }

    /// An offer of our own with what the account may use of what every phone has.
    pub(super) fn own_offer(&mut self, number: u16) -> Option<Box<[u8]>> {
        const OURS: [Format; 4] = [
            Format { payload_type: 8, codec: Codec::Pcma, clock_rate_hz: 8_000, channels: 1 },
            Format { payload_type: 0, codec: Codec::Pcmu, clock_rate_hz: 8_000, channels: 1 },
            Format { payload_type: 9, codec: Codec::G722, clock_rate_hz: 8_000, channels: 1 },
            Format { payload_type: 101, codec: Codec::TelephoneEvent, clock_rate_hz: 8_000, channels: 1 },
        ];
        let rtp = self.signalled(number)?;
        let settings = Arc::clone(&self.settings);
        let account = self.leg(number).and_then(|leg| settings.directory.extension(&leg.party));
        let mut formats: Vec<Format> = OURS.into_iter().filter(|format| may_use(account, format)).collect();
        let order: &[Codec] = account.map_or(&[], |account| &account.codecs);
        formats.sort_by_key(|format| order.iter().position(|codec| *codec == format.codec).unwrap_or(order.len()));
        self.versioned(number, rtp, |local| Some(sdp::offer(&local, &formats, Direction::SendRecv)))
    }

    /// Our own answer to a leg's offer: what it may use, both ways as far as it lets us. `None`: nothing of it can be used.
    pub(super) fn own_answer(&mut self, number: u16, offer: &[u8]) -> Option<Box<[u8]>> {
        let rtp = self.signalled(number)?;
        let settings = Arc::clone(&self.settings);
        let account = self.leg(number).and_then(|leg| settings.directory.extension(&leg.party));
        let description = Description::parse(offer).ok()?;
        self.versioned(number, rtp, |local| {
            sdp::answer(&description, &local, |format| may_use(account, format), Direction::SendRecv)
        })
    }

    /// The answer of a branch in a provisional response: the caller hears it from now on. Returns what the caller is told.
    pub(super) fn early_answer(&mut self, office: &mut Office<'_>, number: u16, body: &[u8]) -> Option<Box<[u8]>> {
        let answer = self.usable_answer(self.caller, body)?;
        let caller = self.caller;
        let told = self.rewritten(caller, number, body)?;
        if let Some(leg) = self.leg_mut(number) {
            leg.talk.remote = Some(answer);
        }
        self.describe_pair(office, caller, number);
        self.hear(office, caller, number);
        Some(told)
    }

    /// Reads an answer to what `asker` last offered. `None`: it cannot be used (RFC 3264 section 6).
    pub(super) fn usable_answer(&self, asker: u16, body: &[u8]) -> Option<View> {
        let answer = describe::view(body).ok()?;
        let offer = self.leg(asker)?.talk.remote.as_ref()?;
        agrees(offer, &answer).then_some(answer)
    }

    /// Offer and answer are agreed on: `asker`'s and `asked`'s descriptions hold from now on. Returns the answer as the asker reads it.
    pub(super) fn agree(
        &mut self,
        office: &mut Office<'_>,
        asker: (u16, View),
        asked: (u16, View),
        answer: &[u8],
    ) -> Option<Box<[u8]>> {
        let told = self.rewritten(asker.0, asked.0, answer)?;
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

    /// A description passed from one leg to another as it is, ours in place of its addresses.
    pub(super) fn passed_on(&mut self, towards: u16, from: u16, body: &[u8]) -> Option<Box<[u8]>> {
        self.rewritten(towards, from, body)
    }

    fn describe_pair(&mut self, office: &mut Office<'_>, one: u16, two: u16) {
        self.describe_leg(office, one, Some(two));
        self.describe_leg(office, two, Some(one));
    }

    /// Tells the shard what a leg's description says, with the formats it shares with the other's.
    pub(super) fn describe_leg(&mut self, office: &mut Office<'_>, number: u16, other: Option<u16>) {
        let Some(leg) = self.leg(number) else { return };
        let Some(view) = &leg.talk.remote else { return };
        let shared = other.and_then(|other| self.leg(other)?.talk.remote.as_ref()).map(|other| view.shared_with(other));
        let mut formats = shared.unwrap_or_else(|| view.formats.clone());
        formats.truncate(FORMATS_MAX);
        let learned = leg.behind_nat || view.rtp.is_none();
        let peer = PeerSpec {
            rtp: view.rtp,
            rtcp: view.rtcp,
            rtcp_mux: false,
            source: if learned { SourceRule::Learned } else { SourceRule::Signalled },
            formats,
            packet_time: core::time::Duration::from_millis(20),
            digits: contract::DigitMode::Event,
            security: contract::Security::None,
            ice: None,
        };
        self.session.describe(&mut office.books.door, office.out, MemberId(number), peer);
    }

    /// States who hears whom, as the legs' directions say, and whether somebody holds.
    pub(super) fn update_hearing(&mut self, office: &mut Office<'_>) {
        match (self.phase, self.partner) {
            (Phase::Connected, Partner::Leg(callee)) => {
                self.hear(office, self.caller, callee);
                let holds = [self.caller, callee].iter().any(|number| self.holds(*number));
                self.tell_state(office, if holds { CallState::Hold } else { CallState::Connected });
                self.watch_silence(office);
            }
            (Phase::Connected, Partner::Device(device)) => {
                let said = self.caller_leg().and_then(|leg| leg.talk.remote.as_ref()).map(|view| view.direction);
                let said = said.unwrap_or_default();
                let ear = Ear { member: MemberId(self.caller), speaks: said.sends(), hears: said.receives() };
                self.session.hear(&mut office.books.door, office.out, echo(ear, device));
                let holds = self.holds(self.caller);
                self.tell_state(office, if holds { CallState::Hold } else { CallState::Connected });
            }
            (Phase::Dialling { early: Some(number), .. }, _) => self.hear(office, self.caller, number),
            _ => self.session.hear(&mut office.books.door, office.out, HearingTable::default()),
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
        self.session.hear(&mut office.books.door, office.out, bridge(ears));
    }
}

/// Formats of one leg that a shard takes.
const FORMATS_MAX: usize = 32;

/// Whether an answer shares a format for speech with its offer.
pub(super) fn agrees(offer: &View, answer: &View) -> bool {
    answer.speech().any(|format| offer.speech().any(|offered| offered.same_coding(format)))
}
