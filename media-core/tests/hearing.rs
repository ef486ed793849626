//! Who hears whom when paths are more than relays: told by tones, one for each party, over the simulated network.

mod rig;

use contract::{
    BusSet, Cadence, CadenceStep, Codec, Device, DigitMode, Format, Gain, Hearing, HearingTable, Keypress,
    MediaCommand, MediaEvent, MemberId, PlayerEnd, PlayerSpec, RecorderSpec, RecordingId, RecordingState, Repeat,
    Sound,
};
use core::time::Duration;
use rig::{
    PCMA, PCMU, Rig, event,
    memory::MemoryRig,
    name, table,
    tones::{Phone, talk, tone},
};

const G722: Format = Format { payload_type: 9, codec: Codec::G722, clock_rate_hz: 8_000, channels: 1 };
const OPUS: Format = Format { payload_type: 111, codec: Codec::Opus, clock_rate_hz: 48_000, channels: 2 };

/// Tones that are no multiples of each other.
const TONES_HZ: [f64; 8] = [440.0, 570.0, 690.0, 830.0, 1_010.0, 1_190.0, 1_370.0, 1_550.0];

/// Peak of a tone that is heard, and of one that is not.
const HEARD: f64 = 4_000.0;
const UNHEARD: f64 = 250.0;

fn phones(rig: &mut MemoryRig, formats: &[Format]) -> Vec<Phone> {
    (0_u16..).zip(formats).map(|(n, format)| Phone::new(rig, n, *format, TONES_HZ[usize::from(n)])).collect()
}

fn device(rig: &mut MemoryRig, member: u16, device: Device) {
    rig.tell(MediaCommand::OpenDevice { session: name(1), member: MemberId(member), device });
}

fn events(rig: &mut MemoryRig) -> Vec<MediaEvent> {
    core::iter::from_fn(|| rig.event()).collect()
}

/// Who hears whom, by ear.
fn heard(phones: &[Phone]) -> Vec<Vec<usize>> {
    let by = |ear: &Phone| {
        let hears = |other: &usize| {
            let level = ear.hears(phones[*other].hz);
            assert!(!(UNHEARD..HEARD).contains(&level), "{} hears {} at {level}", ear.hz, phones[*other].hz);
            level >= HEARD
        };
        (0..phones.len()).filter(hears).collect()
    };
    phones.iter().map(by).collect()
}

const THREE: &[(u16, &[u32], &[u32])] = &[(0, &[0], &[0]), (1, &[0], &[0]), (2, &[0], &[0])];

#[test]
fn three_on_a_bus_hear_the_two_others_and_not_themselves() {
    let mut rig = MemoryRig::new();
    let mut phones = phones(&mut rig, &[PCMU, PCMU, PCMA]);
    rig.hearing(1, THREE);
    talk(&mut rig, &mut phones, 600);
    assert_eq!(heard(&phones), [vec![1, 2], vec![0, 2], vec![0, 1]]);
    let tally = rig.tally();
    assert_eq!((tally.paths_missing, tally.ticks_skipped), (0, 0));
    let reports = rig.close(1);
    assert!(reports.iter().all(|report| report.tier == 2 && report.playout_delay.is_some()));
}

#[test]
fn unlike_codecs_hear_each_other() {
    for (left, right) in [(PCMU, PCMA), (PCMU, G722), (PCMU, OPUS), (G722, OPUS), (OPUS, PCMA)] {
        let mut rig = MemoryRig::new();
        let mut phones = phones(&mut rig, &[left, right]);
        rig.hearing(1, rig::TWO_ON_A_BUS);
        talk(&mut rig, &mut phones, 800);
        assert_eq!(heard(&phones), [vec![1], vec![0]], "{left:?} {right:?}");
    }
}

#[test]
fn rooms_of_mixed_rates_hear_each_other() {
    let mut rig = MemoryRig::new();
    let mut phones = phones(&mut rig, &[PCMU, G722, OPUS, PCMA]);
    rig.hearing(1, &[(0, &[0], &[0]), (1, &[0], &[0]), (2, &[0], &[0]), (3, &[0], &[0])]);
    talk(&mut rig, &mut phones, 800);
    assert_eq!(heard(&phones), [vec![1, 2, 3], vec![0, 2, 3], vec![0, 1, 3], vec![0, 1, 2]]);
}

#[test]
fn a_supervisor_listens_whispers_and_barges_in_without_a_break_for_the_others() {
    let mut rig = MemoryRig::new();
    let mut phones = phones(&mut rig, &[PCMU, PCMU, PCMU]);
    rig.hearing(1, rig::TWO_ON_A_BUS);
    talk(&mut rig, &mut phones[..2], 400);
    // Listens unheard.
    rig.hearing(1, &[(0, &[0], &[0]), (1, &[0], &[0]), (2, &[], &[0])]);
    talk(&mut rig, &mut phones, 600);
    assert_eq!(heard(&phones), [vec![1], vec![0], vec![0, 1]]);
    // Whispers to the agent, member 0.
    rig.hearing(1, &[(0, &[0], &[0, 1]), (1, &[0], &[0]), (2, &[1], &[0])]);
    talk(&mut rig, &mut phones, 600);
    assert_eq!(heard(&phones), [vec![1, 2], vec![0], vec![0, 1]]);
    // Both hear.
    rig.hearing(1, THREE);
    talk(&mut rig, &mut phones, 600);
    assert_eq!(heard(&phones), [vec![1, 2], vec![0, 2], vec![0, 1]]);
    // And leaves.
    rig.hearing(1, rig::TWO_ON_A_BUS);
    talk(&mut rig, &mut phones[..2], 600);
    assert_eq!(heard(&phones[..2]), [vec![1], vec![0]]);
    for phone in &phones[..2] {
        assert!(phone.gap_ms <= 40, "no gap over 20 ms beside the packet time: {} ms", phone.gap_ms);
    }
}

#[test]
fn music_on_hold_is_heard_and_the_holder_is_not() {
    let mut rig = MemoryRig::new();
    let mut phones = phones(&mut rig, &[PCMU, PCMU]);
    let music = |hz| {
        Sound::Tone(Cadence {
            steps: vec![CadenceStep { frequencies_hz: [hz, 0], length: Duration::from_millis(500) }],
        })
    };
    device(&mut rig, 2, Device::Player(PlayerSpec { sounds: vec![music(300)], repeat: Repeat::Forever }));
    rig.hearing(1, &[(0, &[0], &[]), (1, &[], &[1]), (2, &[1], &[])]);
    talk(&mut rig, &mut phones, 600);
    assert!(phones[1].hears(300.0) > 1_000.0 && phones[1].hears(TONES_HZ[0]) < UNHEARD);
    assert_eq!(phones[0].packets, 0);
}

#[test]
fn a_player_ends_once_and_is_told() {
    let mut rig = MemoryRig::new();
    let mut phones = phones(&mut rig, &[PCMU]);
    let beep = Sound::Tone(Cadence {
        steps: vec![CadenceStep { frequencies_hz: [1_000, 0], length: Duration::from_millis(300) }],
    });
    device(&mut rig, 1, Device::Player(PlayerSpec { sounds: vec![beep], repeat: Repeat::Never }));
    device(
        &mut rig,
        2,
        Device::Player(PlayerSpec { sounds: vec![Sound::Clip("unknown".into())], repeat: Repeat::Never }),
    );
    rig.hearing(1, &[(0, &[], &[0]), (1, &[0], &[]), (2, &[0], &[])]);
    events(&mut rig);
    talk(&mut rig, &mut phones, 1_000);
    let ended: Vec<_> = events(&mut rig)
        .into_iter()
        .filter_map(|event| {
            let MediaEvent::PlayerEnded { member, why, .. } = event else { return None };
            Some((member, why))
        })
        .collect();
    assert_eq!(ended, [(MemberId(2), PlayerEnd::Missing), (MemberId(1), PlayerEnd::Finished)]);
    let sounding = phones[0].heard.chunks(80).filter(|piece| tone(piece, 1_000.0, 8_000) > 500.0).count();
    assert!((29..=31).contains(&sounding), "300 ms of tone: {sounding} tens of ms");
}

#[test]
fn an_echo_beside_others_says_again_what_it_hears() {
    let mut rig = MemoryRig::new();
    let mut phones = phones(&mut rig, &[PCMU, G722]);
    device(&mut rig, 2, Device::Echo);
    rig.hearing(1, &[(0, &[0], &[1]), (1, &[0], &[1]), (2, &[1], &[0])]);
    talk(&mut rig, &mut phones, 800);
    assert_eq!(heard(&phones), [vec![0, 1], vec![0, 1]]);
}

#[test]
fn gain_makes_louder_and_softer() {
    let mut rig = MemoryRig::new();
    let mut phones = phones(&mut rig, &[PCMU, PCMU]);
    for (tenths, expected) in [(0, 8_000.0), (60, 15_960.0), (-120, 2_010.0)] {
        let row = |member, gain| Hearing {
            member: MemberId(member),
            speaks: BusSet::bus(0),
            hears: BusSet::bus(0),
            gain: Gain::from_tenths_db(gain),
        };
        let table = HearingTable::new([row(0, tenths), row(1, 0)]);
        rig.tell(MediaCommand::SetHearing { session: name(1), table });
        talk(&mut rig, &mut phones, 600);
        let level = phones[1].hears(TONES_HZ[0]);
        assert!((level / expected - 1.0).abs() < 0.1, "{tenths} tenths: {level}");
        assert!((phones[0].hears(TONES_HZ[1]) / 8_000.0 - 1.0).abs() < 0.1);
    }
}

#[test]
fn a_far_end_that_changes_to_a_codec_its_listener_lacks_is_converted() {
    let mut rig = MemoryRig::new();
    let mut phones = phones(&mut rig, &[PCMA, PCMU]);
    // It may send either law; the other knows one.
    phones[0].describe(&mut rig, 0, |spec| spec.formats = vec![PCMU, PCMA]);
    rig.hearing(1, rig::TWO_ON_A_BUS);
    talk(&mut rig, &mut phones, 600);
    assert!(phones[1].hears(TONES_HZ[0]) > HEARD);
}

#[test]
fn packet_times_meet() {
    for (left_ms, right_ms) in [(20, 10), (20, 30), (20, 60), (20, 40)] {
        let mut rig = MemoryRig::new();
        let mut phones = phones(&mut rig, &[PCMU, PCMA]);
        for (member, ms) in [(0, left_ms), (1, right_ms)] {
            phones[usize::from(member)].describe(&mut rig, member, |spec| spec.packet_time = Duration::from_millis(ms));
        }
        rig.hearing(1, rig::TWO_ON_A_BUS);
        talk(&mut rig, &mut phones, 1_200);
        assert_eq!(heard(&phones), [vec![1], vec![0]]);
        let samples = phones[1].heard.len() / phones[1].packets as usize;
        assert_eq!(samples as u64, right_ms * 8);
    }
}

#[test]
fn a_recorder_writes_mixed_or_apart_and_pauses_and_masks() {
    let mut rig = MemoryRig::new();
    let mut phones = phones(&mut rig, &[PCMU, PCMU]);
    let spec = |recording, channels: &[u16], rate_hz| RecorderSpec {
        recording: RecordingId(recording),
        rate_hz,
        channels: channels.iter().map(|member| MemberId(*member)).collect(),
        state: RecordingState::Running,
    };
    device(&mut rig, 2, Device::Recorder(spec(1, &[], 8_000)));
    device(&mut rig, 3, Device::Recorder(spec(2, &[0, 1], 16_000)));
    rig.hearing(1, &[(0, &[0], &[0]), (1, &[0], &[0]), (2, &[], &[0]), (3, &[], &[0])]);
    let tape = rig.doors().tape.clone();
    let mut files = [Vec::new(), Vec::new()];
    let mut last = [false, false];
    let collect = |files: &mut [Vec<i16>; 2], last: &mut [bool; 2]| {
        while let Some(block) = tape.take() {
            let at = if block.recording == Some(RecordingId(1)) { 0 } else { 1 };
            let (channels, rate_hz) = [(1, 8_000), (2, 16_000)][at];
            assert_eq!((block.channels, block.rate_hz), (channels, rate_hz));
            let frame = usize::from(channels) * rate_hz as usize / 50;
            assert_eq!(files[at].len(), block.first_frame as usize * frame, "blocks follow each other");
            files[at].extend_from_slice(&block.samples);
            last[at] |= block.last;
            tape.give_back(block);
        }
    };
    for _ in 0..10 {
        talk(&mut rig, &mut phones, 100);
        collect(&mut files, &mut last);
    }
    rig.tell(MediaCommand::SetRecording { session: name(1), member: MemberId(2), state: RecordingState::Paused });
    rig.tell(MediaCommand::SetRecording { session: name(1), member: MemberId(3), state: RecordingState::Masked });
    for _ in 0..10 {
        talk(&mut rig, &mut phones, 100);
        collect(&mut files, &mut last);
    }
    assert_eq!(last, [false, false]);
    rig.tell(MediaCommand::CloseMember { session: name(1), member: MemberId(2) });
    rig.close(1);
    collect(&mut files, &mut last);
    assert_eq!(last, [true, true]);
    let [mixed, apart] = files;
    assert!((7_600..8_200).contains(&mixed.len()), "a second: {}", mixed.len());
    for hz in &TONES_HZ[..2] {
        assert!(tone(&mixed[4_000..7_200], *hz, 8_000) > HEARD);
    }
    assert!((62_000..65_000).contains(&apart.len()), "two seconds of two channels: {}", apart.len());
    for (channel, hz) in TONES_HZ[..2].iter().enumerate() {
        let side = |channel: usize, from: usize| {
            apart[from..from + 6_400].iter().skip(channel).step_by(2).copied().collect::<Vec<_>>()
        };
        assert!(tone(&side(channel, 16_000), *hz, 16_000) > HEARD);
        assert!(tone(&side(1 - channel, 16_000), *hz, 16_000) < UNHEARD);
        assert!(side(channel, 48_000).iter().all(|sample| *sample == 0), "masked");
    }
}

/// A leg with events, one with tones: keys pass from each to the other, once.
#[test]
fn keys_pass_between_events_and_tones_once_each_way() {
    let mut rig = MemoryRig::new();
    let mut phones = phones(&mut rig, &[PCMU, PCMU]);
    phones[0].describe(&mut rig, 0, |spec| spec.formats = vec![PCMU, event(101)]);
    phones[1].describe(&mut rig, 1, |spec| spec.digits = DigitMode::Inband);
    rig.hearing(1, rig::TWO_ON_A_BUS);
    phones.iter_mut().for_each(|phone| phone.amplitude = 0.0);
    talk(&mut rig, &mut phones, 500);
    events(&mut rig);
    phones.iter_mut().for_each(Phone::forget);
    // Key 5 for 120 ms, as six packets and two more ends.
    let start = phones[0].timestamp();
    phones[0].silent = true;
    for n in 1..=8_u16 {
        let duration = 160 * n.min(6);
        let payload = [5, if n >= 6 { 0x8a } else { 10 }, (duration >> 8) as u8, duration as u8];
        phones[0].send_at(&mut rig, 101, n == 1, start, &payload);
        if n <= 6 {
            talk(&mut rig, &mut phones, 20);
        }
    }
    phones[0].silent = false;
    talk(&mut rig, &mut phones, 500);
    let pressed = |rig: &mut MemoryRig| -> Vec<_> {
        let pressed = |event| {
            let MediaEvent::DigitPressed { member, digit, length, .. } = event else { return None };
            Some((member.0, digit.sign(), length.as_millis()))
        };
        events(rig).into_iter().filter_map(pressed).collect()
    };
    assert_eq!(pressed(&mut rig), [(0, '5', 120)]);
    let loud: Vec<bool> = phones[1]
        .heard
        .chunks(80)
        .map(|piece| tone(piece, 770.0, 8_000) > 1_000.0 && tone(piece, 1_336.0, 8_000) > 1_000.0)
        .collect();
    let presses = loud.windows(2).filter(|pair| !pair[0] && pair[1]).count();
    let sounding = loud.iter().filter(|loud| **loud).count();
    assert!(presses == 1 && (10..=14).contains(&sounding), "{presses} presses, {sounding} tens of ms");
    assert_eq!(phones[1].events.len(), 0);
    // And back: key 8 as a tone.
    phones.iter_mut().for_each(Phone::forget);
    let digit = contract::Digit::from_char('8').expect("a key");
    let mut generator = media_core::dtmf::Generator::new(8_000);
    generator.start(digit, Duration::from_millis(100));
    phones[1].silent = true;
    for _ in 0..10 {
        let mut pcm = [0; 160];
        generator.fill(&mut pcm);
        phones[1].say_pcm(&mut rig, &pcm);
        phones[1].rewind();
        talk(&mut rig, &mut phones, 20);
    }
    phones[1].silent = false;
    talk(&mut rig, &mut phones, 500);
    let told = pressed(&mut rig);
    assert_eq!(told.iter().map(|(member, sign, _)| (*member, *sign)).collect::<Vec<_>>(), [(1, '8')]);
    assert!((80..=120).contains(&told[0].2), "{told:?}");
    let ends = phones[0].events.iter().filter(|event| event[0] == 8 && event[1] & 0x80 != 0).count();
    assert_eq!((ends, phones[0].events.iter().filter(|event| event[0] != 8).count()), (3, 0));
    let longest = phones[0].heard.chunks(80).map(|piece| tone(piece, 852.0, 8_000) > 1_000.0).fold(
        (0, 0),
        |(run, most), loud| {
            let run = if loud { run + 1 } else { 0 };
            (run, most.max(run))
        },
    );
    assert!(longest.1 < 4, "the tone is taken out: {} tens of ms remain", longest.1);
}

#[test]
fn digits_are_sent_into_a_relayed_call_and_its_sound_goes_on() {
    let mut rig = MemoryRig::new();
    let mut phones = phones(&mut rig, &[PCMU, PCMU]);
    for member in [0, 1] {
        phones[usize::from(member)].describe(&mut rig, member, |spec| spec.formats = vec![PCMU, event(101)]);
    }
    rig.hearing(1, rig::TWO_ON_A_BUS);
    talk(&mut rig, &mut phones, 300);
    let digits = "12".chars().filter_map(contract::Digit::from_char);
    let digits = digits.map(|digit| Keypress { digit, length: Duration::from_millis(100) }).collect();
    rig.tell(MediaCommand::SendDigits { session: name(1), member: MemberId(1), digits });
    talk(&mut rig, &mut phones, 1_000);
    let ends: Vec<u8> = phones[1].events.iter().filter(|event| event[1] & 0x80 != 0).map(|event| event[0]).collect();
    assert_eq!(ends, [1, 1, 1, 2, 2, 2]);
    assert_eq!(heard(&phones), [vec![1], vec![0]]);
    assert_eq!(rig.close(1).iter().map(|report| report.tier).collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn of_many_talkers_the_loudest_are_heard() {
    let mut rig = MemoryRig::new();
    let mut phones: Vec<Phone> = (0..20).map(|n| Phone::new(&mut rig, n, PCMU, 400.0 + 90.0 * f64::from(n))).collect();
    for phone in &mut phones[4..] {
        phone.amplitude = 60.0;
    }
    let rows: Vec<(u16, &[u32], &[u32])> = (0..20).map(|n| (n, &[0][..], &[0][..])).collect();
    rig.tell(MediaCommand::SetHearing { session: name(1), table: table(&rows) });
    talk(&mut rig, &mut phones, 800);
    for (n, ear) in phones.iter().enumerate() {
        for (m, other) in phones[..4].iter().enumerate() {
            assert_eq!(ear.hears(other.hz) > HEARD, n != m, "{n} hears {m}");
        }
    }
    let talking: Vec<u16> = events(&mut rig)
        .into_iter()
        .filter_map(|event| {
            let MediaEvent::TalkChanged { member, talking: true, .. } = event else { return None };
            Some(member.0)
        })
        .collect();
    assert_eq!(
        {
            let mut sorted = talking;
            sorted.sort_unstable();
            sorted
        },
        [0, 1, 2, 3]
    );
}

/// Member 0 of a call talks over a line that loses `lost` percent and delays by up to 60 ms; what member 1 hears in `seconds`.
fn over_a_bad_line(lost: u64, seconds: u64) -> Vec<i16> {
    let mut rig = MemoryRig::new();
    let mut phones = phones(&mut rig, &[PCMU, PCMA]);
    rig.hearing(1, rig::TWO_ON_A_BUS);
    phones[0].silent = true;
    let (mut random, mut under_way) = (7_u64, Vec::<(u64, Vec<u8>)>::new());
    let mut next = |limit: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % limit
    };
    for ms in 0..(seconds + 1) * 1_000 {
        if ms % 20 == 3 {
            let packet = phones[0].packet();
            if next(100) >= lost {
                under_way.push((ms + next(61), packet));
            }
        }
        for (_, packet) in under_way.extract_if(.., |(at, _)| *at <= ms) {
            rig.say(phones[0].address, phones[0].ours, &packet);
        }
        if ms == 1_000 {
            phones[1].forget();
        }
        talk(&mut rig, &mut phones, 1);
    }
    core::mem::take(&mut phones[1].heard)
}

#[test]
fn five_percent_loss_and_thirty_ms_of_jitter_are_hardly_heard() {
    let heard = over_a_bad_line(5, 20);
    assert!((158_000..=162_000).contains(&heard.len()), "{}", heard.len());
    let energy =
        |piece: &[i16]| piece.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / piece.len() as f64;
    let whole = 10.0 * (energy(&heard) / 32.0e6).log10();
    assert!(whole.abs() <= 1.0, "the tone's energy is {whole:.2} dB off");
    let quiet = heard.chunks(40).map(|piece| energy(piece) < 32.0e4).fold((0, 0), |(run, most), quiet| {
        let run = if quiet { run + 1 } else { 0 };
        (run, most.max(run))
    });
    assert!(quiet.1 * 5 <= 60, "{} ms of silence", quiet.1 * 5);
}

#[test]
fn at_twenty_percent_loss_the_call_stands() {
    let heard = over_a_bad_line(20, 20);
    assert!((158_000..=162_000).contains(&heard.len()), "{}", heard.len());
    // What is made up and stretched is not in phase with the rest; 50 ms by 50 ms it is the tone.
    let levels: Vec<f64> = heard.chunks(400).map(|piece| tone(piece, TONES_HZ[0], 8_000)).collect();
    let mean = levels.iter().sum::<f64>() / levels.len() as f64;
    assert!(mean > HEARD, "{mean}");
}

/// Every frame of it costs some encodes, not one for each listener.
#[test]
fn a_room_of_a_thousand_hears_its_few_talkers() {
    let mut rig = MemoryRig::large(2_000);
    let mut phones: Vec<Phone> = (0..1_000)
        .map(|n| {
            let mut phone = Phone::new(&mut rig, n, if n % 3 == 0 { PCMA } else { PCMU }, 440.0);
            phone.amplitude = 0.0;
            phone
        })
        .collect();
    let talkers = [3, 500, 998];
    for (talker, hz) in talkers.into_iter().zip(TONES_HZ) {
        (phones[talker].hz, phones[talker].amplitude) = (hz, 8_000.0);
    }
    let rows: Vec<(u16, &[u32], &[u32])> = (0..1_000).map(|n| (n, &[0][..], &[0][..])).collect();
    rig.tell(MediaCommand::SetHearing { session: name(1), table: table(&rows) });
    talk(&mut rig, &mut phones, 300);
    let before = rig.tally();
    talk(&mut rig, &mut phones, 300);
    let after = rig.tally();
    for (n, ear) in phones.iter().enumerate().filter(|(n, _)| n % 100 == 7 || talkers.contains(n)) {
        for (talker, hz) in talkers.into_iter().zip(TONES_HZ) {
            assert_eq!(ear.hears(hz) > HEARD, n != talker, "{n} hears {talker}");
        }
    }
    let frames = after.ticks - before.ticks;
    let encodes = (after.encodes - before.encodes) / frames;
    assert!(frames >= 14 && encodes <= 16, "{encodes} encodes a frame");
    assert_eq!(after.packets_unmade, 0);
}

/// How loud the loudest step between two samples is, and how long the longest silence in ms.
fn roughness(heard: &[i16]) -> (u32, usize) {
    let step = heard.windows(2).map(|pair| i32::from(pair[0]).abs_diff(i32::from(pair[1]))).max();
    let quiet = heard.chunks(8).map(|ms| ms.iter().all(|sample| sample.unsigned_abs() < 500)).fold(
        (0, 0),
        |(run, most), quiet| {
            let run = if quiet { run + 1 } else { 0 };
            (run, most.max(run))
        },
    );
    (step.unwrap_or_default(), quiet.1)
}

#[test]
fn a_path_that_changes_is_not_heard_to_change() {
    let mut rig = MemoryRig::new();
    let mut phones = phones(&mut rig, &[PCMU, PCMU, PCMU]);
    rig.hearing(1, rig::TWO_ON_A_BUS);
    talk(&mut rig, &mut phones, 400);
    phones.iter_mut().for_each(Phone::forget);
    for change in 0..12 {
        // A third listens, so that the first two are summed to him; then hears and is heard; then is gone.
        let third: &[(u16, &[u32], &[u32])] = &[(0, &[0], &[0, 1]), (1, &[0], &[0, 1]), (2, &[1], &[])];
        rig.hearing(1, if change % 2 == 0 { third } else { rig::TWO_ON_A_BUS });
        phones[2].amplitude = 0.0;
        talk(&mut rig, &mut phones, 397);
        for phone in &mut phones[..2] {
            let (step, silence_ms) = roughness(&phone.heard);
            // A tone of 570 Hz steps by 3,600 at most.
            assert!(step <= 4_000 && silence_ms <= 5, "change {change}: steps of {step}, {silence_ms} ms of silence");
            assert!(phone.gap_ms <= 40, "no gap over 20 ms beside the packet time: {} ms", phone.gap_ms);
            phone.forget();
        }
    }
}
