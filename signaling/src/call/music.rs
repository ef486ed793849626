//! Music on hold (MOH-01): a party that is held by the other hears the music of the holder's account, and nothing of the holder.
//!
//! A phone that holds says `sendonly` or `inactive` (RFC 3264 section 8.4). The held party is told `sendonly` either way, so that it goes on listening.
//! Deliberately not known here: which pieces a class has, and how they sound.

use super::{Call, Office, Phase, local::MUSIC};
use crate::{
    media::{Ear, hold},
    sdp::Direction,
};
use contract::{Device, MemberId, PlayerSpec, Repeat, Sound};

/// The class that always exists.
const DEFAULT: &str = "default";

impl Call {
    /// The direction that the other party is told of one that says `said`.
    pub(super) fn told_direction(&self, said: Direction) -> Direction {
        match said {
            Direction::Inactive if self.settings.media.transcode => Direction::SendOnly,
            Direction::Inactive | Direction::SendOnly | Direction::SendRecv | Direction::RecvOnly => said,
        }
    }

    /// The leg that holds the other, if exactly one does and there is music. The music of a leg that holds no more ends with the next hearing table.
    pub(super) fn holder_of(&self, one: u16, two: u16) -> Option<u16> {
        let plays = self.settings.media.transcode && self.phase == Phase::Connected;
        match (plays, self.holds(one), self.holds(two)) {
            (true, true, false) => Some(one),
            (true, false, true) => Some(two),
            (true, true, true) | (true, false, false) | (false, ..) => None,
        }
    }

    /// Lets `held` hear the music of `holder`.
    pub(super) fn play_music(&mut self, office: &mut Office<'_>, holder: u16, held: u16) {
        self.open_music(office, holder);
        let listens =
            self.leg(held).and_then(|leg| leg.talk.remote.as_ref()).is_some_and(|view| view.direction.receives());
        let ear = Ear { member: MemberId(held), speaks: false, hears: listens };
        self.state_hearing(office, hold(ear, MUSIC));
    }

    /// Lets the music of `holder` play.
    pub(super) fn open_music(&mut self, office: &mut Office<'_>, holder: u16) {
        if self.holder != Some(holder) {
            self.session.close_member(&mut office.books.door, office.out, MUSIC);
            self.holder = Some(holder);
            let class = self.terms(holder).music.unwrap_or(DEFAULT);
            let sounds = vec![Sound::Clip(format!("music/{class}").into())];
            let player = Device::Player(PlayerSpec { sounds, repeat: Repeat::Forever });
            self.session.open_device(&mut office.books.door, office.out, MUSIC, player);
        }
    }

    /// Nobody hears the music any more.
    pub(super) fn end_music(&mut self, office: &mut Office<'_>) {
        if self.holder.take().is_some() {
            self.session.close_member(&mut office.books.door, office.out, MUSIC);
        }
    }
}
