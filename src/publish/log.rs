//! The log: one line an event with time, level, component and message, as text or JSON, to the console or a file.
//!
//! Secrets are never given to it; numbers are given wrapped, so that one place decides how much of them is shown. A writer that cannot keep up
//! loses lines rather than holding up a call.

use std::{fmt, fs::OpenOptions, io, path::Path, sync::Arc};
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt as _,
    reload,
    util::SubscriberInitExt as _,
};

/// Lines waiting for the disk; one more is lost.
const LINES_MAX: usize = 65_536;

/// How lines look.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Shape {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Ends the log when dropped, after what is queued is written.
pub struct Guard {
    #[expect(dead_code, reason = "held for their drop")]
    writers: Vec<WorkerGuard>,
    level: LevelDoor,
}

impl Guard {
    /// Where the level is set.
    #[must_use]
    pub fn level(&self) -> LevelDoor {
        self.level.clone()
    }
}

/// Sets the least severe level that is written.
#[derive(Clone)]
pub struct LevelDoor(Arc<dyn Fn(LevelFilter) + Send + Sync>);

impl LevelDoor {
    /// From now on.
    pub fn set(&self, level: LevelFilter) {
        (self.0)(level);
    }
}

/// Begins the log: to the console, and into `file` too when there is one.
///
/// # Errors
/// When the file cannot be opened, or a log was begun before.
pub fn begin(level: LevelFilter, shape: Shape, file: Option<&Path>) -> io::Result<Guard> {
    let colours = io::IsTerminal::is_terminal(&io::stderr());
    let (console, console_guard) = writer(io::stderr());
    let mut guards = vec![console_guard];
    let mut layers = vec![layer(console, shape, colours)];
    if let Some(path) = file {
        let (lines, guard) = writer(OpenOptions::new().append(true).create(true).open(path)?);
        guards.push(guard);
        layers.push(layer(lines, shape, false));
    }
    // What decoders of audio files murmur about a file comes back as its fault, with the name of the file.
    let (filter, handle) = reload::Layer::new(filter(level));
    let begun = Registry::default().with(layers).with(filter).try_init();
    begun.map_err(|fault| io::Error::other(fault.to_string()))?;
    // It fails when the log is over, and then nothing is written anyway.
    let level = LevelDoor(Arc::new(move |level| drop(handle.reload(self::filter(level)))));
    Ok(Guard { writers: guards, level })
}

fn filter(level: LevelFilter) -> Targets {
    Targets::new().with_default(level).with_target("symphonia", LevelFilter::OFF)
}

fn writer(to: impl io::Write + Send + 'static) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default().buffered_lines_limit(LINES_MAX).lossy(true).thread_name("log").finish(to)
}

fn layer(writer: NonBlocking, shape: Shape, colours: bool) -> Box<dyn Layer<Registry> + Send + Sync> {
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_target(false);
    match shape {
        Shape::Text => lines.with_ansi(colours).boxed(),
        Shape::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
    }
}

/// A telephone number in a log line.
#[derive(Clone, Copy)]
pub struct Number<'n>(pub &'n str);

impl fmt::Display for Number<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
