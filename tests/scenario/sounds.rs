//! Prompts and music of the house: read at the start and again on SIGHUP, whatever lies among them.

use crate::handset::home;
use std::fs;

const MUSIC: &[u8] = include_bytes!("../../src/media/fixtures/tone.mp3");

#[test]
fn sounds_are_read_at_the_start_and_again_on_sighup_and_a_bad_file_is_named() {
    let home = home("", "");
    home.edit("api:\n", "music_on_hold: [{ name: jazz, path: moh/jazz }]\napi:\n");
    let (folder, prompts) = (home.data().join("moh/jazz"), home.data().join("prompts/ru"));
    fs::create_dir_all(&folder).unwrap();
    fs::create_dir_all(&prompts).unwrap();
    fs::write(folder.join("a.mp3"), MUSIC).unwrap();
    fs::write(folder.join("cut.mp3"), &MUSIC[..200]).unwrap();
    let exchange = home.start();
    assert!(exchange.said().line("cut.mp3").is_some(), "{}", exchange.said().all());
    let first = exchange.said().line("sounds are read").expect("all were read");

    fs::write(prompts.join("of-the-house.wav"), b"RIFF and nothing more").unwrap();
    fs::write(folder.join("b.mp3"), MUSIC).unwrap();
    exchange.reload();
    assert!(exchange.said().line("of-the-house.wav").is_some(), "{}", exchange.said().all());
    let count = |line: &str| {
        let after = line.split("sounds=").nth(1).expect("a count");
        after.split(' ').next().unwrap().parse::<usize>().unwrap()
    };
    let again = format!("sounds={}", count(&first) + 1);
    assert!(exchange.said().line(&again).is_some(), "{}", exchange.said().all());
}
