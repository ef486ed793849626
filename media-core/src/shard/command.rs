//! Obeying commands. Each open and each close is answered exactly once, whatever happened before.

use super::Shard;
use crate::{
    flow::PortPair,
    io::{Class, Io, OpenFault, Slot},
    limits::{INTERVAL_MIN, PORT_TRIES_MAX, SESSIONS_MAX},
    record::RECORDERS_MAX,
    rtp::control::Control,
    secure::guard::Keyed,
    session::{
        Device as Installed, Egress, Kind, Leg, Member, Path, PayloadMap, Session, Way,
        device::{Machine, Recorder, Speaker},
        leg::Handshake,
    },
};
use contract::{
    Device, HearingTable, Instant, Keypress, LegSpec, MEMBERS_MAX, MediaCommand, MediaEvent, MediaRefusal, MemberId,
    PeerSpec, RecorderSpec, RecordingState, SessionId,
};
use core::net::{IpAddr, SocketAddr};

/// The RTP socket of a leg.
pub(super) const fn rtp_slot(leg: u32) -> Slot {
    Slot(leg * 2)
}

/// The RTCP socket of a leg.
pub(super) const fn rtcp_slot(leg: u32) -> Slot {
    Slot(leg * 2 + 1)
}

impl Shard {
    pub(super) fn obey(&mut self, command: MediaCommand, now: Instant, io: &mut impl Io) {
        self.tally.commands += 1;
        match command {
            MediaCommand::OpenLeg { session, member, spec } => match self.open_leg(session, member, &spec, now, io) {
                Ok(rtp) => self.told.tell(MediaEvent::LegOpened { session, member, rtp }),
                Err(why) => {
                    self.tally.legs_refused += 1;
                    self.told.tell(MediaEvent::LegRefused { session, member, why });
                }
            },
            MediaCommand::OpenDevice { session, member, device } => self.open_device(session, member, device, now, io),
            MediaCommand::DescribeLeg { session, member, peer } => self.describe(session, member, *peer, now, io),
            MediaCommand::SetHearing { session, table } => self.set_hearing(session, table, now, io),
            MediaCommand::SetRecording { session, member, state } => self.set_recording(session, member, state),
            MediaCommand::SendDigits { session, member, digits } => self.send_digits(session, member, &digits, now, io),
            MediaCommand::MoveLeg { session, member, to, name } => {
                self.move_leg((session, member), (to, name), now, io);
            }
            MediaCommand::CloseMember { session, member } => self.close_member(session, member, now, io),
            MediaCommand::CloseSession { session } => self.close_session(session, now, io),
        }
    }

    fn open_leg(
        &mut self,
        session: SessionId,
        member: MemberId,
        spec: &LegSpec,
        now: Instant,
        io: &mut impl Io,
    ) -> Result<SocketAddr, MediaRefusal> {
        self.room_for(session, member)?;
        let address = match (spec.ipv6, self.config.bind_v4, self.config.bind_v6) {
            (false, Some(v4), _) => IpAddr::V4(v4),
            (true, _, Some(v6)) => IpAddr::V6(v6),
            (false, None, _) | (true, _, None) => return Err(MediaRefusal::System(libc::EAFNOSUPPORT)),
        };
        // The table of sockets may be just as large as the ports need: when both are full, it is the ports that are to be named.
        if self.ports.taken() == self.ports.total() {
            return Err(MediaRefusal::PortsExhausted);
        }
        let index = self.legs.next_index();
        if rtcp_slot(index).0 >= io.slots() {
            return Err(MediaRefusal::DescriptorsExhausted);
        }
        let ports = self.bind(index, address, io)?;
        let local = SocketAddr::new(address, ports.rtp());
        let ssrc = self.random() as u32;
        let control = Control::new(now, [self.random(), self.random()]);
        self.serial = self.serial.wrapping_add(1);
        let report_every = spec.report_every.map(|every| every.max(INTERVAL_MIN));
        let leg = Leg {
            serial: self.serial,
            session,
            member,
            local,
            ports,
            peer: None,
            connected: false,
            told_source: None,
            rtcp_source: None,
            reception: Default::default(),
            egress: Egress::new(ssrc),
            path: Path::Silent,
            feed: None,
            payloads: PayloadMap::new(&[], &[]),
            dropped: 0,
            heard_at: now,
            silent: false,
            silence_timeout: spec.silence_timeout.max(INTERVAL_MIN),
            report_at: report_every.map(|every| now + every),
            report_every,
            control,
            voice: None,
            ear: None,
            keys: None,
            script: Default::default(),
            pressed: Default::default(),
            unlike: false,
            guard: None,
            checks: None,
            handshake: Handshake::default(),
        };
        let due = leg.due_at();
        let index = self.legs.insert(leg);
        self.wheel.arm(index, due);
        self.sessions
            .entry(session)
            .or_insert_with(|| Session::new(session))
            .join(Member { id: member, kind: Kind::Leg(index) });
        self.compile(session, now, io);
        self.tally.opened_after(io.now().since(spec.asked_at));
        Ok(local)
    }

    /// Whether the session may have another member of this name.
    fn room_for(&self, session: SessionId, member: MemberId) -> Result<(), MediaRefusal> {
        match self.sessions.get(&session) {
            None if self.sessions.len() >= SESSIONS_MAX => Err(MediaRefusal::SessionsExhausted),
            None => Ok(()),
            Some(known) if known.members().len() >= MEMBERS_MAX => Err(MediaRefusal::SessionsExhausted),
            // A member's name is never used twice in its session.
            Some(known) if known.kind(member).is_some() => Err(MediaRefusal::System(libc::EEXIST)),
            Some(_) => Ok(()),
        }
    }

    /// Reserves a pair of ports and opens both sockets of leg `index`.
    fn bind(&mut self, index: u32, address: IpAddr, io: &mut impl Io) -> Result<PortPair, MediaRefusal> {
        for _ in 0..PORT_TRIES_MAX.min(self.ports.total()) {
            let pair = self.ports.take().ok_or(MediaRefusal::PortsExhausted)?;
            let opened =
                io.open(rtp_slot(index), SocketAddr::new(address, pair.rtp()), Class::Expedited).and_then(|()| {
                    io.open(rtcp_slot(index), SocketAddr::new(address, pair.rtcp()), Class::Default)
                        .inspect_err(|_| io.close(rtp_slot(index)))
                });
            let fault = match opened {
                Ok(()) => return Ok(pair),
                Err(fault) => fault,
            };
            self.ports.give_back(pair);
            match fault {
                // Another process holds one of them: try the next pair.
                OpenFault::InUse => {}
                OpenFault::Descriptors => return Err(MediaRefusal::DescriptorsExhausted),
                OpenFault::System(errno) => return Err(MediaRefusal::System(errno)),
            }
        }
        Err(MediaRefusal::PortsExhausted)
    }

    fn open_device(&mut self, session: SessionId, member: MemberId, device: Device, now: Instant, io: &mut impl Io) {
        let is_recorder = matches!(device, Device::Recorder(_));
        // A device that finds no room is not there, and who should hear it hears silence; the command has no answer to say so.
        if self.room_for(session, member).is_err() || is_recorder && self.recorders >= RECORDERS_MAX {
            self.tally.commands_misused += 1;
            if let Device::Recorder(RecorderSpec { recording, .. }) = device {
                self.told.tell(MediaEvent::RecorderEnded { session, member, recording, frames_lost: 0 });
            }
            return;
        }
        self.recorders += usize::from(is_recorder);
        let (kind, machine) = match device {
            Device::Echo => (Kind::Echo, Machine::Echo(Box::default())),
            Device::Player(spec) => (Kind::Player, Machine::Player(Box::new(Speaker::new(spec)))),
            Device::Recorder(spec) => (Kind::Recorder, Machine::Recorder(Box::new(Recorder::new(&spec, &self.tape)))),
        };
        let known = self.sessions.entry(session).or_insert_with(|| Session::new(session));
        known.join(Member { id: member, kind });
        known.devices.push(Installed { member, machine });
        self.compile(session, now, io);
    }

    fn describe(&mut self, session: SessionId, member: MemberId, peer: PeerSpec, now: Instant, io: &mut impl Io) {
        let Some(index) = self.leg_of(session, member) else { return };
        let Some(leg) = self.legs.get_mut(index) else { return };
        let keyed = leg.guard(&peer.security, &self.config.certificate, now);
        leg.check(peer.ice.as_ref(), now);
        let anew = leg.describe(peer);
        // A new description is a sign of life: a leg may be told to speak only now.
        leg.heard_at = now;
        leg.silent = false;
        if anew {
            leg.told_source = None;
            let settled = leg.peer.as_ref().filter(|peer| peer.source.settled()).and_then(|peer| peer.source.locked());
            if settled.is_some() || leg.connected {
                io.connect(rtp_slot(index), settled);
            }
            leg.connected = settled.is_some();
        }
        self.wheel.arm(index, leg.due_at());
        match keyed {
            Keyed::Same => {}
            Keyed::Anew => self.told.tell(MediaEvent::LegSecured { session, member }),
            Keyed::Without(why) => self.told.tell(MediaEvent::LegUnsecured { session, member, why }),
        }
        self.described(index, now, io);
        self.compile(session, now, io);
    }

    fn set_hearing(&mut self, session: SessionId, table: HearingTable, now: Instant, io: &mut impl Io) {
        let Some(known) = self.sessions.get_mut(&session) else {
            self.tally.commands_misused += 1;
            return;
        };
        known.table = table;
        self.compile(session, now, io);
    }

    fn move_leg(
        &mut self,
        (from, member): (SessionId, MemberId),
        (to, name): (SessionId, MemberId),
        now: Instant,
        io: &mut impl Io,
    ) {
        let Some(index) = self.leg_of(from, member) else { return };
        if self.room_for(to, name).is_err() {
            self.tally.commands_misused += 1;
            return;
        }
        if let Some(known) = self.sessions.get_mut(&from) {
            known.part(member);
        }
        if let Some(leg) = self.legs.get_mut(index) {
            (leg.session, leg.member) = (to, name);
        }
        let known = self.sessions.entry(to).or_insert_with(|| Session::new(to));
        known.join(Member { id: name, kind: Kind::Leg(index) });
        // First the old one, so that nothing of it is fed by the leg any more.
        self.compile(from, now, io);
        self.compile(to, now, io);
    }

    fn close_member(&mut self, session: SessionId, member: MemberId, now: Instant, io: &mut impl Io) {
        let Some(known) = self.sessions.get_mut(&session) else {
            self.tally.commands_misused += 1;
            return;
        };
        match known.part(member) {
            None => self.tally.commands_misused += 1,
            Some(Kind::Leg(index)) => self.close_leg(index, now, io),
            Some(Kind::Echo | Kind::Player | Kind::Recorder) => {
                let at = known.devices.iter().position(|device| device.member == member);
                let device = at.map(|at| known.devices.swap_remove(at));
                self.close_device(session, device);
            }
        }
        self.compile(session, now, io);
    }

    fn close_device(&mut self, session: SessionId, device: Option<Installed>) {
        if let Some(Installed { member, machine: Machine::Recorder(recorder) }) = device {
            self.recorders -= 1;
            let (recording, frames_lost) = recorder.end(&self.tape);
            self.told.tell(MediaEvent::RecorderEnded { session, member, recording, frames_lost });
        }
    }

    fn set_recording(&mut self, session: SessionId, member: MemberId, state: RecordingState) {
        let device = self.sessions.get_mut(&session).and_then(|known| known.device(member));
        match device.map(|device| &mut device.machine) {
            Some(Machine::Recorder(recorder)) => recorder.state = state,
            Some(Machine::Echo(_) | Machine::Player(_)) | None => self.tally.commands_misused += 1,
        }
    }

    fn send_digits(
        &mut self,
        session: SessionId,
        member: MemberId,
        digits: &[Keypress],
        now: Instant,
        io: &mut impl Io,
    ) {
        let Some(index) = self.leg_of(session, member) else { return };
        let Some(leg) = self.legs.get_mut(index) else { return };
        if leg.peer.as_ref().is_none_or(|peer| peer.keys == Way::Elsewhere) {
            return;
        }
        let keys = leg.keys.get_or_insert_default();
        let dropped = digits.iter().filter(|digit| !keys.push(**digit)).count();
        self.tally.digits_dropped += dropped as u64;
        self.compile(session, now, io);
    }

    pub(super) fn close_session(&mut self, session: SessionId, now: Instant, io: &mut impl Io) {
        match self.sessions.remove(&session) {
            Some(mut known) => {
                self.paths_missing -= u64::from(known.paths_missing);
                if let Some(bridge) = known.bridge.take() {
                    self.ticks.remove(session, bridge.phase);
                }
                for device in core::mem::take(&mut known.devices) {
                    self.close_device(session, Some(device));
                }
                for (_, index) in known.legs() {
                    self.close_leg(index, now, io);
                }
            }
            None => self.tally.commands_misused += 1,
        }
        self.told.tell(MediaEvent::SessionClosed { session });
    }

    fn close_leg(&mut self, index: u32, now: Instant, io: &mut impl Io) {
        self.wheel.disarm(index);
        self.leave(index, now, io);
        self.part(index, now, io);
        io.close(rtp_slot(index));
        io.close(rtcp_slot(index));
        let Some(leg) = self.legs.remove(index) else { return };
        let report = leg.report();
        let Leg { session, member, ports, .. } = *leg;
        self.ports.give_back(ports);
        self.told.tell(MediaEvent::LegClosed { session, member, report });
    }

    /// The index of a leg by name; counts a name that is none.
    fn leg_of(&mut self, session: SessionId, member: MemberId) -> Option<u32> {
        match self.sessions.get(&session).and_then(|known| known.kind(member)) {
            Some(Kind::Leg(index)) => Some(index),
            Some(Kind::Echo | Kind::Player | Kind::Recorder) | None => {
                self.tally.commands_misused += 1;
                None
            }
        }
    }
}
