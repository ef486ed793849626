//! RTCP: relayed so that it stays true on the other side, read for our own figures, and made by us for legs whose stream is ours.
//!
//! RFC 3550 section 6, RFC 5761. What compounds say is [`crate::rtp`]'s matter.

use super::{Shard, command::rtcp_slot};
use crate::{
    io::{Buffer, Io},
    limits::RTCP_OWN_BYTES_MAX,
    observe::Drop,
    rtp::{
        rtcp,
        rtcp_rewrite::{self, Mapping, ReportMapping, SenderMapping},
    },
    session::{Leg, Path},
};
use contract::Instant;
use core::net::SocketAddr;

impl Shard {
    pub(super) fn on_rtcp(
        &mut self,
        index: u32,
        on_rtcp_port: bool,
        source: Option<SocketAddr>,
        mut buffer: Buffer,
        now: Instant,
        io: &mut impl Io,
    ) {
        match self.take_rtcp(index, on_rtcp_port, source, &mut buffer, now, io) {
            Ok(Some(to)) => self.send_rtcp(to, buffer, io),
            Ok(None) => io.release(buffer),
            Err(reason) => self.drop(index, reason, buffer, io),
        }
    }

    /// Reads a compound of leg `index`, and rewrites it for the leg it is to be passed on to, if there is one.
    fn take_rtcp(
        &mut self,
        index: u32,
        on_rtcp_port: bool,
        source: Option<SocketAddr>,
        buffer: &mut Buffer,
        now: Instant,
        io: &mut impl Io,
    ) -> Result<Option<u32>, Drop> {
        let Some(leg) = self.legs.get_mut(index) else { return Err(Drop::LegClosed) };
        self.current = Some(leg.session);
        let Some(peer) = &leg.peer else { return Err(Drop::NotDescribed) };
        let compound = io.bytes(buffer);
        if rtcp::check(compound).is_err() {
            return Err(Drop::Malformed);
        }
        // RFC 5761 section 5.1.1: on the RTP port only when negotiated; on its own port it may come either way.
        if !on_rtcp_port && !peer.rtcp_mux {
            return Err(Drop::WrongPort);
        }
        let believed = match source {
            None => leg.connected,
            Some(from) if on_rtcp_port => leg.believes_rtcp(from),
            Some(from) => peer.source.destination() == Some(from),
        };
        if !believed {
            return Err(Drop::UnknownSource);
        }
        if !leg.control.admits(now) {
            return Err(Drop::RtcpFlood);
        }
        if on_rtcp_port {
            leg.rtcp_source = source;
        }
        leg.heard_at = now;
        self.tally.packets_in[usize::from(leg.tier())] += 1;
        let lost_before = leg.egress.source().map_or(0, |source| leg.control.lost_before((source.leg, source.epoch)));
        let ours = leg.ours(now);
        leg.control.read(compound, &ours, now);
        if !leg.is_relayed() {
            // The stream is ours, and so are the reports about it.
            return Ok(None);
        }
        let heard_by = match leg.path {
            Path::Relay(to) => Some(to),
            Path::Silent | Path::Missing => None,
        };
        let Some(to) = heard_by.or(leg.feed) else { return Err(Drop::NobodyHears) };
        let Some(map) = self.rtcp_mapping(index, to, lost_before) else { return Err(Drop::NobodyHears) };
        let compound = io.bytes(buffer);
        let middle = rtcp::sender_time(compound);
        let length = rtcp_rewrite::rewrite(compound, &map);
        if length == 0 {
            return Err(Drop::RtcpUnmapped);
        }
        buffer.truncate(length);
        if let (Some(middle), Some(_), Some(listener)) = (middle, map.sender, self.legs.get_mut(to)) {
            listener.control.passed(middle, now);
        }
        Ok(Some(to))
    }

    /// How RTCP of leg `from` reads for leg `to`.
    fn rtcp_mapping(&self, from: u32, to: u32, lost_before: i32) -> Option<Mapping> {
        let (speaker, listener) = (self.legs.get(from)?, self.legs.get(to)?);
        let runs = |leg: &Leg, source: &Leg| leg.egress.source() == Some(source.stream());
        let sender = (speaker.path == Path::Relay(to) && runs(listener, speaker)).then(|| SenderMapping {
            ssrc: speaker.reception.ssrc().unwrap_or_default(),
            timestamp_offset: listener.egress.timestamp_offset(),
            packets: listener.egress.packets() as u32,
            octets: listener.egress.octets() as u32,
        });
        let report = (speaker.feed == Some(to) && runs(speaker, listener)).then(|| ReportMapping {
            ours: speaker.egress.ssrc(),
            theirs: listener.reception.ssrc().unwrap_or_default(),
            sequence_offset: speaker.egress.sequence_offset(),
            highest: listener.reception.sequence().map_or(0, |sequence| sequence.highest()),
            lost_before,
        });
        Some(Mapping { ssrc: listener.egress.ssrc(), sender, report })
    }

    /// An RTCP interval of leg `index` is over: notes its figures, and reports to the far end when nobody else does.
    pub(super) fn tell_rtcp(&mut self, index: u32, now: Instant, io: &mut impl Io) {
        let random = self.random();
        let Some(leg) = self.legs.get_mut(index) else { return };
        let ours = leg.ours(now);
        leg.control.assess(&leg.reception, &ours, now, random);
        if !leg.is_relayed() {
            self.send_own_rtcp(index, false, now, io);
        }
    }

    /// The leg ends: its far end is told so, if it knows us as a reporter. RFC 3550 section 6.6.
    pub(super) fn leave(&mut self, index: u32, now: Instant, io: &mut impl Io) {
        if self.legs.get(index).is_some_and(|leg| !leg.is_relayed()) {
            self.send_own_rtcp(index, true, now, io);
        }
    }

    fn send_own_rtcp(&mut self, index: u32, goodbye: bool, now: Instant, io: &mut impl Io) {
        let Some(leg) = self.legs.get_mut(index) else { return };
        // RFC 3550 section 6.3.7: who never sent anything leaves in silence. Who neither speaks nor hears has nothing to report.
        if !leg.knows_rtcp() || leg.egress.packets() == 0 && leg.reception.packets() == 0 {
            return;
        }
        let Some(mut buffer) = io.fresh(RTCP_OWN_BYTES_MAX) else { return };
        let ours = leg.ours(now);
        let compound = leg.control.compound(&leg.reception, &ours, now, goodbye);
        let length = compound.write(io.bytes(&buffer));
        buffer.truncate(length);
        self.send_rtcp(index, buffer, io);
    }

    fn send_rtcp(&mut self, to: u32, buffer: Buffer, io: &mut impl Io) {
        let Some(listener) = self.legs.get(to) else { return self.drop(to, Drop::LegClosed, buffer, io) };
        // RFC 5761 section 5.1.1: one port for both.
        if listener.peer.as_ref().is_some_and(|peer| peer.rtcp_mux) {
            return self.send_rtp(to, buffer, io);
        }
        let Some(address) = listener.rtcp_destination() else { return self.drop(to, Drop::NoDestination, buffer, io) };
        let tier = usize::from(listener.tier());
        let Some(buffer) = self.seal(to, buffer, io) else { return };
        io.send_to(rtcp_slot(to), address, buffer);
        self.tally.packets_out[tier] += 1;
    }
}
