//! One frame of one bridge: everybody speaks, sums are made, everybody hears.

use super::Shard;
use crate::{
    codec::MAX_PAYLOAD_OCTETS,
    dtmf::event::EventPacket,
    io::Io,
    mix::{FRAME_MAX, Rate},
    rtp::{Header, header::FIXED_BYTES},
    session::{
        Bridge, Device, Ear, Kind, Way,
        device::Machine,
        keys::Frame,
        plan::{Feed, Seat},
        voice::Heard,
    },
};
use contract::{Format, Instant, Keypress, MediaEvent, SessionId};
use core::time::Duration;

/// A frame that begins later than this after it was due counts as late.
const LATE: Duration = Duration::from_millis(2);

/// Frames in a second.
const FRAMES_PER_SECOND: u32 = 50;

impl Shard {
    /// Works out the frames that are due.
    pub(super) fn work(&mut self, now: Instant, io: &mut impl Io) {
        loop {
            let (tick, left_out) = self.ticks.pop(now);
            self.tally.ticks_skipped += left_out;
            let Some(tick) = tick else { return };
            let late = now.since(tick.at);
            self.tally.ticks += 1;
            self.tally.ticks_late += u64::from(late > LATE);
            self.tally.tick_delay_max_us = self.tally.tick_delay_max_us.max(late.as_micros() as u64);
            self.current = Some(tick.session);
            self.frame(tick.session, now, io);
        }
    }

    fn frame(&mut self, id: SessionId, now: Instant, io: &mut impl Io) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(mut bridge) = session.bridge.take() else { return };
        let mut devices = core::mem::take(&mut session.devices);
        self.speak(id, &mut bridge, &mut devices, now);
        bridge.sum();
        let keys_ended = self.hear(&mut bridge, &mut devices, now, io);
        if let Some(session) = self.sessions.get_mut(&id) {
            (session.bridge, session.devices) = (Some(bridge), devices);
        }
        if keys_ended {
            self.compile(id, now, io);
        }
    }

    /// Gathers what everybody says.
    fn speak(&mut self, id: SessionId, bridge: &mut Bridge, devices: &mut [Device], now: Instant) {
        if let Some(chosen) = &mut bridge.chosen {
            let level = |seat: &Seat| match seat.kind {
                Kind::Leg(index) => self.legs.get(index).and_then(|leg| leg.voice.as_ref()).map(|voice| voice.level),
                Kind::Echo | Kind::Player | Kind::Recorder => None,
            };
            chosen.choose(bridge.plan.seats.iter().map(|seat| level(seat).unwrap_or_default()));
        }
        for at in 0..bridge.plan.seats.len() {
            let seat = bridge.plan.seats[at];
            if !seat.tapped {
                continue;
            }
            let sounds = match (seat.kind, devices.iter_mut().find(|device| device.member == seat.id)) {
                (Kind::Leg(index), _) => self.speak_leg(id, bridge, at, index, now),
                (Kind::Player, Some(Device { machine: Machine::Player(player), .. })) => {
                    let sounds = player.fill(bridge.samples_mut(at));
                    if let Some(why) = player.news() {
                        let (session, member) = (id, seat.id);
                        player.told = self.told.tell_if_room(MediaEvent::PlayerEnded { session, member, why });
                    }
                    sounds
                }
                (Kind::Echo, Some(Device { machine: Machine::Echo(echo), .. })) => {
                    let out = bridge.samples_mut(at);
                    out.copy_from_slice(&echo.frame[..out.len()]);
                    true
                }
                (Kind::Player | Kind::Echo | Kind::Recorder, _) => false,
            };
            bridge.said[at].sounds = sounds;
            bridge.amplify(at);
        }
    }

    /// The frame of a leg; whether it is more than silence.
    fn speak_leg(&mut self, session: SessionId, bridge: &mut Bridge, at: usize, index: u32, now: Instant) -> bool {
        let Self { legs, told, .. } = self;
        let Some(leg) = legs.get_mut(index) else { return false };
        let (member, Some(voice)) = (leg.member, &mut leg.voice) else { return false };
        let chosen = bridge.chosen.as_ref().is_none_or(|chosen| chosen.holds(at as u16));
        let out = bridge.samples_mut(at);
        let heard = voice.pull(chosen, now, out);
        if let Some(Keypress { digit, length }) = voice.listen(out) {
            told.tell_if_room(MediaEvent::DigitPressed { session, member, digit, length });
        }
        if let Some(talking) = voice.talks(out, heard).filter(|_| bridge.tells_talk)
            && told.tell_if_room(MediaEvent::TalkChanged { session, member, talking })
        {
            voice.told_talking = talking;
        }
        let keys = voice.take_keys();
        for key in keys.into_iter().flatten().filter(|_| bridge.passes_keys) {
            for listener in bridge.plan.listeners_to(at) {
                let Kind::Leg(index) = listener.kind else { continue };
                let Some(leg) = legs.get_mut(index) else { continue };
                let by_media = leg.ear.is_some() && leg.peer.as_ref().is_some_and(|peer| peer.keys != Way::Elsewhere);
                if let Some(keys) = leg.keys.as_mut().filter(|_| by_media) {
                    self.tally.digits_dropped += u64::from(!keys.push(key));
                }
            }
        }
        heard == Heard::Sound
    }

    /// Gives everybody what they hear. Whether keys came to their end, so that a path may be another now.
    fn hear(&mut self, bridge: &mut Bridge, devices: &mut [Device], now: Instant, io: &mut impl Io) -> bool {
        let mut keys_ended = false;
        for at in 0..bridge.plan.seats.len() {
            let seat = bridge.plan.seats[at];
            match (seat.kind, seat.feed) {
                (Kind::Leg(index), Feed::Mix(group)) => {
                    keys_ended |= self.hear_sum(bridge, at, group, index, now, io);
                }
                (Kind::Leg(index), Feed::Relay(_) | Feed::Silence) => {
                    keys_ended |= self.send_keys(index, now, io);
                }
                (Kind::Echo | Kind::Recorder, feed) => {
                    if let Some(device) = devices.iter_mut().find(|device| device.member == seat.id) {
                        self.hear_device(bridge, &mut device.machine, feed);
                    }
                }
                (Kind::Player, _) => {}
            }
        }
        keys_ended
    }

    fn hear_device(&self, bridge: &mut Bridge, machine: &mut Machine, feed: Feed) {
        let mut frame = [0; FRAME_MAX];
        match machine {
            Machine::Echo(echo) => {
                if let Feed::Mix(group) = feed {
                    frame[..echo.rate.frame()].copy_from_slice(bridge.common(group, echo.rate, &mut echo.limiter));
                }
                echo.frame = frame;
            }
            Machine::Recorder(recorder) => {
                let len = recorder.rate.frame();
                if recorder.is_mixed() {
                    if let Feed::Mix(group) = feed {
                        frame[..len].copy_from_slice(bridge.common(group, recorder.rate, &mut recorder.limiter));
                    }
                    recorder.write_mixed(&frame[..len], &self.tape);
                } else {
                    let heard = match feed {
                        Feed::Mix(group) => Some(group),
                        Feed::Silence | Feed::Relay(_) => None,
                    };
                    recorder.write_apart(|member| heard.and_then(|group| bridge.heard_in(group, member)), &self.tape);
                }
            }
            Machine::Player(_) => {}
        }
    }

    /// Sends a leg its frame of a sum, or a key in its place. Whether its keys came to an end.
    fn hear_sum(
        &mut self,
        bridge: &mut Bridge,
        at: usize,
        group: u16,
        index: u32,
        now: Instant,
        io: &mut impl Io,
    ) -> bool {
        let Some(leg) = self.legs.get_mut(index).filter(|leg| leg.has_destination()) else { return false };
        let (Some(mut ear), mut keys) = (leg.ear.take(), leg.keys.take()) else { return false };
        let way = leg.peer.as_ref().map_or(Way::Elsewhere, |peer| peer.keys);
        let script = leg.script;
        let (rate, format) = (ear.rate(), *ear.format());
        let (mut narrow, mut wider);
        let frame: &mut [i16] = if rate == Rate::Narrow {
            narrow = [0; Rate::Narrow.frame()];
            &mut narrow
        } else {
            wider = [0; FRAME_MAX];
            &mut wider[..rate.frame()]
        };
        let had_keys = keys.as_ref().is_some_and(|keys| !keys.is_idle());
        let next = keys.as_mut().map_or(Frame::Sound, |keys| keys.next(way, script.timestamp, rate.hz(), frame));
        match next {
            Frame::Event(packet, events) => self.send_event(index, &packet, &events, now, io),
            Frame::Tone => self.send_frame(index, &mut ear, frame, now, io),
            Frame::Sound if ear.awaits > 0 && bridge.is_silent(group) => ear.awaits -= 1,
            Frame::Sound => {
                ear.awaits = 0;
                if bridge.own_mix(at, group, &mut ear.limiter, frame).is_some() {
                    self.send_frame(index, &mut ear, frame, now, io);
                } else if ear.shares() {
                    let mut limiter = ear.limiter;
                    let encodes = &mut self.tally.encodes;
                    let encode = |frame: &[i16], out: &mut [u8]| {
                        *encodes += 1;
                        ear.encode_shared(frame, out)
                    };
                    if let Some(payload) = bridge.common_payload(group, rate, &format, &mut limiter, encode) {
                        let fill = |out: &mut [u8]| {
                            let octets = payload.len().min(out.len());
                            out[..octets].copy_from_slice(&payload[..octets]);
                            octets
                        };
                        self.send_own(index, &format, script.timestamp, false, fill, now, io);
                    }
                    ear.limiter = limiter;
                } else {
                    frame.copy_from_slice(bridge.common(group, rate, &mut ear.limiter));
                    self.send_frame(index, &mut ear, frame, now, io);
                }
            }
        }
        // Of two, a tone may be all that kept the packets of the one from being relayed to the other.
        let ended =
            had_keys && way == Way::Tone && !bridge.tells_talk && keys.as_ref().is_none_or(|keys| keys.is_idle());
        if let Some(leg) = self.legs.get_mut(index) {
            let units = format.clock_rate_hz / FRAMES_PER_SECOND;
            leg.script.timestamp = script.timestamp.wrapping_add(units);
            (leg.ear, leg.keys) = (Some(ear), keys);
        }
        ended
    }

    /// Sends a leg that hears no sum a frame of its keys, if there are any. Whether they came to an end.
    fn send_keys(&mut self, index: u32, now: Instant, io: &mut impl Io) -> bool {
        let Some(leg) = self.legs.get_mut(index) else { return false };
        if leg.keys.as_ref().is_none_or(|keys| keys.is_idle()) {
            return false;
        }
        let (Some(mut keys), script) = (leg.keys.take(), leg.script) else { return false };
        let way = leg.peer.as_ref().map_or(Way::Elsewhere, |peer| peer.keys);
        let mut tone = [0; Rate::Narrow.frame()];
        let mut units = Rate::Narrow.hz() / FRAMES_PER_SECOND;
        // A tone for who hears nothing has no sound it could be in: it passes unheard.
        if let Frame::Event(packet, events) = keys.next(way, script.timestamp, Rate::Narrow.hz(), &mut tone) {
            units = events.clock_rate_hz / FRAMES_PER_SECOND;
            self.send_event(index, &packet, &events, now, io);
        }
        let ended = keys.is_idle();
        if let Some(leg) = self.legs.get_mut(index) {
            leg.script.timestamp = script.timestamp.wrapping_add(units);
            leg.keys = Some(keys);
        }
        ended
    }

    /// Encodes a frame and sends the packets that are full.
    pub(super) fn send_frame(&mut self, index: u32, ear: &mut Ear, frame: &[i16], now: Instant, io: &mut impl Io) {
        let (format, units) = (*ear.format(), ear.packet_units());
        let Some(leg) = self.legs.get(index) else { return };
        let mut timestamp = leg.script.timestamp.wrapping_sub(ear.waiting_units());
        ear.hear(frame, |encode| {
            self.tally.encodes += 1;
            self.send_own(index, &format, timestamp, false, encode, now, io);
            timestamp = timestamp.wrapping_add(units);
        });
    }

    fn send_event(&mut self, index: u32, packet: &EventPacket, format: &Format, now: Instant, io: &mut impl Io) {
        let fill = |out: &mut [u8]| {
            out[..packet.payload.len()].copy_from_slice(&packet.payload);
            packet.payload.len()
        };
        self.send_own(index, format, packet.timestamp, packet.marker, fill, now, io);
        if let Some(leg) = self.legs.get_mut(index) {
            leg.egress.stood_at(leg.script.timestamp);
        }
    }

    /// Sends a packet of our own: `fill` writes its payload and tells how long it is, 0 for a packet that is left out.
    #[expect(clippy::too_many_arguments, reason = "a packet's header has these fields")]
    fn send_own(
        &mut self,
        index: u32,
        format: &Format,
        timestamp: u32,
        marker: bool,
        fill: impl FnOnce(&mut [u8]) -> usize,
        now: Instant,
        io: &mut impl Io,
    ) {
        let Some(mut buffer) = io.fresh(FIXED_BYTES + MAX_PAYLOAD_OCTETS) else {
            self.tally.packets_unmade += 1;
            return;
        };
        let octets = fill(&mut io.bytes(&buffer)[FIXED_BYTES..]);
        let Some(leg) = self.legs.get_mut(index).filter(|_| octets > 0) else { return io.release(buffer) };
        let header = Header::own(format.payload_type, leg.script.sequence, timestamp, marker, octets);
        leg.script.sequence = leg.script.sequence.wrapping_add(1);
        let stream = leg.own_stream();
        let Some(header) = leg.egress.renumber(stream, &header, format.clock_rate_hz, now) else {
            return io.release(buffer);
        };
        buffer.truncate(FIXED_BYTES + octets);
        header.write_own(io.bytes(&buffer));
        self.send_rtp(index, buffer, io);
    }
}
