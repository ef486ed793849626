//! The legs of a shard, by index. An index is used again once its leg is gone.

use crate::session::Leg;

/// A table of legs. Grows when a call is set up, never for a packet.
#[derive(Debug, Default)]
pub(super) struct Legs {
    entries: Vec<Option<Box<Leg>>>,
    free: Vec<u32>,
}

impl Legs {
    /// The index the next leg will have.
    pub(super) fn next_index(&self) -> u32 {
        self.free.last().copied().unwrap_or(self.entries.len() as u32)
    }

    /// Puts a leg at [`Legs::next_index`].
    pub(super) fn insert(&mut self, leg: Leg) -> u32 {
        let index = self.next_index();
        match self.free.pop() {
            Some(_) => self.entries[index as usize] = Some(Box::new(leg)),
            None => self.entries.push(Some(Box::new(leg))),
        }
        index
    }

    #[inline]
    pub(super) fn get(&self, index: u32) -> Option<&Leg> {
        self.entries.get(index as usize)?.as_deref()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut Leg> {
        self.entries.get_mut(index as usize)?.as_deref_mut()
    }

    pub(super) fn remove(&mut self, index: u32) -> Option<Box<Leg>> {
        let leg = self.entries.get_mut(index as usize)?.take()?;
        self.free.push(index);
        Some(leg)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }
}
