//! RTCP: relayed so that it stays true on the other side, and read for our own figures.

use super::{Shard, command::rtcp_slot, packet::Fate};
use crate::{
    io::{Buffer, Io},
    observe::Drop,
    rtp::{
        rtcp,
        rtcp_rewrite::{self, Mapping, ReportMapping, SenderMapping},
    },
    session::{Leg, Path, leg::RELAY_TIER},
};
use contract::Instant;
use core::{net::SocketAddr, time::Duration};

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
            Fate::Relay(to) => self.send_rtcp(to, buffer, io),
            Fate::Dropped(reason) => self.drop(index, reason, buffer, io),
        }
    }

    fn take_rtcp(
        &mut self,
        index: u32,
        on_rtcp_port: bool,
        source: Option<SocketAddr>,
        buffer: &mut Buffer,
        now: Instant,
        io: &mut impl Io,
    ) -> Fate {
        let Some(leg) = self.legs.get_mut(index) else { return Fate::Dropped(Drop::LegClosed) };
        self.current = Some(leg.session);
        let Some(peer) = &leg.peer else { return Fate::Dropped(Drop::NotDescribed) };
        let compound = io.bytes(buffer);
        if rtcp::check(compound).is_err() {
            return Fate::Dropped(Drop::Malformed);
        }
        // RFC 5761 section 5.1.1: on the RTP port only when negotiated; on its own port it may come either way.
        if !on_rtcp_port && !peer.rtcp_mux {
            return Fate::Dropped(Drop::WrongPort);
        }
        let believed = match source {
            None => leg.connected,
            Some(from) if on_rtcp_port => leg.believes_rtcp(from),
            Some(from) => peer.source.destination() == Some(from),
        };
        if !believed {
            return Fate::Dropped(Drop::UnknownSource);
        }
        if on_rtcp_port {
            leg.rtcp_source = source;
        }
        leg.heard_at = now;
        self.tally.packets_in[usize::from(RELAY_TIER)] += 1;
        for block in rtcp::blocks(compound) {
            // RFC 3550 section 6.4.1: round trip = now - LSR - DLSR, with LSR as the time we passed that report on.
            if let Some((middle, sent_at)) = leg.reported
                && block.ssrc == leg.egress.ssrc()
                && block.last_report == middle
                && middle != 0
            {
                let held = Duration::from_nanos(u64::from(block.delay) * 1_000_000_000 / 65_536);
                leg.round_trip = now.since(sent_at).checked_sub(held).or(leg.round_trip);
            }
        }
        let heard_by = match leg.path {
            Path::Relay(to) => Some(to),
            Path::Silent | Path::Missing => None,
        };
        let Some(to) = heard_by.or(leg.feed) else { return Fate::Dropped(Drop::NobodyHears) };
        let Some(map) = self.rtcp_mapping(index, to) else { return Fate::Dropped(Drop::NobodyHears) };
        let compound = io.bytes(buffer);
        let middle = rtcp::sender_time(compound);
        let length = rtcp_rewrite::rewrite(compound, &map);
        if length == 0 {
            return Fate::Dropped(Drop::RtcpUnmapped);
        }
        buffer.truncate(length);
        if let (Some(middle), Some(_), Some(listener)) = (middle, map.sender, self.legs.get_mut(to)) {
            listener.reported = Some((middle, now));
        }
        Fate::Relay(to)
    }

    /// How RTCP of leg `from` reads for leg `to`.
    fn rtcp_mapping(&self, from: u32, to: u32) -> Option<Mapping> {
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
        });
        Some(Mapping { ssrc: listener.egress.ssrc(), sender, report })
    }

    fn send_rtcp(&mut self, to: u32, buffer: Buffer, io: &mut impl Io) {
        let Some(listener) = self.legs.get(to) else { return self.drop(to, Drop::LegClosed, buffer, io) };
        // RFC 5761 section 5.1.1: one port for both.
        if listener.peer.as_ref().is_some_and(|peer| peer.rtcp_mux) {
            return self.send_rtp(to, buffer, io);
        }
        let Some(address) = listener.rtcp_destination() else { return self.drop(to, Drop::NoDestination, buffer, io) };
        io.send_to(rtcp_slot(to), address, buffer);
        self.tally.packets_out[usize::from(RELAY_TIER)] += 1;
    }
}
