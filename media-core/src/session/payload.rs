//! Payload types from one leg to another.

use crate::limits::{CLOCK_RATES_MAX, FORMATS_MAX};
use contract::Format;

/// No payload type.
const NONE: u8 = 0xff;

/// For each payload type a leg may send: its clock rate, and what it is called at the listener.
#[derive(Clone, Debug)]
pub struct PayloadMap {
    /// Index into `rates_hz`; [`NONE`]: not a payload type of this call.
    rate: [u8; 128],
    /// The listener's payload type; [`NONE`]: it has none for this coding.
    there: [u8; 128],
    rates_hz: [u32; CLOCK_RATES_MAX],
    rates: u8,
}

impl PayloadMap {
    /// From a leg with formats `from` to a listener with formats `to`, each preferred first.
    ///
    /// A payload type that only the listener negotiated passes as it is: RFC 3264 section 5.1 lets each side number dynamic types, and the
    /// numbers we passed on in an answer are those of the other leg.
    #[must_use]
    pub fn new(from: &[Format], to: &[Format]) -> Self {
        let mut map = Self { rate: [NONE; 128], there: [NONE; 128], rates_hz: [0; CLOCK_RATES_MAX], rates: 0 };
        for format in to.iter().take(FORMATS_MAX).rev() {
            map.set(format, format.payload_type);
        }
        for format in from.iter().take(FORMATS_MAX).rev() {
            let same = to.iter().filter(|other| format.same_coding(other)).map(|other| other.payload_type);
            // The same number if the listener has it, else its first with this coding.
            let there = same.clone().find(|number| *number == format.payload_type).or(same.clone().next());
            map.set(format, there.unwrap_or(NONE));
        }
        map
    }

    fn set(&mut self, format: &Format, there: u8) {
        let known = &self.rates_hz[..usize::from(self.rates)];
        let rate = match known.iter().position(|rate| *rate == format.clock_rate_hz) {
            Some(at) => at,
            None if usize::from(self.rates) < CLOCK_RATES_MAX && format.clock_rate_hz > 0 => {
                self.rates_hz[usize::from(self.rates)] = format.clock_rate_hz;
                self.rates += 1;
                usize::from(self.rates) - 1
            }
            None => return,
        };
        let at = usize::from(format.payload_type & 0x7f);
        self.rate[at] = rate as u8;
        self.there[at] = there;
    }

    /// The clock rate of a payload type of this call, in Hz.
    #[inline]
    #[must_use]
    pub fn clock_rate_hz(&self, payload_type: u8) -> Option<u32> {
        let rate = self.rate[usize::from(payload_type & 0x7f)];
        self.rates_hz.get(usize::from(rate)).copied()
    }

    /// What the listener calls it.
    #[inline]
    #[must_use]
    pub fn there(&self, payload_type: u8) -> Option<u8> {
        let there = self.there[usize::from(payload_type & 0x7f)];
        (there != NONE).then_some(there)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::Codec;

    fn format(payload_type: u8, codec: Codec, clock_rate_hz: u32) -> Format {
        Format { payload_type, codec, clock_rate_hz, channels: 1 }
    }

    #[test]
    fn types_are_mapped_by_coding_and_equal_numbers_pass() {
        let event = |number| format(number, Codec::TelephoneEvent, 8_000);
        let from = [
            format(0, Codec::Pcmu, 8_000),
            format(111, Codec::Opus, 48_000),
            event(101),
            format(9, Codec::G722, 8_000),
        ];
        let to = [event(97), format(96, Codec::Opus, 48_000), format(0, Codec::Pcmu, 8_000), event(101)];
        let map = PayloadMap::new(&from, &to);
        assert_eq!(map.there(0), Some(0));
        assert_eq!(map.there(111), Some(96));
        assert_eq!(map.there(101), Some(101), "the same number is preferred over the first");
        assert_eq!(map.there(9), None, "the listener cannot take it");
        assert_eq!(map.there(96), Some(96), "the listener's own number passes");
        assert_eq!((map.clock_rate_hz(111), map.clock_rate_hz(9)), (Some(48_000), Some(8_000)));
        assert_eq!((map.clock_rate_hz(8), map.there(8)), (None, None));
    }

    #[test]
    fn a_number_that_means_different_things_is_read_as_the_sender_means_it() {
        let map = PayloadMap::new(
            &[format(96, Codec::Opus, 48_000)],
            &[format(96, Codec::G729, 8_000), format(97, Codec::Opus, 48_000)],
        );
        assert_eq!((map.there(96), map.clock_rate_hz(96)), (Some(97), Some(48_000)));
    }

    #[test]
    fn more_clock_rates_than_kept_are_unknown() {
        let from: Vec<Format> = (0..20).map(|n| format(n, Codec::Other(u32::from(n)), 1_000 + u32::from(n))).collect();
        let map = PayloadMap::new(&from, &from);
        assert_eq!((0..20).filter(|n| map.clock_rate_hz(*n).is_some()).count(), CLOCK_RATES_MAX);
    }
}
