//! Measured rounds, their medians, and how they stand to the target.

use core::fmt;
use serde::Serialize;
use std::{fs, process::Command};

/// One side's rounds.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// Who.
    pub name: String,
    /// One value a round.
    pub rounds: Vec<f64>,
    /// Median of the rounds.
    pub median: f64,
}

impl Measured {
    /// The rounds of `name`.
    #[must_use]
    pub fn new(name: &str, rounds: Vec<f64>) -> Self {
        let median = median(&rounds);
        Self { name: name.to_owned(), rounds, median }
    }
}

/// What the budget asks for.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Ours over the peer's, at most.
    RatioAtMost(f64),
    /// Ours, at most.
    AtMost(f64),
    /// Ours, at least.
    AtLeast(f64),
    /// The budgets name none: both are shown.
    None,
}

/// One line of the table.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Row of the budgets.
    pub row: &'static str,
    /// What was measured.
    pub what: String,
    /// Unit of all values.
    pub unit: &'static str,
    /// Ours.
    pub ours: Measured,
    /// The peer's.
    pub peer: Option<Measured>,
    /// Ours over the peer's.
    pub ratio: Option<f64>,
    /// The target.
    pub target: Target,
    /// Whether it was met.
    pub met: bool,
    /// What a reader must know beside it.
    pub notes: Vec<String>,
}

impl Outcome {
    /// Sets ours beside the peer's and both beside the target. A ratio that cannot be had is not met.
    #[must_use]
    pub fn new(
        row: &'static str,
        what: impl Into<String>,
        unit: &'static str,
        ours: Measured,
        peer: Option<Measured>,
        target: Target,
    ) -> Self {
        let ratio = peer.as_ref().filter(|p| p.median > 0.0).map(|p| ours.median / p.median);
        let met = match target {
            Target::RatioAtMost(most) => ratio.is_some_and(|ratio| ratio <= most),
            Target::AtMost(most) => ours.median <= most,
            Target::AtLeast(least) => ours.median >= least,
            Target::None => true,
        };
        Self { row, what: what.into(), unit, ours, peer, ratio, target, met, notes: Vec::new() }
    }

    /// Adds what a reader must know.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {} [{}]", self.row, self.what, self.unit)?;
        for side in [Some(&self.ours), self.peer.as_ref()].into_iter().flatten() {
            let rounds: Vec<String> = side.rounds.iter().map(|value| format!("{value:.3}")).collect();
            writeln!(f, "  {:<12} {:>10.3}   rounds {}", side.name, side.median, rounds.join(" "))?;
        }
        if let Some(ratio) = self.ratio {
            writeln!(f, "  {:<12} {ratio:>10.3}", "ratio")?;
        }
        let verdict = if self.met { "met" } else { "NOT MET" };
        match self.target {
            Target::RatioAtMost(most) => writeln!(f, "  {:<12} ratio ≤ {most}: {verdict}", "target")?,
            Target::AtMost(most) => writeln!(f, "  {:<12} ≤ {most} {}: {verdict}", "target", self.unit)?,
            Target::AtLeast(least) => writeln!(f, "  {:<12} ≥ {least} {}: {verdict}", "target", self.unit)?,
            Target::None => {}
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "  {note}"))
    }
}

/// Where and on what it was measured.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Circumstances {
    /// Processors and kernel.
    pub machine: String,
    /// Commit of the working directory; `+` when something is changed.
    pub commit: String,
    /// The command line.
    pub command: String,
}

impl Circumstances {
    /// As they are now.
    #[must_use]
    pub(super) fn now() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(':').map(|(_, model)| model.trim().to_owned()))
            .unwrap_or_else(|| "unknown processor".into());
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let git = |arguments: &[&str]| {
            let output = Command::new("git").args(arguments).output().ok().filter(|o| o.status.success())?;
            Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let commit = git(&["rev-parse", "--short", "HEAD"]).map_or_else(
            || "unknown".into(),
            |id| if git(&["status", "--porcelain"]).is_none_or(|s| s.is_empty()) { id } else { id + "+" },
        );
        Self {
            machine: format!("{} × {model}, Linux {}", crate::process::processors(), kernel.trim()),
            commit,
            command: std::env::args().skip(1).collect::<Vec<_>>().join(" "),
        }
    }
}

impl fmt::Display for Circumstances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "loadtest {}\n  {}\n  commit {}", self.command, self.machine, self.commit)
    }
}

/// What is printed as JSON.
#[derive(Debug, Serialize)]
pub(super) struct Page<'p> {
    /// Where and on what.
    #[serde(flatten)]
    pub circumstances: Circumstances,
    /// The lines.
    pub outcomes: &'p [Outcome],
}

/// The middle value; of an even number the mean of the two middle ones; 0 of none.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        n if n.is_multiple_of(2) => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
        n => sorted[n / 2],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_even_and_no_values() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&[]), 0.0);
    }

    #[test]
    fn a_ratio_without_a_peer_is_not_met() {
        let ours = Measured::new("ours", vec![1.0]);
        assert!(!Outcome::new("M1", "x", "µs", ours.clone(), None, Target::RatioAtMost(2.0)).met);
        let peer = Measured::new("peer", vec![2.0]);
        let outcome = Outcome::new("M1", "x", "µs", ours, Some(peer), Target::RatioAtMost(0.5));
        assert_eq!(outcome.ratio, Some(0.5));
        assert!(outcome.met);
    }
}
