//! What the names of sounds mean: `prompt/LANGUAGE/NAME` and `music/CLASS`, filled from the binary and from folders of recordings.
//!
//! Filled at the boot by a thread that may block, then read by the signaling thread, which makes sure that a player is sent to its shard only with
//! names the library has: a class of music becomes its files, in order or shuffled; a prompt nobody recorded becomes a beep, told once.
//! The formats of files are `decode`'s business.

use super::{
    decode::{self, ENDINGS},
    prompts,
};
use contract::{Cadence, CadenceStep, PlayerSpec, SOUNDS_MAX, Sound};
use media_core::audio::clip::{Clip, Library};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Octets of all sounds: about four hours at 16,000 Hz. What is more is left out and told by name.
pub const LIBRARY_OCTETS_MAX: usize = 512 << 20;

/// Files of one folder; further ones, by name, are left out and told.
pub const FILES_MAX: usize = 1_000;

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

/// The library and the meaning of its names.
#[derive(Debug)]
pub struct Sounds {
    library: Arc<Library>,
    classes: BTreeMap<String, Class>,
    told: Mutex<BTreeSet<Arc<str>>>,
    draws: AtomicU64,
}

#[derive(Debug)]
struct Class {
    clips: Vec<Arc<str>>,
    random: bool,
}

/// Something left out, for the operator.
pub type Warning = String;

impl Sounds {
    /// Reads everything: blocks, and takes as long as there are files. `recordings` holds a folder for each language, whose files replace the
    /// prompts of their name (`recordings/en/vm/greeting.wav`); `seed` makes the shuffling differ from run to run.
    pub fn load(recordings: &Path, music: &[MusicClass], seed: u64) -> (Self, Vec<Warning>) {
        Self::load_within(LIBRARY_OCTETS_MAX, recordings, music, seed)
    }

    fn load_within(octets: usize, recordings: &Path, music: &[MusicClass], seed: u64) -> (Self, Vec<Warning>) {
        let mut loading = Loading { library: Library::new(octets), warnings: Vec::new(), batch: Vec::new() };
        for language in prompts::LANGUAGES {
            loading.prompts(language, &recordings.join(language));
        }
        let mut classes = BTreeMap::new();
        for class in music {
            let clips = loading.folder(&class.folder, &format!("music/{}/", class.name));
            if clips.is_empty() {
                let folder = class.folder.display();
                loading.warnings.push(format!("the music `{}` has no file that can be played in {folder}", class.name));
            } else {
                classes.insert(class.name.clone(), Class { clips, random: class.random });
            }
        }
        if !classes.contains_key("default") {
            let clip = prompts::music().map_err(|fault| fault.to_string());
            if loading.take(prompts::MUSIC.into(), clip, prompts::MUSIC) {
                classes.insert("default".to_owned(), Class { clips: vec![prompts::MUSIC.into()], random: false });
            }
            loading.flush();
        }
        let Loading { library, warnings, .. } = loading;
        let draws = AtomicU64::new(seed);
        (Self { library: Arc::new(library), classes, told: Mutex::default(), draws }, warnings)
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
            if !self.classes.contains_key(class) {
                self.tell(name, "the default music");
            }
            if let Some(class) = self.classes.get(class).or_else(|| self.classes.get("default")) {
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

    /// The clips of a class, shuffled if it says so; of a large class another part each time.
    fn order(&self, class: &Class) -> Vec<Arc<str>> {
        let mut clips = class.clips.clone();
        if class.random {
            for at in (1..clips.len()).rev() {
                clips.swap(at, self.draw(at + 1));
            }
        }
        clips.truncate(SOUNDS_MAX);
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

struct Loading {
    library: Library,
    warnings: Vec<Warning>,
    batch: Vec<(Arc<str>, Clip)>,
}

impl Loading {
    /// The prompts of a language: recordings first, then those of the binary that were not replaced.
    fn prompts(&mut self, language: &str, recordings: &Path) {
        let prefix = format!("prompt/{language}/");
        let mut recorded = BTreeSet::new();
        self.recordings(recordings, &prefix, 0, &mut recorded);
        for (name, stream) in prompts::of(language) {
            let name = format!("{prefix}{name}");
            if !recorded.contains(name.as_str()) {
                let clip = prompts::decode(stream).map_err(|fault| fault.to_string());
                self.take(name.as_str().into(), clip, &name);
            }
        }
        self.flush();
    }

    /// A folder of recordings and those in it, as deep as the names of prompts go.
    fn recordings(&mut self, folder: &Path, prefix: &str, depth: usize, recorded: &mut BTreeSet<String>) {
        const DEPTH_MAX: usize = 3;
        for path in self.listed(folder, depth == 0) {
            let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
            let name = format!("{prefix}{stem}");
            if path.is_dir() {
                if depth < DEPTH_MAX {
                    self.recordings(&path, &format!("{name}/"), depth + 1, recorded);
                }
            } else if playable(&path) && self.file(name.as_str().into(), &path) {
                recorded.insert(name);
            }
        }
        self.flush();
    }

    /// All playable files of a folder, by name, as `prefix` and their number.
    fn folder(&mut self, folder: &Path, prefix: &str) -> Vec<Arc<str>> {
        let mut clips = Vec::new();
        for path in self.listed(folder, false).into_iter().filter(|path| playable(path)) {
            let name: Arc<str> = format!("{prefix}{}", clips.len()).into();
            if self.file(Arc::clone(&name), &path) {
                clips.push(name);
            }
        }
        clips
    }

    /// The entries of a folder in the order of their names.
    fn listed(&mut self, folder: &Path, may_be_missing: bool) -> Vec<PathBuf> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                if !(may_be_missing && error.kind() == std::io::ErrorKind::NotFound) {
                    self.warnings.push(format!("{} cannot be read: {error}", folder.display()));
                }
                return Vec::new();
            }
        };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        if paths.len() > FILES_MAX {
            let left = paths.len() - FILES_MAX;
            self.warnings.push(format!("{} holds more than {FILES_MAX} files; {left} are left out", folder.display()));
            paths.truncate(FILES_MAX);
        }
        paths
    }

    fn file(&mut self, name: Arc<str>, path: &Path) -> bool {
        let clip = decode::file(path).map_err(|fault| fault.to_string());
        let taken = self.take(name, clip, &path.display().to_string());
        // A file of music is large; it does not wait for others.
        taken && self.flush()
    }

    fn take(&mut self, name: Arc<str>, clip: Result<Clip, String>, source: &str) -> bool {
        match clip {
            Ok(clip) => {
                self.batch.push((name, clip));
                true
            }
            Err(fault) => {
                self.warnings.push(format!("{source} {fault}"));
                false
            }
        }
    }

    /// Puts what was taken into the library; whether all of it found room.
    fn flush(&mut self) -> bool {
        let refused = self.library.put_all(self.batch.drain(..));
        self.warnings.extend(refused.iter().map(ToString::to_string));
        refused.is_empty()
    }
}

fn playable(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

#[cfg(test)]
#[path = "library/tests.rs"]
mod tests;
