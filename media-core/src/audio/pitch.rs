//! At which distance a sound is most like itself: the pitch of a voice, a whole number of periods of a tone.
//!
//! Concealment repeats by this distance, time-stretching takes out or puts in so much. The search runs on a copy at 8,000 Hz of
//! eleven bits, so that a sum of products stays within 32 bits and is vector code; above 8,000 Hz the distance is then refined.

/// The longest distance in ms, 66 Hz.
pub(crate) const LAG_MAX_MS: usize = 15;

/// The longest window compared, in ms.
pub(crate) const WINDOW_MAX_MS: usize = 20;

/// Rate of the search.
const SEARCH_HZ: usize = 8_000;

/// Samples of the search's copy.
const COPY: usize = SEARCH_HZ / 1_000 * (LAG_MAX_MS + WINDOW_MAX_MS);

/// Highest magnitude in the copy: products of two sum up within 32 bits over a window.
const PEAK: u16 = 2_047;
const _: () = assert!(
    PEAK as u64 * PEAK as u64 * (SEARCH_HZ / 1_000 * WINDOW_MAX_MS) as u64 <= i32::MAX as u64,
    "a sum of products fits"
);

/// A magnitude below which it does not matter what is repeated.
const QUIET: u16 = 40;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Lag {
    /// The distance in samples.
    pub(crate) samples: usize,
    /// How alike: 1 the same, 0 or less unlike.
    pub(crate) likeness: f32,
}

/// Where the compared window lies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    /// At the end of the sound, against what lies before it.
    Past,
    /// At the beginning of the sound, against what lies behind it.
    Future,
}

/// The distance of at least `shortest_us` at which the window at one end of `sound` is most like the rest. `sound` is that window and
/// [`LAG_MAX_MS`]; of a longer one the other end is not looked at. `None`: it is too short.
pub(crate) fn find(sound: &[i16], window_ms: usize, side: Side, shortest_us: usize, rate_hz: u32) -> Option<Lag> {
    let step = (rate_hz as usize / SEARCH_HZ).max(1);
    let (window, reach) = (SEARCH_HZ / 1_000 * window_ms.min(WINDOW_MAX_MS), SEARCH_HZ / 1_000 * LAG_MAX_MS);
    let length = (window + reach) * step;
    let sound = match side {
        Side::Past => sound.get(sound.len().checked_sub(length)?..)?,
        Side::Future => sound.get(..length)?,
    };
    let peak = sound.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
    if peak < QUIET {
        return Some(Lag { samples: reach * step, likeness: 1.0 });
    }
    let mut shift = 0;
    while peak >> shift > PEAK {
        shift += 1;
    }
    let mut copy = [0_i16; COPY];
    let copy = &mut copy[..window + reach];
    for (low, high) in copy.iter_mut().zip(sound.chunks_exact(step)) {
        let sum: i32 = high.iter().map(|sample| i32::from(*sample)).sum();
        *low = ((sum / step as i32) >> shift) as i16;
    }
    let shortest = (shortest_us * SEARCH_HZ).div_ceil(1_000_000).clamp(1, reach);
    let coarse = search(copy, window, side, shortest..=reach, 1);
    if step == 1 {
        return Some(coarse);
    }
    let around = (coarse.samples - 1).max(shortest) * step..=((coarse.samples + 1) * step).min(reach * step);
    Some(Lag { likeness: coarse.likeness, ..search(sound, window * step, side, around, shift) })
}

/// The best of `lags`; samples are taken `shift` bits lower.
fn search(sound: &[i16], window: usize, side: Side, lags: core::ops::RangeInclusive<usize>, shift: u32) -> Lag {
    let reach = sound.len() - window;
    let from = |lag: usize| match side {
        Side::Past => reach - lag,
        Side::Future => lag,
    };
    let fixed = &sound[from(0)..][..window];
    let own = dot(fixed, fixed, shift);
    let mut best = Lag { samples: *lags.end(), likeness: -1.0 };
    for lag in lags {
        let other = &sound[from(lag)..][..window];
        let (product, energy) = (dot(fixed, other, shift), dot(other, other, shift));
        let likeness = product as f32 / (own as f32 * energy as f32).sqrt().max(1.0);
        if likeness > best.likeness {
            best = Lag { samples: lag, likeness };
        }
    }
    best
}

/// The sum of products.
fn dot(one: &[i16], other: &[i16], shift: u32) -> i64 {
    // Short pieces in 32 bits, their sum in 64: each is vector code.
    one.chunks(64)
        .zip(other.chunks(64))
        .map(|(one, other)| {
            let sum: i32 = one.iter().zip(other).map(|(a, b)| (i32::from(*a) * i32::from(*b)) >> (2 * shift)).sum();
            i64::from(sum)
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::listen::sine;

    #[test]
    fn a_tone_is_like_itself_at_whole_periods() {
        for rate in [8_000, 16_000, 48_000_u32] {
            for (frequency, side) in [(100.0, Side::Past), (440.0, Side::Future), (1_000.0, Side::Past)] {
                let sound = sine(frequency, 20_000.0, rate, rate as usize / 20);
                let lag = find(&sound, 15, side, 5_000, rate).expect("long enough");
                let periods = lag.samples as f64 * frequency / f64::from(rate);
                assert!((periods - periods.round()).abs() < 0.07, "{rate} {frequency} {periods}");
                assert!(lag.likeness > 0.98, "{rate} {frequency} {lag:?}");
                assert!(lag.samples >= rate as usize / 200 && lag.samples <= rate as usize * LAG_MAX_MS / 1_000);
            }
        }
    }

    #[test]
    fn quiet_is_like_anything_and_noise_like_nothing() {
        let mut seed = 1_u32;
        let noise: Vec<i16> = (0..400)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 16) as i16
            })
            .collect();
        assert!(find(&noise, 20, Side::Past, 2_500, 8_000).is_some_and(|lag| lag.likeness < 0.5));
        assert_eq!(find(&[5; 400], 20, Side::Past, 2_500, 8_000), Some(Lag { samples: 120, likeness: 1.0 }));
        assert_eq!(find(&[5; 279], 20, Side::Past, 2_500, 8_000), None);
        for extreme in [i16::MIN, i16::MAX] {
            assert!(find(&[extreme; 2_000], 20, Side::Past, 2_500, 48_000).is_some());
        }
    }
}
