//! The committed corpora through the bodies, on the stable toolchain.

use fuzz_bodies::BODIES;
use std::{fs, path::Path};

#[test]
fn committed_corpora_pass() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for (name, body) in BODIES {
        let mut count = 0;
        for entry in fs::read_dir(corpora.join(name)).unwrap_or_else(|fault| panic!("corpus {name}: {fault}")) {
            let path = entry.expect("a directory entry").path();
            let bytes = fs::read(&path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
            body(&bytes);
            count += 1;
        }
        assert!(count >= 20, "the corpus of {name} holds {count} files");
    }
}

/// Torture messages, whole, cut, and with every octet changed once, in an order that is the same in each run.
#[test]
fn damaged_torture_messages_pass() {
    for own in torture::ours::all().iter().filter(|own| own.bytes.len() < 700) {
        let mut bytes = own.bytes.clone();
        for at in 0..bytes.len() {
            let kept = bytes[at];
            bytes[at] = [b'\r', b'\n', b' ', b':', b',', b'"', b'<', b'\\', 0, 0xFF][at % 10];
            fuzz_bodies::message(&bytes);
            bytes[at] = kept;
        }
    }
}
