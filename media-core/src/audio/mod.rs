//! Sound as samples: mono, signed 16 bits, at 8,000, 16,000 or 48,000 Hz. Knows no sockets and no sessions; only [`playout`] knows what a packet
//! is, and asks [`crate::codec`] for its sound.

pub mod clip;

pub mod player;

pub mod tone;

pub mod resample;

mod conceal;

mod noise;

mod pitch;

pub mod playout;

#[cfg(test)]
pub(crate) mod listen;
