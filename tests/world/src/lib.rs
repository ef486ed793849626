//! A simulated world around the exchange, driven by one number.
//!
//! A seed draws which faults exist in this run, then phones register, call, hold, hang up, misbehave and vanish over a network that loses, doubles
//! and delays, beside a store and a media plane that are slow or refuse, until everything is healed and must come to rest. After every step
//! the checks of [`Net`] look at the exchange from outside. The same seed gives the same run, byte for byte.
//!
//! Nothing here shares code with the exchange's protocol: the phones have their own small SIP, and `rsip` gives a second opinion.

mod agenda;
mod digest;
mod media;
mod net;
mod network;
mod phone;
mod reference;
pub mod replay;
mod rng;
mod sdp;
mod settings;
mod store;
mod swarm;
mod text;
mod trace;
mod wire;
mod world;

pub use net::{Net, Violation};

use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What became of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The number it was made of.
    pub seed: u64,
    /// The first defect; `None`: there is none.
    pub violation: Option<Violation>,
    /// Inputs handled.
    pub steps: u64,
    /// Messages sent by the exchange and judged.
    pub messages: u64,
    /// Calls begun.
    pub calls: usize,
    /// Calls answered.
    pub answered: u64,
    /// Simulated time.
    pub simulated: Duration,
    /// Time of answered calls, together.
    pub talked: Duration,
    /// Hash of everything that happened, to compare runs.
    pub trace: u64,
    /// The ladder, when it was asked for.
    pub log: Vec<String>,
}

/// How a run is made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Keep the ladder.
    pub log: bool,
    /// A fault to plant into the exchange first.
    #[cfg(feature = "faults")]
    pub fault: Option<signaling::pbx::Fault>,
}

impl Options {
    /// With the ladder.
    #[must_use]
    pub fn logged() -> Self {
        let mut options = Self::default();
        options.log |= true;
        options
    }

    /// With this fault planted.
    #[cfg(feature = "faults")]
    #[must_use]
    pub fn planted(fault: signaling::pbx::Fault) -> Self {
        Self { fault: Some(fault), ..Self::default() }
    }
}

/// Runs the world of `seed` to its end, or to the first defect. A panic of the exchange is a defect like others.
#[must_use]
pub fn run(seed: u64, options: Options) -> Report {
    let mut world = world::World::new(seed, options.log);
    #[cfg(feature = "faults")]
    if let Some(fault) = options.fault {
        world.plant(fault);
    }
    let outcome = catch_unwind(AssertUnwindSafe(|| world.run()));
    let violation = match outcome {
        Ok(outcome) => outcome.err(),
        Err(panic) => Some(world.crashed(&*panic)),
    };
    world.report(seed, violation)
}
