//! Clips and the library they are shared from: prompts, music, greetings, each decoded once for all who hear it.
//!
//! The library is read when a player is made, never while it sounds; a reader takes no lock. It knows names, not files: what a name means and
//! how a file becomes samples is the business of whoever puts it in.

use arc_swap::ArcSwap;
use core::fmt;
use std::{collections::BTreeMap, sync::Arc};

/// Octets of one name; a longer one is refused.
pub const NAME_OCTETS_MAX: usize = 255;

/// Octets of all clips unless said otherwise: an hour and a half at 8,000 Hz and as much again at 16,000 Hz. A clip past it is refused.
pub const OCTETS_MAX: usize = 256 << 20;

/// One piece of sound, decoded.
#[derive(Clone, Eq, PartialEq)]
pub struct Clip {
    /// Mono.
    pub samples: Box<[i16]>,
    /// 8,000 or 16,000.
    pub rate_hz: u32,
}

impl Clip {
    /// What it takes in memory, in octets.
    #[must_use]
    pub const fn octets(&self) -> usize {
        self.samples.len() * size_of::<i16>()
    }
}

impl fmt::Debug for Clip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clip({} samples at {} Hz)", self.samples.len(), self.rate_hz)
    }
}

/// Why the library does not take a clip. The library is as before.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Refused {
    /// With it the library would be larger than it may.
    Full {
        /// The clip's name.
        name: Arc<str>,
        /// The clip's size in octets.
        octets: usize,
        /// What was left.
        left: usize,
    },
    /// Its rate is neither 8,000 nor 16,000 Hz.
    Rate {
        /// The clip's name.
        name: Arc<str>,
        /// Its rate.
        rate_hz: u32,
    },
    /// The name is longer than [`NAME_OCTETS_MAX`] or empty.
    Name,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { name, octets, left } => {
                write!(f, "the library of sounds has {left} octets left; {name} needs {octets}")
            }
            Self::Rate { name, rate_hz } => {
                write!(f, "{name} has {rate_hz} samples a second; the library takes 8000 or 16000")
            }
            Self::Name => write!(f, "the name of a clip has 1 to {NAME_OCTETS_MAX} octets"),
        }
    }
}

impl std::error::Error for Refused {}

/// Clips by name, shared by all shards; bounded in octets.
#[derive(Debug)]
pub struct Library {
    shelf: ArcSwap<Shelf>,
    octets_max: usize,
}

/// All clips at one moment, and their octets.
#[derive(Clone, Debug, Default)]
struct Shelf {
    clips: BTreeMap<Arc<str>, Arc<Clip>>,
    octets: usize,
}

impl Default for Library {
    /// An empty library for at most [`OCTETS_MAX`] of samples.
    fn default() -> Self {
        Self::new(OCTETS_MAX)
    }
}

impl Library {
    /// An empty library for at most `octets_max` of samples.
    #[must_use]
    pub fn new(octets_max: usize) -> Self {
        Self { shelf: ArcSwap::default(), octets_max }
    }

    /// The clip of this name. Takes no lock.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Clip>> {
        self.shelf.load().clips.get(name).cloned()
    }

    /// How many clips there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shelf.load().clips.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Octets of all clips of the library. A clip that was replaced lives on while a player sounds it and is not counted.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.shelf.load().octets
    }

    /// Adds a clip, or replaces that of the same name; players that sound the old one end it as they began.
    ///
    /// # Errors
    /// [`Refused`]: the library is as before.
    pub fn put(&self, name: impl Into<Arc<str>>, clip: Clip) -> Result<(), Refused> {
        self.put_all([(name.into(), clip)]).pop().map_or(Ok(()), Err)
    }

    /// As [`Library::put`] for many, with one change of the shelf. What is refused does not hinder what comes after it.
    pub fn put_all(&self, clips: impl IntoIterator<Item = (Arc<str>, Clip)>) -> Vec<Refused> {
        let clips: Vec<_> = clips.into_iter().map(|(name, clip)| (name, Arc::new(clip))).collect();
        let mut refused = Vec::new();
        // Done again from the start when another writer came first.
        self.shelf.rcu(|before| {
            let mut shelf = Shelf::clone(before);
            refused = clips.iter().filter_map(|(name, clip)| shelf.put(name, clip, self.octets_max).err()).collect();
            shelf
        });
        refused
    }

    /// Forgets a clip; players that sound it go on. Whether it was there.
    pub fn remove(&self, name: &str) -> bool {
        let mut was_there = false;
        self.shelf.rcu(|before| {
            let mut shelf = Shelf::clone(before);
            let gone = shelf.clips.remove(name);
            was_there = gone.is_some();
            shelf.octets -= gone.map_or(0, |clip| clip.octets());
            shelf
        });
        was_there
    }
}

impl Shelf {
    fn put(&mut self, name: &Arc<str>, clip: &Arc<Clip>, octets_max: usize) -> Result<(), Refused> {
        let others = self.octets - self.clips.get(name).map_or(0, |clip| clip.octets());
        let left = octets_max - others;
        if name.is_empty() || name.len() > NAME_OCTETS_MAX {
            return Err(Refused::Name);
        }
        if !matches!(clip.rate_hz, 8_000 | 16_000) {
            return Err(Refused::Rate { name: Arc::clone(name), rate_hz: clip.rate_hz });
        }
        if clip.octets() > left {
            return Err(Refused::Full { name: Arc::clone(name), octets: clip.octets(), left });
        }
        self.octets = others + clip.octets();
        self.clips.insert(Arc::clone(name), Arc::clone(clip));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(samples: usize) -> Clip {
        Clip { samples: vec![1; samples].into(), rate_hz: 8_000 }
    }

    #[test]
    fn a_clip_beyond_the_bound_is_refused_by_name_and_the_rest_stays() {
        let library = Library::new(300);
        library.put("a", clip(100)).unwrap();
        let refused = library.put("b", clip(51)).unwrap_err();
        assert_eq!(refused, Refused::Full { name: "b".into(), octets: 102, left: 100 });
        assert!(refused.to_string().contains('b'));
        assert!(library.get("b").is_none());
        library.put("c", clip(50)).unwrap();
        assert_eq!((library.octets(), library.len()), (300, 2));
    }

    #[test]
    fn replacing_a_clip_counts_only_the_new_one() {
        let library = Library::new(200);
        library.put("a", clip(100)).unwrap();
        let held = library.get("a").unwrap();
        library.put("a", clip(90)).unwrap();
        assert_eq!(library.octets(), 180);
        assert_eq!(held.samples.len(), 100);
        assert!(library.remove("a") && !library.remove("a"));
        assert_eq!(library.octets(), 0);
        assert!(library.is_empty());
    }

    #[test]
    fn names_and_rates_that_no_player_can_use_are_refused() {
        let library = Library::new(1_000);
        assert_eq!(library.put("", clip(1)), Err(Refused::Name));
        assert_eq!(library.put("n".repeat(256), clip(1)), Err(Refused::Name));
        let odd = Clip { samples: vec![0].into(), rate_hz: 44_100 };
        assert_eq!(library.put("x", odd), Err(Refused::Rate { name: "x".into(), rate_hz: 44_100 }));
    }

    #[test]
    fn many_are_put_at_once_and_one_refusal_hinders_no_other() {
        let library = Library::new(100);
        let refused = library.put_all([("a".into(), clip(30)), ("b".into(), clip(30)), ("c".into(), clip(20))]);
        assert_eq!(refused, [Refused::Full { name: "b".into(), octets: 60, left: 40 }]);
        assert_eq!(library.len(), 2);
    }
}
