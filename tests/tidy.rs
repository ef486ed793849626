//! Properties of the source itself, checked as tests: who may use whom, what may never appear, and that the documents tell the truth
//! about the tests they name.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every tracked-looking file below `dir` with one of these endings, build output left out.
fn files(dir: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(dir) = open.pop() {
        let Ok(entries) = fs::read_dir(&dir) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if path.is_dir() {
                if !matches!(&*name, "target" | ".git" | "node_modules" | "data" | "corpus" | "artifacts") {
                    open.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// The code of a file: comment lines and everything from a `#[cfg(test)]` module on are left out.
fn code(path: &Path) -> String {
    let mut kept = String::new();
    for line in text(path).lines() {
        if line.trim_start().starts_with("#[cfg(test)]") {
            break;
        }
        if !line.trim_start().starts_with("//") {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// Whether `word` stands in `line` and does not merely begin a longer name.
fn contains_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let after = line[at + word.len()..].chars().next();
        !word.ends_with(|c: char| c.is_alphanumeric()) || !after.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

fn forbid(dirs: &[&str], words: &[(&str, &str)]) {
    let mut faults = Vec::new();
    for dir in dirs {
        for file in files(&root().join(dir), &[".rs"]) {
            for (number, line) in code(&file).lines().enumerate() {
                for (word, reason) in words {
                    if contains_word(line, word) {
                        faults.push(format!("{} (code line {}): `{word}`: {reason}", shown(&file), number + 1));
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn signaling_is_pure() {
    forbid(
        &["signaling/src"],
        &[
            ("Instant::now", "time is an input"),
            ("SystemTime", "no wall clock in the state"),
            ("std::net::UdpSocket", "sockets live in the shell"),
            ("std::net::Tcp", "sockets live in the shell"),
            ("std::thread", "one owner, no threads"),
            ("std::fs", "files live in the shell"),
            ("Mutex<", "one owner, no locks"),
            ("RwLock<", "one owner, no locks"),
            (".await", "only the shell awaits"),
            ("async fn", "only the shell awaits"),
            ("tokio", "only the shell awaits"),
            ("media_core", "the planes meet in the contract only"),
            ("HashMap", "its order differs from run to run"),
            ("HashSet", "its order differs from run to run"),
            ("thread_rng", "chance is an input"),
            ("getrandom", "chance is an input"),
        ],
    );
}

#[test]
fn the_media_plane_knows_no_sip_and_awaits_nothing() {
    forbid(
        &["media-core/src", "media-core/contract/src"],
        &[
            ("signaling", "the planes meet in the contract only"),
            (".await", "only the shell awaits"),
            ("async fn", "only the shell awaits"),
            ("tokio", "only the shell awaits"),
            ("Mutex<", "a core owns its memory"),
            ("RwLock<", "a core owns its memory"),
        ],
    );
}

#[test]
fn unsafe_lives_in_io_only() {
    let mut faults = Vec::new();
    for file in files(root(), &[".rs"]) {
        let name = shown(&file);
        if name.starts_with("media-core/src/io") || name == "tests/tidy.rs" {
            continue;
        }
        let has = code(&file)
            .lines()
            .any(|line| line.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == "unsafe"));
        if has {
            faults.push(name);
        }
    }
    assert!(faults.is_empty(), "unsafe outside media-core/src/io: {faults:?}");
}

#[test]
fn nothing_is_unbounded_and_nothing_is_left_undone() {
    forbid(
        &["src", "signaling/src", "media-core/src", "media-core/contract/src", "loadtest/src", "tests/world/src"],
        &[
            ("unbounded", "a limit on everything"),
            ("todo!(", "not built is not committed"),
            ("unimplemented!(", "not built is not committed"),
            ("dbg!(", "for the moment only"),
        ],
    );
    let undone: Vec<String> =
        ["TO", "FIX", "XX"].iter().zip(["DO", "ME", "X"]).map(|(a, b)| format!("{a}{b}")).collect();
    let mut faults = Vec::new();
    for file in files(root(), &[".rs", ".sh", ".toml", ".yml"]) {
        let whole = text(&file);
        for word in &undone {
            if whole.split(|c: char| !c.is_alphanumeric()).any(|w| w == word) {
                faults.push(format!("{}: {word}", shown(&file)));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_test_is_switched_off() {
    let mark = ["#[", "ignore"].concat();
    for file in files(root(), &[".rs"]) {
        assert!(!text(&file).contains(&mark), "{}: a test that does not run proves nothing", shown(&file));
    }
}

/// The order of `pub mod` lines in signaling/src/lib.rs; each may import only those before it.
fn signaling_modules() -> Vec<String> {
    text(&root().join("signaling/src/lib.rs"))
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub mod ")?.strip_suffix(';').map(str::to_owned))
        .collect()
}

#[test]
fn signaling_modules_import_only_those_before_them() {
    let modules = signaling_modules();
    assert!(modules.len() > 10, "the list of modules is read: {modules:?}");
    let rank: BTreeMap<&str, usize> = modules.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
    let mut faults = Vec::new();
    for file in files(&root().join("signaling/src"), &[".rs"]) {
        let name = shown(&file);
        let module = name.trim_start_matches("signaling/src/").split(['/', '.']).next().unwrap_or_default().to_owned();
        let Some(own) = rank.get(module.as_str()) else { continue };
        let code = code(&file).replace("\n    ", " ").replace('\n', " ");
        for used in crate_paths(&code) {
            if let Some(other) = rank.get(used.as_str())
                && other > own
            {
                faults.push(format!("{name}: {module} uses {used}, which comes after it"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// First path segments after `crate::`, also those in braces (`crate::{a::B, c}`).
fn crate_paths(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(inner) = rest.strip_prefix('{') {
            let mut depth = 1;
            let mut item = String::new();
            for c in inner.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
                if depth == 1 && c == ',' {
                    found.insert(head(&item));
                    item.clear();
                } else {
                    item.push(c);
                }
            }
            found.insert(head(&item));
        } else {
            found.insert(head(rest));
        }
    }
    found
}

fn head(path: &str) -> String {
    path.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn features_see_no_sip() {
    forbid(
        &["signaling/src/feature"],
        &[
            ("message::", "a feature sees legs, digits and names"),
            ("sdp::", "a feature sees legs, digits and names"),
            ("Header", "a feature sees legs, digits and names"),
            ("flow::", "a feature sees legs, digits and names"),
        ],
    );
}

#[test]
fn every_file_says_what_it_is_and_keeps_one_subject() {
    let mut faults = Vec::new();
    for dir in ["src", "signaling/src", "media-core/src", "media-core/contract/src", "loadtest/src", "tests/world/src"]
    {
        for file in files(&root().join(dir), &[".rs"]) {
            let whole = text(&file);
            if !whole.starts_with("//!") {
                faults.push(format!("{}: no `//!` head", shown(&file)));
            }
            let lines = whole.lines().count();
            if lines > 700 {
                faults.push(format!("{}: {lines} lines; does it still have one subject?", shown(&file)));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Names of every test function in the tree.
fn tests_in_tree() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in files(root(), &[".rs"]) {
        let whole = text(&file);
        let mut marked = false;
        for line in whole.lines().map(str::trim) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                marked = true;
            } else if marked && line.contains("fn ") {
                let after = line.split("fn ").nth(1).unwrap_or_default();
                names.insert(head(after));
                marked = false;
            }
        }
        if whole.contains("scenarios!") {
            for line in whole.lines().map(str::trim) {
                if let Some(name) = line.strip_suffix(',') {
                    names.insert(head(name));
                }
            }
        }
    }
    names
}

/// Names of tests that drive the built exchange over real sockets or real clients.
fn end_to_end_tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for dir in ["tests/scenario", "tests/interop", "tests/browser"] {
        for file in files(&root().join(dir), &[".rs"]) {
            let mut marked = false;
            for line in text(&file).lines().map(str::trim).map(str::to_owned) {
                if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                    marked = true;
                } else if marked && line.contains("fn ") {
                    names.insert(head(line.split("fn ").nth(1).unwrap_or_default()));
                    marked = false;
                }
            }
        }
    }
    names
}

#[test]
fn the_feature_list_names_tests_that_exist() {
    let list = text(&root().join("docs/features.md"));
    let all = tests_in_tree();
    let end_to_end = end_to_end_tests();
    let mut faults = Vec::new();
    let mut rows = 0;
    let mut seen = BTreeSet::new();
    for line in
        list.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ID") && !line.starts_with("| #"))
    {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [id, _what, state, tests, ..] = cells[..] else {
            faults.push(format!("a row has five cells: {line}"));
            continue;
        };
        rows += 1;
        if !seen.insert(id.to_owned()) {
            faults.push(format!("{id} stands twice"));
        }
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        for name in &named {
            if !all.contains(*name) {
                faults.push(format!("{id}: no test is called {name}"));
            }
        }
        match state {
            "works" => {
                if !named.iter().any(|name| end_to_end.contains(*name)) {
                    faults.push(format!("{id} works, but no end-to-end test proves it"));
                }
            }
            "partly" => {
                if named.is_empty() {
                    faults.push(format!("{id} is partly there, but no test shows it"));
                }
            }
            "not yet" => {}
            other => faults.push(format!("{id}: `{other}` is no state")),
        }
    }
    assert!(rows > 300, "every row of the catalogue is listed; found {rows}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn each_clause_names_a_file_and_tests_that_exist() {
    let all = tests_in_tree();
    let list = text(&root().join("docs/compliance.md"));
    let mut faults = Vec::new();
    let mut rows = 0;
    for line in list.lines().filter(|line| line.starts_with("| RFC ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        // Rows of three say where a clause is kept, rows of four where it is broken.
        let (places, tests) = match cells[..] {
            [_clause, places, tests] => (places, tests),
            [_clause, _what, _why, places] => (places, ""),
            _ => {
                faults.push(format!("a row has three or four cells: {line}"));
                continue;
            }
        };
        rows += 1;
        let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
        let (places, tests) = (quoted(places), quoted(tests));
        if places.is_empty() || (cells.len() == 3 && tests.is_empty()) {
            faults.push(format!("no file, or no test: {line}"));
        }
        faults.extend(places.iter().filter(|file| !root().join(file).is_file()).map(|file| format!("no file {file}")));
        faults.extend(tests.iter().filter(|test| !all.contains(*test)).map(|test| format!("no test is called {test}")));
    }
    assert!(rows > 60, "every clause is listed; found {rows}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn each_deviation_is_recorded() {
    let compliance = text(&root().join("docs/compliance.md"));
    let mut faults = Vec::new();
    for dir in ["signaling/src", "media-core/src", "src"] {
        for file in files(&root().join(dir), &[".rs"]) {
            if text(&file).contains("// Deviates:") && !compliance.contains(&shown(&file)) {
                faults.push(shown(&file));
            }
        }
    }
    assert!(faults.is_empty(), "deviations not in docs/compliance.md: {faults:?}");
}

#[test]
fn the_architecture_fits_into_300_lines() {
    let lines = text(&root().join("docs/architecture.md")).lines().count();
    assert!(lines <= 300, "docs/architecture.md has {lines} lines");
}

#[test]
fn every_document_the_readme_links_exists() {
    let mut faults = Vec::new();
    for file in files(root(), &[".md"]) {
        let whole = text(&file);
        for link in whole.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            if !file.parent().unwrap_or(root()).join(target).exists() {
                faults.push(format!("{}: {link}", shown(&file)));
            }
        }
    }
    assert!(faults.is_empty(), "dead links:\n{}", faults.join("\n"));
}

#[test]
fn no_trivial_secret_is_anywhere() {
    // A number may be 1234; a secret may not.
    let patterns = [["secret: \"", "1234\""].concat(), ["pin: \"", "1234\""].concat(), ["password: ", "1234"].concat()];
    for file in files(root(), &[".md", ".yml", ".xml", ".sh"]) {
        let whole = text(&file);
        for pattern in &patterns {
            assert!(!whole.contains(pattern), "{}: {pattern}", shown(&file));
        }
    }
}
