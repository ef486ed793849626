//! Sound as samples: mono, signed 16 bits, at 8,000, 16,000 or 48,000 Hz. Knows no packets and no sessions.

pub mod clip;

pub mod player;

pub mod tone;

pub mod resample;

#[cfg(test)]
pub(crate) mod listen;
