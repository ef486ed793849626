//! The load tester's command line.

use anyhow::{Context as _, Result, bail};
use clap::{Args, Parser, Subcommand};
use core::{net::SocketAddr, time::Duration};
use loadtest::{
    compare,
    configuration::{self, Configuration},
    digest::Understands,
    exchange::Exchange,
    figures::Findings,
    limits,
    run::{Plan, run},
    station::Calling,
};
use std::{path::PathBuf, process::ExitCode};

/// Simulated phones, real RTP, and side-by-side runs against other exchanges. Private addresses only.
#[derive(Debug, Parser)]
#[command(name = "loadtest", version)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Prints an Ironbell configuration with this many accounts.
    Config {
        /// How many accounts, four digits each.
        #[arg(long, default_value_t = 100)]
        extensions: usize,
        /// Where the exchange shall listen for SIP.
        #[arg(long, default_value = "127.0.0.1:5060")]
        sip: SocketAddr,
        /// Where its API shall listen.
        #[arg(long, default_value = "127.0.0.1:8080")]
        api: SocketAddr,
        /// Its data directory.
        #[arg(long, default_value = "./data")]
        data_dir: PathBuf,
    },
    /// Prints users for the SIPp scenarios: number, number to call, credentials; every phone, or only callers.
    Users {
        /// How many accounts.
        #[arg(long, default_value_t = 100)]
        extensions: usize,
        /// Only every second account; it calls the one after it.
        #[arg(long)]
        callers: bool,
    },
    /// Registers phones with digest.
    Register {
        #[command(flatten)]
        target: Target,
        /// How many phones; those above 10,000 are second phones of the same accounts.
        #[arg(long, default_value_t = 1_000)]
        phones: usize,
        /// Registrations a second; without it as fast as answers come.
        #[arg(long)]
        rate: Option<f64>,
    },
    /// Registers phones, then places calls at a rate; each party says its own tone.
    Calls {
        #[command(flatten)]
        target: Target,
        /// How many calls.
        #[arg(long, default_value_t = 100)]
        count: usize,
        /// Calls a second.
        #[arg(long, default_value_t = 10.0)]
        rate: f64,
        /// Seconds both talk.
        #[arg(long, default_value_t = 5.0)]
        talk: f64,
        /// Seconds it rings.
        #[arg(long, default_value_t = 0.0)]
        ring: f64,
        /// How many phones; without it as many as the calls need at once.
        #[arg(long)]
        phones: Option<usize>,
        /// How many of the calls have RTP; without it all, up to the limit.
        #[arg(long)]
        with_rtp: Option<usize>,
    },
    /// 10,000 registrations and 2,000 calls at once, 200 of them with RTP, unless told otherwise.
    Mixed {
        #[command(flatten)]
        target: Target,
        /// How many phones register.
        #[arg(long, default_value_t = 10_000)]
        phones: usize,
        /// How many calls are up at once.
        #[arg(long, default_value_t = 2_000)]
        calls: usize,
        /// How many of them have RTP.
        #[arg(long, default_value_t = 200)]
        with_rtp: usize,
        /// Calls a second while they are set up and torn down.
        #[arg(long, default_value_t = 200.0)]
        rate: f64,
        /// Seconds all stay up.
        #[arg(long, default_value_t = 10.0)]
        stay: f64,
    },
    /// Runs a row of the budgets, us and a Debian-packaged peer in turn.
    Compare(compare::Arguments),
}

#[derive(Debug, Args)]
struct Target {
    /// Start this Ironbell for the run, in a directory of its own.
    #[arg(long)]
    ironbell: Option<PathBuf>,
    /// Or: where an exchange listens whose accounts come from `loadtest config`.
    #[arg(long, required_unless_present = "ironbell", default_value = "127.0.0.1:5060")]
    to: SocketAddr,
    /// Local address of the phones.
    #[arg(long, default_value = "127.0.0.1:0")]
    local: SocketAddr,
    /// SIP domain.
    #[arg(long, default_value = "pbx.test")]
    domain: String,
    /// Digest algorithms the phones understand.
    #[arg(long, value_enum, default_value = "both")]
    digest: Understands,
    /// Longest time for each stage, seconds.
    #[arg(long, default_value_t = 300.0)]
    patience: f64,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    match perform(Arguments::parse().verb) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(fault) => {
            eprintln!("loadtest: {fault:#}");
            ExitCode::FAILURE
        }
    }
}

/// `false`: it ran, and something failed.
fn perform(verb: Verb) -> Result<bool> {
    match verb {
        Verb::Config { extensions, sip, api, data_dir } => {
            let local = Configuration::local(sip.ip(), extensions, data_dir)?;
            print!("{}", Configuration { sip, api, ..local }.yaml());
            Ok(true)
        }
        Verb::Users { extensions, callers } => {
            print!("{}", configuration::sipp_users(extensions, callers));
            Ok(true)
        }
        Verb::Register { target, phones, rate } => {
            let plan = Plan { register_rate: rate, ..target.plan("register", phones)? };
            target.run(&plan)
        }
        Verb::Calls { target, count, rate, talk, ring, phones, with_rtp } => {
            let talk = seconds(talk)?;
            let at_once = ((rate * (talk.as_secs_f64() + 2.0 + ring)) as usize + 2).min(count);
            let with_rtp = with_rtp.unwrap_or(count).min(count).min(limits::STREAMS_MAX / 2);
            let calls =
                Calling { count, rate, talk: Some(talk), ring: seconds(ring)?, with_rtp, control: with_rtp > 1 };
            let plan = Plan { calls: Some(calls), ..target.plan("calls", phones.unwrap_or(at_once * 2))? };
            target.run(&plan)
        }
        Verb::Mixed { target, phones, calls, with_rtp, rate, stay } => {
            let calls =
                Calling { count: calls, rate, talk: None, ring: Duration::ZERO, with_rtp, control: with_rtp > 1 };
            let plan =
                Plan { calls: Some(calls), stay: seconds(stay)?, refresh: true, ..target.plan("mixed", phones)? };
            target.run(&plan)
        }
        Verb::Compare(arguments) => compare::run(&arguments),
    }
}

impl Target {
    fn plan(&self, name: &str, phones: usize) -> Result<Plan> {
        Ok(Plan {
            name: name.to_owned(),
            local: self.local,
            exchange: self.to,
            domain: self.domain.clone(),
            phones,
            register_rate: None,
            calls: None,
            stay: Duration::ZERO,
            refresh: false,
            understands: self.digest,
            patience: seconds(self.patience)?,
        })
    }

    fn run(&self, plan: &Plan) -> Result<bool> {
        let findings = match &self.ironbell {
            None => run(plan, None)?,
            Some(binary) => {
                let extensions = plan.phones.min(limits::ACCOUNTS_MAX);
                let ip = self.local.ip();
                let domain = self.domain.clone();
                let exchange = Exchange::start(binary, None, |data| {
                    Ok(Configuration { domain, ..Configuration::local(ip, extensions, data.to_owned())? })
                })?;
                let found = run(plan, Some(&exchange));
                if found.is_err() {
                    eprintln!("{}", exchange.log_end());
                }
                let found = found?;
                exchange.stop()?;
                found
            }
        };
        self.print(&findings)?;
        Ok(findings.faults.is_empty())
    }

    fn print(&self, findings: &Findings) -> Result<()> {
        if self.json {
            println!("{}", serde_json::to_string_pretty(findings)?);
        } else {
            print!("{}", findings.text());
        }
        Ok(())
    }
}

fn seconds(value: f64) -> Result<Duration> {
    let time = Duration::try_from_secs_f64(value).context("not a time")?;
    if time > limits::RUN_TIME_MAX {
        bail!("{value} s is more than {:?}", limits::RUN_TIME_MAX);
    }
    Ok(time)
}
