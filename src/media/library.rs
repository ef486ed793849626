//! What the names of sounds mean: `prompt/LANGUAGE/NAME` and `music/CLASS`, filled from the binary and from folders of recordings.
//!
//! Filled by a thread that may block, at the boot and again when the operator asks, and read by the signaling thread, which makes sure that a
//! player is sent to its shard only with names the library has: a class of music becomes its files, in order or shuffled; a prompt nobody
//! recorded becomes a beep, told once. How folders are read is `scan`'s business, the formats of files `decode`'s.

use super::scan::Scan;
use arc_swap::ArcSwap;
use contract::{Cadence, CadenceStep, PlayerSpec, SOUNDS_MAX, Sound};
use media_core::audio::clip::Library;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError, TryLockError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Octets of all sounds: about four hours at 16,000 Hz. What is more is left out and told by name.
pub const LIBRARY_OCTETS_MAX: usize = 512 << 20;

/// Names that were asked for and missing, each told once; beyond it nothing more is told.
const TOLD_MAX: usize = 256;

/// A beep in the place of a prompt that is missing: nobody shall wait in silence for a menu.
const BEEP: CadenceStep = CadenceStep { frequencies_hz: [1_000, 0], length: Duration::from_millis(300) };

/// One class of music on hold.
#[derive(Clone, Debug)]
pub struct MusicClass {
    /// Its name.
    pub name: String,
    /// Where its files are.
    pub folder: PathBuf,
    /// Shuffled for each listener; else by name.
    pub random: bool,
}

/// Where sounds come from beside the binary.
#[derive(Clone, Debug, Default)]
pub struct Folders {
    /// A folder for each language, whose files replace the prompts of their name (`en/vm/greeting.wav`).
    pub prompts: PathBuf,
    /// Music.
    pub music: Vec<MusicClass>,
}

/// The library and the meaning of its names.
#[derive(Debug)]
pub struct Sounds {
    library: Arc<Library>,
    classes: ArcSwap<Classes>,
    told: Mutex<BTreeSet<Arc<str>>>,
    draws: AtomicU64,
    /// What the last scan found. Held while one runs, so that there is one at a time; never by the signaling thread.
    scan: Mutex<Scan>,
}

/// Music by class.
pub(super) type Classes = BTreeMap<String, Class>;

/// The clips of one class.
#[derive(Clone, Debug)]
pub(super) struct Class {
    pub(super) clips: Vec<Arc<str>>,
    pub(super) random: bool,
}

/// Something left out, for the operator.
pub type Warning = String;

impl Sounds {
    /// No sounds yet; [`Sounds::scan`] brings them. `seed` makes the shuffling differ from run to run.
    #[must_use]
    pub fn new(folders: Folders, seed: u64) -> Self {
        Self::within(LIBRARY_OCTETS_MAX, folders, seed)
    }

    pub(super) fn within(octets: usize, folders: Folders, seed: u64) -> Self {
        Self {
            library: Arc::new(Library::new(octets)),
            classes: ArcSwap::default(),
            told: Mutex::default(),
            draws: AtomicU64::new(seed),
            scan: Mutex::new(Scan::new(folders)),
        }
    }

    /// From the next scan on folders are these. Waits for a scan that runs.
    pub fn move_to(&self, folders: Folders) {
        self.scan.lock().unwrap_or_else(PoisonError::into_inner).move_to(folders);
    }

    /// Reads the binary and the folders: what is new or changed comes, what is gone goes, players that sound go on. Blocks, and takes as long
    /// as there are new files; while it runs, another one does nothing and says so.
    pub fn scan(&self) -> Vec<Warning> {
        let mut scan = match self.scan.try_lock() {
            Ok(scan) => scan,
            Err(TryLockError::Poisoned(scan)) => scan.into_inner(),
            Err(TryLockError::WouldBlock) => return vec!["sounds are being read already; ask again later".to_owned()],
        };
        let warnings = scan.run(&self.library, |classes| self.classes.store(Arc::new(classes)));
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clear();
        warnings
    }

    /// Where the shards find the clips.
    #[must_use]
    pub fn library(&self) -> Arc<Library> {
        Arc::clone(&self.library)
    }

    /// Replaces what the library has no clip for: `music/CLASS` by the files of the class, or of `default` if there is no such class; a prompt by
    /// the English one; anything else by a beep. At most [`SOUNDS_MAX`] sounds are left.
    pub fn prepare(&self, spec: &mut PlayerSpec) {
        let known = |sound: &Sound| match sound {
            Sound::Clip(name) => self.library.get(name).is_some(),
            Sound::Tone(_) | Sound::Silence(_) => true,
        };
        if spec.sounds.iter().all(known) {
            return;
        }
        let mut sounds = Vec::with_capacity(spec.sounds.len());
        for sound in spec.sounds.drain(..).take(SOUNDS_MAX) {
            match &sound {
                Sound::Clip(name) if !known(&sound) => self.replace(name, &mut sounds),
                Sound::Clip(_) | Sound::Tone(_) | Sound::Silence(_) => sounds.push(sound),
            }
        }
        sounds.truncate(SOUNDS_MAX);
        spec.sounds = sounds;
    }

    fn replace(&self, name: &Arc<str>, sounds: &mut Vec<Sound>) {
        if let Some(class) = name.strip_prefix("music/") {
            let class = class.split('/').next().unwrap_or_default();
            let classes = self.classes.load();
            if !classes.contains_key(class) {
                self.tell(name, "the default music");
            }
            if let Some(class) = classes.get(class).or_else(|| classes.get("default")) {
                sounds.extend(self.order(class).into_iter().map(Sound::Clip));
                return;
            }
        }
        let english = name.strip_prefix("prompt/").and_then(|rest| rest.split_once('/')).map(|(_, name)| name);
        if let Some(english) = english.map(|name| format!("prompt/en/{name}"))
            && self.library.get(&english).is_some()
        {
            self.tell(name, "the English prompt");
            sounds.push(Sound::Clip(english.into()));
            return;
        }
        self.tell(name, "a beep");
        sounds.push(Sound::Tone(Cadence { steps: vec![BEEP] }));
    }

    /// The clips of a class, shuffled if it says so.
    fn order(&self, class: &Class) -> Vec<Arc<str>> {
        let mut clips = class.clips.clone();
        if class.random {
            for at in (1..clips.len()).rev() {
                clips.swap(at, self.draw(at + 1));
            }
        }
        clips
    }

    /// A number below `below`, by SplitMix64: a shuffle of music needs no more.
    fn draw(&self, below: usize) -> usize {
        let mut z = self.draws.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % below.max(1) as u64) as usize
    }

    fn tell(&self, name: &Arc<str>, instead: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < TOLD_MAX && told.insert(Arc::clone(name)) {
            tracing::warn!(component = "media", sound = &**name, "there is no such sound; {instead} is played instead");
        }
    }
}

#[cfg(test)]
#[path = "library/tests.rs"]
mod tests;
