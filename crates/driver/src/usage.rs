//! What processes use: processor time and memory, as the kernel tells it.

use crate::scratch::Stat;
use std::collections::HashMap;
use std::fs;

/// Processor time and memory of a process and its descendants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// User and system time since the start. Microseconds, in steps of the kernel's tick.
    pub cpu_us: u64,
    /// Resident memory; what several share is split among them. Bytes.
    pub rss_bytes: u64,
}

impl Usage {
    /// A process and its family, for Postgres is one: living children count, and those that have ended. `None` when the
    /// process is gone, or without a `/proc`.
    pub fn of_family(pid: u32) -> Option<Self> {
        let mut usage = Self::of_one(pid)?;
        usage.cpu_us += Stat::of(pid)?.ended_children_ticks * tick_us();
        for child in descendants(pid) {
            if let Some(one) = Self::of_one(child) {
                usage.cpu_us += one.cpu_us;
                usage.rss_bytes += one.rss_bytes;
            }
        }
        Some(usage)
    }

    /// A process alone.
    pub fn of_one(pid: u32) -> Option<Self> {
        let cpu_us = Stat::of(pid)?.cpu_ticks * tick_us();
        Some(Self { cpu_us, rss_bytes: memory(pid).unwrap_or(0) })
    }
}

fn tick_us() -> u64 {
    use nix::unistd::{SysconfVar, sysconf};
    let per_second = sysconf(SysconfVar::CLK_TCK).ok().flatten().and_then(|ticks| u64::try_from(ticks).ok());
    1_000_000 / per_second.filter(|ticks| *ticks > 0).unwrap_or(100)
}

/// The proportional set size, so that Postgres' shared buffers count once; else the resident set size.
fn memory(pid: u32) -> Option<u64> {
    let kilobytes = |file: &str, key: &str| -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
        let line = text.lines().find(|line| line.starts_with(key))?;
        line.split_ascii_whitespace().nth(1)?.parse().ok()
    };
    kilobytes("smaps_rollup", "Pss:").or_else(|| kilobytes("status", "VmRSS:")).map(|kb| kb * 1024)
}

/// All processes below one. Where the kernel lists a process's children, only its family is looked at: a look at every process of
/// the machine, for every process of a trial, once a second, costs more than the load.
pub(crate) fn descendants(root: u32) -> Vec<u32> {
    let mut family = vec![root];
    let mut next = 0;
    while let Some(&pid) = family.get(next) {
        match children(pid) {
            Some(children) => family.extend(children),
            // Gone meanwhile, or a kernel without such lists.
            None if next == 0 => return descendants_among_all(root),
            None => {}
        }
        next += 1;
    }
    family.split_off(1)
}

/// The children of each of its threads; `None` when the kernel does not say.
fn children(pid: u32) -> Option<Vec<u32>> {
    let mut children = Vec::new();
    for thread in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        let list = fs::read_to_string(thread.path().join("children")).ok()?;
        children.extend(list.split_ascii_whitespace().filter_map(|child| child.parse::<u32>().ok()));
    }
    Some(children)
}

fn descendants_among_all(root: u32) -> Vec<u32> {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parents: HashMap<u32, u32> = pids.filter_map(|pid| Some((pid, Stat::of(pid)?.parent))).collect();
    let under_root = |pid: u32| {
        let mut at = pid;
        for _ in 0..parents.len() {
            match parents.get(&at) {
                Some(&parent) if parent == root => return true,
                Some(&parent) => at = parent,
                None => return false,
            }
        }
        false
    };
    parents.keys().copied().filter(|pid| under_root(*pid)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    #[test]
    fn children_and_grandchildren_are_found_either_way() {
        // Says the id of a child and that of a grandchild, and all three stay until the pipe is closed.
        let story = "cat & echo $!; sh -c 'cat & echo $!; wait' & wait";
        let mut shell = Command::new("sh")
            .args(["-c", &format!("exec 3<&0; {}", story.replace("cat", "cat <&3"))])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(shell.stdout.take().unwrap()).lines();
        let said: Vec<u32> = lines.take(2).map(|line| line.unwrap().parse().unwrap()).collect();
        for found in [descendants(shell.id()), descendants_among_all(shell.id())] {
            assert_eq!(found.len(), 3, "a child, and one with a grandchild: {found:?}");
            assert!(said.iter().all(|pid| found.contains(pid)));
        }
        drop(shell.stdin.take());
        assert!(shell.wait().unwrap().success());
    }
}
