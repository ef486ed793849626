//! The command line (INTERFACE: Program).
//!
//! Live verbs ask a running exchange over its API and know nothing of its inside; `config` works on files alone. A table on a terminal, JSON in a
//! pipe. Exit codes: 0 done, 1 the check or the work failed, 2 wrong usage, 3 the exchange cannot be reached, 4 refused.

mod client;
mod files;
mod live;
mod output;
mod reload;
mod route;
mod target;
mod trace;

use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};
use output::{Output, Shape};
use std::{ffi::OsString, net::IpAddr, path::PathBuf, process::ExitCode, time::Duration};

/// A telephone exchange and media appliance in one binary.
#[derive(Debug, Parser)]
#[command(
    name = "ironbell",
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
struct Cli {
    #[command(flatten)]
    output: OutputOption,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Copy, Debug, clap::Args)]
struct OutputOption {
    /// How results are printed [default: table on a terminal, json in a pipe]
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT")]
    output: Option<Shape>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start the exchange
    Run(Run),
    /// Check, show and compare configurations: files, and those that were in force
    #[command(subcommand)]
    Config(files::Verb),
    /// Read the configuration again and put it into force, all of it or nothing
    Reload(target::Options),
    /// The running exchange as a whole
    Status(target::Options),
    /// The calls that are up; place and end calls
    Calls {
        #[command(flatten)]
        target: target::Options,
        #[command(subcommand)]
        verb: Option<live::CallVerb>,
    },
    /// The accounts and their registered phones
    Reg {
        #[command(flatten)]
        target: target::Options,
        /// Only accounts with a phone
        #[arg(long)]
        registered: bool,
    },
    /// The trunks: whether they can be used, and their channels
    Trunk(target::Options),
    /// The sources that are shut out; shut out and let in
    Bans {
        #[command(flatten)]
        target: target::Options,
        #[command(subcommand)]
        verb: Option<live::BanVerb>,
    },
    /// The calls that were, newest first
    Cdr {
        #[command(flatten)]
        target: target::Options,
        #[command(flatten)]
        filter: live::CdrFilter,
    },
    /// Everything that passed and was decided in a call: a ladder over all its legs
    Trace {
        #[command(flatten)]
        target: target::Options,
        #[command(flatten)]
        question: trace::Question,
    },
    /// Where numbers lead, and why
    Route {
        #[command(flatten)]
        target: target::Options,
        #[command(subcommand)]
        verb: route::Verb,
    },
    /// The description of the API (OpenAPI, JSON)
    Openapi,
    /// Completions for a shell: source the output, or put it where the shell looks
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

/// `run` as it was asked for.
#[derive(Clone, Debug, clap::Args)]
pub struct Run {
    /// The configuration
    #[arg(long, value_name = "FILE", required_unless_present = "dev", conflicts_with = "dev")]
    pub config: Option<PathBuf>,
    /// No file needed: embedded defaults and demo extensions with secrets of their own, kept in --data-dir
    #[arg(long)]
    pub dev: bool,
    /// Where the demo exchange keeps its data [default: ./data]
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    pub data_dir: Option<PathBuf>,
    /// Address the demo exchange listens on, to be reached by phones elsewhere [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS", conflicts_with = "config")]
    pub listen: Option<IpAddr>,
    /// How long a stop waits for running calls, as 30s or 5m [default: server.drain]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub drain: Option<Duration>,
}

/// What the command line cannot do itself.
pub struct Exchange<'e> {
    /// Starts and runs the exchange until it is stopped.
    pub run: &'e dyn Fn(Run) -> ExitCode,
    /// The description of the API as JSON.
    pub openapi: &'e dyn Fn() -> String,
}

/// Why a verb did not succeed, as the exit code says it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Failure {
    /// The check or the work failed.
    Failed,
    /// Wrong usage.
    Usage,
    /// The exchange cannot be reached.
    Unreachable,
    /// The exchange refused: no key, the wrong one, or one without the right.
    Refused,
}

impl Failure {
    const fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::Refused => 4,
        }
    }

    /// Says `why` and fails.
    fn because(self, why: impl std::fmt::Display) -> Self {
        eprintln!("ironbell: {why}");
        self
    }
}

/// Does what the arguments say.
pub fn main(arguments: impl IntoIterator<Item = OsString>, exchange: &Exchange<'_>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output with 0, faults to standard error with 2. A closed pipe is nobody's fault.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let output = Output::new(cli.output.output);
    let outcome = match cli.verb {
        Verb::Run(run) => return (exchange.run)(run),
        Verb::Config(verb) => files::run(&verb, &output),
        Verb::Reload(target) => target.client().and_then(|client| reload::reload(&client, &output)),
        Verb::Status(target) => target.client().and_then(|client| live::status(&client, &output)),
        Verb::Calls { target, verb } => target.client().and_then(|client| live::calls(&client, verb.as_ref(), &output)),
        Verb::Reg { target, registered } => {
            target.client().and_then(|client| live::registrations(&client, registered, &output))
        }
        Verb::Trunk(target) => target.client().and_then(|client| live::trunks(&client, &output)),
        Verb::Bans { target, verb } => target.client().and_then(|client| live::bans(&client, verb.as_ref(), &output)),
        Verb::Cdr { target, filter } => target.client().and_then(|client| live::records(&client, &filter, &output)),
        Verb::Trace { target, question } => target.client().and_then(|client| trace::run(&client, &question, &output)),
        Verb::Route { target, verb } => route::run(&verb, &target, &output),
        Verb::Openapi => {
            output.text(&(exchange.openapi)());
            Ok(())
        }
        Verb::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "ironbell", &mut script);
            output.text(&String::from_utf8_lossy(&script));
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => ExitCode::from(failure.code()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    crate::config::parse_duration(text).ok_or_else(|| "a duration such as 30s, 5m or 1h".to_owned())
}

impl ValueEnum for Shape {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Table, Self::Json, Self::Csv]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(match self {
            Self::Table => "table",
            Self::Json => "json",
            Self::Csv => "csv",
        }))
    }
}

#[cfg(test)]
mod tests;
