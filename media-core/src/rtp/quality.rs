//! Mean opinion score by the E-model, ITU-T G.107 with the impairments of G.113 appendix I.
//!
//! An estimate for one direction of one leg: loss as received, delay as half the round trip plus a playout buffer of twice the jitter.

use contract::Codec;
use core::time::Duration;

/// The score of a stream, 1.0 to 4.5; `None` for codecs without published impairments.
#[must_use]
pub fn mos(codec: Codec, expected: u64, lost: u64, jitter: Duration, round_trip: Option<Duration>) -> Option<f32> {
    // G.113 table I.1 and I.2: equipment impairment and robustness to random loss (G.711 with concealment).
    let (impairment, robustness) = match codec {
        Codec::Pcmu | Codec::Pcma | Codec::L16 => (0.0, 25.1),
        Codec::G729 => (11.0, 19.0),
        Codec::G722 | Codec::Opus | Codec::TelephoneEvent | Codec::ComfortNoise | Codec::Other(_) => return None,
    };
    if expected == 0 {
        return None;
    }
    let loss_percent = lost.min(expected) as f32 * 100.0 / expected as f32;
    let delay_ms = (round_trip.unwrap_or_default() / 2 + jitter * 2).as_secs_f32() * 1_000.0;
    // G.107 simplified as usual in the field: 0.024 a millisecond, and 0.11 more above 177.3 ms.
    let delay_impairment = 0.024 * delay_ms + 0.11 * (delay_ms - 177.3).max(0.0);
    // G.107 formula 7-29.
    let loss_impairment = impairment + (95.0 - impairment) * loss_percent / (loss_percent + robustness);
    let rating = (93.2 - delay_impairment - loss_impairment).clamp(0.0, 100.0);
    // G.107 annex B.
    let score = 1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7.0e-6;
    Some(score.clamp(1.0, 4.5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_fall_with_loss_and_delay() {
        let score = |lost, jitter_ms| mos(Codec::Pcmu, 1_000, lost, Duration::from_millis(jitter_ms), None);
        let best = score(0, 0).expect("known codec");
        assert!((4.40..4.42).contains(&best), "{best}");
        assert!(score(50, 0) < Some(best));
        assert!(score(0, 150) < Some(best));
        assert_eq!(score(1_000, 400).map(|score| score < 2.0), Some(true));
    }

    #[test]
    fn what_cannot_be_told_is_not_told() {
        assert_eq!(mos(Codec::Opus, 1_000, 0, Duration::ZERO, None), None);
        assert_eq!(mos(Codec::Pcma, 0, 0, Duration::ZERO, None), None);
    }
}
