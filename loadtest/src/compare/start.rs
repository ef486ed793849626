//! W1: from the start of the program until it is ready.

use super::{Arguments, Measured, Outcome, Target};
use crate::{configuration::Configuration, exchange::Exchange};
use anyhow::Result;
use core::net::IpAddr;

/// Extensions in the file, as the budget says.
const EXTENSIONS: usize = 1_000;

pub(super) fn until_ready(arguments: &Arguments) -> Result<Vec<Outcome>> {
    let mut rounds = Vec::new();
    for round in 0..=arguments.rounds() {
        let exchange = Exchange::start(&arguments.ironbell, None, |data| {
            Configuration::local(IpAddr::from([127, 0, 0, 1]), EXTENSIONS, data.to_owned())
        })?;
        let milliseconds = exchange.ready_after().as_secs_f64() * 1_000.0;
        exchange.stop()?;
        // The first reads the program from disk.
        if round > 0 {
            rounds.push(milliseconds);
        }
    }
    let ours = Measured::new("ironbell", rounds);
    Ok(vec![
        Outcome::new("W1", "start until ready, 1,000 extensions, new store", "ms", ours, None, Target::AtMost(300.0))
            .note("asked every 2 ms over HTTP; the store is made and migrated in each round"),
    ])
}
