//! `config`: files, for which nothing starts and nothing is asked; and the history of a running exchange.

use super::{
    Failure,
    output::{Output, Rows, Shape},
    reload,
    target::{self, load, usual_file},
};
use crate::config::{self, Fault};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What can be done with configuration files.
#[derive(Clone, Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// Load a file as `run` would and tell every fault at once
    Check {
        /// The file
        file: PathBuf,
        /// It is for another machine: the certificates and folders it names are not looked for
        #[arg(long)]
        elsewhere: bool,
    },
    /// Show a file with all defaults filled in, secrets masked
    Show {
        /// The file [default: ./ironbell.yml, ./data/dev.yml or /etc/ironbell/ironbell.yml]
        #[arg(long, value_name = "FILE", conflicts_with = "file")]
        config: Option<PathBuf>,
        /// The file
        file: Option<PathBuf>,
    },
    /// Tell what differs between two files, or two numbers of the history, key by key
    Diff {
        #[command(flatten)]
        target: target::Options,
        /// The file before, or its number in the history
        a: PathBuf,
        /// The file after, or its number in the history
        b: PathBuf,
    },
    /// The configurations that were in force, newest first
    History {
        #[command(flatten)]
        target: target::Options,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "COUNT")]
        limit: usize,
    },
    /// Put back what was in force before; the file is not touched
    Undo {
        #[command(flatten)]
        target: target::Options,
        /// The number of the one to put back, instead of the one before
        #[arg(long, value_name = "NUMBER")]
        to: Option<u64>,
    },
}

pub(super) fn run(verb: &Verb, output: &Output) -> Result<(), Failure> {
    match verb {
        Verb::Check { file, elsewhere } => check(file, *elsewhere, output),
        Verb::Show { config, file } => {
            let file = config.clone().or_else(|| file.clone()).or_else(usual_file);
            let file = file
                .ok_or_else(|| Failure::Usage.because("no configuration is named, and none lies in a usual place"))?;
            show(&file, output)
        }
        Verb::History { target, limit } => reload::history(&target.client()?, *limit, output),
        Verb::Undo { target, to } => reload::undo(&target.client()?, *to, output),
        Verb::Diff { target, a, b } => {
            if let (Some(a), Some(b)) = (number(a), number(b)) {
                return reload::difference(&target.client()?, a, b, output);
            }
            // Faults of both are told before either stops it.
            let (a, b) = (load(a), load(b));
            let changes = config::diff(&a?, &b?);
            let cell = |value: &Option<String>| value.clone().unwrap_or_default();
            let cells = changes.iter().map(|c| vec![c.path.clone(), cell(&c.before), cell(&c.after)]).collect();
            let json = serde_json::to_value(&changes).unwrap_or_default();
            output.rows(&Rows { columns: &["key", "before", "after"], cells, json });
            Ok(())
        }
    }
}

/// A number of the history; a file of that name is meant before it.
fn number(path: &Path) -> Option<u64> {
    if path.exists() { None } else { path.to_str()?.parse().ok() }
}

/// Diagnostics go to standard error as `FILE:LINE:COL: …` in any case; standard output has the summary.
fn check(file: &Path, elsewhere: bool, output: &Output) -> Result<(), Failure> {
    let name = file.display();
    let loaded = if elsewhere { config::load_elsewhere(file) } else { config::load(file) };
    let (faults, warnings, not_active) = match loaded {
        Ok(config) => {
            let not_active = config.not_active().iter().map(ToString::to_string).collect();
            (Vec::new(), config.warnings, not_active)
        }
        Err(faults) => (faults, Vec::new(), Vec::<String>::new()),
    };
    for fault in &faults {
        eprintln!("{fault}");
    }
    for warning in &warnings {
        eprintln!("warning: {warning}");
    }
    let good = faults.is_empty();
    match output.shape() {
        Shape::Table => {
            let mut summary = if good {
                format!("{name}: good")
            } else {
                format!("{name}: {} {}", faults.len(), if faults.len() == 1 { "fault" } else { "faults" })
            };
            if !not_active.is_empty() {
                summary.push_str(&format!("\nnot active in this version: {}", not_active.join(", ")));
            }
            output.text(&summary);
        }
        Shape::Json => {
            let list = |faults: &[Fault]| faults.iter().map(fault).collect::<Vec<Value>>();
            output.json(&json!({
                "file": name.to_string(), "good": good, "faults": list(&faults), "warnings": list(&warnings), "not_active": not_active,
            }));
        }
        Shape::Csv => {
            let rows = |faults: &[Fault], kind: &str| -> Vec<Vec<String>> {
                let row = |f: &Fault| {
                    vec![
                        kind.to_owned(),
                        f.file.clone(),
                        f.at.line.to_string(),
                        f.at.column.to_string(),
                        f.what.clone(),
                        f.instead.clone(),
                    ]
                };
                faults.iter().map(row).collect()
            };
            let cells = [rows(&faults, "fault"), rows(&warnings, "warning")].concat();
            output.rows(&Rows {
                columns: &["kind", "file", "line", "column", "what", "instead"],
                cells,
                json: Value::Null,
            });
        }
    }
    if good { Ok(()) } else { Err(Failure::Failed) }
}

fn fault(fault: &Fault) -> Value {
    json!({
        "file": fault.file, "line": fault.at.line, "column": fault.at.column, "what": fault.what, "instead": fault.instead,
    })
}

fn show(file: &Path, output: &Output) -> Result<(), Failure> {
    let config = load(file)?;
    match output.shape() {
        // For people a configuration is YAML; it can be read back once the secrets are put in.
        Shape::Table => match serde_saphyr::to_string(&config) {
            Ok(yaml) => output.text(&yaml),
            Err(error) => return Err(Failure::Failed.because(error)),
        },
        Shape::Json => output.json(&serde_json::to_value(&config).unwrap_or_default()),
        Shape::Csv => {
            let cells = config.flat().into_iter().map(|(key, value)| vec![key, value]).collect();
            output.rows(&Rows { columns: &["key", "value"], cells, json: Value::Null });
        }
    }
    Ok(())
}
