//! Processes as the kernel sees them: processor time, memory, pinning, stopping. Reads `/proc`, knows no exchange.

use crate::clock;
use anyhow::{Context as _, Result, bail};
use core::time::Duration;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    process::{Child, ExitStatus},
    thread,
};

/// Processor time of `pid` and all its descendants since their start: `sum_exec_runtime` of every thread, which is exact to the
/// nanosecond and contains the softirq work done in their context.
///
/// # Errors
/// When the process is gone.
pub fn cpu_time(pid: u32) -> Result<Duration> {
    let mut total = Duration::ZERO;
    for member in family(pid) {
        let Ok(tasks) = fs::read_dir(format!("/proc/{member}/task")) else { continue };
        for task in tasks.flatten() {
            // A thread may end between the listing and the reading.
            let Ok(text) = fs::read_to_string(task.path().join("schedstat")) else { continue };
            let nanoseconds = text.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0);
            total += Duration::from_nanos(nanoseconds);
        }
    }
    if total.is_zero() {
        bail!("process {pid} is gone");
    }
    Ok(total)
}

/// Resident memory of `pid` and all its descendants that belongs to nobody else (`Private_*` of `smaps_rollup`), in bytes.
///
/// # Errors
/// When the process is gone.
pub fn private_memory(pid: u32) -> Result<u64> {
    let mut total = 0;
    for member in family(pid) {
        let Ok(text) = fs::read_to_string(format!("/proc/{member}/smaps_rollup")) else { continue };
        total += text
            .lines()
            .filter(|line| line.starts_with("Private_") && !line.starts_with("Private_Hugetlb"))
            .filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
            .sum::<u64>()
            * 1_024;
    }
    if total == 0 {
        bail!("process {pid} is gone");
    }
    Ok(total)
}

/// `pid` and everything it started, directly or not.
fn family(pid: u32) -> Vec<u32> {
    let mut members = vec![pid];
    let mut next = 0;
    while next < members.len() {
        let parent = members[next];
        next += 1;
        let Ok(tasks) = fs::read_dir(format!("/proc/{parent}/task")) else { continue };
        for task in tasks.flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            members.extend(children.split_whitespace().filter_map(|c| c.parse::<u32>().ok()));
        }
    }
    members
}

/// Keeps the calling thread on one processor. Refusal only costs precision and is printed.
pub fn pin(cpu: usize) {
    let mut set = rustix::thread::CpuSet::new();
    set.set(cpu);
    if let Err(fault) = rustix::thread::sched_setaffinity(None, &set) {
        eprintln!("cannot stay on processor {cpu}: {fault}");
    }
}

/// Processors this process may use.
#[must_use]
pub fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Asks a child to end with SIGTERM, waits up to `patience`, then kills it.
///
/// # Errors
/// When it had to be killed.
pub fn stop(child: &mut Child, patience: Duration) -> Result<ExitStatus> {
    if let Some(status) = child.try_wait()? {
        return Ok(status);
    }
    let pid = Pid::from_child(child);
    kill_process(pid, Signal::TERM).context("cannot signal the child")?;
    let until = clock::now() + patience;
    while clock::now() < until {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        thread::sleep(Duration::from_millis(5));
    }
    child.kill()?;
    child.wait()?;
    bail!("process {} did not end within {patience:?} of SIGTERM and was killed", pid.as_raw_nonzero())
}

/// Datagrams the kernel dropped at the sockets of these ports for lack of room: losses that are ours, not the exchange's.
#[must_use]
pub fn socket_drops(ports: &[u16]) -> u64 {
    ["/proc/self/net/udp", "/proc/self/net/udp6"]
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .flat_map(|text| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|line| {
            let mut fields = line.split_whitespace();
            let port = u16::from_str_radix(fields.nth(1)?.rsplit(':').next()?, 16).ok()?;
            let drops = fields.next_back()?.parse::<u64>().ok()?;
            ports.contains(&port).then_some(drops)
        })
        .sum()
}

/// UDP sockets of this network namespace by local port, each with the datagrams that found its buffer full since it was bound.
///
/// # Errors
/// When the kernel does not tell.
pub fn udp_drops() -> Result<Vec<(u16, u64)>> {
    let mut sockets = Vec::new();
    for table in ["/proc/net/udp", "/proc/net/udp6"] {
        let text = std::fs::read_to_string(table).with_context(|| format!("reading {table}"))?;
        sockets.extend(text.lines().skip(1).filter_map(udp_socket));
    }
    Ok(sockets)
}

/// One line of the kernel's table: the local address is the second field, its port in hexadecimal; the drops are the last field.
fn udp_socket(line: &str) -> Option<(u16, u64)> {
    let mut fields = line.split_ascii_whitespace();
    let (_, port) = fields.nth(1)?.rsplit_once(':')?;
    Some((u16::from_str_radix(port, 16).ok()?, fields.next_back()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_used_time_and_memory() {
        let me = std::process::id();
        let before = cpu_time(me).expect("alive");
        let mut sum = 0_u64;
        while cpu_time(me).expect("alive") <= before {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(private_memory(me).expect("alive") > 100_000);
        assert!(cpu_time(u32::MAX - 1).is_err());
    }
}
