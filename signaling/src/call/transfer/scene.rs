//! Who hears what while a party is transferred: those who talk, music for who waits, tones for who dials or hears it ring.

use super::{Call, Office, machine::State};
use crate::{
    call::{Phase, local::TONE},
    media::{Ear, scene},
    sdp::Direction,
};
use contract::{Cadence, CadenceStep, Device, MemberId, PlayerSpec, Repeat, Sound};
use core::time::Duration;

/// What a party that dials, or waits for an answer, is given to hear.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::call) enum Tone {
    /// A number may be dialled: ITU-T E.180, continuous 425 Hz.
    Dial,
    /// The other's phone rings: 1 s in 5.
    Ringing,
}

impl Tone {
    fn cadence(self) -> Cadence {
        let step = |hertz: u16, ms: u64| CadenceStep { frequencies_hz: [hertz, 0], length: Duration::from_millis(ms) };
        let steps = match self {
            Self::Dial => vec![step(425, 1_000)],
            Self::Ringing => vec![step(425, 1_000), step(0, 4_000)],
        };
        Cadence { steps }
    }
}

impl Call {
    /// States who hears whom in a transfer.
    pub(in crate::call) fn transfer_hearing(&mut self, office: &mut Office<'_>) {
        let Some(transfer) = &self.transfer else { return };
        let (by, of, target, state) = (transfer.by, transfer.of, transfer.target, transfer.state);
        let early = match self.phase {
            Phase::Dialling { early, .. } => early,
            Phase::Summoning | Phase::Connected | Phase::Over { .. } => None,
        };
        let (talkers, music, tone): (Vec<u16>, Option<u16>, Option<(u16, Tone)>) = match state {
            State::DiallingBlind | State::DiallingConsult => (Vec::new(), Some(of), Some((by, Tone::Dial))),
            // Early media of the target is heard by who waits for it.
            State::Ringing => match early {
                Some(early) => (vec![of, early], None, Some((by, Tone::Ringing))),
                None => (Vec::new(), Some(of), Some((by, Tone::Ringing))),
            },
            State::RingingAlone | State::Recalling => match early {
                Some(early) => (vec![of, early], None, None),
                None => (Vec::new(), Some(of), None),
            },
            State::Calling => match early {
                Some(early) => (vec![by, early], Some(of), None),
                None => (Vec::new(), Some(of), Some((by, Tone::Ringing))),
            },
            State::Consulting => (target.map(|target| vec![by, target]).unwrap_or_default(), Some(of), None),
            State::Together => (target.map(|target| vec![by, of, target]).unwrap_or_default(), None, None),
            State::Over => (Vec::new(), None, None),
        };
        let plays = self.settings.media.transcode;
        match music.filter(|_| plays) {
            Some(_) => self.open_music(office, by),
            None => self.end_music(office),
        }
        self.sound(office, tone.filter(|_| plays).map(|(_, tone)| tone));
        let said = |number: u16| {
            let view = self.leg(number).and_then(|leg| leg.talk.remote.as_ref());
            view.map_or(Direction::Inactive, |view| view.direction)
        };
        let ears: Vec<Ear> = talkers
            .iter()
            .map(|number| {
                let own = said(*number);
                let others = talkers.iter().filter(|other| *other != number).map(|other| said(*other));
                let (heard, spoken) = others.fold((false, false), |(heard, spoken), other| {
                    (heard || other.receives(), spoken || other.sends())
                });
                Ear { member: MemberId(*number), speaks: own.sends() && heard, hears: own.receives() && spoken }
            })
            .collect();
        let listener = |number: u16| Ear { member: MemberId(number), speaks: false, hears: said(number).receives() };
        let music = music.filter(|_| plays).map(|number| (listener(number), crate::call::local::MUSIC));
        let tone = tone.filter(|_| plays).map(|(number, _)| (listener(number), TONE));
        let table = scene(&ears, [music, tone].into_iter().flatten());
        self.state_hearing(office, table);
    }

    /// Lets a tone sound, or none.
    pub(in crate::call) fn sound(&mut self, office: &mut Office<'_>, tone: Option<Tone>) {
        if self.tone == tone {
            return;
        }
        if self.tone.is_some() {
            self.session.close_member(&mut office.books.door, office.out, TONE);
        }
        self.tone = tone;
        if let Some(tone) = tone {
            let player =
                Device::Player(PlayerSpec { sounds: vec![Sound::Tone(tone.cadence())], repeat: Repeat::Forever });
            self.session.open_device(&mut office.books.door, office.out, TONE, player);
        }
    }
}
