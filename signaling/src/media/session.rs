//! The media of one call: its members on one shard, and what has been asked of that shard.

use super::{Door, targets::Watch};
use crate::{
    effect::{Effect, Effects},
    fact::QualityTarget,
};
use contract::{
    Device, HearingTable, Instant, Keypress, LegReport, LegSpec, MediaCommand, MemberId, PeerSpec, SessionId, ShardId,
};
use core::{net::SocketAddr, time::Duration};
use smallvec::SmallVec;

/// One member of a session.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Its name; a leg's is the leg's number.
    pub id: MemberId,
    /// How far it is.
    pub state: MemberState,
    /// The last figures told of it.
    pub report: Option<LegReport>,
    /// Whether they are within the targets.
    pub watch: Watch,
}

/// How far a member is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MemberState {
    /// Asked for; ports are not known yet.
    Opening,
    /// Receives on this local address.
    Open(SocketAddr),
    /// Has no network side, so there is nothing to wait for.
    Device,
    /// Told to close.
    Closing,
    /// Closed or refused: nothing of it remains on the shard.
    Gone,
}

/// The media of one call.
#[derive(Clone, Debug)]
pub struct Session {
    id: SessionId,
    /// `None`: nothing was asked of any shard, or all of it is reported closed.
    shard: Option<ShardId>,
    members: SmallVec<[Member; 3]>,
    hearing: HearingTable,
    closing: bool,
    /// The shard it shall be on, if that is known.
    beside: Option<ShardId>,
}

impl Session {
    /// A session of which no shard knows yet.
    #[must_use]
    pub fn new(id: SessionId) -> Self {
        Self {
            id,
            shard: None,
            members: SmallVec::new(),
            hearing: HearingTable::default(),
            closing: false,
            beside: None,
        }
    }

    /// The shard that holds it; `None` before the first command and after the close was reported.
    #[must_use]
    pub const fn shard(&self) -> Option<ShardId> {
        self.shard
    }

    /// It shall be on the same shard as another one, with which it may come together. No effect once it is on one.
    pub(crate) const fn stand_beside(&mut self, shard: Option<ShardId>) {
        self.beside = shard;
    }

    /// Gives a leg to another session of the same shard, where it has another name.
    pub(crate) fn move_leg(&mut self, id: MemberId, to: &mut Self, name: MemberId, door: &mut Door, out: &mut Effects) {
        let Some(at) = self.members.iter().position(|member| member.id == id) else { return };
        let member = self.members.remove(at);
        to.members.push(Member { id: name, ..member });
        if matches!(member.state, MemberState::Open(_)) && !self.closing {
            let (session, to) = (self.id, to.id);
            self.tell(door, out, MediaCommand::MoveLeg { session, member: id, to, name });
        }
    }

    /// Who hears whom, as last told to the shard.
    #[must_use]
    pub const fn hearing(&self) -> &HearingTable {
        &self.hearing
    }

    /// The member of this name.
    #[must_use]
    pub fn member(&self, id: MemberId) -> Option<&Member> {
        self.members.iter().find(|member| member.id == id)
    }

    /// The address on which the leg receives, once it is open.
    #[must_use]
    pub fn address(&self, id: MemberId) -> Option<SocketAddr> {
        match self.member(id)?.state {
            MemberState::Open(address) => Some(address),
            MemberState::Opening | MemberState::Device | MemberState::Closing | MemberState::Gone => None,
        }
    }

    /// Asks for a pair of ports. Answered by [`Session::opened`] or [`Session::refused`].
    pub(crate) fn open_leg(&mut self, door: &mut Door, out: &mut Effects, id: MemberId, spec: LegSpec) {
        if self.closing || self.member(id).is_some() {
            return;
        }
        self.members.push(Member { id, state: MemberState::Opening, report: None, watch: Watch::default() });
        let session = self.id;
        self.tell(door, out, MediaCommand::OpenLeg { session, member: id, spec });
    }

    /// Adds a device.
    pub(crate) fn open_device(&mut self, door: &mut Door, out: &mut Effects, id: MemberId, device: Device) {
        if self.closing || self.member(id).is_some() {
            return;
        }
        self.members.push(Member { id, state: MemberState::Device, report: None, watch: Watch::default() });
        let session = self.id;
        self.tell(door, out, MediaCommand::OpenDevice { session, member: id, device });
    }

    /// Passes on what the far end's description says.
    pub(crate) fn describe(&mut self, door: &mut Door, out: &mut Effects, id: MemberId, peer: PeerSpec) {
        if self.address(id).is_some() && !self.closing {
            let session = self.id;
            self.tell(door, out, MediaCommand::DescribeLeg { session, member: id, peer: Box::new(peer) });
        }
    }

    /// Sends keys to the far end of a leg.
    pub(crate) fn send_digits(&mut self, door: &mut Door, out: &mut Effects, id: MemberId, digits: Vec<Keypress>) {
        if self.address(id).is_some() && !self.closing {
            let session = self.id;
            self.tell(door, out, MediaCommand::SendDigits { session, member: id, digits });
        }
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// Passes on what a member that is there shall do.
    pub(crate) fn order(&mut self, door: &mut Door, out: &mut Effects, command: MediaCommand) {
        if !self.closing {
            self.tell(door, out, command);
        }
    }

    /// States who hears whom, if that has changed.
    pub(crate) fn hear(&mut self, door: &mut Door, out: &mut Effects, table: HearingTable) {
        if self.closing || self.hearing == table {
            return;
        }
        self.hearing = table.clone();
        let session = self.id;
        self.tell(door, out, MediaCommand::SetHearing { session, table });
    }

    /// Ends one member.
    pub(crate) fn close_member(&mut self, door: &mut Door, out: &mut Effects, id: MemberId) {
        let Some(member) = self.members.iter_mut().find(|member| member.id == id) else { return };
        match member.state {
            MemberState::Opening | MemberState::Open(_) | MemberState::Device => {}
            MemberState::Closing | MemberState::Gone => return,
        }
        if member.state == MemberState::Device {
            // Nothing is reported of it, and another may have its name.
            self.members.retain(|member| member.id != id);
        } else {
            member.state = MemberState::Closing;
        }
        if !self.closing {
            let session = self.id;
            self.tell(door, out, MediaCommand::CloseMember { session, member: id });
        }
    }

    /// Ends all of it. Answered by [`Session::closed`].
    pub(crate) fn close(&mut self, door: &mut Door, out: &mut Effects) {
        if self.closing {
            return;
        }
        self.closing = true;
        self.hearing = HearingTable::default();
        if self.shard.is_some() {
            let session = self.id;
            self.tell(door, out, MediaCommand::CloseSession { session });
        }
    }

    /// Whether the shard still has to report the close.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.shard.is_some()
    }

    /// The leg receives. `false`: it was not waited for.
    pub(crate) fn opened(&mut self, id: MemberId, address: SocketAddr) -> bool {
        self.change(id, MemberState::Opening, MemberState::Open(address))
    }

    /// The leg could not be opened. `false`: it was not waited for.
    pub(crate) fn refused(&mut self, id: MemberId) -> bool {
        let waited = self.change(id, MemberState::Opening, MemberState::Gone);
        if !waited {
            self.change(id, MemberState::Closing, MemberState::Gone);
        }
        waited
    }

    /// Figures of a running or closing leg; returns the targets they newly miss, each with whether the leg
    /// never missed one before.
    pub(crate) fn measured(
        &mut self,
        id: MemberId,
        report: LegReport,
    ) -> impl Iterator<Item = (QualityTarget, bool)> + use<> {
        let member = self.members.iter_mut().find(|member| member.id == id);
        let missed = member.map(|member| {
            member.report = Some(report);
            let missed = member.watch.look(&report);
            missed.map(|target| target.map(|target| (target, member.watch.is_first())))
        });
        missed.into_iter().flatten().flatten()
    }

    /// The leg is closed.
    pub(crate) fn leg_closed(&mut self, id: MemberId) {
        if let Some(member) = self.members.iter_mut().find(|member| member.id == id) {
            member.state = MemberState::Gone;
        }
    }

    /// The session is closed, or will not be reported closed any more.
    pub(crate) fn closed(&mut self, door: &mut Door) {
        if let Some(shard) = self.shard.take() {
            door.leave(shard);
        }
        for member in &mut self.members {
            member.state = MemberState::Gone;
        }
    }

    /// Heap octets held.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let members = if self.members.spilled() { self.members.capacity() * size_of::<Member>() } else { 0 };
        members + size_of_val(self.hearing.rows())
    }

    fn change(&mut self, id: MemberId, from: MemberState, to: MemberState) -> bool {
        match self.members.iter_mut().find(|member| member.id == id && member.state == from) {
            Some(member) => {
                member.state = to;
                true
            }
            None => false,
        }
    }

    fn tell(&mut self, door: &mut Door, out: &mut Effects, command: MediaCommand) {
        let beside = self.beside;
        let shard = *self.shard.get_or_insert_with(|| match beside {
            Some(shard) => door.enter_at(shard),
            None => door.enter(),
        });
        out.push(Effect::Media { shard, command });
    }
}

/// What is fixed for a leg's life, of these settings.
#[must_use]
pub fn leg_spec(ipv6: bool, silence_timeout: Duration, asked_at: Instant) -> LegSpec {
    LegSpec { ipv6, silence_timeout, report_every: Some(crate::limits::MEASURE_EVERY), asked_at }
}
