//! Reading the folders of prompts and music, once and again: what has not changed since is not decoded anew.
//!
//! A folder is not trusted: entries, depth and files are bounded, and what cannot be played is told by file and left out. What a name is played
//! for is not known here.

use super::{
    decode::{self, ENDINGS, Fault},
    library::{Class, Classes, Folders, MusicClass, Warning},
    prompts,
    rate::Converter,
};
use contract::SOUNDS_MAX;
use media_core::audio::clip::{Clip, Library};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

/// Files of one folder; further ones, by name, are left out and told.
const FILES_MAX: usize = 1_000;

/// Folders within folders of prompts, as deep as the names of prompts go.
const DEPTH_MAX: usize = 3;

/// The rate of clips that are joined of files of unlike rates.
const JOINED_HZ: u32 = 16_000;

/// What is known from the scan before.
#[derive(Debug)]
pub(super) struct Scan {
    folders: Folders,
    /// Where each clip of the library came from.
    known: BTreeMap<Arc<str>, Origin>,
}

/// Where a clip came from, so that a change is seen.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Origin {
    Binary,
    Files(Vec<Trace>),
}

/// What tells a file from another of its name.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Trace {
    path: PathBuf,
    octets: u64,
    written: Option<SystemTime>,
}

impl Scan {
    pub(super) const fn new(folders: Folders) -> Self {
        Self { folders, known: BTreeMap::new() }
    }

    pub(super) fn move_to(&mut self, folders: Folders) {
        self.folders = folders;
    }

    /// Brings the library in line with binary and folders. The classes are told before clips they no longer name go.
    pub(super) fn run(&mut self, library: &Library, tell: impl FnOnce(Classes)) -> Vec<Warning> {
        let mut pass =
            Pass { library, known: &self.known, found: BTreeMap::new(), batch: Vec::new(), warnings: Vec::new() };
        // Music first: it is what a caller is most likely to hear in the first moment.
        let classes = pass.music(&self.folders.music);
        for language in prompts::LANGUAGES {
            pass.prompts(language, &self.folders.prompts.join(language));
        }
        let Pass { found, warnings, .. } = pass;
        tell(classes);
        for gone in self.known.keys().filter(|name| !found.contains_key(*name)) {
            library.remove(gone);
        }
        self.known = found;
        warnings
    }
}

struct Pass<'s> {
    library: &'s Library,
    known: &'s BTreeMap<Arc<str>, Origin>,
    found: BTreeMap<Arc<str>, Origin>,
    batch: Vec<(Arc<str>, Clip)>,
    warnings: Vec<Warning>,
}

impl Pass<'_> {
    fn music(&mut self, music: &[MusicClass]) -> Classes {
        let mut classes = Classes::new();
        for class in music {
            let clips = self.class(class);
            if clips.is_empty() {
                let folder = class.folder.display();
                self.warnings.push(format!("the music `{}` has no file that can be played in {folder}", class.name));
            } else {
                classes.insert(class.name.clone(), Class { clips, random: class.random });
            }
        }
        if !classes.contains_key("default") {
            let name: Arc<str> = prompts::MUSIC.into();
            if self.take(&name, Origin::Binary, prompts::MUSIC, prompts::music) && self.flush() {
                classes.insert("default".to_owned(), Class { clips: vec![name], random: false });
            }
        }
        classes
    }

    /// The clips of a class: a file each, in the order of their names, or, when there are more files than a player may have sounds, neighbours
    /// joined, so that none is left out.
    fn class(&mut self, class: &MusicClass) -> Vec<Arc<str>> {
        let files: Vec<PathBuf> = self.listed(&class.folder, false).into_iter().filter(|path| playable(path)).collect();
        let each = files.len().div_ceil(SOUNDS_MAX).max(1);
        let mut clips = Vec::new();
        for files in files.chunks(each) {
            let name: Arc<str> = format!("music/{}/{}", class.name, clips.len()).into();
            if self.joined(&name, files) {
                clips.push(name);
            }
        }
        clips
    }

    /// One clip of these files, those that cannot be played left out; whether any was played.
    fn joined(&mut self, name: &Arc<str>, files: &[PathBuf]) -> bool {
        let origin = Origin::Files(files.iter().map(|path| trace(path)).collect());
        if self.keeps(name, &origin) {
            return true;
        }
        let mut joined: Option<Clip> = None;
        for path in files {
            match decode::file(path) {
                Ok(clip) => joined = Some(join(joined, clip)),
                Err(fault) => self.warnings.push(format!("{} {fault}", path.display())),
            }
        }
        let Some(clip) = joined else { return false };
        // A clip of music is large; it does not wait for others.
        self.take(name, origin, "", || Ok(clip)) && self.flush()
    }

    /// The prompts of a language: recordings first, then those of the binary that were not replaced.
    fn prompts(&mut self, language: &str, recordings: &Path) {
        let prefix = format!("prompt/{language}/");
        let mut recorded = BTreeSet::new();
        self.recordings(recordings, &prefix, 0, &mut recorded);
        for (name, stream) in prompts::of(language) {
            let name: Arc<str> = format!("{prefix}{name}").into();
            if !recorded.contains(&name) {
                self.take(&name, Origin::Binary, &name, || prompts::decode(stream));
            }
        }
        self.flush();
    }

    /// A folder of recordings and those in it.
    fn recordings(&mut self, folder: &Path, prefix: &str, depth: usize, recorded: &mut BTreeSet<Arc<str>>) {
        for path in self.listed(folder, depth == 0) {
            let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
            let name: Arc<str> = format!("{prefix}{stem}").into();
            if path.is_dir() {
                if depth < DEPTH_MAX {
                    self.recordings(&path, &format!("{name}/"), depth + 1, recorded);
                }
            } else if playable(&path) {
                let origin = Origin::Files(vec![trace(&path)]);
                if self.take(&name, origin, &path.display().to_string(), || decode::file(&path)) && self.flush() {
                    recorded.insert(name);
                }
            }
        }
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

    /// Whether the library has this very clip; then it stays.
    fn keeps(&mut self, name: &Arc<str>, origin: &Origin) -> bool {
        let same = self.known.get(name) == Some(origin) && self.library.get(name).is_some();
        if same {
            self.found.insert(Arc::clone(name), origin.clone());
        }
        same
    }

    /// Takes a clip, unless the library has it; false when it cannot be had.
    fn take(
        &mut self,
        name: &Arc<str>,
        origin: Origin,
        source: &str,
        decode: impl FnOnce() -> Result<Clip, Fault>,
    ) -> bool {
        if self.keeps(name, &origin) {
            return true;
        }
        match decode() {
            Ok(clip) => {
                self.batch.push((Arc::clone(name), clip));
                self.found.insert(Arc::clone(name), origin);
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
        let names: Vec<Arc<str>> = self.batch.iter().map(|(name, _)| Arc::clone(name)).collect();
        let refused = self.library.put_all(self.batch.drain(..));
        if refused.is_empty() {
            return true;
        }
        self.warnings.extend(refused.iter().map(ToString::to_string));
        for name in names.iter().filter(|name| self.library.get(name).is_none()) {
            self.found.remove(name);
        }
        false
    }
}

fn trace(path: &Path) -> Trace {
    let about = fs::metadata(path).ok();
    let (octets, written) = about.map_or((0, None), |about| (about.len(), about.modified().ok()));
    Trace { path: path.to_owned(), octets, written }
}

/// One after the other, at the higher of both rates.
fn join(first: Option<Clip>, second: Clip) -> Clip {
    let Some(first) = first else { return second };
    let (first, second) =
        if first.rate_hz == second.rate_hz { (first, second) } else { (raised(first), raised(second)) };
    let rate_hz = first.rate_hz;
    let mut samples = first.samples.into_vec();
    samples.extend_from_slice(&second.samples);
    Clip { samples: samples.into(), rate_hz }
}

fn raised(clip: Clip) -> Clip {
    if clip.rate_hz == JOINED_HZ {
        return clip;
    }
    let mut converter = Converter::new(clip.rate_hz, JOINED_HZ);
    let mut samples = Vec::with_capacity(clip.samples.len() * 2);
    converter.push(clip.samples.iter().map(|sample| f32::from(*sample) / 32_768.0), &mut samples);
    converter.finish(&mut samples);
    samples.truncate(clip.samples.len() * 2);
    Clip { samples: samples.into(), rate_hz: JOINED_HZ }
}

fn playable(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}
