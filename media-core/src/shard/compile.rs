//! The hearing table made to work: who relays to whom, who is summed for whom, with what decoders and encoders.
//!
//! Done after anything about a session changed, never for a packet. What need not change stays as it is, so that nobody hears the change.

use super::{Shard, legs::Legs};
use crate::{
    codec,
    io::Io,
    limits::KEY_LEGS_MAX,
    mix::{FRAME_MAX, Rate},
    session::{
        Bridge, Ear, Kind, Leg, Path, PayloadMap, Session, Voice, Way,
        device::Machine,
        plan::{Feed, Plan, Seat},
    },
};
use contract::{Codec, Instant, SessionId};

impl Shard {
    /// Works a session out anew.
    pub(super) fn compile(&mut self, id: SessionId, now: Instant, io: &mut impl Io) {
        let Some(session) = self.sessions.get(&id) else { return };
        let plan = Plan::new(session, |speaker, listener| passes(&self.legs, speaker, listener));
        self.bid_farewell(&plan, now, io);
        let Self { sessions, legs, ticks, paths_missing, config, .. } = self;
        let Some(session) = sessions.get_mut(&id) else { return };
        *paths_missing -= u64::from(session.paths_missing);
        session.paths_missing = ears(&plan, legs);
        *paths_missing += u64::from(session.paths_missing);
        let rates = rates(&plan, legs, session, config);
        voices(&plan, &rates, legs);
        relays(&plan, legs);
        let keys = session
            .legs()
            .filter_map(|(_, index)| legs.get(index))
            .any(|leg| leg.keys.as_ref().is_some_and(|keys| !keys.is_idle()));
        let before = session.bridge.take();
        let phase = before.as_ref().map(|bridge| bridge.phase);
        if keys || plan.groups.iter().any(|group| group.summed) {
            for device in &mut session.devices {
                let Machine::Recorder(recorder) = &mut device.machine else { continue };
                for (seat, rate) in plan.seats.iter().zip(&rates).filter(|(seat, _)| seat.tapped) {
                    recorder.prepare(seat.id, *rate);
                }
            }
            let phase = phase.unwrap_or_else(|| ticks.add(id, now));
            session.bridge = Some(Box::new(Bridge::new(plan, &rates, phase, before)));
        } else if let Some(phase) = phase {
            ticks.remove(id, phase);
        }
    }

    /// Sends a last frame to those who heard a sum and hear packets of one speaker from now on. What waits to be played of him would be left out;
    /// so the frame leads over from where he is heard to where his next packet goes on.
    fn bid_farewell(&mut self, plan: &Plan, now: Instant, io: &mut impl Io) {
        for seat in &plan.seats {
            let (Kind::Leg(listener), Feed::Relay(speaker)) = (seat.kind, seat.feed) else { continue };
            let tapped = plan.seats.iter().any(|other| other.kind == Kind::Leg(speaker) && other.tapped);
            let Some(mut ear) = self.legs.get_mut(listener).and_then(|leg| leg.ear.take()) else { continue };
            let voice = self.legs.get_mut(speaker).and_then(|leg| leg.voice.as_mut());
            if let Some(voice) = voice.filter(|voice| !tapped && voice.rate() == ear.rate()) {
                let mut frame = [0; FRAME_MAX];
                let frame = &mut frame[..ear.rate().frame()];
                if voice.lead_out(frame) {
                    self.send_frame(listener, &mut ear, frame, now, io);
                }
            }
            if let Some(leg) = self.legs.get_mut(listener) {
                leg.ear = Some(ear);
            }
        }
    }
}

/// Whether packets of leg `speaker` are good for leg `listener` as they are.
fn passes(legs: &Legs, speaker: u32, listener: u32) -> bool {
    let (Some(from), Some(to)) = (legs.get(speaker), legs.get(listener)) else { return true };
    let (Some(speaks), Some(hears)) = (&from.peer, &to.peer) else { return true };
    if speaker == listener {
        return true;
    }
    let converts = speaks.formats.iter().any(|format| codec::entry(format).is_some())
        && hears.formats.iter().any(|format| codec::entry(format).is_some());
    if !converts {
        return true;
    }
    let tones_wait = hears.keys == Way::Tone && to.keys.as_ref().is_some_and(|keys| !keys.is_idle());
    let keys_pass =
        !matches!((speaks.keys, hears.keys), (Way::Event(_), Way::Tone) | (Way::Tone, Way::Event(_) | Way::Elsewhere));
    let speech = |format: &&contract::Format| !matches!(format.codec, Codec::TelephoneEvent | Codec::ComfortNoise);
    let preferred = speaks.formats.iter().find(speech);
    let shared = preferred.is_none_or(|format| hears.formats.iter().any(|other| other.same_coding(format)));
    shared && keys_pass && !tones_wait && !from.unlike
}

/// Frames for which somebody who was relayed to is sent nothing rather than silence, until the first sound of his sum is there: his phone
/// makes up for a packet that is late better than for silence.
const AWAITED_FRAMES: u8 = 2;

/// Gives an ear to each leg that hears a sum, and takes it from the others. How many should hear something they cannot be sent.
fn ears(plan: &Plan, legs: &mut Legs) -> u32 {
    let mut missing = 0;
    for seat in &plan.seats {
        let Kind::Leg(index) = seat.kind else { continue };
        let Some(leg) = legs.get_mut(index) else { continue };
        let relay = match seat.feed {
            Feed::Relay(from) => Some(from),
            Feed::Silence | Feed::Mix(_) => None,
        };
        let heard_sum = leg.ear.is_some();
        match (&leg.peer, seat.feed) {
            (Some(peer), Feed::Mix(_)) => {
                if !leg.ear.as_ref().is_some_and(|ear| ear.is_of(&peer.formats, peer.packet_time)) {
                    leg.ear = Ear::new(&peer.formats, peer.packet_time).map(Box::new);
                    if let Some(ear) = leg.ear.as_mut().filter(|_| leg.feed.is_some()) {
                        ear.awaits = AWAITED_FRAMES;
                    }
                    leg.keys.get_or_insert_default();
                    leg.script.epoch = leg.script.epoch.wrapping_add(1);
                    missing += u32::from(leg.ear.is_none());
                }
            }
            (None, _) | (_, Feed::Silence | Feed::Relay(_)) => leg.ear = None,
        }
        if leg.feed != relay || heard_sum != leg.ear.is_some() {
            leg.feed = relay;
            leg.egress.interrupt();
        }
    }
    missing
}

/// The rate at which each seat speaks and hears: that of its ear, else that at which it speaks by itself. Players and echoes take the highest
/// of those who may hear them.
fn rates(plan: &Plan, legs: &Legs, session: &mut Session, config: &super::ShardConfig) -> Vec<Rate> {
    let own = |leg: &Leg| {
        let spoken =
            || leg.formats().iter().find_map(codec::entry).and_then(|entry| Rate::from_hz(entry.sample_rate_hz));
        leg.ear.as_ref().map(|ear| ear.rate()).or_else(spoken).unwrap_or_default()
    };
    let highest = session.legs().filter_map(|(_, index)| legs.get(index)).map(own).max().unwrap_or_default();
    plan.seats
        .iter()
        .map(|seat| match seat.kind {
            Kind::Leg(index) => legs.get(index).map_or(Rate::Narrow, own),
            Kind::Echo | Kind::Player | Kind::Recorder => {
                match session.device(seat.id).map(|device| &mut device.machine) {
                    Some(Machine::Echo(echo)) => {
                        if echo.rate != highest {
                            (echo.rate, echo.frame) = (highest, [0; crate::mix::FRAME_MAX]);
                        }
                        highest
                    }
                    // No clip has more than 16,000 samples a second.
                    Some(Machine::Player(player)) if seat.tapped => {
                        player.prepare(highest.min(Rate::Wide), &config.library)
                    }
                    Some(Machine::Player(_)) | None => Rate::Narrow,
                    Some(Machine::Recorder(recorder)) => recorder.rate,
                }
            }
        })
        .collect()
}

/// Gives a voice to each leg that is heard in a sum, and takes it from the others.
fn voices(plan: &Plan, rates: &[Rate], legs: &mut Legs) {
    let talkers = plan.seats.iter().filter(|seat| matches!(seat.kind, Kind::Leg(_)) && !seat.speaks.is_empty()).count();
    for ((at, seat), rate) in plan.seats.iter().enumerate().zip(rates) {
        let Kind::Leg(index) = seat.kind else { continue };
        let few = talkers <= KEY_LEGS_MAX;
        let converts = few
            && plan.listeners_to(at).any(|listener| match listener.kind {
                Kind::Leg(listener) => {
                    legs.get(listener).and_then(|leg| leg.peer.as_ref()).is_some_and(|peer| peer.keys != Way::Tone)
                }
                Kind::Echo | Kind::Player | Kind::Recorder => false,
            });
        let Some(leg) = legs.get_mut(index) else { continue };
        if !seat.tapped {
            leg.voice = None;
            continue;
        }
        let epoch = leg.reception.epoch();
        if !leg.voice.as_ref().is_some_and(|voice| voice.is_of(leg.formats())) {
            let relayed = matches!(leg.path, Path::Relay(_));
            leg.voice = Voice::new(leg.formats(), *rate, epoch).map(Box::new);
            if let Some(voice) = leg.voice.as_mut().filter(|_| relayed) {
                voice.begin_at_once();
            }
        }
        let by_tone = leg.peer.as_ref().is_some_and(|peer| peer.keys == Way::Tone);
        if let Some(voice) = &mut leg.voice {
            voice.set_rate(*rate);
            voice.detect(by_tone && few, converts);
        }
    }
}

/// Says of each leg where its packets go, and under which payload types.
fn relays(plan: &Plan, legs: &mut Legs) {
    let relayed = |seat: &Seat| match (seat.feed, seat.kind) {
        (Feed::Relay(from), Kind::Leg(to)) => Some((from, to)),
        (Feed::Relay(_) | Feed::Silence | Feed::Mix(_), _) => None,
    };
    let relayed: Vec<(u32, u32)> = plan.seats.iter().filter_map(relayed).collect();
    for seat in &plan.seats {
        let Kind::Leg(index) = seat.kind else { continue };
        let to = relayed.iter().find(|(from, _)| *from == index).map(|(_, to)| *to);
        let map = legs.get(index).map(|leg| {
            let there = to.and_then(|to| legs.get(to)).map_or(&[][..], Leg::formats);
            PayloadMap::new(leg.formats(), there)
        });
        let Some(leg) = legs.get_mut(index) else { continue };
        leg.path = match to {
            Some(to) => Path::Relay(to),
            None if seat.tapped && leg.voice.is_none() && leg.peer.is_some() => Path::Missing,
            None => Path::Silent,
        };
        if let Some(map) = map {
            leg.payloads = map;
        }
    }
}
