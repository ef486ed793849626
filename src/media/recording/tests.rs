//! The writer with tapes filled by hand: what stands in the files, and what becomes of a disk that is full or slow.

use super::*;
use crate::{clock, media::decode};
use contract::NodeId;
use std::{
    fs,
    sync::{Mutex, atomic::AtomicU64},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// Frames of 20 ms in a block of these tests.
const FRAMES: u64 = 10;

#[derive(Clone, Default)]
struct World {
    rows: Arc<Mutex<Vec<RecordingRow>>>,
    stopped: Arc<Mutex<Vec<RecordingId>>>,
    free: Arc<AtomicU64>,
}

impl Surroundings for World {
    fn save(&self, row: RecordingRow) {
        self.rows.lock().unwrap().push(row);
    }

    fn stopped(&self, _: CallId, recording: RecordingId) {
        self.stopped.lock().unwrap().push(recording);
    }

    fn free(&self, _: &Path) -> Option<u64> {
        Some(self.free.load(Ordering::Relaxed))
    }
}

struct Bench {
    folder: tempfile::TempDir,
    world: World,
    tape: Tape,
    figures: Arc<Figures>,
    writer: Writer,
}

fn figures() -> Arc<Figures> {
    let gauge = |name: &str| IntGauge::new(name, name).unwrap();
    let counter = |name: &str| IntCounter::new(name, name).unwrap();
    Arc::new(Figures::new(Counters {
        active: gauge("active"),
        finished: counter("finished"),
        cut: counter("cut"),
        refused: counter("refused"),
        frames_lost: counter("frames_lost"),
        behind: counter("behind"),
        room: gauge("room"),
    }))
}

impl Bench {
    fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = World::default();
        world.free.store(1_000_000, Ordering::Relaxed);
        let tape = Tape::default();
        let rules = Rules {
            data_dir: folder.path().to_owned(),
            folder: folder.path().join("recordings"),
            name: Template::parse(name).unwrap(),
            warn_free: 2_000,
            min_free: 1_000,
            keep_automatic: Duration::from_secs(86_400),
            keep_ordered: Duration::from_secs(2 * 86_400),
        };
        let figures = figures();
        let around = world.clone();
        let writer = Writer::start(rules, vec![tape.clone()], Arc::clone(&figures), move || around).unwrap();
        Self { folder, world, tape, figures, writer }
    }

    fn begin(&self, recording: u64) {
        let beginning = Beginning {
            recording: RecordingId(recording),
            call: CallId::new(NodeId(1), recording),
            from: "1001".to_owned(),
            to: "1002".to_owned(),
            channels: Vec::new(),
            rate_hz: 8_000,
            started_at: clock::now(),
            ordered: recording.is_multiple_of(2),
        };
        self.writer.recorder().begin(beginning).unwrap();
        self.tape.grow();
    }

    /// A block of mono sound that is all `level`.
    fn block(&self, recording: u64, first_frame: u64, level: i16, last: bool) {
        let mut block = wait(|| self.tape.blank());
        block.recording = Some(RecordingId(recording));
        (block.rate_hz, block.channels, block.first_frame, block.last) = (8_000, 1, first_frame, last);
        block.samples.resize(usize::try_from(FRAMES * 160).unwrap(), level);
        self.tape.hand_over(block).unwrap();
    }

    fn row(&self, state: Progress) -> RecordingRow {
        wait(|| self.world.rows.lock().unwrap().iter().find(|row| row.state == state).cloned())
    }

    fn sound(&self, row: &RecordingRow) -> Vec<i16> {
        let file = fs::read(self.folder.path().join(&row.file)).unwrap();
        decode::octets(file, "wav").unwrap().samples.into_vec()
    }
}

fn wait<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let until = clock::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(clock::now() < until, "in vain");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_recording_is_its_blocks_in_order_with_silence_where_some_were_lost() {
    let bench = Bench::new("{caller}/{callee}");
    bench.begin(1);
    bench.block(1, 0, 1_000, false);
    bench.block(1, 3 * FRAMES, -2_000, true);
    let row = bench.row(Progress::Finished);
    assert_eq!(row.file, Path::new("recordings/1001/1002.wav"));
    assert_eq!((row.frames_lost, row.class), (2 * FRAMES, Class::Automatic));
    assert!((row.duration_seconds - 0.8).abs() < 1e-9);
    let sound = bench.sound(&row);
    assert_eq!(sound.len(), 6_400);
    for (from, to, level) in [(0, 1_600, 1_000), (1_600, 4_800, 0), (4_800, 6_400, -2_000)] {
        assert!(sound[from..to].iter().all(|sample| *sample == level), "{from}");
    }
    let beside = fs::read(bench.folder.path().join("recordings/1001/1002.json")).unwrap();
    assert_eq!(serde_json::from_slice::<RecordingRow>(&beside).unwrap(), row);
    bench.writer.finish();
    assert_eq!((bench.figures.active.get(), bench.figures.finished.get(), bench.figures.frames_lost.get()), (0, 1, 20));
}

#[test]
fn a_file_that_is_there_is_never_written_over() {
    let bench = Bench::new("same");
    for recording in [1, 2, 3] {
        bench.begin(recording);
        bench.block(recording, 0, i16::try_from(recording).unwrap(), true);
        wait(|| (bench.figures.finished.get() == recording).then_some(()));
    }
    let rows: Vec<RecordingRow> = bench.world.rows.lock().unwrap().clone();
    for (recording, file) in [(1, "same.wav"), (2, "same-2.wav"), (3, "same-3.wav")] {
        let row = rows.iter().rev().find(|row| row.file.ends_with(file)).unwrap_or_else(|| panic!("{rows:?}"));
        assert!(bench.sound(row).iter().all(|sample| *sample == recording), "{file}");
    }
    bench.writer.finish();
}

#[test]
fn a_disk_below_its_floor_stops_recordings_cleanly_and_takes_none_until_there_is_room() {
    let bench = Bench::new("{id}");
    bench.begin(1);
    bench.block(1, 0, 5, false);
    bench.row(Progress::Running);
    bench.world.free.store(999, Ordering::Relaxed);
    let row = bench.row(Progress::Cut);
    assert_eq!(bench.sound(&row).len(), 1_600);
    assert!(row.reason.unwrap().contains("room"));
    bench.begin(2);
    bench.block(2, 0, 5, false);
    assert!(bench.row(Progress::Missing).reason.unwrap().contains("room"));
    assert_eq!(*bench.world.stopped.lock().unwrap().last().unwrap(), RecordingId(2));
    assert_eq!((bench.figures.refused.get(), bench.figures.room.get()), (1, 2));
    bench.world.free.store(1_000_000, Ordering::Relaxed);
    wait(|| (bench.figures.room.get() == 0).then_some(()));
    bench.begin(3);
    bench.block(3, 0, 7, true);
    assert_eq!(bench.sound(&bench.row(Progress::Finished)).len(), 1_600);
    // Blocks of recordings that were stopped are not lost to the tape.
    for _ in 0..3 * media_core::record::BLOCKS_PER_RECORDER {
        drop(wait(|| bench.tape.blank()));
    }
    bench.writer.finish();
}

#[test]
fn a_folder_that_cannot_be_written_costs_the_recording_and_nothing_else() {
    let bench = Bench::new("{id}");
    fs::write(bench.folder.path().join("recordings"), b"not a folder").unwrap();
    bench.begin(1);
    bench.block(1, 0, 5, false);
    assert!(bench.row(Progress::Missing).reason.is_some());
    assert_eq!(wait(|| bench.world.stopped.lock().unwrap().last().copied()), RecordingId(1));
    for _ in 0..media_core::record::BLOCKS_PER_RECORDER {
        drop(wait(|| bench.tape.blank()));
    }
    bench.writer.finish();
    assert_eq!(bench.figures.active.get(), 0);
}

#[test]
fn a_recorder_that_never_spoke_leaves_an_empty_file_and_a_row() {
    let bench = Bench::new("{id}");
    bench.begin(2);
    bench.row(Progress::Running);
    bench.writer.recorder().ended(RecordingId(2), 3);
    let row = bench.row(Progress::Finished);
    assert_eq!((row.frames_lost, row.class), (3, Class::Ordered));
    assert_eq!(fs::metadata(bench.folder.path().join(&row.file)).unwrap().len(), 44);
    bench.writer.finish();
}

#[test]
fn the_end_of_the_process_closes_what_is_open_with_everything_that_was_said() {
    let bench = Bench::new("{id}");
    bench.begin(1);
    bench.block(1, 0, 5, false);
    bench.block(1, FRAMES, 6, false);
    let (folder, world) = (bench.folder, bench.world);
    bench.writer.finish();
    let row = world.rows.lock().unwrap().last().cloned().unwrap();
    assert_eq!((row.state, row.reason.as_deref()), (Progress::Cut, Some("the exchange was stopped")));
    let clip = decode::octets(fs::read(folder.path().join(&row.file)).unwrap(), "wav").unwrap();
    assert_eq!(clip.samples.len(), 3_200);
}

#[test]
fn a_file_tells_its_length_while_it_grows() {
    let bench = Bench::new("{id}");
    bench.begin(1);
    for block in 0..12 {
        bench.block(1, block * FRAMES, 5, false);
    }
    let row = bench.row(Progress::Running);
    // Nobody has closed it: this is what a crash would leave.
    let seconds = wait(|| {
        let clip = decode::octets(fs::read(bench.folder.path().join(&row.file)).ok()?, "wav").ok()?;
        (clip.samples.len() >= 8_000).then_some(clip.samples.len() / 8_000)
    });
    assert!(seconds >= 1);
    bench.writer.finish();
}
