//! A network namespace for each test: the test program starts itself once more inside.
//!
//! Each phone has an address on an interface of its own, as baresip takes its address from an interface and refuses loopback.

use std::{
    env,
    net::Ipv4Addr,
    path::PathBuf,
    process::{Command, Stdio},
};

/// Set in the copy of the test program that runs inside.
const INSIDE: &str = "IRONBELL_INTEROP_INSIDE";

/// Where the exchange listens.
pub const EXCHANGE: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);

/// The phones' addresses and their interfaces.
pub const PHONES: [(Ipv4Addr, &str); 2] =
    [(Ipv4Addr::new(10, 99, 1, 1), "phone1"), (Ipv4Addr::new(10, 99, 2, 1), "phone2")];

/// Runs `body` as the test `name` alone in a new network namespace. `programs` must be there.
pub fn alone(name: &str, programs: &[&str], body: impl FnOnce()) {
    if env::var_os(INSIDE).is_some() {
        furnish();
        return body();
    }
    let missing: Vec<&str> = programs.iter().chain(&["ip", "unshare"]).filter(|p| !installed(p)).copied().collect();
    if !missing.is_empty() {
        let what = format!("{name} needs {}; install the packages of tests/interop/packages.txt", missing.join(", "));
        assert!(env::var_os("IRONBELL_WITHOUT_PEERS").is_some_and(|v| v == "1"), "{what}");
        println!("skipped: {what}");
        return;
    }
    let mut command = Command::new("unshare");
    command.arg("--net");
    if !rustix::process::geteuid().is_root() {
        // Without root a user namespace gives the rights over the network namespace.
        command.arg("--map-root-user");
    }
    let status = command
        .arg(env::current_exe().expect("the test program has a path"))
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .stdin(Stdio::null())
        .status()
        .expect("unshare runs");
    assert!(status.success(), "{name} failed inside its namespace: {status}");
}

fn furnish() {
    ip("link set lo up");
    ip(&format!("addr add {EXCHANGE}/32 dev lo"));
    for (address, interface) in PHONES {
        ip(&format!("link add {interface} type veth peer name {interface}far"));
        ip(&format!("addr add {address}/24 dev {interface}"));
        ip(&format!("link set {interface} up"));
        ip(&format!("link set {interface}far up"));
    }
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().expect("ip runs");
    assert!(status.success(), "ip {arguments}: {status}");
}

fn installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")])
        .any(|d| d.join(program).is_file())
}
