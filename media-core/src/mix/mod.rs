//! Sums of sound: who is loud enough to be summed, the sum, and the sum less oneself.
//!
//! All of it is arithmetic on frames of 20 ms. Knows no legs, packets or codecs.

pub mod frame;
pub mod limiter;
pub mod speakers;

pub use frame::{FRAME_MAX, Rate};
pub use limiter::Limiter;
