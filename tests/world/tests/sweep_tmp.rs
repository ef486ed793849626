//! The sweep: the whole signaling plane in a simulated world, from 256 fixed numbers and one of the commit's.
//!
//! `SIM_SEED=n cargo test --test sim -- --nocapture` replays one run with its ladder.

use std::{
    env,
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};
use world::{Options, Report};

/// Seeds that every run tries; `SIM_SEEDS=n` tries more.
const FIXED: u64 = 256;

/// A number made of the commit under test, so that every commit also tries a world of its own, and that world can be had again.
fn seed_of_commit() -> Option<u64> {
    let text = match env::var("CI_SEED") {
        Ok(text) => text,
        Err(_) => {
            let told = Command::new("git").args(["rev-parse", "HEAD"]).output().ok().filter(|o| o.status.success())?;
            String::from_utf8(told.stdout).ok()?
        }
    };
    let digits: String = text.trim().chars().take(15).collect();
    u64::from_str_radix(&digits, 16).ok()
}

fn sweep(seeds: &[u64]) -> Vec<Report> {
    let next = AtomicU64::new(0);
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let mut reports: Vec<Report> = thread::scope(|scope| {
        let running: Vec<_> = (0..workers)
            .map(|_| {
                scope.spawn(|| {
                    let mut done = Vec::new();
                    while let Some(seed) =
                        usize::try_from(next.fetch_add(1, Ordering::Relaxed)).ok().and_then(|at| seeds.get(at))
                    {
                        done.push(world::run(*seed, Options::default()));
                    }
                    done
                })
            })
            .collect();
        running.into_iter().flat_map(|worker| worker.join().expect("a run reports its panics")).collect()
    });
    reports.sort_by_key(|r| r.seed);
    reports
}

#[test]
fn every_world_stays_sound_and_comes_to_rest() {
    if let Ok(one) = env::var("SIM_SEED") {
        let seed = one.parse().expect("SIM_SEED is a number");
        let report = world::run(seed, Options::logged());
        println!("{}", report.log.join("\n"));
        assert!(report.violation.is_none(), "seed {seed}: {}", report.violation.expect("just seen"));
        return;
    }
    let count = env::var("SIM_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(FIXED);
    let seeds: Vec<u64> = (0..count).chain(seed_of_commit()).collect();
    let began = clock::now();
    let reports = sweep(&seeds);
    let wall = began.elapsed();
    let simulated: Duration = reports.iter().map(|r| r.simulated).sum();
    let talked: Duration = reports.iter().map(|r| r.talked).sum();
    let (calls, answered): (usize, u64) =
        (reports.iter().map(|r| r.calls).sum(), reports.iter().map(|r| r.answered).sum());
    let messages: u64 = reports.iter().map(|r| r.messages).sum();
    println!(
        "{} seeds, {:.1} simulated hours, {calls} calls ({answered} answered), {messages} messages judged, {:.1} s; W5: {:.1} call-hours a minute",
        reports.len(),
        simulated.as_secs_f64() / 3_600.0,
        wall.as_secs_f64(),
        talked.as_secs_f64() / 3_600.0 / (wall.as_secs_f64() / 60.0),
    );
    let broken: Vec<String> =
        reports.iter().filter_map(|r| Some(format!("SIM_SEED={}: {}", r.seed, r.violation.as_ref()?))).collect();
    assert!(broken.is_empty(), "{} of {} worlds broke:\n{}", broken.len(), reports.len(), broken.join("\n"));
    assert!(answered > seeds.len() as u64, "a sweep in which hardly a call is answered proves nothing");
}

#[test]
fn a_seed_is_a_recording() {
    for seed in (0..FIXED).step_by(16) {
        let (one, other) = (world::run(seed, Options::default()), world::run(seed, Options::default()));
        assert_eq!(one, other, "seed {seed} ran differently the second time");
    }
}

/// The one place of this test that reads a clock, for the report only.
mod clock {
    use std::time::Instant;

    #[expect(clippy::disallowed_methods, reason = "the sweep reports its own speed")]
    pub(super) fn now() -> Instant {
        Instant::now()
    }
}
