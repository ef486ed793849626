//! What names of sounds lead to, with and without recordings of the house.

use super::*;
use crate::media::prompts;
use contract::Repeat;
use media_core::audio::player::{Player, Playing};
use std::{fs, path::Path};

fn clip(name: &str) -> Sound {
    Sound::Clip(name.into())
}

fn spec(names: &[&str]) -> PlayerSpec {
    PlayerSpec { sounds: names.iter().map(|name| clip(name)).collect(), repeat: Repeat::Forever }
}

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, octets) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, octets).unwrap();
    }
    folder
}

const MP3: &[u8] = include_bytes!("../fixtures/tone.mp3");
const OGG: &[u8] = include_bytes!("../fixtures/tone.ogg");

fn class(name: &str, folder: &Path, random: bool) -> MusicClass {
    MusicClass { name: name.to_owned(), folder: folder.to_owned(), random }
}

fn load(prompts: &Path, music: &[MusicClass], seed: u64) -> (Sounds, Vec<Warning>) {
    let sounds = Sounds::new(Folders { prompts: prompts.to_owned(), music: music.to_vec() }, seed);
    let warnings = sounds.scan();
    (sounds, warnings)
}

#[test]
fn every_prompt_of_the_tables_is_carried_and_sounds() {
    let (sounds, warnings) = load(Path::new("none"), &[], 1);
    assert_eq!(warnings, Vec::<String>::new());
    for (language, table) in [("en", include_str!("../sounds/en.tsv")), ("ru", include_str!("../sounds/ru.tsv"))] {
        for line in table.lines() {
            let (name, _) = line.split_once('\t').unwrap();
            let clip = sounds.library.get(&format!("prompt/{language}/{name}"));
            let clip = clip.unwrap_or_else(|| panic!("{language} {name}"));
            assert!(clip.samples.iter().any(|sample| sample.abs() > 2_000), "{language} {name} is silent");
            assert!((1_600..16_000 * 20).contains(&clip.samples.len()), "{language} {name}: {}", clip.samples.len());
        }
    }
}

#[test]
fn the_music_of_the_binary_plays_for_ever_without_a_pause() {
    let (sounds, _) = load(Path::new("none"), &[], 1);
    let mut wanted = spec(&["music/default"]);
    sounds.prepare(&mut wanted);
    let mut player = Player::new(&wanted, &sounds.library, 8_000);
    let (mut out, mut quiet, mut longest) = ([0; 160], 0, 0);
    for _ in 0..50 * 120 {
        assert_eq!(player.fill(&mut out), Playing::Sounding);
        quiet = if out.iter().all(|sample| sample.abs() < 30) { quiet + 1 } else { 0 };
        longest = longest.max(quiet);
    }
    assert!(longest < 5, "{longest} frames of silence");
}

#[test]
fn a_recording_replaces_the_prompt_of_its_name_and_a_bad_one_does_not() {
    let folder = folder(&[("en/vm/greeting.mp3", MP3), ("ru/goodbye.wav", b"not a sound"), ("en/mine.ogg", OGG)]);
    let (sounds, warnings) = load(folder.path(), &[], 1);
    let (plain, _) = load(Path::new("none"), &[], 1);
    let get = |name| sounds.library.get(name).unwrap();
    assert_ne!(get("prompt/en/vm/greeting"), plain.library.get("prompt/en/vm/greeting").unwrap());
    assert_eq!(get("prompt/ru/goodbye"), plain.library.get("prompt/ru/goodbye").unwrap());
    assert!(get("prompt/en/mine").samples.len() > 15_000);
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("goodbye.wav"), "{warnings:?}");
}

#[test]
fn a_class_is_its_files_by_name_and_what_cannot_be_played_is_told_by_file() {
    let folder = folder(&[("b.MP3", MP3), ("a.ogg", OGG), ("c.wav", b"RIFF"), ("cover.jpg", b"x")]);
    let (sounds, warnings) = load(Path::new("none"), &[class("jazz", folder.path(), false)], 1);
    let mut wanted = spec(&["music/jazz"]);
    sounds.prepare(&mut wanted);
    assert_eq!(wanted, spec(&["music/jazz/0", "music/jazz/1"]));
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("c.wav"), "{warnings:?}");
    let mut default = spec(&["music/default"]);
    sounds.prepare(&mut default);
    assert_eq!(default, spec(&[prompts::MUSIC]));
}

#[test]
fn random_order_is_another_for_each_listener_and_loses_no_file() {
    let files: Vec<String> = (0..8).map(|number| format!("{number}.mp3")).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|name| (name.as_str(), MP3)).collect();
    let folder = folder(&files);
    let (sounds, _) = load(Path::new("none"), &[class("default", folder.path(), true)], 7);
    let mut orders = BTreeSet::new();
    for _ in 0..10 {
        let mut wanted = spec(&["music/default"]);
        sounds.prepare(&mut wanted);
        let mut names: Vec<String> = wanted.sounds.iter().map(|sound| format!("{sound:?}")).collect();
        orders.insert(names.clone());
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 8);
    }
    assert!(orders.len() > 5, "{}", orders.len());
}

#[test]
fn a_class_without_files_and_an_unknown_class_sound_like_the_default() {
    let empty = folder(&[]);
    let (sounds, warnings) = load(Path::new("none"), &[class("jazz", empty.path(), false)], 1);
    assert_eq!(warnings.len(), 1);
    for name in ["music/jazz", "music/jazz/0", "music/rock", "music/"] {
        let mut wanted = spec(&[name]);
        sounds.prepare(&mut wanted);
        assert_eq!(wanted, spec(&[prompts::MUSIC]), "{name}");
    }
}

#[test]
fn a_missing_prompt_is_the_english_one_or_a_beep() {
    let folder = folder(&[("en/mine.mp3", MP3)]);
    let (sounds, _) = load(folder.path(), &[], 1);
    let mut wanted = spec(&["prompt/ru/mine", "prompt/ru/goodbye", "prompt/fr/goodbye", "prompt/ru/nothing", "x"]);
    sounds.prepare(&mut wanted);
    let beep = Sound::Tone(Cadence { steps: vec![BEEP] });
    let expected = [clip("prompt/en/mine"), clip("prompt/ru/goodbye"), clip("prompt/en/goodbye"), beep.clone(), beep];
    assert_eq!(wanted.sounds, expected);
    assert_eq!(sounds.told.lock().unwrap().len(), 4);
}

#[test]
fn a_library_that_is_full_says_what_it_left_out() {
    let folder = folder(&[("a.mp3", MP3)]);
    let music = [class("jazz", folder.path(), false)];
    let sounds = Sounds::within(1_000, Folders { prompts: "none".into(), music: music.to_vec() }, 1);
    let warnings = sounds.scan();
    assert!(warnings.iter().any(|warning| warning.contains("music/jazz/0")), "{warnings:?}");
    assert!(sounds.library.octets() <= 1_000);
}

#[test]
fn a_class_of_more_files_than_a_player_has_sounds_leaves_none_out() {
    let names: Vec<String> = (0..SOUNDS_MAX + 6).map(|number| format!("{number:03}.mp3")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), MP3)).collect();
    let (many, one) = (folder(&files), folder(&[("a.mp3", MP3)]));
    let (sounds, warnings) =
        load(Path::new("none"), &[class("many", many.path(), false), class("one", one.path(), false)], 1);
    assert_eq!(warnings, Vec::<String>::new());
    let mut wanted = spec(&["music/many"]);
    sounds.prepare(&mut wanted);
    assert!(wanted.sounds.len() <= SOUNDS_MAX);
    let length = |name: &str| sounds.library.get(name).unwrap().samples.len();
    let all: usize = (0..wanted.sounds.len()).map(|number| length(&format!("music/many/{number}"))).sum();
    assert_eq!(all, length("music/one/0") * names.len());
}

#[test]
fn a_second_scan_takes_what_is_new_forgets_what_is_gone_and_decodes_nothing_else() {
    let music = folder(&[("a.mp3", MP3), ("b.mp3", MP3)]);
    let prompts = folder(&[("en/goodbye.mp3", MP3)]);
    let (sounds, _) = load(prompts.path(), &[class("jazz", music.path(), false)], 1);
    let get = |name: &str| sounds.library.get(name);
    let (a, spoken) = (get("music/jazz/0").unwrap(), get("prompt/en/goodbye").unwrap());
    fs::remove_file(music.path().join("b.mp3")).unwrap();
    fs::write(prompts.path().join("en/mine.ogg"), OGG).unwrap();
    fs::remove_file(prompts.path().join("en/goodbye.mp3")).unwrap();
    assert_eq!(sounds.scan(), Vec::<String>::new());
    assert!(Arc::ptr_eq(&a, &get("music/jazz/0").unwrap()), "it is the same file");
    assert!(get("music/jazz/1").is_none());
    assert!(get("prompt/en/mine").is_some());
    assert_ne!(get("prompt/en/goodbye").unwrap(), spoken, "that of the binary is back");
    let mut wanted = spec(&["music/jazz"]);
    sounds.prepare(&mut wanted);
    assert_eq!(wanted, spec(&["music/jazz/0"]));
    fs::remove_file(music.path().join("a.mp3")).unwrap();
    assert_eq!(sounds.scan().len(), 1);
    sounds.prepare(&mut wanted);
    assert_eq!(wanted, spec(&[prompts::MUSIC]), "what a call asks for later is answered from what there is then");
}

#[test]
fn folders_that_turn_in_a_circle_and_files_that_never_end_are_left() {
    let prompts = folder(&[("en/mine.mp3", MP3)]);
    std::os::unix::fs::symlink(prompts.path().join("en"), prompts.path().join("en/again")).unwrap();
    let pipe = prompts.path().join("en/pipe.wav");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::os::unix::fs::symlink("/dev/zero", prompts.path().join("en/zero.wav")).unwrap();
    let (sounds, warnings) = load(prompts.path(), &[], 1);
    assert!(sounds.library.get("prompt/en/mine").is_some());
    assert!(warnings.iter().any(|warning| warning.contains("pipe.wav")), "{warnings:?}");
    assert!(warnings.iter().any(|warning| warning.contains("zero.wav")), "{warnings:?}");
}
