//! The page: JsSIP as npm's lock names it, its modules put into one script, and our own part after them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

/// The whole page, made once.
pub(crate) fn page() -> String {
    static PAGE: OnceLock<String> = OnceLock::new();
    PAGE.get_or_init(make).clone()
}

fn make() -> String {
    let modules = install();
    let mut all = BTreeMap::new();
    let entry = modules.join("jssip/lib/JsSIP.js");
    collect(&entry, &modules, &mut all);
    let mut script = String::from("const modules = {\n");
    for (path, text) in &all {
        let text = if path.extension().is_some_and(|kind| kind == "json") {
            format!("module.exports = {text}")
        } else {
            text.clone()
        };
        script.push_str(&format!("{:?}: function (module, exports, require) {{\n{text}\n}},\n", name(path, &modules)));
    }
    script.push_str(LOADER);
    script.push_str(&format!("const JsSIP = load({:?});\n", name(&entry, &modules)));
    script.push_str(include_str!("page.js"));
    format!(
        "<!doctype html><meta charset=utf-8><title>phone</title><script>window.onerror = (what) => (document.title = what);</script><script>\n{}\n</script>",
        script.replace("</script", "<\\/script")
    )
}

/// CommonJS in a few lines. `debug` is silent: it is the only one that wants more of its surroundings.
const LOADER: &str = r#"};
const debug = () => () => {};
const cache = { debug: { exports: Object.assign(debug, { default: debug }) } };
function load(name) {
    if (!cache[name]) {
        const module = (cache[name] = { exports: {} });
        modules[name](module, module.exports, (wanted) => load(resolve(name, wanted)));
    }
    return cache[name].exports;
}
function resolve(from, wanted) {
    if (wanted === 'debug') return wanted;
    const parts = wanted.startsWith('.') ? [...from.split('/').slice(0, -1), ...wanted.split('/')] : [wanted];
    const path = [];
    for (const part of parts) part === '..' ? path.pop() : part !== '.' && path.push(part);
    const plain = path.join('/');
    return [plain, `${plain}.js`, `${plain}/index.js`, `${plain}/lib/index.js`, `${plain}/${plain}.js`].find((name) => modules[name]);
}
"#;

fn name(path: &Path, modules: &Path) -> String {
    path.strip_prefix(modules).unwrap().display().to_string()
}

/// Reads a module and all it requires.
fn collect(path: &Path, modules: &Path, all: &mut BTreeMap<PathBuf, String>) {
    let text = fs::read_to_string(path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
    let wanted: Vec<String> = text
        .split("require(")
        .skip(1)
        .filter_map(|rest| rest.trim_start_matches(['\'', '"']).split(['\'', '"']).next().map(str::to_owned))
        .collect();
    all.insert(path.to_owned(), text);
    for wanted in wanted.iter().filter(|wanted| *wanted != "debug") {
        let found = match wanted.strip_prefix('.') {
            Some(_) => path.parent().unwrap().join(wanted),
            None => modules.join(wanted),
        };
        let found = [
            found.clone(),
            found.with_extension("js"),
            found.join("index.js"),
            found.join("lib/index.js"),
            found.join(format!("{wanted}.js")),
        ]
        .into_iter()
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("{} requires {wanted}, which is not there", path.display()));
        let found = fs::canonicalize(found).unwrap();
        if !all.contains_key(&found) {
            collect(&found, modules, all);
        }
    }
}

/// `npm ci` of the lock beside this file, outside of the sources; not again while the lock is the same.
fn install() -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
    let (lock, modules) = (home.join("package-lock.json"), home.join("node_modules"));
    let wanted = include_str!("package-lock.json");
    if !modules.join("jssip").is_dir() || fs::read_to_string(&lock).is_ok_and(|there| there != wanted) {
        fs::create_dir_all(&home).unwrap();
        fs::write(home.join("package.json"), include_str!("package.json")).unwrap();
        fs::write(&lock, wanted).unwrap();
        let done = Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(&home)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status();
        match done {
            Ok(status) => assert!(status.success(), "npm ci failed; it needs the registry once"),
            Err(fault) => panic!("npm cannot be run ({fault}); scripts/need test installs it"),
        }
    }
    fs::canonicalize(modules).unwrap()
}
