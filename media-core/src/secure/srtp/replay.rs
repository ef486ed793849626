//! Numbers of the packets of a few streams: the index behind a sequence number and which were seen. RFC 3711 sections 3.3.1 and 3.3.2.

use super::Refused;

/// Numbers behind the highest of which it is known whether they were seen. RFC 3711 section 3.3.2 asks for 64 at least.
const WINDOW: u64 = u128::BITS as u64;

/// Streams (SSRCs) of one context. A further one takes the place of the one that was silent longest.
const STREAMS: usize = 8;

/// One stream's numbers.
#[derive(Clone, Copy, Debug)]
struct Stream {
    ssrc: u32,
    /// The highest index that was authentic.
    highest: u64,
    /// Bit n: `highest - n` was seen.
    seen: u128,
    /// When it was last heard, in packets of the context.
    heard: u64,
}

/// The numbers of a context's streams. An SSRC enters only with an authentic packet.
#[derive(Debug, Default)]
pub(super) struct Streams {
    entries: [Option<Stream>; STREAMS],
    packets: u64,
}

impl Streams {
    fn get(&self, ssrc: u32) -> Option<&Stream> {
        self.entries.iter().flatten().find(|stream| stream.ssrc == ssrc)
    }

    /// The likely index of the RTP packet numbered `sequence`: roll-over counter and sequence number.
    pub(super) fn index(&self, ssrc: u32, sequence: u16) -> Result<u64, Refused> {
        let Some(stream) = self.get(ssrc) else { return Ok(u64::from(sequence)) };
        let (rolled, last) = (stream.highest >> 16, stream.highest as u16);
        // RFC 3711 section 3.3.1: the guess nearest to the highest index.
        let rolled = if last < 1 << 15 && sequence > last && sequence - last > 1 << 15 {
            rolled.checked_sub(1).ok_or(Refused::Replayed)?
        } else if last >= 1 << 15 && sequence < last - (1 << 15) {
            rolled + 1
        } else {
            rolled
        };
        // RFC 3711 section 9.2: a key protects no more than 2⁴⁸ packets.
        if rolled > u64::from(u32::MAX) {
            return Err(Refused::Spent);
        }
        Ok(rolled << 16 | u64::from(sequence))
    }

    /// Whether the packet is neither seen nor too old.
    pub(super) fn check(&self, ssrc: u32, index: u64) -> Result<(), Refused> {
        let Some(stream) = self.get(ssrc) else { return Ok(()) };
        match stream.highest.checked_sub(index) {
            Some(behind) if behind >= WINDOW || stream.seen >> behind & 1 == 1 => Err(Refused::Replayed),
            Some(_) | None => Ok(()),
        }
    }

    /// Notes an authentic packet.
    pub(super) fn note(&mut self, ssrc: u32, index: u64) {
        self.packets += 1;
        let heard = self.packets;
        if let Some(stream) = self.entries.iter_mut().flatten().find(|stream| stream.ssrc == ssrc) {
            stream.heard = heard;
            if let Some(behind) = stream.highest.checked_sub(index) {
                if behind < WINDOW {
                    stream.seen |= 1 << behind;
                }
            } else {
                let ahead = index - stream.highest;
                stream.seen = if ahead < WINDOW { stream.seen << ahead | 1 } else { 1 };
                stream.highest = index;
            }
            return;
        }
        let longest_silent = self.entries.iter_mut().min_by_key(|entry| entry.map_or(0, |stream| stream.heard));
        if let Some(entry) = longest_silent {
            *entry = Some(Stream { ssrc, highest: index, seen: 1, heard });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_is_the_guess_nearest_to_the_highest() {
        // (highest, sequence, index): RFC 3711 section 3.3.1.
        for (highest, sequence, index) in [
            (0x0000_fffe, 0xffff, Ok(0x0000_ffff)),
            (0x0000_ffff, 0, Ok(0x0001_0000)),
            (0x0001_0002, 0xfffe, Ok(0x0000_fffe)),
            (0x0001_8000, 0x7fff, Ok(0x0001_7fff)),
            (0x0000_0001, 0xffff, Err(Refused::Replayed)),
            (0xffff_ffff_ffff, 0, Err(Refused::Spent)),
        ] {
            let mut streams = Streams::default();
            streams.note(1, highest);
            assert_eq!(streams.index(1, sequence), index, "{highest:x} {sequence:x}");
        }
    }

    #[test]
    fn window_holds_128_numbers() {
        let mut streams = Streams::default();
        streams.note(1, 1_000);
        assert_eq!(streams.check(1, 1_000), Err(Refused::Replayed));
        assert_eq!(streams.check(1, 1_000 - 127), Ok(()));
        assert_eq!(streams.check(1, 1_000 - 128), Err(Refused::Replayed));
        streams.note(1, 1_000 - 127);
        assert_eq!(streams.check(1, 1_000 - 127), Err(Refused::Replayed));
        streams.note(1, 1_010);
        assert_eq!(streams.check(1, 1_000), Err(Refused::Replayed));
        assert_eq!(streams.check(1, 1_005), Ok(()));
        streams.note(1, 9_000);
        assert_eq!(streams.check(1, 8_999), Ok(()));
    }

    #[test]
    fn a_ninth_stream_takes_the_place_of_the_longest_silent() {
        let mut streams = Streams::default();
        for ssrc in 0..8 {
            streams.note(ssrc, 5);
        }
        streams.note(0, 6);
        streams.note(8, 5);
        assert_eq!(streams.check(0, 6), Err(Refused::Replayed));
        assert_eq!(streams.check(1, 5), Ok(()), "forgotten");
        assert_eq!(streams.check(8, 5), Err(Refused::Replayed));
    }
}
