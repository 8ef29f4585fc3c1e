//! The memory of the process, as the kernel counts it.

#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "the id of a thread comes from libc")]
#![allow(dead_code, reason = "each test uses a part of it")]

use std::{fs, thread};

/// Returns the resident bytes that are backed by no file. Pages that have only been read are not counted: they
/// all map one page of zeros. The kernel walks the page tables for this; its running counts are cheaper, but off
/// by a few pages per CPU.
pub(crate) fn anonymous() -> usize {
    1_024 * kib("/proc/self/smaps_rollup", "Anonymous:")
}

/// Returns the size of all mappings in bytes, resident or not.
pub(crate) fn mapped() -> usize {
    1_024 * kib("/proc/self/status", "VmSize:")
}

/// Returns once all other threads are blocked, so that they have allocated all they need.
pub(crate) fn await_others() {
    // SAFETY: `gettid` has no requirement.
    let this = unsafe { libc::gettid() }.to_string();
    let waits = |task: fs::DirEntry| {
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        // After the name, which may contain anything.
        let state = stat.rsplit_once(") ").map(|(_, state)| state.starts_with('S'));
        task.file_name() == *this || state.unwrap_or(true)
    };
    while !fs::read_dir("/proc/self/task").unwrap().all(|task| waits(task.unwrap())) {
        thread::yield_now();
    }
}

fn kib(file: &str, name: &str) -> usize {
    let text = fs::read_to_string(file).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap()
}

/// A mapping, as listed in `/proc/self/smaps`.
#[derive(Debug)]
pub(crate) struct Mapping {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// The mapped file, `None` for anonymous memory.
    pub(crate) file: Option<String>,
    /// The flags, two letters each.
    pub(crate) flags: Vec<String>,
}

impl Mapping {
    /// Returns all mappings of this process.
    pub(crate) fn all() -> Vec<Self> {
        let text = fs::read_to_string("/proc/self/smaps").unwrap();
        let mut all = Vec::new();
        for line in text.lines() {
            if let Some(flags) = line.strip_prefix("VmFlags:") {
                let last: &mut Self = all.last_mut().unwrap();
                last.flags = flags.split_whitespace().map(str::to_owned).collect();
            } else if let Some((from, to)) = range(line) {
                let name = line.split_whitespace().nth(5).filter(|name| name.starts_with('/'));
                let file = name.map(str::to_owned);
                all.push(Self { from, to, file, flags: Vec::new() });
            }
        }
        all
    }

    /// Returns the mapping that contains `address`.
    pub(crate) fn of(address: usize) -> Self {
        let is_in = |mapping: &Self| (mapping.from..mapping.to).contains(&address);
        Self::all().into_iter().find(is_in).expect("the address is mapped")
    }

    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|had| had == flag)
    }
}

/// Parses the addresses at the head of a line such as `7f00-7f10 rw-p 00000000 00:00 0`.
fn range(line: &str) -> Option<(usize, usize)> {
    let (from, to) = line.split_whitespace().next()?.split_once('-')?;
    Some((usize::from_str_radix(from, 16).ok()?, usize::from_str_radix(to, 16).ok()?))
}
