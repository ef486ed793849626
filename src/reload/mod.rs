//! A configuration is replaced while the exchange runs: read and checked as a whole, put into force at once or not at all, kept, watched, and taken back if
//! calls begin to fail.
//!
//! Two phases. First everything that can fail is done: the file is checked, the settings of the exchange are made, each [`Part`] of the shell readies what it
//! needs. Only then are the settings given to the exchange, and the parts put into force what they have ready. It deliberately does not know what the parts are.

mod history;
mod judge;
mod watch;

pub use self::{
    history::{Cause, History, KEPT_MAX, Note},
    judge::{Terms, Verdict, judge},
};

use crate::{
    config::{self, Change, Config, Fault, Position},
    publish::{Metrics, cdr::WallTime},
    store::Store,
    wire::{Exchange, Unanswered},
};
use arc_swap::ArcSwap;
use jiff::Timestamp;
use prometheus::{IntCounterVec, IntGauge, Opts};
use signaling::settings::Settings;
use std::{
    fmt,
    net::IpAddr,
    path::PathBuf,
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{runtime::Handle, sync::Mutex};
use watch::{Samples, Trial};

/// How long the exchange has to take new settings; it needs milliseconds.
const TAKEN_WITHIN: Duration = Duration::from_secs(5);

/// Puts something into force that is ready. Neither waits nor fails.
pub type InForce = Box<dyn FnOnce() + Send>;

/// A part of the shell that goes by the configuration.
pub trait Part: Send + Sync {
    /// Readies the part for `config`, which is checked. May wait for files.
    ///
    /// # Errors
    /// It cannot be put into force; everything stays as it is.
    fn ready(&self, config: &Config) -> Result<InForce, Fault>;
}

/// Where the configuration is read from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file.
    pub file: PathBuf,
    /// The address that the exchange was told to listen on instead of that of the file.
    pub listen: Option<IpAddr>,
}

impl Source {
    /// The text of the file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn text(&self) -> Result<String, Vec<Fault>> {
        config::read(&self.file)
    }

    /// A text checked as if it were that of the file.
    ///
    /// # Errors
    /// Every fault of it.
    pub fn checked(&self, text: &str) -> Result<Config, Vec<Fault>> {
        let mut config = config::parse_here(&self.file.display().to_string(), text)?;
        if let Some(address) = self.listen {
            config.listen_on(address);
        }
        Ok(config)
    }
}

/// What became of a configuration that was taken over.
#[derive(Clone, Debug)]
pub struct Applied {
    /// Its number in the history; `None`: it could not be kept.
    pub number: Option<u64>,
    /// What it changed, by key.
    pub changes: Vec<Change>,
    /// What waits for the next start, by key.
    pub needs_restart: Vec<String>,
    /// What is legal and unwise.
    pub warnings: Vec<Fault>,
}

/// What a file would do.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Every fault; with one it would not be taken.
    pub faults: Vec<Fault>,
    /// As in [`Applied`].
    pub warnings: Vec<Fault>,
    /// As in [`Applied`].
    pub changes: Vec<Change>,
    /// As in [`Applied`].
    pub needs_restart: Vec<String>,
}

/// Why everything stays as it is.
#[derive(Clone, Debug)]
pub enum Refused {
    /// Every fault that was found.
    Faults(Vec<Fault>),
    /// There is none before the one in force.
    NothingBefore,
    /// The history has none of this number.
    NotKept(u64),
    /// The exchange did not take it in time, or is being stopped.
    Unanswered,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Faults(faults) => match faults.len() {
                1 => f.write_str("the configuration has a fault; the one of before stays in force"),
                count => write!(f, "the configuration has {count} faults; the one of before stays in force"),
            },
            Self::NothingBefore => f.write_str("there is no configuration before the one in force"),
            Self::NotKept(number) => write!(f, "the configuration {number} is not kept"),
            Self::Unanswered => {
                f.write_str("the exchange did not take the configuration in time; the one of before stays in force")
            }
        }
    }
}

/// What a reload works with.
pub struct Surroundings {
    /// Where the configuration is read from.
    pub source: Source,
    /// What the process was started with, as it came to run.
    pub started: Config,
    /// The text of it.
    pub text: String,
    /// The parts of the shell.
    pub parts: Vec<Box<dyn Part>>,
    /// Makes the settings of the exchange.
    pub settings: Box<dyn Fn(&Config) -> Settings + Send + Sync>,
    /// The exchange.
    pub exchange: Exchange,
    /// For the audit.
    pub store: Store,
    /// Figures.
    pub metrics: Arc<Metrics>,
    /// Where what waits for files is done.
    pub services: Handle,
}

/// The one place where configurations are replaced.
pub struct Reloads {
    source: Source,
    started: Config,
    running: ArcSwap<Config>,
    parts: Vec<Box<dyn Part>>,
    settings: Box<dyn Fn(&Config) -> Settings + Send + Sync>,
    exchange: Exchange,
    store: Store,
    metrics: Arc<Metrics>,
    services: Handle,
    reloads: IntCounterVec,
    waiting: IntGauge,
    history: std::sync::Mutex<History>,
    /// Held while one is replaced, so that they follow each other.
    state: Mutex<State>,
}

/// What is known between two replacements.
#[derive(Debug, Default)]
struct State {
    samples: Samples,
    trial: Option<Trial>,
    /// The one in force could not be kept, so an undo puts back the last that could.
    unkept: bool,
}

impl Reloads {
    /// Takes over from the start: what was read is in force, and is kept unless it was in force before the start already.
    ///
    /// # Errors
    /// The history cannot be opened, or a figure's name is taken.
    pub fn begin(surroundings: Surroundings) -> anyhow::Result<Arc<Self>> {
        let Surroundings { source, started, text, parts, settings, exchange, store, metrics, services } = surroundings;
        let reloads = IntCounterVec::new(
            Opts::new("ironbell_config_reloads_total", "Configurations read again, by what became of them."),
            &["result"],
        )?;
        for result in ["applied", "refused", "rolled_back"] {
            reloads.with_label_values(&[result]);
        }
        let waiting = IntGauge::new(
            "ironbell_config_needs_restart",
            "1 while something of the configuration waits for the next start.",
        )?;
        metrics.register(Box::new(reloads.clone()))?;
        metrics.register(Box::new(waiting.clone()))?;
        let mut history = History::open(&started.server.data_dir)?;
        let mut state = State::default();
        if history.last().is_none_or(|last| last.hash != started.hash) {
            let note = note(&history, &started, "start", (Cause::Start, None, 0));
            if let Err(error) = history.keep(note, &text) {
                tracing::warn!(component = "reload", "the configuration cannot be kept: {error}");
                state.unkept = true;
            }
        }
        Ok(Arc::new(Self {
            source,
            running: ArcSwap::from_pointee(started.clone()),
            started,
            parts,
            settings,
            exchange,
            store,
            metrics,
            services,
            reloads,
            waiting,
            history: std::sync::Mutex::new(history),
            state: Mutex::new(state),
        }))
    }

    /// The configuration in force.
    #[must_use]
    pub fn running(&self) -> Arc<Config> {
        self.running.load_full()
    }

    /// What was in force, the newest last; the last is in force.
    #[must_use]
    pub fn notes(&self) -> Vec<Note> {
        self.history().notes().to_vec()
    }

    /// What differs between two that were in force, secrets masked.
    ///
    /// # Errors
    /// One of them is not kept, or cannot be read any more.
    pub async fn difference(self: &Arc<Self>, before: u64, after: u64) -> Result<Vec<Change>, Refused> {
        let this = Arc::clone(self);
        self.aside(move || {
            let read = |number: u64| {
                let text = this.history().text(number).map_err(|_| Refused::NotKept(number))?;
                let name = format!("configuration {number}");
                config::parse(&name, &text, &|name| std::env::var(name).ok()).map_err(Refused::Faults)
            };
            Ok(config::diff(&read(before)?, &read(after)?))
        })
        .await
    }

    /// What the file would do.
    ///
    /// # Errors
    /// The process is being stopped.
    pub async fn check(self: &Arc<Self>) -> Result<Checked, Refused> {
        let this = Arc::clone(self);
        self.aside(move || {
            let checked = this.source.text().and_then(|text| this.source.checked(&text)).and_then(|config| {
                let taken = config.taken(&this.started, &this.running());
                let faults: Vec<_> = this.parts.iter().filter_map(|part| part.ready(&taken.config).err()).collect();
                if faults.is_empty() { Ok((config.warnings, taken)) } else { Err(faults) }
            });
            Ok(match checked {
                Ok((warnings, taken)) => {
                    let (changes, needs_restart) = (taken.changes, taken.needs_restart);
                    Checked { faults: Vec::new(), warnings, changes, needs_restart }
                }
                Err(faults) => Checked { faults, warnings: Vec::new(), changes: Vec::new(), needs_restart: Vec::new() },
            })
        })
        .await
    }

    /// Reads the file again and puts it into force, all of it or nothing. Goes on to its end even if nobody waits for it any more.
    ///
    /// # Errors
    /// Everything stays as it is.
    pub async fn reload(self: &Arc<Self>, by: &str) -> Result<Applied, Refused> {
        let (this, by) = (Arc::clone(self), by.to_owned());
        let reload = async move {
            let mut state = this.state.lock().await;
            let read = Arc::clone(&this);
            let read = this.aside(move || read.source.text().map_err(Refused::Faults)).await;
            let outcome = match read {
                Ok(text) => this.put_in_force(&mut state, text, &by, (Cause::Reload, None)).await,
                Err(refused) => Err(refused),
            };
            this.tell(&by, &outcome);
            outcome
        };
        self.services.spawn(reload).await.unwrap_or(Err(Refused::Unanswered))
    }

    /// Puts back what was in force before, or one of the history. As [`Reloads::reload`].
    ///
    /// # Errors
    /// Everything stays as it is.
    pub async fn undo(self: &Arc<Self>, by: &str, to: Option<u64>) -> Result<Applied, Refused> {
        let (this, by) = (Arc::clone(self), by.to_owned());
        let undo = async move {
            let mut state = this.state.lock().await;
            let outcome = match to.or_else(|| this.before(&state)) {
                Some(number) => this.put_back(&mut state, number, &by, Cause::Undo).await,
                None => Err(Refused::NothingBefore),
            };
            this.tell(&by, &outcome);
            outcome
        };
        self.services.spawn(undo).await.unwrap_or(Err(Refused::Unanswered))
    }

    /// The one that an undo puts back.
    fn before(&self, state: &State) -> Option<u64> {
        let history = self.history();
        let note = if state.unkept { history.last() } else { history.before() };
        note.map(Note::origin)
    }

    async fn put_back(
        self: &Arc<Self>,
        state: &mut State,
        number: u64,
        by: &str,
        cause: Cause,
    ) -> Result<Applied, Refused> {
        // The text of one that was put back is that of its origin.
        let origin = self.history().note(number).map(Note::origin).ok_or(Refused::NotKept(number))?;
        let text = self.history().text(origin).map_err(|_| Refused::NotKept(origin))?;
        self.put_in_force(state, text, by, (cause, Some(origin))).await
    }

    async fn put_in_force(
        self: &Arc<Self>,
        state: &mut State,
        text: String,
        by: &str,
        (cause, restores): (Cause, Option<u64>),
    ) -> Result<Applied, Refused> {
        // What can fail.
        let this = Arc::clone(self);
        let (text, config, taken, ready) = self
            .aside(move || {
                let config = this.source.checked(&text).map_err(Refused::Faults)?;
                let taken = config.taken(&this.started, &this.running());
                let (mut ready, mut faults) = (Vec::new(), Vec::new());
                for part in &this.parts {
                    match part.ready(&taken.config) {
                        Ok(part) => ready.push(part),
                        Err(fault) => faults.push(fault),
                    }
                }
                if faults.is_empty() { Ok((text, config, taken, ready)) } else { Err(Refused::Faults(faults)) }
            })
            .await?;
        let settings = Arc::new((self.settings)(&taken.config));
        let mut warnings = config.warnings.clone();
        let (this, by_whom, changes) = (Arc::clone(self), by.to_owned(), taken.changes.len());
        let noted = config.clone();
        let kept = self.aside(move || {
            let mut history = this.history();
            let origin = history.last().map(Note::origin);
            if origin.is_some() && history.last().is_some_and(|last| last.hash == noted.hash) {
                return Ok((origin, None));
            }
            let note = note(&history, &noted, &by_whom, (cause, restores, changes));
            let number = note.number;
            Ok((origin, Some(history.keep(note, &text).map(|()| number).map_err(|error| error.to_string()))))
        });
        let (origin, kept) = kept.await?;
        // What cannot: the exchange takes all of the settings or, if it does not answer, none.
        if let Err(Unanswered::Late | Unanswered::Gone) = self.exchange.configure(settings, TAKEN_WITHIN).await {
            if matches!(kept, Some(Ok(_))) {
                self.history().withdraw();
            }
            return Err(Refused::Unanswered);
        }
        for part in ready {
            part();
        }
        self.running.store(Arc::new(taken.config));
        self.waiting.set(i64::from(!taken.needs_restart.is_empty()));
        state.unkept = matches!(kept, Some(Err(_))) || kept.is_none() && state.unkept;
        let number = match &kept {
            None => self.history().last().map(|last| last.number),
            Some(Ok(number)) => Some(*number),
            Some(Err(error)) => {
                let what = format!("the configuration is in force and cannot be kept: {error}");
                let instead = "room for it in the data directory".to_owned();
                warnings.push(Fault { file: config.file.clone(), at: Position::START, what, instead });
                None
            }
        };
        self.put_to_trial(state, cause, origin, !taken.changes.is_empty());
        let detail = number.map_or_else(|| config.hash.clone(), |number| format!("configuration {number}"));
        let action = match cause {
            Cause::Start | Cause::Reload => "reload",
            Cause::Undo => "undo",
            Cause::Rollback => "rollback",
        };
        if let Err(fault) = self.store.audit(by, action, &detail).await {
            tracing::warn!(component = "reload", %fault, "a reload could not be written to the audit");
        }
        Ok(Applied { number, changes: taken.changes, needs_restart: taken.needs_restart, warnings })
    }

    /// Says in the log and in the figures what became of an attempt.
    fn tell(&self, by: &str, outcome: &Result<Applied, Refused>) {
        match outcome {
            Ok(Applied { number, changes, needs_restart, warnings }) => {
                self.reloads.with_label_values(&["applied"]).inc();
                for warning in warnings {
                    tracing::warn!(component = "config", "{warning}");
                }
                for key in needs_restart {
                    tracing::warn!(component = "reload", "needs restart: {key}");
                }
                tracing::info!(
                    component = "reload",
                    by,
                    number,
                    changes = changes.len(),
                    "the configuration is in force"
                );
            }
            Err(refused) => {
                self.reloads.with_label_values(&["refused"]).inc();
                if let Refused::Faults(faults) = refused {
                    for fault in faults {
                        tracing::error!(component = "config", "{fault}");
                    }
                }
                tracing::error!(component = "reload", by, "not taken over: {refused}");
            }
        }
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what may wait for files where nobody waits for it.
    async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        self.services.spawn_blocking(work).await.unwrap_or(Err(Refused::Unanswered))
    }
}

/// The note of a configuration that comes into force after those of `history`.
fn note(history: &History, config: &Config, by: &str, (cause, restores, changes): (Cause, Option<u64>, usize)) -> Note {
    Note {
        number: history.next(),
        at: WallTime::new(Timestamp::now()),
        by: by.to_owned(),
        cause,
        file: config.file.clone(),
        hash: config.hash.clone(),
        changes,
        restores,
        before: history.last().map(Note::origin),
    }
}
