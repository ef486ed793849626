//! Random tables, changed at random while everybody talks: who hears whom is told by tones, and every listener's stream stays one.

mod rig;

use contract::{
    BusSet, Cadence, CadenceStep, Codec, Device, Format, Gain, Hearing, HearingTable, MediaCommand, MemberId,
    PlayerSpec, Repeat, Sound,
};
use core::time::Duration;
use rig::{
    PCMA, PCMU, Rig,
    memory::MemoryRig,
    name,
    tones::{Phone, talk},
};

const G722: Format = Format { payload_type: 9, codec: Codec::G722, clock_rate_hz: 8_000, channels: 1 };
const L16: Format = Format { payload_type: 97, codec: Codec::L16, clock_rate_hz: 16_000, channels: 1 };
const OPUS: Format = Format { payload_type: 111, codec: Codec::Opus, clock_rate_hz: 48_000, channels: 2 };

const TONES_HZ: [f64; 6] = [440.0, 690.0, 1_010.0, 1_370.0, 1_790.0, 2_230.0];

/// Of the player.
const MUSIC_HZ: u16 = 2_650;

const PLAYER: u16 = 20;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % limit
    }

    fn buses(&mut self) -> BusSet {
        let bits = self.below(16) & self.below(16);
        (0..4).filter(|bus| bits >> bus & 1 == 1).fold(BusSet::NONE, |all, bus| all.with(BusSet::bus(bus)))
    }
}

fn random_table(random: &mut Random, legs: u16) -> HearingTable {
    let whole_room = random.below(4) == 0;
    let rows = (0..legs).chain([PLAYER]).map(|member| {
        let (speaks, hears) =
            if whole_room { (BusSet::bus(0), BusSet::bus(0)) } else { (random.buses(), random.buses()) };
        let gain = Gain::from_tenths_db([0, 0, 0, 60, -60][random.below(5) as usize]);
        Hearing { member: MemberId(member), speaks, hears, gain }
    });
    HearingTable::new(rows.collect::<Vec<_>>())
}

fn check(phones: &[Phone], table: &HearingTable, story: &str) {
    let speakers =
        (0..phones.len() as u16).map(|n| (n, phones[usize::from(n)].hz)).chain([(PLAYER, f64::from(MUSIC_HZ))]);
    let speakers: Vec<(u16, f64)> = speakers.collect();
    for (listener, ear) in (0..).zip(phones) {
        let expected = |speaker: u16| table.hears(MemberId(listener), MemberId(speaker));
        if !speakers.iter().any(|(speaker, _)| expected(*speaker)) {
            assert_eq!(ear.packets, 0, "{story}: {listener} hears nobody and is sent nothing");
            continue;
        }
        // A limiter may be at work; it never takes half of a voice away.
        let gain = |speaker: u16| 10_f64.powf(f64::from(table.row(MemberId(speaker)).gain.tenths_db()) / 200.0);
        for (speaker, hz) in &speakers {
            let level = ear.hears(*hz);
            if expected(*speaker) {
                let amplitude = if *speaker == PLAYER { 1_000.0 } else { 3_000.0 };
                assert!(level > 0.45 * amplitude * gain(*speaker), "{story}: {listener} hears {speaker} at {level}");
            } else {
                assert!(level < 250.0, "{story}: {listener} should not hear {speaker}: {level}");
            }
        }
    }
}

fn story(seed: u64, changes: usize) {
    let mut random = Random(seed);
    let mut rig = MemoryRig::new();
    let legs = 2 + random.below(5) as u16;
    let mut phones: Vec<Phone> = (0..legs)
        .map(|member| {
            let format = [PCMU, PCMU, PCMA, G722, L16, OPUS][random.below(6) as usize];
            let mut phone = Phone::new(&mut rig, member, format, TONES_HZ[usize::from(member)]);
            phone.amplitude = 3_000.0;
            phone
        })
        .collect();
    let steps = vec![CadenceStep { frequencies_hz: [MUSIC_HZ, 0], length: Duration::from_secs(1) }];
    let spec = PlayerSpec { sounds: vec![Sound::Tone(Cadence { steps })], repeat: Repeat::Forever };
    rig.tell(MediaCommand::OpenDevice { session: name(1), member: MemberId(PLAYER), device: Device::Player(spec) });
    for change in 0..changes {
        let table = random_table(&mut random, legs);
        rig.tell(MediaCommand::SetHearing { session: name(1), table: table.clone() });
        if random.below(4) == 0 {
            let member = random.below(u64::from(legs)) as u16;
            let packet_time = Duration::from_millis([10, 20, 40][random.below(3) as usize]);
            phones[usize::from(member)].describe(&mut rig, member, |spec| spec.packet_time = packet_time);
        }
        // Sound of before may still be under way for as long as it waits to be played.
        talk(&mut rig, &mut phones, 300 + random.below(40));
        phones.iter_mut().for_each(Phone::forget);
        talk(&mut rig, &mut phones, 280);
        check(&phones, &table, &format!("seed {seed}, change {change}"));
    }
    rig.close(1);
    assert!(rig.all_buffers_free(), "seed {seed}: nothing is kept");
}

#[test]
fn random_tables_are_heard_as_they_say() {
    for seed in 1..=48 {
        story(seed, 12);
    }
}
