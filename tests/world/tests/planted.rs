//! Do the nets hold? Each known defect is planted into the exchange alone, and a few worlds must notice it.
//!
//! `docs/testing.md`, section "Planted faults", lists the defects and the net that catches each; this test keeps that list true.
//! Run with `cargo test -p world --features faults --test planted`: a shipped build has none of these defects to plant.

use signaling::pbx::Fault;
use std::{collections::BTreeMap, thread};
use world::{Net, Options, run};

/// Worlds tried for one fault.
const SEEDS: u64 = 96;

/// Every fault that can be planted.
const FAULTS: [Fault; 9] = [
    Fault::TimerNotDisarmed,
    Fault::PortNotReturned,
    Fault::AckLost,
    Fault::Final2xxNotRetransmitted,
    Fault::CancelRace,
    Fault::BindingNotExpired,
    Fault::WrongHearingBit,
    Fault::DoubleRecord,
    Fault::EndNotTold,
];

const LIST: &str = include_str!("../../../docs/testing.md");

/// How many of the worlds fell into which net, and the first that fell.
fn catches(fault: Fault) -> (BTreeMap<Net, u64>, Option<u64>) {
    let (mut nets, mut first) = (BTreeMap::new(), None);
    for seed in 0..SEEDS {
        if let Some(violation) = run(seed, Options::planted(fault)).violation {
            *nets.entry(violation.net).or_insert(0) += 1;
            first = first.or(Some(seed));
        }
    }
    (nets, first)
}

/// The row of the list for this fault.
fn listed(fault: Fault) -> Option<&'static str> {
    let name = format!("`{fault:?}`");
    LIST.lines().find(|line| line.starts_with('|') && line.contains(&name))
}

#[test]
fn every_planted_fault_is_caught() {
    let results: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = FAULTS.map(|fault| (fault, scope.spawn(move || catches(fault)))).into_iter().collect();
        running.into_iter().map(|(fault, run)| (fault, run.join().expect("runs report their panics"))).collect()
    });
    for (fault, (nets, first)) in &results {
        let told: Vec<String> = nets.iter().map(|(net, times)| format!("{net} {times}")).collect();
        println!("{fault:?}: first in seed {first:?}; of {SEEDS} worlds: {}", told.join(", "));
    }
    for (fault, (nets, _)) in &results {
        assert!(!nets.is_empty(), "{fault:?} went through all nets in {SEEDS} worlds");
        let row = listed(*fault).unwrap_or_else(|| panic!("{fault:?} is not listed in docs/testing.md"));
        assert!(
            nets.keys().any(|net| row.contains(&format!("**{net}**"))),
            "docs/testing.md says of {fault:?}: {row}; it was caught by {:?}",
            nets.keys().collect::<Vec<_>>()
        );
    }
}

#[test]
fn without_a_planted_fault_the_same_worlds_are_sound() {
    for seed in 0..16 {
        assert_eq!(run(seed, Options::default()).violation, None, "seed {seed}");
    }
}
