//! Keys as RTP events (RFC 4733 section 2): each one told once, however often and in whatever order its packets come.

use super::keypress;
use contract::{Digit, Instant, Keypress};
use core::time::Duration;

/// Octets of an event.
pub const EVENT_OCTETS: usize = 4;

/// Events of one packet that are looked at (RFC 4733 section 2.5.1.5 allows more than one). Further ones are left out.
const EVENTS_MAX: usize = 3;

/// After this long without a packet a key is released: all three packets that said so were lost.
const OVERDUE: Duration = Duration::from_millis(200);

/// How far back a timestamp may lie and be a late packet's; one further back begins a new origin.
const LATE: Duration = Duration::from_secs(10);

/// RFC 4733 section 2.3.5: what a duration can tell at most; longer events come in segments of it.
const SEGMENT: u16 = 0xFFFF;

/// -10 dBm0, what is told of keys that we send (RFC 4733 section 2.3.4).
const VOLUME: u8 = 10;

/// How often the end is told (RFC 4733 section 2.5.1.4).
const ENDS: u8 = 3;

/// The key of one far end that is being pressed, or was last.
#[derive(Clone, Copy, Debug, Default)]
pub struct Incoming {
    current: Option<Current>,
}

#[derive(Clone, Copy, Debug)]
struct Current {
    digit: Digit,
    /// Of its present segment.
    timestamp: u32,
    /// Of the present segment, in clock units.
    duration: u16,
    /// Of the segments before it.
    before: u64,
    heard_at: Instant,
    clock_rate_hz: u32,
    /// What comes of it from now on is repetition.
    told: bool,
}

impl Current {
    fn keypress(&self) -> Keypress {
        let units = self.before + u64::from(self.duration);
        keypress(self.digit, Duration::from_micros(units * 1_000_000 / u64::from(self.clock_rate_hz.max(1))))
    }
}

/// The keys that one packet ends: those whose end it tells, and one before whose end was lost.
pub type Pressed = core::iter::Flatten<core::array::IntoIter<Option<Keypress>, { 2 * EVENTS_MAX }>>;

impl Incoming {
    /// Takes a packet's payload; `timestamp` and `marker` from its header, `clock_rate_hz` of its format. Octets that are no event are
    /// left out, as are events that are no key.
    pub fn push(&mut self, now: Instant, timestamp: u32, marker: bool, payload: &[u8], clock_rate_hz: u32) -> Pressed {
        let mut pressed = [None; 2 * EVENTS_MAX];
        let mut timestamp = timestamp;
        let (events, _) = payload.as_chunks::<EVENT_OCTETS>();
        for (told, [event, flags, high, low]) in pressed.chunks_exact_mut(2).zip(events) {
            let duration = u16::from_be_bytes([*high, *low]);
            // RFC 4733 section 2.3.2: the highest bit is the end, the next is reserved.
            let end = flags & 0x80 != 0;
            if let [before, this] = told {
                (*before, *this) = self.take(now, timestamp, marker, *event, end, duration, clock_rate_hz);
            }
            // RFC 4733 section 2.5.1.5: the next event of the packet begins where this one ends.
            timestamp = timestamp.wrapping_add(u32::from(duration));
        }
        pressed.into_iter().flatten()
    }

    #[expect(clippy::too_many_arguments, reason = "an event has these fields")]
    fn take(
        &mut self,
        now: Instant,
        timestamp: u32,
        marker: bool,
        event: u8,
        end: bool,
        duration: u16,
        clock_rate_hz: u32,
    ) -> (Option<Keypress>, Option<Keypress>) {
        let digit = Digit::from_event(event);
        if let Some(current) = &mut self.current {
            let passed = timestamp.wrapping_sub(current.timestamp);
            let same = digit == Some(current.digit) && !(current.told && passed > 0);
            if passed == 0 && !same {
                // Two events cannot begin at once; the first one stands.
                return (None, None);
            }
            // RFC 4733 section 2.5.1.3: the next segment begins where the one before ended, and carries no marker.
            let segment = same && passed == u32::from(SEGMENT) && !marker;
            // Some senders move the timestamp with each packet; the duration still grows from the beginning of the key.
            let moved = same && !marker && passed < u32::from(SEGMENT) && duration > current.duration;
            if segment {
                (current.timestamp, current.duration) = (timestamp, duration);
                current.before += u64::from(SEGMENT);
            } else if passed == 0 || moved {
                current.timestamp = timestamp;
                // Packets may overtake each other.
                current.duration = current.duration.max(duration);
            } else if (passed as i32) < 0
                && u64::from(passed.wrapping_neg()) < LATE.as_secs() * u64::from(clock_rate_hz)
            {
                return (None, None);
            } else {
                let lost = (!current.told).then(|| current.keypress());
                self.current = None;
                let (_, this) = self.take(now, timestamp, marker, event, end, duration, clock_rate_hz);
                return (lost, this);
            }
        } else {
            let Some(digit) = digit else { return (None, None) };
            self.current =
                Some(Current { digit, timestamp, duration, before: 0, heard_at: now, clock_rate_hz, told: false });
        }
        let Some(current) = &mut self.current else { return (None, None) };
        current.heard_at = now;
        let told = current.told;
        current.told |= end;
        (None, (end && !told).then(|| current.keypress()))
    }

    /// The key that must have been released by `now`, since nothing more came of it. To be asked now and then.
    pub fn overdue(&mut self, now: Instant) -> Option<Keypress> {
        let current =
            self.current.as_mut().filter(|current| !current.told && now.since(current.heard_at) >= OVERDUE)?;
        current.told = true;
        Some(current.keypress())
    }

    /// Whether a key is held down: its end is not known yet.
    #[must_use]
    pub fn is_sounding(&self) -> bool {
        self.current.is_some_and(|current| !current.told)
    }

    /// Another source begins: a key that was held is released.
    pub fn reset(&mut self) -> Option<Keypress> {
        self.current.take().filter(|current| !current.told).map(|current| current.keypress())
    }
}

/// One packet of a key that we send.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EventPacket {
    /// The header's timestamp: the beginning of the key, or of its segment.
    pub timestamp: u32,
    /// The header's marker: the first packet of the key.
    pub marker: bool,
    /// The payload.
    pub payload: [u8; EVENT_OCTETS],
}

/// A key being sent: one packet for each packet time.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing {
    digit: Digit,
    /// Of the present segment.
    timestamp: u32,
    /// Clock units between two packets.
    step: u32,
    /// Clock units of it that have passed in the present segment.
    passed: u32,
    /// Clock units until its end, from the beginning of the present segment.
    length: u32,
    begun: bool,
    ends: u8,
}

impl Outgoing {
    /// `key` from `timestamp` on, in packets of `packet_time`. Its length is rounded up to whole packets.
    #[must_use]
    pub fn new(key: Keypress, timestamp: u32, clock_rate_hz: u32, packet_time: Duration) -> Self {
        // No clock is faster than this.
        let clock_rate_hz = clock_rate_hz.clamp(1, 192_000);
        let units = |time: Duration| time.as_micros() as u64 * u64::from(clock_rate_hz) / 1_000_000;
        let step = units(packet_time.clamp(Duration::from_millis(10), Duration::from_millis(60))).max(1) as u32;
        let length = units(key.length.clamp(super::LENGTH_MIN, super::LENGTH_MAX)) as u32;
        let length = length.next_multiple_of(step);
        Self { digit: key.digit, timestamp, step, passed: 0, length, begun: false, ends: 0 }
    }

    /// The next packet, to be sent one packet time after the one before; `None`: the key is released, and its end told three times. Sound may go
    /// on with the timestamp it would have had without the key.
    pub fn packet(&mut self) -> Option<EventPacket> {
        if self.ends == ENDS {
            return None;
        }
        if self.ends == 0 {
            self.passed = (self.passed + self.step).min(self.length);
        }
        let segment = u32::from(SEGMENT);
        // RFC 4733 section 2.5.1.3: what does not fit into the duration is another segment, without marker.
        if self.passed > segment {
            self.timestamp = self.timestamp.wrapping_add(segment);
            (self.passed, self.length) = (self.passed - segment, self.length - segment);
        }
        let end = self.passed == self.length;
        self.ends += u8::from(end);
        let [high, low] = (self.passed as u16).to_be_bytes();
        let flags = if end { 0x80 | VOLUME } else { VOLUME };
        // RFC 4733 section 2.5.1.2: the marker is set on the first packet of the event only.
        let marker = !core::mem::replace(&mut self.begun, true);
        Some(EventPacket { timestamp: self.timestamp, marker, payload: [self.digit.event(), flags, high, low] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digit(sign: char) -> Digit {
        Digit::from_char(sign).expect("a key")
    }

    fn key(sign: char, ms: u64) -> Keypress {
        Keypress { digit: digit(sign), length: Duration::from_millis(ms) }
    }

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    fn packets(key: Keypress, timestamp: u32, clock: u32) -> Vec<EventPacket> {
        let mut outgoing = Outgoing::new(key, timestamp, clock, Duration::from_millis(20));
        core::iter::from_fn(|| outgoing.packet()).collect()
    }

    /// What is told of packets 20 ms apart.
    fn told(incoming: &mut Incoming, packets: &[EventPacket], clock: u32) -> Vec<Keypress> {
        let push = |(n, packet): (usize, &EventPacket)| {
            incoming.push(at(n as u64 * 20), packet.timestamp, packet.marker, &packet.payload, clock)
        };
        packets.iter().enumerate().flat_map(push).collect()
    }

    #[test]
    fn a_key_is_sent_as_the_rfc_has_it() {
        let sent = packets(key('5', 100), 1_000, 8_000);
        let seen: Vec<_> = sent.iter().map(|packet| (packet.timestamp, packet.marker, packet.payload)).collect();
        assert_eq!(
            seen,
            [
                (1_000, true, [5, 10, 0, 160]),
                (1_000, false, [5, 10, 1, 64]),
                (1_000, false, [5, 10, 1, 224]),
                (1_000, false, [5, 10, 2, 128]),
                (1_000, false, [5, 0x8A, 3, 32]),
                (1_000, false, [5, 0x8A, 3, 32]),
                (1_000, false, [5, 0x8A, 3, 32]),
            ]
        );
    }

    #[test]
    fn every_key_comes_once_with_its_length() {
        for clock in [8_000, 16_000, 48_000] {
            let mut incoming = Incoming::default();
            for code in 0..16 {
                let key =
                    Keypress { digit: Digit::from_event(code).expect("a key"), length: Duration::from_millis(120) };
                let sent = packets(key, (u32::MAX - 100).wrapping_add(u32::from(code) * clock), clock);
                assert_eq!(told(&mut incoming, &sent, clock), [key]);
                assert!(!incoming.is_sounding());
            }
        }
    }

    #[test]
    fn a_key_longer_than_a_duration_can_tell_comes_in_segments_and_once() {
        let sent = packets(key('9', 4_000), 7, 48_000);
        let starts: Vec<u32> = sent.iter().map(|packet| packet.timestamp).collect();
        assert_eq!((starts[0], starts[starts.len() - 1]), (7, 7 + 2 * 65_535));
        assert_eq!(sent.iter().filter(|packet| packet.marker).count(), 1);
        assert_eq!(sent.iter().filter(|packet| packet.payload[1] & 0x80 != 0).count(), 3);
        assert_eq!(told(&mut Incoming::default(), &sent, 48_000), [key('9', 4_000)]);
    }

    #[test]
    fn any_one_packet_may_be_lost_doubled_or_late() {
        for clock in [8_000, 48_000] {
            let one = packets(key('1', 80), 160, clock);
            let two = packets(key('1', 80), 160 + clock / 5, clock);
            let all = [one, two].concat();
            for at in 0..all.len() {
                let mut lost = all.clone();
                lost.remove(at);
                let mut doubled = all.clone();
                doubled.insert(at, all[at]);
                let mut late = all.clone();
                if at > 0 {
                    late.swap(at - 1, at);
                }
                for heard in [lost, doubled, late] {
                    assert_eq!(told(&mut Incoming::default(), &heard, clock), [key('1', 80); 2], "{at}");
                }
            }
        }
    }

    #[test]
    fn lost_ends_are_made_up_by_the_next_key_or_by_time() {
        let one = &packets(key('1', 100), 160, 8_000)[..3];
        let two = &packets(key('2', 80), 4_000, 8_000)[..];
        let mut incoming = Incoming::default();
        assert_eq!(told(&mut incoming, &[one, two].concat(), 8_000), [key('1', 60), key('2', 80)]);
        // Only its end came, and behind a lost one.
        let mut incoming = Incoming::default();
        assert_eq!(told(&mut incoming, &[one, &two[5..]].concat(), 8_000), [key('1', 60), key('2', 80)]);

        let mut incoming = Incoming::default();
        assert_eq!(told(&mut incoming, one, 8_000), []);
        assert!(incoming.is_sounding());
        assert_eq!(incoming.overdue(at(40 + 199)), None);
        assert_eq!(incoming.overdue(at(40 + 200)), Some(key('1', 60)));
        assert_eq!((incoming.overdue(at(1_000)), incoming.is_sounding()), (None, false));
        let late = &packets(key('1', 100), 160, 8_000)[3..];
        assert_eq!(told(&mut incoming, late, 8_000), [], "its end comes after all");
        assert_eq!(incoming.reset(), None);
        assert_eq!(told(&mut incoming, one, 8_000), []);
        assert_eq!(incoming.reset(), Some(key('1', 60)));
    }

    #[test]
    fn a_sender_that_moves_the_timestamp_presses_one_key() {
        let mut sent = packets(key('4', 200), 160, 8_000);
        for (n, packet) in sent.iter_mut().enumerate() {
            packet.timestamp += n.min(9) as u32 * 160;
        }
        assert_eq!(told(&mut Incoming::default(), &sent, 8_000), [key('4', 200)]);
    }

    #[test]
    fn two_keys_in_one_packet_are_two() {
        let mut incoming = Incoming::default();
        let payload = [1, 0x8A, 1, 144, 2, 0x8A, 1, 144];
        for _ in 0..3 {
            let pressed: Vec<_> = incoming.push(at(0), 5, true, &payload, 8_000).collect();
            let first_time = pressed.len() == 2;
            assert!(first_time || pressed.is_empty());
        }
        assert_eq!(Incoming::default().push(at(0), 5, true, &payload, 8_000).count(), 2);
    }

    #[test]
    fn what_is_no_key_is_nothing() {
        let mut incoming = Incoming::default();
        for payload in [&[][..], &[5], &[5, 0x80, 0], &[16, 0x8A, 3, 32], &[255; 40]] {
            assert_eq!(incoming.push(at(0), 0, true, payload, 8_000).count(), 0);
        }
        // A clock rate of nothing, a duration of nothing.
        assert_eq!(incoming.push(at(0), 9, true, &[3, 0x80, 0, 0], 0).collect::<Vec<_>>(), [key('3', 40)]);
    }

    #[test]
    fn any_octets_are_harmless_and_no_packet_tells_much() {
        let mut seed = 3_u64;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 32) as u32
        };
        let mut incoming = Incoming::default();
        for step in 0..50_000 {
            let payload: Vec<u8> = (0..next() % 24).map(|_| (next() % [256, 4][step % 2]) as u8).collect();
            let timestamp = if next().is_multiple_of(2) { next() } else { next() % 4 * 160 };
            let clock = [0, 1, 8_000, u32::MAX][(next() % 4) as usize];
            let pressed = incoming.push(at(step as u64), timestamp, next().is_multiple_of(2), &payload, clock);
            for key in pressed {
                assert!((super::super::LENGTH_MIN..=super::super::LENGTH_MAX).contains(&key.length));
            }
            let mut outgoing = Outgoing::new(key('1', u64::from(next())), next(), clock, Duration::from_millis(20));
            assert!(outgoing.packet().is_some());
        }
    }
}
