//! Figures of the process and its disk, read from `/proc` when they are asked for.

use prometheus::{
    Counter, Gauge, IntGauge, Opts,
    core::{Collector, Desc},
    proto::MetricFamily,
};
use std::{fs, path::PathBuf};

/// The process as a collector.
pub struct Process {
    cpu: Counter,
    descriptors: IntGauge,
    descriptors_max: IntGauge,
    resident: IntGauge,
    size: IntGauge,
    started: Gauge,
    threads: IntGauge,
    disk_free: IntGauge,
    data: PathBuf,
}

impl Process {
    /// The process that runs, with the disk that holds `data`.
    ///
    /// # Errors
    /// When a name is not a valid one, which is a mistake in this file.
    pub fn new(data: PathBuf) -> prometheus::Result<Self> {
        let started = Gauge::with_opts(Opts::new("process_start_time_seconds", "Start of the process, Unix time."))?;
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^52")]
        started.set(jiff::Timestamp::now().as_second() as f64);
        Ok(Self {
            cpu: Counter::new("process_cpu_seconds_total", "User and system time of the process.")?,
            descriptors: IntGauge::new("process_open_fds", "Open file descriptors.")?,
            descriptors_max: IntGauge::new("process_max_fds", "Largest number of open file descriptors allowed.")?,
            resident: IntGauge::new("process_resident_memory_bytes", "Resident memory.")?,
            size: IntGauge::new("process_virtual_memory_bytes", "Virtual memory.")?,
            threads: IntGauge::new("process_threads", "Threads.")?,
            disk_free: IntGauge::new("ironbell_disk_free_bytes", "Free space where the exchange keeps its files.")?,
            started,
            data,
        })
    }

    fn read(&self) {
        if let Ok(stat) = fs::read_to_string("/proc/self/stat") {
            self.read_stat(&stat);
        }
        if let Ok(entries) = fs::read_dir("/proc/self/fd") {
            // The listing holds one descriptor itself.
            self.descriptors.set(i64::try_from(entries.count()).unwrap_or(i64::MAX) - 1);
        }
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        self.descriptors_max.set(limit.current.and_then(|max| i64::try_from(max).ok()).unwrap_or(i64::MAX));
        if let Ok(disk) = rustix::fs::statvfs(&self.data) {
            self.disk_free.set(i64::try_from(disk.f_bavail.saturating_mul(disk.f_frsize)).unwrap_or(i64::MAX));
        }
    }

    /// proc(5): fields are counted from the state, which follows the parenthesised name.
    fn read_stat(&self, stat: &str) {
        let Some((_, fields)) = stat.rsplit_once(") ") else { return };
        let field =
            |number: usize| fields.split(' ').nth(number - 3).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
        #[expect(clippy::cast_precision_loss, reason = "clock ticks and their rate are far below 2^52")]
        let used = (field(14) + field(15)) as f64 / rustix::param::clock_ticks_per_second() as f64;
        self.cpu.inc_by((used - self.cpu.get()).max(0.0));
        self.threads.set(field(20));
        self.size.set(field(23));
        self.resident.set(field(24).saturating_mul(i64::try_from(rustix::param::page_size()).unwrap_or(4096)));
    }

    fn all(&self) -> [&dyn Collector; 8] {
        [
            &self.cpu,
            &self.descriptors,
            &self.descriptors_max,
            &self.resident,
            &self.size,
            &self.started,
            &self.threads,
            &self.disk_free,
        ]
    }
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        self.all().into_iter().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.read();
        self.all().into_iter().flat_map(Collector::collect).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_with_brackets_and_spaces_does_not_shift_the_fields() {
        let process = Process::new(PathBuf::from("/")).unwrap();
        let hertz = i64::try_from(rustix::param::clock_ticks_per_second()).unwrap();
        let stat = format!("7 (a ) b) S 1 1 1 0 -1 0 0 0 0 0 {hertz} {hertz} 0 0 20 0 5 0 99 4096 3 0");
        process.read_stat(&stat);
        assert!((process.cpu.get() - 2.0).abs() < 1e-9);
        assert_eq!((process.threads.get(), process.size.get()), (5, 4096));
        assert_eq!(process.resident.get(), 3 * i64::try_from(rustix::param::page_size()).unwrap());
    }

    #[test]
    fn a_running_process_has_memory_and_descriptors() {
        let process = Process::new(PathBuf::from("/")).unwrap();
        assert_eq!(process.collect().len(), 8);
        assert!(process.resident.get() > 0 && process.descriptors.get() > 0 && process.disk_free.get() > 0);
    }
}
