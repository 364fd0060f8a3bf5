//! Times a group of kernel tasks at once and divides the time among their ends.

use std::time::{Duration, Instant};

use sunward_core::{Outcome, RanOn};

use crate::batch::Batch;
use crate::clock::{micros, process_cpu_us, thread_cpu_us};
use crate::ends::task_end;
use crate::meter::{Reading, Span};
use crate::pending_ends::PendingEnds;

/// Clock readings before a group of tasks.
pub(crate) struct Stopwatch<'m> {
    span: Span<'m>,
    cpus: u32,
    cpu_us: u64,
}

impl<'m> Stopwatch<'m> {
    /// Starts timing tasks that each run on `cpus` cores.
    pub(crate) fn start(span: Span<'m>, cpus: u32) -> Self {
        Self {
            span,
            cpus,
            cpu_us: read_cpu_us(cpus),
        }
    }

    /// Posts the ends of the group, each with an equal share of the total. The shares add up
    /// exactly.
    pub(crate) fn stop(
        self,
        batch: &Batch,
        first: u32,
        outcomes: &mut Vec<Outcome>,
        pending_ends: &mut PendingEnds,
    ) -> Duration {
        let now = Instant::now();
        let took = now.saturating_duration_since(self.span.started.at);
        // Time beyond what all cores could give was used by others in this process.
        let at_most = micros(took).saturating_mul(self.cpus.into());
        let used = read_cpu_us(self.cpus).saturating_sub(self.cpu_us);
        let wall = Shares::new(micros(took), outcomes.len());
        let cpu = Shares::new(used.min(at_most), outcomes.len());
        let alone = outcomes.len() == 1;
        for (offset, outcome) in (0_u32..).zip(outcomes.drain(..)) {
            let cpu_us = cpu.of(offset);
            let reading = Reading {
                started_ms: self.span.started.ms,
                wall_us: wall.of(offset),
                cpu_us,
                energy: match alone {
                    true => self.span.energy(now, cpu_us),
                    false => self.span.modelled(cpu_us),
                },
            };
            let ran_on = Some(RanOn::Cpu);
            pending_ends.push(
                task_end(&batch.attempt(first + offset), reading, ran_on, outcome),
                now,
            );
        }
        took
    }
}

/// This thread's processor time. If the kernel has threads of its own it is the whole process's,
/// which is exact unless others run beside it.
fn read_cpu_us(cpus: u32) -> u64 {
    if cpus <= 1 {
        thread_cpu_us()
    } else {
        process_cpu_us()
    }
}

/// Divides an integer into equal shares; the first ones are larger by one if there is a remainder.
struct Shares {
    each: u64,
    larger: u64,
}

impl Shares {
    fn new(whole: u64, count: usize) -> Self {
        let count = u64::try_from(count).unwrap_or(u64::MAX).max(1);
        Self {
            each: whole / count,
            larger: whole % count,
        }
    }

    fn of(&self, place: u32) -> u64 {
        self.each + u64::from(u64::from(place) < self.larger)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_the_whole() {
        for (whole, count) in [(10, 3), (2, 5), (0, 4), (7, 7)] {
            let shares = Shares::new(whole, count);
            let sum: u64 = (0_u32..).take(count).map(|place| shares.of(place)).sum();
            assert_eq!(sum, whole);
        }
    }
}
