//! The media plane as signaling sees it: ports, sessions, who hears whom. No packet flows here; whether a phone speaks is asked of the phone.

use crate::{rng::Rng, swarm::MediaFaults};
use contract::{
    HearingTable, Instant, LegReport, MediaCommand, MediaEvent, MediaRefusal, MemberId, SessionId, ShardId,
};
use core::{net::SocketAddr, time::Duration};
use std::collections::{BTreeMap, BTreeSet};

/// A member of a session.
#[derive(Debug)]
pub(crate) struct Member {
    /// `None`: a device.
    pub(crate) port: Option<u16>,
    pub(crate) silence_timeout: Duration,
    pub(crate) spoke_at: Instant,
    pub(crate) reported_silent: bool,
    pub(crate) described: bool,
}

/// A call's media.
#[derive(Debug, Default)]
pub(crate) struct Session {
    pub(crate) shard: ShardId,
    pub(crate) members: BTreeMap<MemberId, Member>,
    pub(crate) table: HearingTable,
}

/// The model of all shards.
#[derive(Debug)]
pub(crate) struct MediaPlane {
    pub(crate) faults: MediaFaults,
    rng: Rng,
    pub(crate) sessions: BTreeMap<SessionId, Session>,
    closed: BTreeSet<SessionId>,
    /// Port to its leg.
    ports: BTreeMap<u16, (SessionId, MemberId)>,
    pub(crate) opened: u64,
}

/// Answers with their delays.
type Answers = Vec<(Duration, MediaEvent)>;

impl MediaPlane {
    pub(crate) const fn new(faults: MediaFaults, rng: Rng) -> Self {
        Self { faults, rng, sessions: BTreeMap::new(), closed: BTreeSet::new(), ports: BTreeMap::new(), opened: 0 }
    }

    fn delay(&mut self) -> Duration {
        let most = u64::try_from(self.faults.delay_max.as_nanos()).unwrap_or(0);
        Duration::from_nanos(20_000 + self.rng.below(most))
    }

    /// Obeys; tells what was wrong with the order.
    pub(crate) fn obey(&mut self, now: Instant, shard: ShardId, command: &MediaCommand) -> Result<Answers, String> {
        let session = command.session();
        if let Some(known) = self.sessions.get(&session)
            && known.shard != shard
        {
            return Err(format!("{session:?} is on {:?}, the command went to {shard:?}", known.shard));
        }
        match command {
            MediaCommand::OpenLeg { member, spec, .. } => {
                self.may_open(session, *member)?;
                let (member, ipv6, timeout) = (*member, spec.ipv6, spec.silence_timeout);
                let delay = self.delay();
                if self.ports.len() as u64 >= self.faults.ports || self.rng.chance(self.faults.refuse_percent) {
                    // A refused leg leaves nothing, but its session began (CloseSession is due).
                    self.sessions.entry(session).or_default().shard = shard;
                    let why = MediaRefusal::PortsExhausted;
                    return Ok(vec![(delay, MediaEvent::LegRefused { session, member, why })]);
                }
                let port = self.free_port();
                self.ports.insert(port, (session, member));
                self.opened += 1;
                self.join(now, shard, session, member, Some(port), timeout);
                let ip = if ipv6 { [0xfd00, 0, 0, 0, 0, 0, 0, 9].into() } else { [10, 255, 0, 9].into() };
                let rtp = SocketAddr::new(ip, port);
                if self.rng.chance(self.faults.lose_answer_percent) {
                    return Ok(Vec::new());
                }
                Ok(vec![(delay, MediaEvent::LegOpened { session, member, rtp })])
            }
            MediaCommand::OpenDevice { member, .. } => {
                self.may_open(session, *member)?;
                self.join(now, shard, session, *member, None, Duration::MAX);
                Ok(Vec::new())
            }
            MediaCommand::DescribeLeg { member, .. } => {
                if let Some(leg) = self.sessions.get_mut(&session).and_then(|s| s.members.get_mut(member)) {
                    leg.described = true;
                    leg.spoke_at = now;
                }
                Ok(Vec::new())
            }
            MediaCommand::SetHearing { table, .. } => {
                if let Some(known) = self.sessions.get_mut(&session) {
                    known.table = table.clone();
                }
                Ok(Vec::new())
            }
            // Neither changes what the world watches.
            MediaCommand::SetRecording { .. } | MediaCommand::SendDigits { .. } => Ok(Vec::new()),
            MediaCommand::MoveLeg { member, to, name, .. } => {
                self.may_open(*to, *name)?;
                let there = self.sessions.get(to).map(|session| session.shard);
                if there.is_some_and(|there| there != shard) {
                    return Err(format!("a leg of {session:?} on {shard:?} is moved to {to:?} on {there:?}"));
                }
                let moved = self.sessions.get_mut(&session).and_then(|s| s.members.remove(member));
                let Some(moved) = moved else {
                    return Err(format!("{member:?} of {session:?} is moved and not there"));
                };
                if let Some(port) = moved.port {
                    self.ports.insert(port, (*to, *name));
                }
                let known = self.sessions.entry(*to).or_default();
                known.shard = shard;
                known.members.insert(*name, moved);
                Ok(Vec::new())
            }
            MediaCommand::CloseMember { member, .. } => {
                let gone = self.sessions.get_mut(&session).and_then(|s| s.members.remove(member));
                let delay = self.delay();
                Ok(gone.and_then(|m| self.leave(session, *member, &m, delay)).into_iter().collect())
            }
            MediaCommand::CloseSession { .. } => {
                let members = self.sessions.remove(&session).map(|s| s.members).unwrap_or_default();
                self.closed.insert(session);
                let delay = self.delay();
                let mut answers: Answers = Vec::new();
                for (member, gone) in &members {
                    answers.extend(self.leave(session, *member, gone, delay));
                }
                answers.push((delay + Duration::from_nanos(1), MediaEvent::SessionClosed { session }));
                Ok(answers)
            }
        }
    }

    fn may_open(&self, session: SessionId, member: MemberId) -> Result<(), String> {
        if self.closed.contains(&session) {
            return Err(format!("{session:?} is used again after its end"));
        }
        match self.sessions.get(&session) {
            Some(s) if s.members.contains_key(&member) => Err(format!("{member:?} of {session:?} is opened twice")),
            Some(_) | None => Ok(()),
        }
    }

    fn join(
        &mut self,
        now: Instant,
        shard: ShardId,
        session: SessionId,
        member: MemberId,
        port: Option<u16>,
        silence_timeout: Duration,
    ) {
        let known = self.sessions.entry(session).or_default();
        known.shard = shard;
        let joined = Member { port, silence_timeout, spoke_at: now, reported_silent: false, described: false };
        known.members.insert(member, joined);
    }

    fn leave(
        &mut self,
        session: SessionId,
        member: MemberId,
        gone: &Member,
        delay: Duration,
    ) -> Option<(Duration, MediaEvent)> {
        let port = gone.port?;
        self.ports.remove(&port);
        Some((delay, MediaEvent::LegClosed { session, member, report: LegReport::default() }))
    }

    fn free_port(&mut self) -> u16 {
        loop {
            let port = 10_000 + u16::try_from(self.rng.below(20_000)).unwrap_or(0) * 2;
            if !self.ports.contains_key(&port) {
                return port;
            }
        }
    }

    /// Whose port this is now.
    pub(crate) fn owner(&self, port: u16) -> Option<(SessionId, MemberId)> {
        self.ports.get(&port).copied()
    }

    /// Ports in use.
    pub(crate) fn ports(&self) -> usize {
        self.ports.len()
    }

    /// Reports legs that nobody speaks to; `spoken` are the ports that hear a phone now.
    pub(crate) fn patrol(&mut self, now: Instant, spoken: &BTreeSet<u16>) -> Vec<MediaEvent> {
        let mut silent = Vec::new();
        for (session, known) in &mut self.sessions {
            for (member, leg) in &mut known.members {
                let Some(port) = leg.port else { continue };
                if spoken.contains(&port) || !leg.described {
                    leg.spoke_at = now;
                    leg.reported_silent = false;
                } else if !leg.reported_silent && now.since(leg.spoke_at) > leg.silence_timeout {
                    leg.reported_silent = true;
                    silent.push(MediaEvent::LegSilent { session: *session, member: *member });
                }
            }
        }
        silent
    }
}
