//! What becomes of recordings later: those a crash left open are mended at the start, those whose time is over are deleted (REC-06).

use super::{Progress, RecordingRow, wav};
use crate::{
    publish::cdr::WallTime,
    store::{PAGE_MAX, Store, Wanted},
};
use jiff::Timestamp;
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// How often it is looked for files whose time is over; each look deletes those of one page.
const EVERY: Duration = Duration::from_secs(600);

/// Mends what the run before left open, then deletes what is over, again and again.
pub async fn keep(store: Store, data_dir: PathBuf) {
    mend(&store, &data_dir).await;
    let mut every = tokio::time::interval(EVERY);
    loop {
        every.tick().await;
        expire(&store, &data_dir, Timestamp::now()).await;
    }
}

/// Makes files playable that were being written when the exchange ended.
pub(super) async fn mend(store: &Store, data_dir: &Path) {
    let left = match store
        .recordings(Wanted::RunningBut(super::row::name_of_run().to_owned()), PAGE_MAX, None)
        .await
        .map(|page| page.items)
    {
        Ok(left) => left,
        Err(fault) => {
            return tracing::warn!(component = "recording", %fault, "recordings that were left open cannot be looked up");
        }
    };
    for mut row in left {
        let path = data_dir.join(&row.file);
        let about = path.clone();
        let mended = tokio::task::spawn_blocking(move || wav::mend(&about))
            .await
            .unwrap_or_else(|_| Err(io::Error::other("it could not be read")));
        match mended {
            Ok(seconds) => {
                row.state = Progress::Recovered;
                row.duration_seconds = seconds;
                row.reason = Some("the exchange ended while it was written".to_owned());
                tracing::info!(
                    component = "recording",
                    id = row.id,
                    seconds,
                    "a recording that was left open is mended"
                );
            }
            Err(fault) => {
                row.state = Progress::Missing;
                row.reason = Some(fault.to_string());
                tracing::warn!(component = "recording", id = row.id, %fault, "a recording that was left open cannot be mended");
            }
        }
        row.ended_at = row.ended_at.or(Some(WallTime::new(Timestamp::now())));
        if row.state == Progress::Recovered {
            // The sound is there; that its description is not is told by the row.
            let _ = row.write_beside(&path);
        }
        save(store, row).await;
    }
}

/// Deletes files whose time is over and marks their rows. A file that cannot be deleted is tried again with the next look.
pub(super) async fn expire(store: &Store, data_dir: &Path, now: Timestamp) {
    let over = match store.recordings(Wanted::Over(now), PAGE_MAX, None).await.map(|page| page.items) {
        Ok(over) => over,
        Err(fault) => {
            return tracing::warn!(component = "recording", %fault, "recordings whose time is over cannot be looked up");
        }
    };
    for mut row in over {
        let path = data_dir.join(&row.file);
        let gone = tokio::task::spawn_blocking(move || delete(&path))
            .await
            .unwrap_or_else(|_| Err(io::Error::other("it could not be deleted")));
        match gone {
            Ok(()) => {
                row.state = Progress::Expired;
                tracing::info!(component = "recording", id = row.id, "a recording's time is over; its file is deleted");
                save(store, row).await;
            }
            Err(fault) => {
                tracing::warn!(component = "recording", id = row.id, %fault, "a recording whose time is over cannot be deleted")
            }
        }
    }
}

fn delete(sound: &Path) -> io::Result<()> {
    for path in [sound.to_owned(), sound.with_extension("json")] {
        match fs::remove_file(path) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

async fn save(store: &Store, row: RecordingRow) {
    let id = row.id.clone();
    if let Err(fault) = store.save_recording(row).await {
        tracing::warn!(component = "recording", id, %fault, "the row of a recording could not be written");
    }
}
