//! What a stack costs: CPU and memory.

use super::{Cell, cell};
use crate::summary::StackSummary;
use crate::words::{bytes, count, latency};
use scenario::Metric;

pub(super) fn cpu(stack: &StackSummary) -> Cell {
    let Some(all) = stack.cpu.all_us else { return Cell::not_measured("no samples") };
    let parts =
        [("servers", stack.cpu.servers_us), ("router", stack.cpu.router_us), ("store", stack.cpu.store_us)];
    let parts: Vec<String> = parts
        .into_iter()
        .filter_map(|(name, us)| us.filter(|us| *us > 0).map(|us| format!("{name} {}", count(us))))
        .collect();
    cell(format!("{} \u{b5}s", count(all))).sub(parts.join(", "))
}

pub(super) fn cpu_a_session(stack: &StackSummary) -> Cell {
    stack.cpu.session_us.map_or_else(|| Cell::not_measured("no samples"), |us| cell(latency(us)))
}

pub(super) fn memory(stack: &StackSummary) -> Cell {
    let m = &stack.memory;
    let Some(all) = m.all_bytes else { return Cell::not_measured("no samples") };
    let parts = [("servers", m.servers_bytes), ("router", m.router_bytes), ("store", m.store_bytes)];
    let parts = parts.into_iter().filter_map(|(name, part)| Some(format!("{name} {}", bytes(part?))));
    cell(bytes(all)).sub(parts.collect::<Vec<_>>().join(", "))
}

/// Only a scenario with sleeping sessions weighs one; the memory of a whole process says little about it.
pub(super) fn memory_a_session(stack: &StackSummary) -> Cell {
    let of = |metric: Metric| {
        let promise = stack.expectations.iter().find(|promise| promise.metric == metric)?;
        promise.measured_most.map(|most| (promise.measured_least.unwrap_or(most), most))
    };
    let told = |(low, high): (f64, f64)| {
        let (low, high) = (bytes(low.max(0.0).round() as u64), bytes(high.max(0.0).round() as u64));
        if low == high { low } else { format!("{low} to {high}") }
    };
    let store = of(Metric::StoreBytesPerSession).map(|range| format!("{} in the store", told(range)));
    match (of(Metric::ServerBytesPerSession), store) {
        (Some(range), store) => {
            let main = cell(format!("{} in servers", told(range)));
            Cell { sub: store, ..main }
        }
        (None, Some(store)) => cell(store),
        (None, None) => Cell::not_measured("no sleeping sessions"),
    }
}
