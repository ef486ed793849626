//! Network namespaces for each test: one for the exchange, in which the test program starts itself once more, and one for each
//! phone, joined to it by a pair of interfaces. So every party has an address of its own, as on a real network.

use loadtest::clock;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::{
    env,
    fs::{self, File},
    net::Ipv4Addr,
    os::fd::AsFd as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

/// Set in the copy of the test program that runs inside.
const INSIDE: &str = "IRONBELL_INTEROP_INSIDE";

/// Where the exchange listens.
pub(crate) const EXCHANGE: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);

/// Where an edge proxy listens, if there is one.
pub(crate) const EDGE: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 2);

/// The phones' addresses.
pub(crate) const PHONES: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 99, 1, 1), Ipv4Addr::new(10, 99, 2, 1)];

/// A second address of the second phone's side, where carriers are.
pub(crate) const CARRIER: Ipv4Addr = Ipv4Addr::new(10, 99, 2, 9);

/// The phones' interface, the same name in each of their namespaces.
pub(crate) const INTERFACE: &str = "phone";

/// Processes that do nothing but hold the phones' namespaces.
static HOLDERS: OnceLock<[u32; 2]> = OnceLock::new();

/// Runs `body` as the test `name` alone in new namespaces. `programs` must be there.
pub(crate) fn alone(name: &str, programs: &[&str], body: impl FnOnce()) {
    if env::var_os(INSIDE).is_some() {
        let _holders = furnish();
        return body();
    }
    let needed = programs.iter().chain(&["ip", "unshare", "nsenter"]);
    let missing: Vec<&str> = needed.filter(|program| !installed(program)).copied().collect();
    if !missing.is_empty() {
        let what = format!("{name} needs {}; install the packages of tests/interop/packages.txt", missing.join(", "));
        assert!(env::var_os("IRONBELL_WITHOUT_PEERS").is_some_and(|v| v == "1"), "{what}");
        println!("skipped: {what}");
        return;
    }
    let mut command = Command::new("unshare");
    command.arg("--net");
    if !rustix::process::geteuid().is_root() {
        // Without root a user namespace gives the rights over the network namespaces.
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

/// `program` in the namespace of a phone.
pub(crate) fn at_phone(index: usize, program: &str) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net={}", namespace_of(index))).arg("--").arg(program);
    command
}

/// Moves the calling thread into the namespace of a phone.
pub(crate) fn enter_phone(index: usize) {
    let file = File::open(namespace_of(index)).expect("the phone's namespace");
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).expect("entering it");
}

fn namespace_of(index: usize) -> String {
    format!("/proc/{}/ns/net", HOLDERS.get().expect("inside")[index])
}

/// Ends with the test.
struct Holder(Child);

impl Drop for Holder {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn furnish() -> [Holder; 2] {
    run("ip link set lo up");
    run(&format!("ip addr add {EXCHANGE}/32 dev lo"));
    run(&format!("ip addr add {EDGE}/32 dev lo"));
    let holders = [hold(), hold()];
    HOLDERS.set(holders.each_ref().map(|holder| holder.0.id())).expect("furnished once");
    for (index, address) in PHONES.iter().enumerate() {
        let [a, b, c, _] = address.octets();
        let gateway = Ipv4Addr::new(a, b, c, 254);
        let pid = holders[index].0.id();
        run(&format!("ip link add to{index} type veth peer name {INTERFACE} netns {pid}"));
        run(&format!("ip addr add {gateway}/24 dev to{index}"));
        run(&format!("ip link set to{index} up"));
        let inside = format!("nsenter --net={} -- ip", namespace_of(index));
        run(&format!("{inside} link set lo up"));
        run(&format!("{inside} addr add {address}/24 dev {INTERFACE}"));
        if CARRIER.octets()[..3] == address.octets()[..3] {
            run(&format!("{inside} addr add {CARRIER}/24 dev {INTERFACE}"));
        }
        run(&format!("{inside} link set {INTERFACE} up"));
        run(&format!("{inside} route add default via {gateway}"));
    }
    holders
}

/// A process in a new namespace of its own.
fn hold() -> Holder {
    let child = Command::new("unshare").args(["--net", "--", "sleep", "infinity"]).spawn().expect("unshare runs");
    let holder = Holder(child);
    let ours = fs::read_link("/proc/self/ns/net").expect("our namespace");
    let its = format!("/proc/{}/ns/net", holder.0.id());
    let until = clock::now() + Duration::from_secs(20);
    while fs::read_link(&its).is_ok_and(|namespace| namespace == ours) {
        assert!(clock::now() < until, "unshare makes no namespace");
        std::thread::sleep(Duration::from_millis(5));
    }
    holder
}

pub(crate) fn run(line: &str) {
    let mut words = line.split(' ');
    let program = words.next().expect("a program");
    let status = Command::new(program).args(words).status().expect("it runs");
    assert!(status.success(), "{line}: {status}");
}

fn installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")])
        .any(|d| d.join(program).is_file())
}
