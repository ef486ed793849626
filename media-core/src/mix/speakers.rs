//! Who of many is summed: the loudest few, chosen by what their packets tell before they are decoded.
//!
//! A room in which everybody's background is summed is noisy and costs a decoder each; the ear follows a few voices at most. Who is in stays in
//! until another is clearly louder, so that nobody is cut between two words.

/// How many legs of one room are summed at once.
pub const SPEAKERS_MAX: usize = 8;

/// A leg's loudness over its last packets: rises at once, falls to half in about 200 ms.
#[derive(Clone, Copy, Debug, Default)]
pub struct Level(u16);

/// Loudness from which a frame counts as talk: a mean magnitude about 44 dB below full scale.
const TALK: u16 = 130;

/// How long somebody who ceased still counts as talking, in frames.
const TALK_FRAMES: u8 = 15;

/// Frames of talk in a row that begin it: a click is none.
const BEGIN_FRAMES: u8 = 2;

impl Level {
    /// Takes in the loudness of one more packet or frame.
    #[inline]
    pub fn note(&mut self, loudness: u16) {
        self.0 = loudness.max(self.0 - self.0.div_ceil(16));
    }

    /// The loudness.
    #[inline]
    #[must_use]
    pub const fn loudness(self) -> u16 {
        self.0
    }
}

/// The chosen few, as places in the list of legs they were chosen from.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    places: [u16; SPEAKERS_MAX],
    count: usize,
}

impl Chosen {
    /// Chooses anew among `levels`, one for each leg; fewer than [`SPEAKERS_MAX`] when the others say nothing.
    pub fn choose(&mut self, levels: impl Iterator<Item = Level>) {
        let before = self.clone();
        let mut ranks = [0_u32; SPEAKERS_MAX];
        self.count = 0;
        for (place, level) in levels.enumerate() {
            if level.0 == 0 {
                continue;
            }
            let place = place as u16;
            // Who is in weighs half as much again.
            let rank = u32::from(level.0) * if before.holds(place) { 3 } else { 2 };
            let at = ranks[..self.count].iter().position(|other| rank > *other).unwrap_or(self.count);
            if at == SPEAKERS_MAX {
                continue;
            }
            self.count = (self.count + 1).min(SPEAKERS_MAX);
            ranks.copy_within(at..SPEAKERS_MAX - 1, at + 1);
            self.places.copy_within(at..SPEAKERS_MAX - 1, at + 1);
            (ranks[at], self.places[at]) = (rank, place);
        }
    }

    /// Whether the leg at `place` is chosen.
    #[inline]
    #[must_use]
    pub fn holds(&self, place: u16) -> bool {
        self.places[..self.count].contains(&place)
    }
}

/// Whether somebody talks, as signaling is told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Talk {
    /// Frames of talk in a row, until it talks; then frames left until it ceases.
    frames: u8,
    talks: bool,
}

impl Talk {
    /// Takes in a frame's loudness. Whether it talks.
    pub const fn note(&mut self, loudness: u16) -> bool {
        let loud = loudness >= TALK;
        match (self.talks, loud) {
            (true, true) => self.frames = TALK_FRAMES,
            (true, false) => {
                self.frames -= 1;
                self.talks = self.frames > 0;
            }
            (false, true) => {
                self.frames += 1;
                if self.frames == BEGIN_FRAMES {
                    (self.talks, self.frames) = (true, TALK_FRAMES);
                }
            }
            (false, false) => self.frames = 0,
        }
        self.talks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(chosen: &Chosen, of: u16) -> Vec<u16> {
        (0..of).filter(|place| chosen.holds(*place)).collect()
    }

    fn choose(from: &mut Chosen, levels: &[u16]) -> Vec<u16> {
        from.choose(levels.iter().map(|level| Level(*level)));
        chosen(from, levels.len() as u16)
    }

    #[test]
    fn the_loudest_are_chosen_and_the_silent_never() {
        let mut few = Chosen::default();
        assert_eq!(choose(&mut few, &[0, 5, 0, 9]), [1, 3]);
        let many: Vec<u16> = (0..100).map(|n| n * 37 % 100 + 1).collect();
        let mut sorted: Vec<u16> = (0..100).collect();
        sorted.sort_by_key(|n| core::cmp::Reverse(many[usize::from(*n)]));
        sorted.truncate(SPEAKERS_MAX);
        sorted.sort_unstable();
        assert_eq!(choose(&mut Chosen::default(), &many), sorted);
    }

    #[test]
    fn who_is_in_stays_until_another_is_clearly_louder() {
        let mut few = Chosen::default();
        let mut levels = vec![1_000; SPEAKERS_MAX];
        levels.push(900);
        let first = choose(&mut few, &levels);
        levels[SPEAKERS_MAX] = 1_400;
        assert_eq!(choose(&mut few, &levels), first);
        levels[SPEAKERS_MAX] = 1_600;
        assert!(choose(&mut few, &levels).contains(&(SPEAKERS_MAX as u16)));
    }

    #[test]
    fn a_click_is_no_talk_and_a_pause_between_words_ends_none() {
        let mut talk = Talk::default();
        let said: Vec<bool> = [900, 0, 900, 900, 0, 0, 0, 900].map(|loudness| talk.note(loudness)).into();
        assert_eq!(said, [false, false, false, true, true, true, true, true]);
        assert_eq!((0..40).take_while(|_| talk.note(0)).count(), usize::from(TALK_FRAMES) - 1);
    }

    #[test]
    fn a_level_rises_at_once_and_falls_slowly() {
        let mut level = Level::default();
        level.note(1_000);
        assert_eq!(level.loudness(), 1_000);
        for _ in 0..11 {
            level.note(0);
        }
        assert!((400..600).contains(&level.loudness()), "{level:?}");
        for _ in 0..200 {
            level.note(0);
        }
        assert!(level.loudness() < 16, "{level:?}");
    }
}
