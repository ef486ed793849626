//! A player: clips, tones and silence one after the other, once or for ever, at the rate of whoever listens.
//!
//! All it needs is taken from the library when it is made. While it sounds it neither allocates nor locks; a clip is shared by all its players and
//! brought to their rate piece by piece, so that a thousand callers on hold hold one copy of the music.

use super::{
    clip::{Clip, Library},
    resample::Resampler,
    tone::Tone,
};
use contract::{PlayerEnd, PlayerSpec, Repeat, SOUNDS_MAX, Sound};
use std::sync::Arc;

/// Samples of 10 ms at the highest rate of a clip.
const PIECE_MAX: usize = 160;

/// Rates the library has.
const CLIP_RATES_HZ: [u32; 2] = [8_000, 16_000];

/// Samples of 10 ms at the highest rate of a player.
const STAGED_MAX: usize = 480;

/// What a player is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Playing {
    /// It sounds, or is silent between two sounds.
    Sounding,
    /// It has nothing more to say; what was left came first, silence after it.
    Ended(PlayerEnd),
}

/// One player.
#[derive(Debug)]
pub struct Player {
    sources: Box<[Source]>,
    at: usize,
    rate_hz: u32,
    repeat: Repeat,
    end: PlayerEnd,
    /// Sound of clips of another rate, brought to this one and not yet given.
    staged: Box<[i16]>,
    given: usize,
    ready: usize,
    /// From 8,000 and from 16,000 Hz to this rate, where a clip needs it.
    resamplers: [Option<Box<Resampler>>; 2],
}

#[derive(Debug)]
enum Source {
    Clip { clip: Arc<Clip>, at: usize },
    Tone(Tone),
    Silence { samples: u64, given: u64 },
}

impl Player {
    /// A player at `rate_hz` (8,000, 16,000 or 48,000). Clips the library does not know are left out.
    #[must_use]
    pub fn new(spec: &PlayerSpec, library: &Library, rate_hz: u32) -> Self {
        let mut end = PlayerEnd::Finished;
        let sounds = &spec.sounds[..spec.sounds.len().min(SOUNDS_MAX)];
        let alone = sounds.len() == 1 && spec.repeat == Repeat::Forever;
        let mut sources = Vec::with_capacity(sounds.len());
        for sound in sounds {
            let source = match sound {
                Sound::Clip(name) => match library.get(name) {
                    Some(clip) => (!clip.samples.is_empty()).then_some(Source::Clip { clip, at: 0 }),
                    None => {
                        end = PlayerEnd::Missing;
                        None
                    }
                },
                Sound::Tone(cadence) => Tone::new(cadence, rate_hz, alone).map(Source::Tone),
                Sound::Silence(length) => {
                    let samples = length.as_millis().min(u128::from(u32::MAX)) as u64 * u64::from(rate_hz) / 1_000;
                    (samples > 0).then_some(Source::Silence { samples, given: 0 })
                }
            };
            sources.extend(source);
        }
        if !sources.is_empty() {
            end = PlayerEnd::Finished;
        }
        let resamplers = CLIP_RATES_HZ.map(|from_hz| {
            let needed = |source: &Source| matches!(source, Source::Clip { clip, .. } if clip.rate_hz == from_hz);
            let differs = from_hz != rate_hz && sources.iter().any(needed);
            differs.then(|| Resampler::new(from_hz, rate_hz).map(Box::new)).flatten()
        });
        let converts = resamplers.iter().any(Option::is_some);
        let staged = if converts { vec![0; STAGED_MAX].into() } else { Box::default() };
        Self {
            sources: sources.into(),
            at: 0,
            rate_hz,
            repeat: spec.repeat,
            end,
            staged,
            given: 0,
            ready: 0,
            resamplers,
        }
    }

    /// Fills `out` with what comes next.
    pub fn fill(&mut self, out: &mut [i16]) -> Playing {
        let mut filled = 0;
        while filled < out.len() {
            if self.given < self.ready {
                let count = (self.ready - self.given).min(out.len() - filled);
                out[filled..filled + count].copy_from_slice(&self.staged[self.given..self.given + count]);
                self.given += count;
                filled += count;
                continue;
            }
            // Every source has at least one sample, so that each turn of this loop comes nearer to its end.
            let rest = &mut out[filled..];
            let (count, over) = match self.sources.get_mut(self.at) {
                None => {
                    rest.fill(0);
                    return Playing::Ended(self.end);
                }
                Some(Source::Tone(tone)) => {
                    let count = tone.fill(rest);
                    (count, count < rest.len())
                }
                Some(Source::Silence { samples, given }) => {
                    let count = usize::try_from(*samples - *given).unwrap_or(usize::MAX).min(rest.len());
                    rest[..count].fill(0);
                    *given += count as u64;
                    (count, given == samples)
                }
                Some(Source::Clip { clip, at }) if clip.rate_hz == self.rate_hz => {
                    let left = &clip.samples[*at..];
                    let count = left.len().min(rest.len());
                    rest[..count].copy_from_slice(&left[..count]);
                    *at += count;
                    (count, count == left.len())
                }
                Some(Source::Clip { clip, .. }) => {
                    let from_hz = clip.rate_hz;
                    self.stage(from_hz);
                    (0, false)
                }
            };
            filled += count;
            if over {
                self.next();
            }
        }
        Playing::Sounding
    }

    /// Brings the next 10 ms of clips at `from_hz` to the player's rate, over the borders of clips, so that a loop has no gap.
    fn stage(&mut self, from_hz: u32) {
        let mut piece = [0; PIECE_MAX];
        let piece = &mut piece[..(from_hz / 100) as usize];
        let mut taken = 0;
        while taken < piece.len() {
            let Some(Source::Clip { clip, at }) = self.sources.get_mut(self.at) else { break };
            if clip.rate_hz != from_hz {
                break;
            }
            let left = &clip.samples[*at..];
            let count = left.len().min(piece.len() - taken);
            piece[taken..taken + count].copy_from_slice(&left[..count]);
            *at += count;
            taken += count;
            if count == left.len() {
                self.next();
            }
        }
        self.given = 0;
        let resampler = CLIP_RATES_HZ.iter().position(|rate_hz| *rate_hz == from_hz);
        let resampler = resampler.and_then(|at| self.resamplers[at].as_deref_mut());
        self.ready = resampler.map_or(0, |resampler| resampler.run(piece, &mut self.staged));
        if self.ready == 0 {
            // A rate no clip can be brought to: there is nothing to say, and a loop would never come out of it.
            self.sources = Box::default();
            self.end = PlayerEnd::Missing;
        }
    }

    fn next(&mut self) {
        self.at += 1;
        if self.at == self.sources.len() && self.repeat == Repeat::Forever {
            self.at = 0;
        }
        match self.sources.get_mut(self.at) {
            Some(Source::Clip { at, .. }) => *at = 0,
            Some(Source::Silence { given, .. }) => *given = 0,
            Some(Source::Tone(tone)) => tone.rewind(),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::{Cadence, CadenceStep};
    use core::time::Duration;

    fn library() -> Library {
        let library = Library::new(1 << 20);
        for (name, from, count, rate_hz) in [("a", 1, 100, 8_000), ("b", 1_001, 250, 8_000), ("wide", 1, 333, 16_000)] {
            library.put(name, Clip { samples: (from..from + count).collect(), rate_hz }).unwrap();
        }
        library.put("empty", Clip { samples: Box::default(), rate_hz: 8_000 }).unwrap();
        library
    }

    fn clips(names: &[&str], repeat: Repeat) -> PlayerSpec {
        PlayerSpec { sounds: names.iter().map(|name| Sound::Clip((*name).into())).collect(), repeat }
    }

    /// All a player says, in frames of `frame`, and why it ended; at most `max` samples.
    fn all(player: &mut Player, frame: usize, max: usize) -> (Vec<i16>, Option<PlayerEnd>) {
        let (mut said, mut out) = (Vec::new(), vec![0; frame]);
        while said.len() < max {
            let playing = player.fill(&mut out);
            said.extend_from_slice(&out);
            if let Playing::Ended(end) = playing {
                return (said, Some(end));
            }
        }
        (said, None)
    }

    #[test]
    fn clips_follow_each_other_without_a_gap_and_silence_follows_the_last() {
        for frame in [80, 160] {
            let mut player = Player::new(&clips(&["a", "b"], Repeat::Never), &library(), 8_000);
            let (said, end) = all(&mut player, frame, 10_000);
            let expected: Vec<i16> = (1..101).chain(1_001..1_251).collect();
            assert_eq!(said[..350], expected);
            assert!(said[350..].iter().all(|sample| *sample == 0));
            assert_eq!(end, Some(PlayerEnd::Finished));
            assert_eq!(player.fill(&mut [1; 80]), Playing::Ended(PlayerEnd::Finished));
        }
    }

    #[test]
    fn a_loop_has_no_gap() {
        let mut player = Player::new(&clips(&["a", "b"], Repeat::Forever), &library(), 8_000);
        let (said, end) = all(&mut player, 160, 3_500);
        assert_eq!(end, None);
        let one: Vec<i16> = (1..101).chain(1_001..1_251).collect();
        assert!(said.chunks(350).all(|round| round == &one[..round.len()]));
    }

    #[test]
    fn a_clip_of_another_rate_keeps_its_length_and_its_loop() {
        for (name, clip_ms, rate_hz) in
            [("a", 12.5, 16_000), ("a", 12.5, 48_000), ("wide", 20.8, 8_000), ("wide", 20.8, 48_000)]
        {
            let mut player = Player::new(&clips(&[name], Repeat::Never), &library(), rate_hz);
            let (said, end) = all(&mut player, rate_hz as usize / 100, 10_000);
            assert_eq!(end, Some(PlayerEnd::Finished));
            let sounding = said.iter().filter(|sample| **sample != 0).count() as f64;
            let wanted = clip_ms / 1_000.0 * f64::from(rate_hz);
            assert!(
                (sounding - wanted).abs() < 0.01 * f64::from(rate_hz),
                "{name} at {rate_hz}: {sounding}, not {wanted}"
            );
        }
        let constant = library();
        constant.put("level", Clip { samples: vec![5_000; 333].into(), rate_hz: 8_000 }).unwrap();
        for rate_hz in [16_000, 48_000] {
            let mut player = Player::new(&clips(&["level"], Repeat::Forever), &constant, rate_hz);
            let (said, _) = all(&mut player, 160, 50_000);
            assert!(said[500..].iter().all(|sample| (4_900..=5_100).contains(sample)), "a gap at {rate_hz}");
        }
    }

    #[test]
    fn an_unknown_clip_is_skipped_and_told_only_when_nothing_else_was_heard() {
        let mut player = Player::new(&clips(&["no", "a"], Repeat::Never), &library(), 8_000);
        assert_eq!(all(&mut player, 80, 1_000).1, Some(PlayerEnd::Finished));
        let mut player = Player::new(&clips(&["no"], Repeat::Forever), &library(), 8_000);
        assert_eq!(player.fill(&mut [1; 80]), Playing::Ended(PlayerEnd::Missing));
    }

    #[test]
    fn nothing_for_ever_ends_at_once() {
        let silence = Sound::Silence(Duration::ZERO);
        let tone = Sound::Tone(Cadence { steps: vec![] });
        let spec = PlayerSpec { sounds: vec![silence, tone, Sound::Clip("empty".into())], repeat: Repeat::Forever };
        let mut out = [1; 80];
        assert_eq!(Player::new(&spec, &library(), 8_000).fill(&mut out), Playing::Ended(PlayerEnd::Finished));
        assert_eq!(out, [0; 80]);
    }

    #[test]
    fn a_rate_no_clip_can_be_brought_to_ends_the_player() {
        let mut player = Player::new(&clips(&["a"], Repeat::Forever), &library(), 11_025);
        assert_eq!(player.fill(&mut [1; 80]), Playing::Ended(PlayerEnd::Missing));
    }

    #[test]
    fn tones_and_silence_keep_their_time_between_clips() {
        let beep = CadenceStep { frequencies_hz: [1_000, 0], length: Duration::from_millis(100) };
        let spec = PlayerSpec {
            sounds: vec![
                Sound::Silence(Duration::from_millis(50)),
                Sound::Tone(Cadence { steps: vec![beep] }),
                Sound::Clip("a".into()),
            ],
            repeat: Repeat::Forever,
        };
        let (said, _) = all(&mut Player::new(&spec, &library(), 8_000), 160, 2 * 1_300);
        for round in said.chunks_exact(1_300) {
            assert!(round[..400].iter().all(|sample| *sample == 0));
            assert!(round[500..1_000].iter().any(|sample| *sample > 7_000));
            assert!(round[1_200..].iter().copied().eq(1..101));
        }
    }

    #[test]
    fn no_more_than_the_sounds_of_the_contract_are_taken() {
        let spec = clips(&["a"; SOUNDS_MAX + 1], Repeat::Never);
        assert_eq!(Player::new(&spec, &library(), 8_000).sources.len(), SOUNDS_MAX);
    }
}
