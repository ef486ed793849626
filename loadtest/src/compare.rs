//! Rows of the budgets, us and a Debian-packaged peer in turn.

/// What to compare.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Runs it.
///
/// # Errors
/// Not yet.
pub fn run(_arguments: &Arguments) -> anyhow::Result<bool> {
    Ok(true)
}
