//! Rows of the budgets, us and a Debian-packaged peer in turn: ours, the peer's, the ratio, the target.
//!
//! Ratios are what counts: both run in one go on one machine, alternating, the first round after a start discarded, medians
//! of the rest. Nothing here asserts a time.

mod kamailio;
mod media;
mod ng;
mod peer;
mod report;
mod signaling;
mod sipp;
mod start;

pub use report::{Measured, Outcome, Target};

use crate::limits::ACCOUNTS_MAX;
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use core::time::Duration;
use std::path::PathBuf;

/// A row of the budgets that can be run here.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Row {
    /// Relay of 400 calls: processor time per packet, beside rtpengine.
    M1,
    /// Relay of 1,500 calls: loss and delay, beside rtpengine.
    M2,
    /// Memory per relayed call, beside rtpengine.
    M5,
    /// Processor time per call at 500 calls a second, beside Kamailio as a stateful proxy.
    S1,
    /// Highest rate without a failed call, beside Kamailio.
    S2,
    /// Processor time per authenticated registration, and an avalanche of 20,000, beside Kamailio.
    S3,
    /// Memory per registration and per call.
    S5,
    /// Start until ready with 1,000 extensions.
    W1,
}

/// What to compare.
#[derive(Clone, Debug, Args)]
pub struct Arguments {
    /// The row.
    #[arg(value_enum)]
    pub row: Row,
    /// The Ironbell to measure; a release build.
    #[arg(long)]
    pub ironbell: PathBuf,
    /// Rounds that count.
    #[arg(long, default_value_t = 6)]
    pub rounds: usize,
    /// Two short rounds, for a look.
    #[arg(long)]
    pub quick: bool,
    /// Ours alone: no peer is started.
    #[arg(long)]
    pub alone: bool,
    /// Prints JSON.
    #[arg(long)]
    pub json: bool,
}

impl Arguments {
    fn rounds(&self) -> usize {
        if self.quick { 2 } else { self.rounds.clamp(1, 50) }
    }

    fn window(&self) -> Duration {
        Duration::from_secs(if self.quick { 3 } else { 6 })
    }
}

/// Runs the row and prints it. `true` if the target was met.
///
/// # Errors
/// When something needed is missing or fails.
pub fn run(arguments: &Arguments) -> Result<bool> {
    if !arguments.ironbell.is_file() {
        bail!("{} is not there; build it first", arguments.ironbell.display());
    }
    const { assert!(ACCOUNTS_MAX >= 10_000, "the rows need so many accounts") };
    let outcomes = match arguments.row {
        Row::M1 => media::relay_cost(arguments)?,
        Row::M2 => media::relay_delay(arguments)?,
        Row::M5 => media::relay_memory(arguments)?,
        Row::S1 => signaling::call_cost(arguments)?,
        Row::S2 => signaling::highest_rate(arguments)?,
        Row::S3 => signaling::registration_cost(arguments)?,
        Row::S5 => signaling::memory(arguments)?,
        Row::W1 => start::until_ready(arguments)?,
    };
    let circumstances = report::Circumstances::now();
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report::Page { circumstances, outcomes: &outcomes })?);
    } else {
        print!("{circumstances}");
        outcomes.iter().for_each(|outcome| print!("{outcome}"));
    }
    Ok(outcomes.iter().all(|outcome| outcome.met))
}
