//! Members without a network side: players, recorders and the echo.

use crate::{
    audio::{
        clip::Library,
        player::{Player, Playing},
        resample::Resampler,
    },
    mix::{FRAME_MAX, Limiter, Rate, frame},
    record::{BLOCK_SAMPLES, RecordBlock, Tape},
};
use contract::{MemberId, PlayerEnd, PlayerSpec, RECORDING_CHANNELS_MAX, RecorderSpec, RecordingId, RecordingState};

/// A device of a session.
#[derive(Debug)]
pub struct Device {
    /// Its name.
    pub member: MemberId,
    /// What it is.
    pub machine: Machine,
}

/// What a device is.
#[derive(Debug)]
pub enum Machine {
    /// Says what it heard a frame before.
    Echo(Box<Echo>),
    /// Speaks sounds.
    Player(Box<Speaker>),
    /// Writes what it hears.
    Recorder(Box<Recorder>),
}

/// What an echo says next.
#[derive(Debug)]
pub struct Echo {
    /// The rate of its frame.
    pub rate: Rate,
    /// What it heard last.
    pub frame: [i16; FRAME_MAX],
    /// Of what it hears.
    pub limiter: Limiter,
}

impl Default for Echo {
    fn default() -> Self {
        Self { rate: Rate::Narrow, frame: [0; FRAME_MAX], limiter: Limiter::default() }
    }
}

/// A player and what signaling was told of it.
#[derive(Debug)]
pub struct Speaker {
    spec: PlayerSpec,
    /// Made when somebody is to hear it: then it is known at which rate.
    player: Option<(Rate, Player)>,
    /// Why it ended.
    ended: Option<PlayerEnd>,
    /// Signaling knows that it ended.
    pub told: bool,
}

impl Speaker {
    /// A player that has not begun.
    #[must_use]
    pub const fn new(spec: PlayerSpec) -> Self {
        Self { spec, player: None, ended: None, told: false }
    }

    /// The rate at which it sounds. It stays what it was first.
    pub fn prepare(&mut self, rate: Rate, library: &Library) -> Rate {
        self.player.get_or_insert_with(|| (rate, Player::new(&self.spec, library, rate.hz()))).0
    }

    /// The next frame; `false`: silence.
    pub fn fill(&mut self, out: &mut [i16]) -> bool {
        let Some((_, player)) = &mut self.player else { return false };
        if self.ended.is_some() {
            out.fill(0);
            return false;
        }
        if let Playing::Ended(why) = player.fill(out) {
            self.ended = Some(why);
        }
        true
    }

    /// Why it ended, as long as signaling does not know.
    #[must_use]
    pub fn news(&self) -> Option<PlayerEnd> {
        self.ended.filter(|_| !self.told)
    }
}

/// A recorder.
#[derive(Debug)]
pub struct Recorder {
    recording: RecordingId,
    /// The rate of the file.
    pub rate: Rate,
    /// Empty: all it hears in one channel.
    channels: Vec<Channel>,
    /// What it does.
    pub state: RecordingState,
    /// Of what it hears.
    pub limiter: Limiter,
    block: Option<Box<RecordBlock>>,
    /// The number of the next frame.
    frame: u64,
    lost: u64,
}

/// Whose sound a channel has.
#[derive(Debug)]
struct Channel {
    member: MemberId,
    resampler: Option<(Rate, Resampler)>,
}

impl Recorder {
    /// A recorder that has written nothing. Its blocks join the tape.
    #[must_use]
    pub fn new(spec: &RecorderSpec, tape: &Tape) -> Self {
        tape.grow();
        let channel = |member: &MemberId| Channel { member: *member, resampler: None };
        Self {
            recording: spec.recording,
            rate: if spec.rate_hz > 8_000 { Rate::Wide } else { Rate::Narrow },
            channels: spec.channels.iter().take(contract::MEMBERS_MAX).map(channel).collect(),
            state: spec.state,
            limiter: Limiter::default(),
            block: None,
            frame: 0,
            lost: 0,
        }
    }

    /// Channels of its file.
    fn count(&self) -> usize {
        self.channels.len().clamp(1, RECORDING_CHANNELS_MAX)
    }

    /// Whether all it hears is one channel.
    #[must_use]
    pub const fn is_mixed(&self) -> bool {
        self.channels.is_empty()
    }

    /// A member is summed at `rate` from now on.
    pub fn prepare(&mut self, member: MemberId, rate: Rate) {
        let to = self.rate;
        for channel in self.channels.iter_mut().filter(|channel| channel.member == member) {
            if rate == to {
                channel.resampler = None;
            } else if channel.resampler.as_ref().is_none_or(|(from, _)| *from != rate) {
                channel.resampler = Resampler::new(rate.hz(), to.hz()).map(|resampler| (rate, resampler));
            }
        }
    }

    /// Writes one frame of all it hears, at its rate.
    pub fn write_mixed(&mut self, mixed: &[i16], tape: &Tape) {
        match self.state {
            RecordingState::Running => self.write(mixed, tape),
            RecordingState::Masked => self.write(&[0; FRAME_MAX][..self.rate.frame()], tape),
            RecordingState::Paused => {}
        }
    }

    /// Writes one frame of each of its members; `None` for one that is silent or that it does not hear.
    pub fn write_apart<'f>(&mut self, frame_of: impl Fn(MemberId) -> Option<&'f [i16]>, tape: &Tape) {
        let (len, count) = (self.rate.frame(), self.count());
        let mut sums = [[0_i32; FRAME_MAX / 3]; RECORDING_CHANNELS_MAX];
        for (number, channel) in self.channels.iter_mut().enumerate() {
            let mut converted = [0; FRAME_MAX / 3];
            let sum = &mut sums[number.min(RECORDING_CHANNELS_MAX - 1)][..len];
            match (frame_of(channel.member), &mut channel.resampler) {
                (Some(sound), None) => frame::add(sum, sound),
                (Some(sound), Some((_, resampler))) => {
                    resampler.run(sound, &mut converted[..len]);
                    frame::add(sum, &converted[..len]);
                }
                (None, _) => {}
            }
        }
        let mut interleaved = [0; RECORDING_CHANNELS_MAX * FRAME_MAX / 3];
        let interleaved = &mut interleaved[..len * count];
        if self.state == RecordingState::Running {
            for (channel, sum) in sums[..count].iter().enumerate() {
                let mut narrowed = [0; FRAME_MAX / 3];
                frame::narrow(&sum[..len], &mut narrowed);
                for (at, sample) in narrowed[..len].iter().enumerate() {
                    interleaved[at * count + channel] = *sample;
                }
            }
        }
        if self.state != RecordingState::Paused {
            self.write(interleaved, tape);
        }
    }

    fn write(&mut self, interleaved: &[i16], tape: &Tape) {
        let number = self.frame;
        self.frame += 1;
        let (recording, rate_hz, channels) = (self.recording, self.rate.hz(), self.count() as u8);
        let block = match &mut self.block {
            Some(block) => block,
            None => {
                let Some(mut block) = tape.blank() else {
                    self.lost += 1;
                    return;
                };
                (block.recording, block.rate_hz, block.channels) = (Some(recording), rate_hz, channels);
                (block.first_frame, block.last) = (number, false);
                self.block.insert(block)
            }
        };
        block.samples.extend_from_slice(interleaved);
        if block.samples.len() + interleaved.len() > BLOCK_SAMPLES
            && let Some(block) = self.block.take()
        {
            self.hand_over(block, tape);
        }
    }

    fn hand_over(&mut self, block: Box<RecordBlock>, tape: &Tape) {
        if let Err(block) = tape.hand_over(block) {
            self.lost += block.samples.len() as u64 / (self.rate.frame() * self.count()) as u64;
            tape.give_back(block);
        }
    }

    /// Hands over what it has and says that nothing more comes. Frames that were lost.
    pub fn end(mut self, tape: &Tape) -> (RecordingId, u64) {
        let mut block = self.block.take().unwrap_or_else(|| {
            let mut block = tape.blank().unwrap_or_else(|| Box::new(RecordBlock::new()));
            (block.recording, block.rate_hz, block.channels) =
                (Some(self.recording), self.rate.hz(), self.count() as u8);
            block.first_frame = self.frame;
            block
        });
        block.last = true;
        self.hand_over(block, tape);
        tape.shrink();
        (self.recording, self.lost)
    }
}
