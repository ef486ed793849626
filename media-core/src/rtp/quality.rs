//! Mean opinion score by the E-model, ITU-T G.107 and G.107.1, with the impairments of G.113.
//!
//! An estimate for one direction of one leg, with every parameter that is not measured at its default: R = 93.2 - Idd - Ie,eff. Echo (Idte,
//! Idle) is taken as cancelled. Narrow-band and wide-band codecs are each scored on their own scale, as G.107.1 relates it.

use contract::Codec;
use core::time::Duration;

/// ITU-T G.107 table 3: R with all parameters at their default, and no codec, loss or delay.
const RATING_DEFAULT: f32 = 93.2;

/// ITU-T G.107.1 table 1, the same for wide-band.
const RATING_WIDE: f32 = 129.0;

/// Beyond this the burst ratio is taken as this: formula 7-29 was fitted to moderate ratios and falls to nothing for long outages.
const BURST_RATIO_MAX: f32 = 8.0;

/// What is measured of one direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// What is coded how.
    pub codec: Codec,
    /// The part of packets lost, 0 to 1.
    pub loss: f32,
    /// G.107's BurstR: 1 for random loss.
    pub burst_ratio: f32,
    /// From mouth to ear, as far as it is known.
    pub delay: Duration,
}

/// What a codec does to speech: impairment and robustness to loss.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Equipment {
    rating: f32,
    impairment: f32,
    robustness: f32,
}

/// G.113 of the codec; `None` for what is no known speech codec.
const fn equipment(codec: Codec) -> Option<Equipment> {
    Some(match codec {
        // G.113 appendix I: G.711 with the concealment of its own appendix I. Linear sound is taken as narrow-band.
        Codec::Pcmu | Codec::Pcma | Codec::L16 => {
            Equipment { rating: RATING_DEFAULT, impairment: 0.0, robustness: 25.1 }
        }
        // G.113 appendix I: G.729-A with VAD.
        Codec::G729 => Equipment { rating: RATING_DEFAULT, impairment: 11.0, robustness: 19.0 },
        // G.113 appendix IV: G.722 at 64 kbit/s. Its robustness is taken as that of G.711 with concealment, because ours conceals alike.
        Codec::G722 => Equipment { rating: RATING_WIDE, impairment: 13.0, robustness: 25.1 },
        // G.113 gives no figures for Opus; an approximation: no impairment of the coding itself on the wide-band scale.
        Codec::Opus => Equipment { rating: RATING_WIDE, impairment: 0.0, robustness: 25.1 },
        Codec::TelephoneEvent | Codec::ComfortNoise | Codec::Other(_) => return None,
    })
}

impl Measured {
    /// The transmission rating R, 0 to 100; `None` for codecs without figures.
    #[must_use]
    pub fn rating(&self) -> Option<f32> {
        let equipment = equipment(self.codec)?;
        let effective = effective(&equipment, self.loss, self.burst_ratio);
        let rating = equipment.rating - delay_impairment(self.delay) - effective;
        // G.107.1: the wide-band scale is 1.29 times the narrow-band one.
        let scaled = if equipment.rating > 100.0 { rating / 1.29 } else { rating };
        Some(scaled.clamp(0.0, 100.0))
    }

    /// The score, 1.0 to 4.5; `None` for codecs without figures.
    #[must_use]
    pub fn mos(&self) -> Option<f32> {
        self.rating().map(mos)
    }
}

/// ITU-T G.107 formula 7-29: Ie,eff, the impairment of the codec under loss.
fn effective(equipment: &Equipment, loss: f32, burst_ratio: f32) -> f32 {
    let percent = loss.clamp(0.0, 1.0) * 100.0;
    let Equipment { impairment, robustness, .. } = *equipment;
    // Less than random is only seen in short streams, and says nothing.
    let ratio = burst_ratio.clamp(1.0, BURST_RATIO_MAX);
    impairment + (95.0 - impairment) * percent / (percent / ratio + robustness)
}

/// ITU-T G.107 formulas 7-27 and 7-28: Idd, the impairment of too long an absolute delay.
fn delay_impairment(delay: Duration) -> f32 {
    let delay_ms = delay.as_secs_f32() * 1_000.0;
    if delay_ms <= 100.0 {
        return 0.0;
    }
    let x = (delay_ms / 100.0).log2();
    25.0 * ((1.0 + x.powi(6)).powf(1.0 / 6.0) - 3.0 * (1.0 + (x / 3.0).powi(6)).powf(1.0 / 6.0) + 2.0)
}

/// ITU-T G.107 annex B, formula B-4: the score of a rating.
#[must_use]
pub fn mos(rating: f32) -> f32 {
    let rating = rating.clamp(0.0, 100.0);
    let score = 1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7.0e-6;
    // Just above a rating of 0 the polynomial dips below 1.
    score.clamp(1.0, 4.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(codec: Codec, loss_percent: f32, delay_ms: u64) -> Measured {
        Measured { codec, loss: loss_percent / 100.0, burst_ratio: 1.0, delay: Duration::from_millis(delay_ms) }
    }

    #[test]
    fn scores_are_those_of_g_107_table_b_1() {
        for (rating, published) in [(90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)] {
            assert!((mos(rating) - published).abs() < 0.01, "R {rating}: {}", mos(rating));
        }
        // G.107 clause 7.7: the default rating of 93.2, a score of 4.41.
        assert!((mos(93.2) - 4.41).abs() < 0.005);
        assert_eq!((mos(0.0), mos(100.0), mos(2.0)), (1.0, 4.5, 1.0));
    }

    #[test]
    fn delay_impairs_as_formula_7_28_says() {
        // Worked out by hand for X = 0, 1 and 2: 100, 200 and 400 ms.
        for (ms, impairment) in [(0, 0.0), (100, 0.0), (200, 3.04), (400, 24.07)] {
            let found = delay_impairment(Duration::from_millis(ms));
            assert!((found - impairment).abs() < 0.02, "{ms} ms: {found}");
        }
    }

    #[test]
    fn loss_impairs_as_formula_7_29_says_with_the_figures_of_g_113() {
        // Ie + (95 - Ie) · Ppl / (Ppl + Bpl), Ie and Bpl of G.113 appendix I: G.711 0 and 25.1, G.729-A 11 and 19.
        for (codec, percent, rating) in [
            (Codec::Pcmu, 0.0, 93.2),
            (Codec::Pcma, 1.0, 93.2 - 95.0 / 26.1),
            (Codec::Pcmu, 5.0, 93.2 - 95.0 * 5.0 / 30.1),
            (Codec::Pcmu, 20.0, 93.2 - 95.0 * 20.0 / 45.1),
            (Codec::G729, 0.0, 82.2),
            (Codec::G729, 5.0, 82.2 - 84.0 * 5.0 / 24.0),
        ] {
            let found = measured(codec, percent, 0).rating().expect("known");
            assert!((found - rating).abs() < 0.01, "{codec:?} at {percent} %: {found}");
        }
    }

    #[test]
    fn the_same_loss_in_bursts_is_worse() {
        let random = measured(Codec::Pcmu, 5.0, 0);
        let burst = Measured { burst_ratio: 2.0, ..random };
        let found = burst.rating().expect("known");
        assert!((found - (93.2 - 95.0 * 5.0 / 27.6)).abs() < 0.01, "{found}");
        assert_eq!(Measured { burst_ratio: 0.3, ..random }.rating(), random.rating());
    }

    #[test]
    fn a_wide_band_codec_is_scored_on_the_scale_of_g_107_1() {
        // 129 - 13 of G.113 appendix IV, over 1.29.
        let found = measured(Codec::G722, 0.0, 0).rating().expect("known");
        assert!((found - 116.0 / 1.29).abs() < 0.01, "{found}");
        assert!(measured(Codec::Opus, 0.0, 0).mos() > measured(Codec::G722, 0.0, 0).mos());
        assert!(measured(Codec::Opus, 10.0, 0).mos() < measured(Codec::Opus, 0.0, 0).mos());
    }

    #[test]
    fn what_cannot_be_told_is_not_told() {
        assert_eq!(measured(Codec::Other(3), 0.0, 0).mos(), None);
        assert_eq!(measured(Codec::TelephoneEvent, 0.0, 0).mos(), None);
    }

    #[test]
    fn the_worst_line_is_a_score_of_one() {
        assert_eq!(measured(Codec::Pcmu, 100.0, 60_000).mos(), Some(1.0));
    }
}
