//! How much room the disk of recordings has, and what that means (REC-08).

use std::path::Path;

/// Where free space is looked up, in octets; `None`: it cannot be told, and is taken as enough.
pub type Free = Box<dyn Fn(&Path) -> Option<u64> + Send>;

/// The free space of the file system that holds `path`, or will hold it.
#[must_use]
pub fn free(path: &Path) -> Option<u64> {
    let there = path.ancestors().find(|path| path.exists())?;
    let disk = rustix::fs::statvfs(there).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// How much room there is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Room {
    /// Enough.
    #[default]
    Enough,
    /// Below the warning; everything goes on.
    Low,
    /// Below the floor: nothing is recorded.
    None,
}

/// The two levels. Each is left again only when a tenth more is free, so that a disk on the edge does not start and stop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Levels {
    pub(super) warn: u64,
    pub(super) floor: u64,
}

impl Levels {
    /// What `free` octets mean after `before`.
    pub(super) fn judge(self, before: Room, free: Option<u64>) -> Room {
        let Some(free) = free else { return Room::Enough };
        let leave = |level: u64, below: bool| if below { level.saturating_add(level / 10) } else { level };
        if free < leave(self.floor, before == Room::None) {
            Room::None
        } else if free < leave(self.warn.max(self.floor), before != Room::Enough) {
            Room::Low
        } else {
            Room::Enough
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_left_only_with_room_to_spare() {
        let levels = Levels { warn: 2_000, floor: 1_000 };
        let mut room = Room::Enough;
        for (free, expected) in [
            (Some(2_000), Room::Enough),
            (Some(1_999), Room::Low),
            (Some(2_100), Room::Low),
            (Some(999), Room::None),
            (Some(1_050), Room::None),
            (Some(1_100), Room::Low),
            (Some(2_200), Room::Enough),
            (Some(0), Room::None),
            (None, Room::Enough),
        ] {
            room = levels.judge(room, free);
            assert_eq!(room, expected, "{free:?}");
        }
    }

    #[test]
    fn the_disk_of_a_folder_that_is_not_there_yet_is_that_of_its_parent() {
        assert!(free(Path::new("/proc/../tmp/none/none/none")).is_some());
    }
}
