//! A table of things with names that are never used twice.

/// Things of one kind. A name is the place (low half) and how often the place was used before (high half), so that a late name finds nothing.
#[derive(Debug)]
pub(super) struct Slab<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot<T> {
    uses: u32,
    held: Option<T>,
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Takes in `thing` and names it. The caller keeps the table below `u32::MAX` places.
    pub(super) fn insert(&mut self, thing: T) -> u64 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { uses: 0, held: None });
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        let Some(slot) = self.slots.get_mut(place as usize) else { return u64::MAX };
        slot.uses = slot.uses.wrapping_add(1);
        slot.held = Some(thing);
        u64::from(slot.uses) << 32 | u64::from(place)
    }

    fn slot(name: u64) -> (usize, u32) {
        #[expect(clippy::cast_possible_truncation, reason = "the two halves of the name")]
        let halves = (name as u32 as usize, (name >> 32) as u32);
        halves
    }

    pub(super) fn get(&self, name: u64) -> Option<&T> {
        let (place, uses) = Self::slot(name);
        let slot = self.slots.get(place)?;
        if slot.uses == uses { slot.held.as_ref() } else { None }
    }

    pub(super) fn get_mut(&mut self, name: u64) -> Option<&mut T> {
        let (place, uses) = Self::slot(name);
        let slot = self.slots.get_mut(place)?;
        if slot.uses == uses { slot.held.as_mut() } else { None }
    }

    pub(super) fn remove(&mut self, name: u64) -> Option<T> {
        let (place, uses) = Self::slot(name);
        let slot = self.slots.get_mut(place)?;
        if slot.uses != uses {
            return None;
        }
        let held = slot.held.take()?;
        self.free.push(u32::try_from(place).unwrap_or(u32::MAX));
        Some(held)
    }

    /// All with their names, by place.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.slots.iter().enumerate().filter_map(|(place, slot)| {
            let held = slot.held.as_ref()?;
            Some((u64::from(slot.uses) << 32 | place as u64, held))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_used_twice() {
        let mut slab = Slab::new();
        let first = slab.insert("a");
        assert_eq!(slab.remove(first), Some("a"));
        let second = slab.insert("b");
        assert_ne!(first, second);
        assert_eq!(slab.remove(first), None);
        assert_eq!((slab.get(first), slab.get(second)), (None, Some(&"b")));
        assert_eq!(slab.len(), 1);
        assert_eq!(slab.iter().collect::<Vec<_>>(), [(second, &"b")]);
    }
}
