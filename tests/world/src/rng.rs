//! Chance, from one number. Every draw of the world comes from here, so a seed is a recording.

/// SplitMix64.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A source of its own for one actor, so that one phone's draws do not shift another's.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.draw())
    }

    pub(crate) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `n - 1`; 0 when `n` is 0.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        if n == 0 { 0 } else { self.draw() % n }
    }

    /// From `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True in `percent` of 100.
    pub(crate) fn chance(&mut self, percent: u8) -> bool {
        percent > 0 && self.below(100) < u64::from(percent)
    }

    /// One of them; the slice is not empty.
    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let at = usize::try_from(self.below(of.len() as u64)).unwrap_or(0);
        &of[at]
    }

    /// A word of 12 hexadecimal digits, for tags and branches.
    pub(crate) fn word(&mut self) -> String {
        format!("{:012x}", self.draw() & 0xffff_ffff_ffff)
    }

    /// A whole seed for something else that draws.
    pub(crate) fn bytes32(&mut self) -> [u8; 32] {
        let mut all = [0; 32];
        for piece in all.chunks_mut(8) {
            piece.copy_from_slice(&self.draw().to_le_bytes());
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same() {
        let (mut one, mut other) = (Rng::new(7), Rng::new(7));
        assert_eq!((0..9).map(|_| one.draw()).collect::<Vec<_>>(), (0..9).map(|_| other.draw()).collect::<Vec<_>>());
    }

    #[test]
    fn zero_percent_never_happens_and_a_hundred_always() {
        let mut rng = Rng::new(1);
        assert!((0..1_000).all(|_| !rng.chance(0) && rng.chance(100)));
    }
}
