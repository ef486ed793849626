//! What the store keeps, gives back and refuses.

use super::*;
use crate::publish::cdr::WallTime;
use signaling::flow::Transport;
use std::{fs, time::Duration};

fn binding(number: &str, contact: &str, seconds: u64) -> StoredBinding {
    StoredBinding {
        number: number.to_owned(),
        contact: contact.to_owned(),
        q_milli: 700,
        path: vec!["<sip:edge.example;lr>".to_owned()],
        call_id: "a84b4c76e66710".to_owned(),
        cseq: 4_294_967_295,
        user_agent: "phone \"7\" — ü".to_owned(),
        transport: Transport::Tcp,
        source: "[2001:db8::7]:5060".parse().expect("an address"),
        listener: 3,
        behind_nat: true,
        expires_in: Duration::from_secs(seconds),
    }
}

pub(crate) fn row(id: &str, from: &str, to: &str, at: &str, disposition: &str) -> CallRow {
    let at = WallTime::new(at.parse().expect("a time"));
    CallRow {
        id: id.to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
        started_at: at,
        answered_at: None,
        ended_at: at,
        duration_seconds: 1.5,
        billable_seconds: 0.0,
        disposition: disposition.to_owned(),
        hangup_cause: "caller".to_owned(),
        sip_status: Some(487),
        originated: false,
        direction: "internal".to_owned(),
        recording: None,
        user_agent: "phone".to_owned(),
        legs: Vec::new(),
        transfers: Vec::new(),
        part_of: None,
    }
}

async fn open(dir: &Path) -> Store {
    let data_dir = DataDir::take(dir).expect("the directory");
    Store::open("sqlite:ironbell.db", &data_dir).await.expect("opens")
}

/// Expiry apart, which is measured.
fn without_time(mut bindings: Vec<StoredBinding>) -> Vec<StoredBinding> {
    for binding in &mut bindings {
        binding.expires_in = Duration::ZERO;
    }
    bindings
}

#[tokio::test]
async fn bindings_come_back_as_they_were_saved() {
    let dir = tempfile::tempdir().expect("a directory");
    let saved = vec![binding("1001", "sip:a@192.0.2.1:5060", 600), binding("1001", "sip:b@192.0.2.2", 3_600)];
    {
        let store = open(dir.path()).await;
        store.save_bindings("1001".to_owned(), saved.clone()).await.expect("saved");
        store.save_bindings("1002".to_owned(), vec![binding("1002", "sip:c@192.0.2.3", 60)]).await.expect("saved");
        store.save_bindings("1002".to_owned(), Vec::new()).await.expect("saved");
        store.save_bindings("1003".to_owned(), vec![binding("1003", "sip:d@192.0.2.4", 0)]).await.expect("saved");
    }
    let store = open(dir.path()).await;
    let loaded = store.load_bindings().await.expect("loads");
    assert_eq!(without_time(loaded.clone()), without_time(saved), "neither the removed nor the expired one");
    assert!(loaded[0].expires_in <= Duration::from_secs(600) && loaded[0].expires_in > Duration::from_secs(500));
    let migrations = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/migrations");
    let count = fs::read_dir(migrations).expect("the migrations").count() as i64;
    assert_eq!(store.schema_version().await, Ok(count));
}

#[tokio::test]
async fn of_two_saves_of_one_account_the_later_stands() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(dir.path()).await;
    // All wait before the writer first runs, so they share a commit.
    let saves: Vec<_> = (0..100)
        .map(|n| {
            store.submit(Write::Bindings {
                number: "1001".to_owned(),
                bindings: vec![binding("1001", &format!("sip:{n}@h"), 60)],
            })
        })
        .collect();
    for save in saves {
        assert_eq!(save.expect("taken").await, Ok(Ok(())));
    }
    let loaded = store.load_bindings().await.expect("loads");
    assert_eq!(loaded.iter().map(|b| b.contact.as_str()).collect::<Vec<_>>(), ["sip:99@h"]);
}

#[tokio::test]
async fn twenty_thousand_registrations_share_few_commits() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(dir.path()).await;
    let mut saves = Vec::new();
    for n in 0..20_000 {
        let number = format!("{n:05}");
        let bindings = vec![binding(&number, "sip:a@192.0.2.1", 3_600)];
        saves.push(store.submit(Write::Bindings { number, bindings }).expect("the queue holds an avalanche"));
    }
    for save in saves {
        assert_eq!(save.await, Ok(Ok(())));
    }
    assert_eq!(store.load_bindings().await.expect("loads").len(), 20_000);
    assert_eq!(store.waiting(), 0);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let (queue, _jobs) = mpsc::channel(1);
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store { queue, ..open(dir.path()).await };
    let _waits = store.submit(Write::Bindings { number: "1".to_owned(), bindings: Vec::new() }).expect("room for one");
    assert_eq!(store.save_bindings("2".to_owned(), Vec::new()).await, Err(StoreFault::Full));
}

#[tokio::test]
async fn records_are_kept_once_and_found_by_every_filter() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(dir.path()).await;
    let rows = vec![
        row("a", "1001", "1002", "2026-11-20T10:00:00Z", "answered"),
        row("b", "1002", "1001", "2026-11-20T11:00:00Z", "busy"),
        row("c", "1001", "1003", "2026-11-21T10:00:00Z", "no answer"),
        row("d", "1003", "1002", "2026-11-21T12:00:00Z", "answered"),
    ];
    store.append_records(rows.clone()).await.expect("kept");
    store.append_records(rows.clone()).await.expect("kept again");
    store.append_record(rows[3].clone()).await.expect("and again");
    let ids = async |filter: Filter| {
        let page = store.records(Filter { limit: 10, ..filter }).await.expect("reads");
        page.items.iter().map(|row| row.id.clone()).collect::<String>()
    };
    let text = |text: &str| Some(text.to_owned());
    let time = |text: &str| text.parse::<Timestamp>().ok();
    assert_eq!(ids(Filter::default()).await, "dcba");
    assert_eq!(ids(Filter { from: text("1001"), ..Filter::default() }).await, "ca");
    assert_eq!(ids(Filter { to: text("1002"), ..Filter::default() }).await, "da");
    assert_eq!(ids(Filter { disposition: Some(Disposition::NoAnswer), ..Filter::default() }).await, "c");
    assert_eq!(ids(Filter { since: time("2026-11-20T11:00:00Z"), ..Filter::default() }).await, "dcb");
    assert_eq!(ids(Filter { until: time("2026-11-20T11:00:00Z"), ..Filter::default() }).await, "a");
    assert_eq!(
        ids(Filter { from: text("1001' OR 1=1 --"), ..Filter::default() }).await,
        "",
        "what is given is a value, never a part of the question"
    );
    let all = store.records(Filter { limit: 10, ..Filter::default() }).await.expect("reads");
    assert_eq!(all.items[0], rows[3]);
    assert_eq!(store.last_record().await, Ok(Some(("d".to_owned(), rows[3].started_at.timestamp()))));
}

#[tokio::test]
async fn pages_join_without_gap_or_repetition() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(dir.path()).await;
    let rows = (0..25).map(|n| row(&format!("{n:02}"), "1", "2", "2026-11-20T10:00:00Z", "busy")).collect();
    store.append_records(rows).await.expect("kept");
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = store.records(Filter { limit: 10, after, ..Filter::default() }).await.expect("reads");
        seen.extend(page.items.into_iter().map(|row| row.id));
        // A call that ends between two pages does not move the others.
        store.append_record(row("new", "1", "2", "2026-11-21T10:00:00Z", "busy")).await.expect("kept");
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let expected: Vec<String> = (0..25).rev().map(|n| format!("{n:02}")).collect();
    assert_eq!(seen, expected);
    let nonsense = Filter { limit: 1, after: Some("x' --".to_owned()), ..Filter::default() };
    assert!(matches!(store.records(nonsense).await, Err(Fault::Misuse(_))));
}

#[tokio::test]
async fn the_audit_tells_who_did_what_when() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(dir.path()).await;
    store.audit("ops", "configuration applied", "sha256 00ff").await.expect("kept");
    store.audit("ops", "call ended", "00000000000000a1").await.expect("kept");
    let log = store.audit_log(10).await.expect("reads");
    assert_eq!(log.iter().map(|row| row.action.as_str()).collect::<Vec<_>>(), ["call ended", "configuration applied"]);
    assert_eq!(log[1].detail, "sha256 00ff");
    assert!(log[0].at >= log[1].at);
}

#[test]
fn a_second_process_is_told_who_holds_the_directory() {
    let dir = tempfile::tempdir().expect("a directory");
    let held = DataDir::take(dir.path()).expect("the directory");
    let fault = DataDir::take(dir.path()).expect_err("held").to_string();
    let expected = format!(
        "{}: the data directory is in use by process {}; stop it, or set another server.data_dir",
        dir.path().display(),
        std::process::id()
    );
    assert_eq!(fault, expected);
    drop(held);
    DataDir::take(dir.path()).expect("free again");
}

#[tokio::test]
async fn a_damaged_database_says_what_to_do() {
    let dir = tempfile::tempdir().expect("a directory");
    let data_dir = DataDir::take(dir.path()).expect("the directory");
    fs::write(dir.path().join("ironbell.db"), vec![0x5a; 8_192]).expect("written");
    let fault = Store::open("sqlite:ironbell.db", &data_dir).await.err().expect("refused").to_string();
    assert!(fault.contains("ironbell.db: the database is damaged"), "{fault}");
    assert!(fault.contains("restore it from a backup, or move it aside"), "{fault}");
}

#[tokio::test]
async fn a_store_of_another_kind_is_refused_without_showing_its_password() {
    let dir = tempfile::tempdir().expect("a directory");
    let data_dir = DataDir::take(dir.path()).expect("the directory");
    let fault = Store::open("postgres://user:hunter2@db/ironbell", &data_dir).await.err().expect("refused").to_string();
    assert!(fault.contains("postgres") && !fault.contains("hunter2"), "{fault}");
}

#[tokio::test]
async fn a_lost_file_is_a_fault_and_no_panic_and_the_store_recovers() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(dir.path()).await;
    // Another connection holds the write lock for longer than ours waits: the disk as good as gone.
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(dir.path().join("ironbell.db"));
    let mut other = sqlx::ConnectOptions::connect(&options).await.expect("opens");
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.expect("locked");
    let refused = store.save_bindings("1001".to_owned(), vec![binding("1001", "sip:a@h", 60)]).await;
    assert_eq!(refused, Err(StoreFault::Unavailable));
    sqlx::query("ROLLBACK").execute(&mut other).await.expect("unlocked");
    let taken = store.save_bindings("1001".to_owned(), vec![binding("1001", "sip:b@h", 60)]).await;
    assert_eq!(taken, Ok(()));
    let loaded = store.load_bindings().await.expect("loads");
    assert_eq!(loaded.iter().map(|b| b.contact.as_str()).collect::<Vec<_>>(), ["sip:b@h"], "what failed left nothing");
}
