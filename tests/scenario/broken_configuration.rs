//! A broken configuration: every fault is told, nothing starts.

use crate::exchange::{Home, launch, wait};

#[test]
fn every_fault_is_told_with_line_and_column_and_nothing_starts() {
    let home = Home::new(200);
    home.edit("domain: pbx.test", "domian: pbx.test");
    home.edit("number: \"1002\"", "number: \"12\\u0007x\"");
    home.edit("shards: 1", "shards: many");
    let (mut process, said) = launch(&home.configuration(), &[]);
    let status = wait(&mut process).expect("it ends");
    assert_eq!(status.code(), Some(1), "{}", said.all());
    // The last that it says; what it said before is read by then.
    assert!(said.line("nothing was started").is_some());
    let file = home.configuration().display().to_string();
    for (line, part) in [(2, "domian"), (5, "many"), (13, "12")] {
        let start = format!("{file}:{line}:");
        let told = said.all().lines().any(|told| told.starts_with(&start) && told.contains(part));
        assert!(told, "no fault about {part} in line {line}:\n{}", said.all());
    }
    assert!(!home.data().exists(), "the data directory was made");
}
