//! Recordings within the process: their writer between the shards, the store and the exchange.

use crate::{
    config::Config,
    media::recording::{
        Figures, Recorder, RecordingRow, Rules, RulesDoor, Surroundings, Template, Writer, expiry, free,
    },
    publish::Metrics,
    store::Store,
    wire::Exchange,
};
use anyhow::{Context as _, Result, anyhow};
use contract::RecordingId;
use media_core::ShardHandle;
use signaling::{id::CallId, input::Command};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::{
    runtime::{Handle, Runtime},
    sync::mpsc,
    task::JoinHandle,
    time::{sleep, timeout},
};

/// Rows on their way to the store: a beginning and an end of each recording that a large exchange may have at once. One more is told in the log
/// and stands beside its file.
const ROWS_MAX: usize = 16_384;

/// Attempts to write a row, a second apart: as long as a database may be away in a restart.
const ATTEMPTS_MAX: usize = 300;

/// How long the end of the process waits for the store.
const SAVE_WITHIN: Duration = Duration::from_secs(3);

/// How long the exchange has to take the news that a recording was given up.
const TOLD_WITHIN: Duration = Duration::from_secs(5);

/// The writer and the task that keeps its rows.
pub(super) struct Recordings {
    writer: Writer,
    rows: JoinHandle<()>,
}

impl Recordings {
    /// Starts both, and what mends and deletes files.
    pub(super) fn begin(
        config: &Config,
        services: &Runtime,
        shards: &[Arc<ShardHandle>],
        (store, exchange, metrics): (&Store, &Exchange, &Metrics),
    ) -> Result<Self> {
        let (keep, rows) = mpsc::channel(ROWS_MAX);
        let outside = Outside { rows: keep, exchange: exchange.clone(), services: services.handle().clone() };
        let tapes = shards.iter().map(|shard| shard.tape()).collect();
        let figures = Arc::new(Figures::new(metrics.recordings()));
        let writer = Writer::start(rules(config)?, tapes, figures, move || outside)
            .context("the writer of recordings cannot be started")?;
        let data_dir = config.server.data_dir.clone();
        services.spawn(expiry::keep(store.clone(), data_dir));
        Ok(Self { writer, rows: services.spawn(save(store.clone(), rows)) })
    }

    /// The door for those who order recordings.
    pub(super) fn recorder(&self) -> Recorder {
        self.writer.recorder()
    }

    /// Where other rules are given.
    pub(super) fn rules(&self) -> RulesDoor {
        self.writer.rules()
    }

    /// Closes all files and keeps their rows.
    pub(super) async fn finish(self) {
        let Self { writer, rows } = self;
        let _ = tokio::task::spawn_blocking(move || writer.finish()).await;
        if timeout(SAVE_WITHIN, rows).await.is_err() {
            tracing::error!(
                component = "recording",
                "the store did not take the last recordings; they stand beside their files"
            );
        }
    }
}

/// The rules of a configuration.
pub(super) fn rules(config: &Config) -> Result<Rules> {
    let (data_dir, recording) = (config.server.data_dir.clone(), &config.features.recording);
    Ok(Rules {
        folder: data_dir.join(&recording.path),
        data_dir,
        name: Template::parse(&recording.template()).map_err(|fault| anyhow!("features.recording.name: {fault}"))?,
        warn_free: recording.warn_free.unwrap_or_else(|| recording.min_free.saturating_mul(2)),
        min_free: recording.min_free,
        keep_automatic: recording.retention,
        keep_ordered: recording.retention_ordered.unwrap_or(recording.retention),
    })
}

/// What the writer has around it.
struct Outside {
    rows: mpsc::Sender<RecordingRow>,
    exchange: Exchange,
    services: Handle,
}

impl Surroundings for Outside {
    fn save(&self, row: RecordingRow) {
        if let Err(refused) = self.rows.try_send(row) {
            let row = refused.into_inner();
            tracing::error!(component = "recording", id = row.id, file = %row.file.display(), "no room for the row of a recording");
        }
    }

    fn stopped(&self, call: CallId, recording: RecordingId) {
        let exchange = self.exchange.clone();
        // One a recording; a call that is over does not need it.
        self.services.spawn(async move {
            let _ = exchange.ask(Command::RecordingLost { call, recording }, TOLD_WITHIN).await;
        });
    }

    fn free(&self, path: &Path) -> Option<u64> {
        free(path)
    }
}

/// Keeps rows in their order; a store that is away is asked again.
async fn save(store: Store, mut rows: mpsc::Receiver<RecordingRow>) {
    while let Some(row) = rows.recv().await {
        let mut attempts = 0;
        while let Err(fault) = store.save_recording(row.clone()).await {
            attempts += 1;
            if attempts >= ATTEMPTS_MAX {
                tracing::error!(component = "recording", id = row.id, %fault, "the row of a recording could not be written");
                break;
            }
            sleep(Duration::from_secs(1)).await;
        }
    }
}
