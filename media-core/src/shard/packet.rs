//! One datagram: from its socket to the listener's.

use super::{Shard, command::rtp_slot};
use crate::{
    flow::{Protocol, Verdict},
    io::{Buffer, Io, Received},
    limits::DATAGRAM_BYTES_MAX,
    observe::Drop,
    rtp::{Arrival, Header},
    secure::srtp::OVERHEAD_MAX,
    session::Path,
};
use contract::{Instant, Keypress, MediaEvent};
use core::net::SocketAddr;

/// What becomes of a datagram.
pub(super) enum Fate {
    /// It goes to this leg; the buffer holds what is to be sent.
    Relay(u32),
    /// It was taken in.
    Taken,
    /// The leg's far end sends what its listener cannot take, and we can convert it.
    Unlike,
    /// It ends here.
    Dropped(Drop),
}

impl Shard {
    /// Handles one datagram.
    #[inline]
    pub(super) fn handle(&mut self, received: Received, now: Instant, io: &mut impl Io) {
        let Received { slot, source, mut buffer, truncated } = received;
        let (index, on_rtcp_port) = (slot.0 / 2, slot.0 % 2 == 1);
        let protocol = Protocol::of(io.bytes(&buffer));
        if truncated {
            return self.drop(index, Drop::TooLong, buffer, io);
        }
        if let Err(reason) = self.open(index, protocol, &mut buffer, now, io) {
            return self.drop(index, reason, buffer, io);
        }
        match protocol {
            Protocol::Rtp if !on_rtcp_port => match self.on_rtp(index, source, &buffer, now, io) {
                Fate::Relay(to) => self.send_rtp(to, buffer, io),
                Fate::Taken => io.release(buffer),
                Fate::Unlike => {
                    self.convert(index, now, io);
                    self.drop(index, Drop::UnknownPayloadType, buffer, io);
                }
                Fate::Dropped(reason) => self.drop(index, reason, buffer, io),
            },
            Protocol::Rtcp => self.on_rtcp(index, on_rtcp_port, source, buffer, now, io),
            Protocol::Rtp => self.drop(index, Drop::WrongPort, buffer, io),
            Protocol::Stun if !on_rtcp_port => self.on_stun(index, source, buffer, now, io),
            Protocol::Dtls if !on_rtcp_port => self.on_dtls(index, source, buffer, now, io),
            // Deviates: RFC 5764 section 4 and RFC 8445 section 4 know an RTCP port with a handshake and checks of its own. A leg with
            // either has one port (RFC 5761 section 5.1.3, RFC 8834 section 4.5).
            Protocol::Stun | Protocol::Dtls => self.drop(index, Drop::WrongPort, buffer, io),
            Protocol::Other => self.drop(index, Drop::NotMedia, buffer, io),
        }
    }

    /// Takes an RTP packet of leg `index` and rewrites its header for the listener.
    #[inline]
    fn on_rtp(
        &mut self,
        index: u32,
        source: Option<SocketAddr>,
        buffer: &Buffer,
        now: Instant,
        io: &mut impl Io,
    ) -> Fate {
        let Some(leg) = self.legs.get_mut(index) else { return Fate::Dropped(Drop::LegClosed) };
        self.current = Some(leg.session);
        let Ok(header) = Header::parse(io.bytes(buffer)) else { return Fate::Dropped(Drop::Malformed) };
        let Some(peer) = &mut leg.peer else { return Fate::Dropped(Drop::NotDescribed) };
        let Some(clock_rate_hz) = leg.payloads.clock_rate_hz(header.payload_type) else {
            return Fate::Dropped(Drop::UnknownPayloadType);
        };
        match source {
            // The socket is connected: the system lets only the peer through.
            None if leg.connected => {}
            // Received while it was connected to an earlier peer.
            None => return Fate::Dropped(Drop::UnknownSource),
            Some(from) => match peer.source.judge(from, now) {
                Verdict::Accepted => {}
                Verdict::Foreign => return Fate::Dropped(Drop::UnknownSource),
                Verdict::Locked => {
                    if peer.source.settled() && !leg.connected {
                        leg.connected = true;
                        io.connect(rtp_slot(index), Some(from));
                    }
                    if leg.told_source != Some(from) {
                        leg.told_source = Some(from);
                        self.tally.sources_learned += u64::from(peer.source.signalled() != Some(from));
                        let (session, member) = (leg.session, leg.member);
                        self.told.tell_if_room(MediaEvent::SourceLearned { session, member, source: from });
                    }
                }
            },
        }
        let arrival = leg.reception.take(&header, clock_rate_hz, now);
        if arrival == Arrival::Stray {
            return Fate::Dropped(Drop::Stray);
        }
        leg.heard_at = now;
        if leg.silent {
            leg.silent = false;
            self.wheel.arm(index, leg.due_at());
        }
        self.tally.packets_in[usize::from(leg.tier())] += 1;
        let taken = leg.take(&header, io.bytes(buffer), clock_rate_hz, now);
        for Keypress { digit, length } in taken.pressed.into_iter().flatten() {
            let (session, member) = (leg.session, leg.member);
            self.told.tell_if_room(MediaEvent::DigitPressed { session, member, digit, length });
        }
        let to = match leg.path {
            Path::Relay(to) => to,
            Path::Silent if taken.heard => return Fate::Taken,
            Path::Silent => return Fate::Dropped(Drop::NobodyHears),
            Path::Missing => return Fate::Dropped(Drop::NoPath),
        };
        let (stream, payload_type) = (leg.stream(), leg.payloads.there(header.payload_type));
        let Some(listener) = self.legs.get_mut(to) else { return Fate::Dropped(Drop::NobodyHears) };
        if !listener.has_destination() {
            return Fate::Dropped(Drop::NoDestination);
        }
        let Some(payload_type) = payload_type else {
            let convertible = self.legs.get(index).is_some_and(|leg| leg.can_decode(header.payload_type));
            return if convertible { Fate::Unlike } else { Fate::Dropped(Drop::UnknownPayloadType) };
        };
        // RFC 4733 section 2.2: what is sent while a key sounds would be heard beside it.
        if listener.keys.as_ref().is_some_and(|keys| keys.is_sounding()) {
            return Fate::Dropped(Drop::KeySounds);
        }
        let Some(mut out) = listener.egress.renumber(stream, &header, clock_rate_hz, now) else {
            return Fate::Dropped(Drop::Stale);
        };
        out.payload_type = payload_type;
        out.write(io.bytes(buffer));
        Fate::Relay(to)
    }

    /// The packets of leg `index` are decoded for its listener from now on.
    #[cold]
    fn convert(&mut self, index: u32, now: Instant, io: &mut impl Io) {
        if let Some(leg) = self.legs.get_mut(index) {
            leg.unlike = true;
            let session = leg.session;
            self.compile(session, now, io);
        }
    }

    /// Decrypts RTP and RTCP of a protected leg in place. Comes before all else, so that only authentic packets have an effect.
    #[inline]
    fn open(
        &mut self,
        index: u32,
        protocol: Protocol,
        buffer: &mut Buffer,
        now: Instant,
        io: &mut impl Io,
    ) -> Result<(), Drop> {
        let (Protocol::Rtp | Protocol::Rtcp) = protocol else { return Ok(()) };
        let Some(guard) = self.legs.get_mut(index).and_then(|leg| leg.guard.as_mut()) else { return Ok(()) };
        let len = guard.open(protocol, io.bytes(buffer), now)?;
        buffer.truncate(len);
        Ok(())
    }

    /// Protects RTP or RTCP for leg `to` in place, if its media is protected. What must not be sent is dropped.
    #[inline]
    pub(super) fn seal(&mut self, to: u32, mut buffer: Buffer, io: &mut impl Io) -> Option<Buffer> {
        let Some(guard) = self.legs.get_mut(to).and_then(|leg| leg.guard.as_mut()) else { return Some(buffer) };
        let len = buffer.len();
        let sealed = if buffer.extend(OVERHEAD_MAX) { guard.seal(io.bytes(&buffer), len) } else { Err(Drop::TooLong) };
        match sealed {
            Ok(len) if len <= DATAGRAM_BYTES_MAX => {
                buffer.truncate(len);
                Some(buffer)
            }
            Ok(_) => {
                self.drop(to, Drop::TooLong, buffer, io);
                None
            }
            Err(reason) => {
                self.drop(to, reason, buffer, io);
                None
            }
        }
    }

    /// Sends from the RTP port of leg `to`, protected if its media is.
    #[inline]
    pub(super) fn send_rtp(&mut self, to: u32, buffer: Buffer, io: &mut impl Io) {
        let Some(buffer) = self.seal(to, buffer, io) else { return };
        let Some(listener) = self.legs.get(to) else { return self.drop(to, Drop::LegClosed, buffer, io) };
        if listener.connected {
            io.send(rtp_slot(to), buffer);
        } else {
            let Some(address) = listener.peer.as_ref().and_then(|peer| peer.source.destination()) else {
                return self.drop(to, Drop::NoDestination, buffer, io);
            };
            io.send_to(rtp_slot(to), address, buffer);
        }
        self.tally.packets_out[usize::from(listener.tier())] += 1;
    }

    /// Counts a datagram out.
    #[cold]
    pub(super) fn drop(&mut self, index: u32, reason: Drop, buffer: Buffer, io: &mut impl Io) {
        self.tally.drop(reason);
        if let Some(leg) = self.legs.get_mut(index) {
            leg.dropped += 1;
        }
        io.release(buffer);
    }
}
