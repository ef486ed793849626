//! Call record files over days, torn lines and full disks.

use super::{
    day::{Day, name_of, rows_after},
    *,
};
use crate::store::{DataDir, Filter, Store};
use contract::{Instant, LegReport, NodeId};
use jiff::Timestamp;
use signaling::{
    fact::{CallDirection, CallRecord, Disposition, HangupCause, LegRecord, TransferOutcome, TransferRecord},
    id::CallId,
};
use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

const PATIENCE: Duration = Duration::from_secs(20);

fn seconds(seconds: u64) -> Instant {
    Instant::from_nanos(seconds * 1_000_000_000)
}

fn record(serial: u64, ended_at: Instant) -> CallRecord {
    CallRecord {
        call: CallId::new(NodeId(0), serial),
        from: "1001".to_owned(),
        to: "1002".to_owned(),
        started_at: seconds(100),
        answered_at: Some(seconds(104)),
        ended_at,
        disposition: Disposition::Answered,
        hangup_cause: HangupCause::Callee,
        status: None,
        user_agent: "line\nbreak \"quoted\"".to_owned(),
        legs: vec![LegRecord {
            number: 0,
            party: "1001".to_owned(),
            trunk: String::new(),
            contact: "sip:1001@192.0.2.1".to_owned(),
            user_agent: "phone".to_owned(),
            started_at: seconds(100),
            answered_at: Some(seconds(104)),
            ended_at,
            status: 200,
            codec: "PCMA".to_owned(),
            protection: Some(signaling::fact::Protection::Sdes),
            report: Some(LegReport { packets_received: 990, packets_lost: 10, tier: 1, ..LegReport::default() }),
            came_from: None,
            went_to: Some(CallId::new(NodeId(0), 2)),
        }],
        bytes: 0,
        originated: false,
        recordings: Vec::new(),
        direction: CallDirection::Internal,
        transfers: vec![TransferRecord {
            by: "1002".to_owned(),
            of: "1001".to_owned(),
            to: "1003".to_owned(),
            blind: true,
            at: seconds(110),
            outcome: TransferOutcome::Completed,
        }],
        part_of: None,
    }
}

fn row(serial: u64) -> CallRow {
    let wall = |_| "2026-11-21T23:59:59.9996Z".parse::<Timestamp>().expect("a time");
    CallRow::new(&record(serial, seconds(164)), wall)
}

fn lines(path: &Path) -> Vec<CallRow> {
    let text = fs::read_to_string(path).expect("a file");
    assert!(text.is_empty() || text.ends_with('\n'), "whole lines only");
    text.lines().map(|line| serde_json::from_str(line).expect("a row")).collect()
}

fn ids(rows: &[CallRow]) -> Vec<u64> {
    rows.iter().map(|row| CallId::parse(&row.id).expect("an id").as_u64()).collect()
}

#[test]
fn spans_come_from_the_clock_that_cannot_be_set() {
    let row = row(7);
    assert_eq!((row.duration_seconds, row.billable_seconds), (64.0, 60.0));
    assert_eq!(row.ended_at.to_string(), "2026-11-21T23:59:59.999Z");
    assert_eq!(row.started_at.to_string(), "2026-11-21T23:58:55.999Z");
    assert_eq!(row.answered_at.map(|at| at.to_string()).as_deref(), Some("2026-11-21T23:58:59.999Z"));
    let quality = row.legs[0].quality.as_ref().expect("figures");
    assert_eq!(quality.loss_percent, 1.0);
    assert_eq!(name_of(row.ended_at), "2026-11-21.jsonl");
}

#[test]
fn a_row_is_one_line_whatever_the_phone_says() {
    let json = serde_json::to_string(&row(7)).expect("JSON");
    assert!(!json.contains('\n'));
    assert_eq!(serde_json::from_str::<CallRow>(&json).expect("reads"), row(7));
}

#[test]
fn a_torn_last_line_is_cut_off_and_a_whole_one_without_its_end_is_completed() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("2026-11-21.jsonl");
    let line = |serial| serde_json::to_string(&row(serial)).expect("JSON");
    for (why, before, after) in [
        ("empty", String::new(), vec![]),
        ("whole", format!("{}\n{}\n", line(1), line(2)), vec![1, 2]),
        ("torn", format!("{}\n{}", line(1), &line(2)[..40]), vec![1]),
        ("torn and alone", line(1)[..40].to_owned(), vec![]),
        ("without its end", format!("{}\n{}", line(1), line(2)), vec![1, 2]),
    ] {
        fs::write(&path, before).expect("written");
        let mut day = Day::open(dir.path(), "2026-11-21.jsonl").expect("opens");
        assert_eq!(ids(&lines(&path)), after, "{why}");
        day.append(format!("{}\n", line(9)).as_bytes()).expect("appends");
        assert_eq!(ids(&lines(&path)), [after.as_slice(), &[9]].concat(), "{why}");
    }
}

#[test]
fn bytes_left_by_a_failed_attempt_are_taken_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("2026-11-21.jsonl");
    let line = format!("{}\n", serde_json::to_string(&row(1)).expect("JSON"));
    let mut day = Day::open(dir.path(), "2026-11-21.jsonl").expect("opens");
    fs::write(&path, &line.as_bytes()[..30]).expect("half a line, as a full disk leaves it");
    day.append(line.as_bytes()).expect("appends");
    assert_eq!(ids(&lines(&path)), [1]);
}

#[test]
fn only_rows_behind_the_last_stored_one_are_brought_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let text = |range: std::ops::Range<u64>| {
        range.map(|n| serde_json::to_string(&row(n)).expect("JSON") + "\n").collect::<String>()
    };
    fs::write(dir.path().join("2026-11-19.jsonl"), text(0..3)).expect("written");
    fs::write(dir.path().join("2026-11-20.jsonl"), text(3..6)).expect("written");
    fs::write(dir.path().join("2026-11-21.jsonl"), text(6..9)).expect("written");
    let at = row(4).started_at.timestamp();
    let known = |serial| Some((row(serial).id, at));
    for (last, max, found) in [
        (known(4), 100, vec![5, 6, 7, 8]),
        (known(8), 100, vec![]),
        (None, 100, vec![3, 4, 5, 6, 7, 8]),
        (None, 2, vec![7, 8]),
    ] {
        assert_eq!(ids(&rows_after(dir.path(), last.as_ref(), max).expect("reads")), found);
    }
    assert!(rows_after(&dir.path().join("none"), None, 9).expect("no directory yet").is_empty());
}

async fn stored(store: &Store) -> Vec<u64> {
    let page = store.records(Filter { limit: 1_000, ..Filter::default() }).await.expect("reads");
    let mut ids = ids(&page.items);
    ids.reverse();
    ids
}

async fn flush(cdr: &std::sync::Arc<Cdr>) -> bool {
    let cdr = std::sync::Arc::clone(cdr);
    tokio::task::spawn_blocking(move || cdr.flush(PATIENCE)).await.expect("runs")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_a_crash_kept_from_the_store_is_brought_there_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let data_dir = DataDir::take(dir.path()).expect("the directory");
    let store = Store::open("sqlite:ironbell.db", &data_dir).await.expect("opens");
    store.append_records(vec![row(1), row(2)]).await.expect("kept");
    let text: String = (1..5).map(|n| serde_json::to_string(&row(n)).expect("JSON") + "\n").collect();
    fs::create_dir(dir.path().join("cdr")).expect("made");
    let file = dir.path().join("cdr/2026-11-21.jsonl");
    fs::write(&file, text + "{\"id\":\"torn").expect("written");
    let cdr = std::sync::Arc::new(Cdr::start(dir.path(), store.clone()).expect("starts"));
    cdr.append(row(5)).expect("room");
    assert!(flush(&cdr).await);
    assert_eq!(ids(&lines(&file)), [1, 2, 3, 4, 5]);
    assert_eq!(stored(&store).await, [1, 2, 3, 4, 5]);
    assert_eq!(cdr.figures().kept, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn rows_wait_for_a_disk_that_fails_and_come_in_order_when_it_works() {
    let dir = tempfile::tempdir().expect("a directory");
    let data_dir = DataDir::take(dir.path()).expect("the directory");
    let store = Store::open("sqlite:ironbell.db", &data_dir).await.expect("opens");
    // A file where the directory should be fails for root as well, unlike missing rights.
    let blocked = dir.path().join("cdr");
    fs::write(&blocked, "in the way").expect("written");
    let cdr = std::sync::Arc::new(Cdr::start(dir.path(), store.clone()).expect("starts"));
    for serial in 1..=300 {
        cdr.append(row(serial)).expect("room");
    }
    while cdr.figures().file_faults == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(cdr.figures().waiting, 300);
    assert!(stored(&store).await.is_empty(), "nothing is acknowledged before its file has it");
    fs::remove_file(&blocked).expect("removed");
    assert!(flush(&cdr).await);
    let all: Vec<u64> = (1..=300).collect();
    let file = dir.path().join("cdr/2026-11-21.jsonl");
    assert_eq!(ids(&lines(&file)), all);
    assert_eq!(stored(&store).await, all);
    let mode = fs::metadata(&file).expect("a file").permissions().mode();
    assert_eq!(mode & 0o007, 0, "call records are not for everybody");
}
