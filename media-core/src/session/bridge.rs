//! Where sound of a session meets: frames of those who speak, sums for those who hear, every 20 ms.
//!
//! Made anew whenever the table or a member changes; what has to sound on without a break (resamplers between rates, limiters) is taken over
//! from the bridge before. Holds samples and places only: legs and devices are their owners' matter.

use super::plan::Plan;
use crate::{
    audio::resample::Resampler,
    codec::MAX_PAYLOAD_OCTETS,
    mix::{
        FRAME_MAX, Limiter, Rate,
        frame::{self, Factor},
        speakers::Chosen,
    },
};
use contract::{BusSet, Format, Gain, MemberId};

/// A seat's sound of this frame.
#[derive(Clone, Debug)]
pub struct Said {
    /// The rate at which it speaks, and hears.
    pub rate: Rate,
    /// How loud it is made.
    pub factor: Option<Factor>,
    /// It is more than silence.
    pub sounds: bool,
    /// Where its samples begin in [`Bridge::samples`].
    start: usize,
}

/// The sums of one group.
#[derive(Debug)]
struct Sums {
    hears: BusSet,
    speakers: Vec<u16>,
    /// What those of each rate say together; empty where nobody has that rate.
    own: [Vec<i32>; 3],
    /// Whether it is more than silence.
    live: [bool; 3],
    /// What those of the other rates say, brought to each rate that is listened at; empty where none is to be brought.
    foreign: [Vec<i32>; 3],
    crossings: Vec<Crossing>,
    /// What is heard at each rate by those who say nothing now.
    common: [Option<Box<Common>>; 3],
}

/// From the sum of one rate to another rate.
#[derive(Debug)]
struct Crossing {
    from: Rate,
    to: Rate,
    resampler: Resampler,
    limiter: Limiter,
    /// Frames of silence in a row; after two there is nothing left in the resampler.
    silent: u8,
}

/// A frame that many hear.
#[derive(Debug)]
struct Common {
    made: bool,
    limiter: Limiter,
    frame: [i16; FRAME_MAX],
    encoded: Vec<Encoded>,
}

/// That frame as a payload.
#[derive(Debug)]
struct Encoded {
    format: Format,
    octets: usize,
    payload: Box<[u8]>,
}

/// Payloads of one common frame: formats that do not depend on what was sent before, PCMU, PCMA, L16.
const ENCODED_MAX: usize = 4;

/// The meeting place.
#[derive(Debug)]
pub struct Bridge {
    /// Which of the 20 ms it works in.
    pub phase: u8,
    /// Who is there and what they hear.
    pub plan: Plan,
    /// What each of them says.
    pub said: Vec<Said>,
    /// Who is heard, when more legs speak than are summed at once.
    pub chosen: Option<Chosen>,
    /// More than two members speak: signaling wants to know who talks.
    pub tells_talk: bool,
    /// Few enough legs speak that keys of one are meant for the others.
    pub passes_keys: bool,
    samples: Vec<i16>,
    sums: Vec<Sums>,
    /// Room for a sum of the highest rate.
    mix: Vec<i32>,
}

impl Bridge {
    /// The bridge of a plan whose seats speak and hear at `rates`, after `before`.
    #[must_use]
    pub fn new(plan: Plan, rates: &[Rate], phase: u8, before: Option<Box<Self>>) -> Self {
        let mut former = before.map(|before| (before.sums, before.chosen));
        let mut said = Vec::with_capacity(plan.seats.len());
        let mut len = 0;
        for (seat, rate) in plan.seats.iter().zip(rates) {
            let factor = if seat.gain == Gain::UNITY { None } else { Factor::new(seat.gain) };
            said.push(Said { rate: *rate, factor, sounds: false, start: len });
            if seat.tapped {
                len += rate.frame();
            }
        }
        let mut sums = Vec::with_capacity(plan.groups.len());
        for (number, group) in (0_u16..).zip(&plan.groups) {
            let taken = former.as_mut().and_then(|(sums, _)| {
                let at = sums.iter().position(|sums| sums.hears == group.hears)?;
                Some(sums.swap_remove(at))
            });
            let listened = |rate: Rate| {
                let listens = |(seat, said): (&super::plan::Seat, &Said)| {
                    seat.feed == super::plan::Feed::Mix(number) && said.rate == rate
                };
                plan.seats.iter().zip(&said).any(listens)
            };
            let spoken = |rate: Rate| group.speakers.iter().any(|seat| said[usize::from(*seat)].rate == rate);
            sums.push(Sums::new(group.hears, group.speakers.clone(), group.summed, spoken, listened, taken));
        }
        let legs = |seat: &&super::plan::Seat| matches!(seat.kind, super::Kind::Leg(_)) && !seat.speaks.is_empty();
        let speaking = plan.seats.iter().filter(legs).count();
        let selects = speaking > crate::mix::speakers::SPEAKERS_MAX;
        let chosen = selects.then(|| former.and_then(|(_, chosen)| chosen).unwrap_or_default());
        Self {
            phase,
            plan,
            said,
            chosen,
            tells_talk: speaking > 2,
            passes_keys: speaking <= crate::limits::KEY_LEGS_MAX,
            samples: vec![0; len],
            sums,
            mix: vec![0; rates.iter().map(|rate| rate.frame()).max().unwrap_or_default()],
        }
    }

    /// The samples of a seat.
    #[must_use]
    pub fn samples(&self, seat: usize) -> &[i16] {
        let Said { rate, start, .. } = self.said[seat];
        &self.samples[start..start + rate.frame()]
    }

    /// The samples of a seat that is tapped, to be filled.
    pub fn samples_mut(&mut self, seat: usize) -> &mut [i16] {
        let Said { rate, start, .. } = self.said[seat];
        &mut self.samples[start..start + rate.frame()]
    }

    /// Makes a seat as loud as the table wants it.
    pub fn amplify(&mut self, seat: usize) {
        let Said { rate, factor, sounds, start } = self.said[seat];
        if let (Some(factor), true) = (factor, sounds) {
            factor.apply(&mut self.samples[start..start + rate.frame()]);
        }
    }

    /// Sums what was said.
    pub fn sum(&mut self) {
        for sums in &mut self.sums {
            sums.run(&self.said, &self.samples);
        }
    }

    /// What a seat hears in group `group`: the sum less itself, into `out`. `None`: the same as everybody who says nothing;
    /// [`Bridge::common`] has it.
    pub fn own_mix(&mut self, seat: usize, group: u16, limiter: &mut Limiter, out: &mut [i16]) -> Option<()> {
        let Self { plan, said, samples, sums, mix, .. } = self;
        let sums = &sums[usize::from(group)];
        let Said { rate, sounds, start, .. } = said[seat];
        if !sounds || !plan.seats[seat].speaks.meets(sums.hears) {
            return None;
        }
        let len = rate.frame();
        let mix = &mut mix[..len];
        frame::less(&sums.own[rate as usize], &samples[start..start + len], mix);
        if !sums.foreign[rate as usize].is_empty() {
            frame::add_sum(mix, &sums.foreign[rate as usize]);
        }
        limiter.run(mix, &mut out[..len]);
        Some(())
    }

    /// Whether nobody of a group says anything in this frame.
    #[must_use]
    pub fn is_silent(&self, group: u16) -> bool {
        self.sums[usize::from(group)].live == [false; 3]
    }

    /// The samples of a member, if it is heard in group `group` and says something.
    #[must_use]
    pub fn heard_in(&self, group: u16, member: MemberId) -> Option<&[i16]> {
        let at = self.plan.seats.binary_search_by_key(&member, |seat| seat.id).ok()?;
        let heard = self.plan.seats[at].speaks.meets(self.sums[usize::from(group)].hears);
        (heard && self.said[at].sounds).then(|| self.samples(at))
    }

    /// What those who say nothing now hear of a group at a rate. `limiter`, the listener's own, goes on as if it had made it.
    pub fn common(&mut self, group: u16, rate: Rate, limiter: &mut Limiter) -> &[i16] {
        let common = self.sums[usize::from(group)].common(rate);
        *limiter = common.limiter;
        &common.frame[..rate.frame()]
    }

    /// The payload of [`Bridge::common`] in `format`, encoded once for all.
    pub fn common_payload(
        &mut self,
        group: u16,
        rate: Rate,
        format: &Format,
        limiter: &mut Limiter,
        encode: impl FnOnce(&[i16], &mut [u8]) -> usize,
    ) -> Option<&[u8]> {
        let common = self.sums[usize::from(group)].common(rate);
        *limiter = common.limiter;
        let at = common.encoded.iter().position(|encoded| encoded.format.same_coding(format));
        let at = match at {
            Some(at) => at,
            None if common.encoded.len() < ENCODED_MAX => {
                common.encoded.push(Encoded {
                    format: *format,
                    octets: 0,
                    payload: vec![0; MAX_PAYLOAD_OCTETS].into(),
                });
                common.encoded.len() - 1
            }
            None => return None,
        };
        let encoded = &mut common.encoded[at];
        if encoded.octets == 0 {
            encoded.octets = encode(&common.frame[..rate.frame()], &mut encoded.payload);
        }
        encoded.payload.get(..encoded.octets)
    }
}

impl Sums {
    fn new(
        hears: BusSet,
        speakers: Vec<u16>,
        summed: bool,
        spoken: impl Fn(Rate) -> bool,
        listened: impl Fn(Rate) -> bool,
        taken: Option<Self>,
    ) -> Self {
        let (mut crossings, common) =
            taken.map_or((Vec::new(), Default::default()), |taken| (taken.crossings, taken.common));
        let mut sums = Self {
            hears,
            speakers,
            own: Default::default(),
            live: [false; 3],
            foreign: Default::default(),
            crossings: Vec::new(),
            common,
        };
        if !summed {
            return sums;
        }
        for rate in Rate::ALL {
            if spoken(rate) || listened(rate) {
                sums.own[rate as usize] = vec![0; rate.frame()];
            }
            if !listened(rate) {
                sums.common[rate as usize] = None;
                continue;
            }
            sums.common[rate as usize].get_or_insert_with(|| {
                let encoded = Vec::with_capacity(ENCODED_MAX);
                Box::new(Common { made: false, limiter: Limiter::default(), frame: [0; FRAME_MAX], encoded })
            });
            for from in Rate::ALL.into_iter().filter(|from| *from != rate && spoken(*from)) {
                let former = crossings.iter().position(|crossing| (crossing.from, crossing.to) == (from, rate));
                let crossing = former.map(|at| crossings.swap_remove(at)).or_else(|| {
                    let resampler = Resampler::new(from.hz(), rate.hz())?;
                    Some(Crossing { from, to: rate, resampler, limiter: Limiter::default(), silent: 2 })
                });
                sums.crossings.extend(crossing);
                sums.foreign[rate as usize] = vec![0; rate.frame()];
            }
        }
        sums
    }

    fn run(&mut self, said: &[Said], samples: &[i16]) {
        for sum in self.own.iter_mut().chain(&mut self.foreign) {
            sum.fill(0);
        }
        self.live = [false; 3];
        for common in self.common.iter_mut().flatten() {
            common.made = false;
            for encoded in &mut common.encoded {
                encoded.octets = 0;
            }
        }
        if self.own.iter().all(Vec::is_empty) {
            return;
        }
        for said in self.speakers.iter().map(|seat| &said[usize::from(*seat)]).filter(|said| said.sounds) {
            let rate = said.rate;
            frame::add(&mut self.own[rate as usize], &samples[said.start..said.start + rate.frame()]);
            self.live[rate as usize] = true;
        }
        for crossing in &mut self.crossings {
            crossing.silent = if self.live[crossing.from as usize] { 0 } else { crossing.silent.saturating_add(1) };
            if crossing.silent > 2 {
                continue;
            }
            let (mut narrowed, mut brought) = ([0; FRAME_MAX], [0; FRAME_MAX]);
            let (narrowed, brought) = (&mut narrowed[..crossing.from.frame()], &mut brought[..crossing.to.frame()]);
            crossing.limiter.run(&self.own[crossing.from as usize], narrowed);
            crossing.resampler.run(narrowed, brought);
            frame::add(&mut self.foreign[crossing.to as usize], brought);
        }
    }

    fn common(&mut self, rate: Rate) -> &mut Common {
        let common = self.common[rate as usize].get_or_insert_with(|| {
            Box::new(Common { made: false, limiter: Limiter::default(), frame: [0; FRAME_MAX], encoded: Vec::new() })
        });
        if !common.made {
            let mut mix = [0; FRAME_MAX];
            let mix = &mut mix[..rate.frame()];
            frame::add_sum(mix, &self.own[rate as usize]);
            frame::add_sum(mix, &self.foreign[rate as usize]);
            common.limiter.run(mix, &mut common.frame);
            common.made = true;
        }
        common
    }
}
