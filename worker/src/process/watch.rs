//! Watches a running command: reads its output, enforces its limits, and handles its end.
//!
//! A command ends when its process ends, which a pidfd shows. The end of its output does not show
//! it, because a child in the background may hold the output open forever. Before the process is
//! reaped, all processes that it left behind are killed, because until then no other process can
//! have its process id.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::Signal;

use super::exit::{Cause, CommandExit};
use super::limits::Limits;
use super::spawn::Running;
use super::table::{self, ProcessEntry};
use super::tree;
use crate::clock::{micros, thread_cpu_us, timespec};
use crate::fault::Fault;
use crate::log::AttemptLog;
use crate::outbox::Outbox;
use crate::stop::Stop;
use crate::task_folder::TaskFolder;
use crate::wakeups::Wakeup;

/// Bytes read at once from a command's output: the default capacity of a pipe.
pub(crate) const READ_BYTES: usize = 64 << 10;

/// The time after which a running command is reported as started.
pub(crate) const TELL_AFTER: Duration = Duration::from_millis(2);

/// How often to measure the memory of a task that declared a limit. Each measurement reads all of
/// `/proc`.
const MEMORY_EVERY: Duration = Duration::from_millis(100);

/// How often to measure the folders of a task that declared `disk`. Each measurement walks them
/// completely.
const DISK_EVERY: Duration = Duration::from_millis(500);

/// The pause after a measurement, at least, as a multiple of what it cost. This bounds the share of
/// time that measuring takes.
const PAUSE_BY_COST: u32 = 50;

/// How often to reap orphans while a command runs.
const REAP_EVERY: Duration = Duration::from_secs(5);

/// The most bytes to read from a command's output after it has ended. A pipe holds 64 KiB unless
/// its user enlarged it, and a surviving process could write forever.
const AFTERWARDS_AT_MOST: usize = 1 << 20;

/// What happened to a command that does several tasks.
pub(crate) enum Seen {
    /// It wrote an answer, and still runs.
    Answered(Running),
    /// It ended.
    Exited(CommandExit),
}

/// A running command and everything that watching it needs.
pub(crate) struct Watch<'a> {
    pub(crate) running: Running,
    pub(crate) task_folder: &'a TaskFolder,
    /// The checkpoint folder, if it has one.
    pub(crate) checkpoint: Option<&'a Path>,
    pub(crate) outbox: &'a Outbox,
    /// What wakes the slot that watches.
    pub(crate) wakeup: Option<Wakeup<'a>>,
    pub(crate) stop: &'a Stop,
    /// The time that it has to exit after it was asked to stop.
    pub(crate) grace: Duration,
    pub(crate) limits: Limits,
    pub(crate) log: &'a mut AttemptLog,
    pub(crate) buffer: &'a mut [u8],
    /// The descriptor to which it writes when a task is done, if it does several tasks.
    pub(crate) answers: Option<BorrowedFd<'a>>,
}

/// The state of watching one command.
struct Progress {
    cause: Cause,
    /// When it will be killed, once it was asked to stop.
    kill_at: Option<Instant>,
    look_at_memory: Option<Instant>,
    look_at_disk: Option<Instant>,
    reap_at: Instant,
    output_open: bool,
    idle_at: Option<Instant>,
    now: Instant,
}

impl Progress {
    fn begin(limits: &Limits, first: Duration) -> Self {
        let now = Instant::now();
        Self {
            cause: Cause::Itself,
            kill_at: None,
            look_at_memory: limits.memory_bytes.map(|_| now + MEMORY_EVERY),
            look_at_disk: limits.disk.map(|_| now + DISK_EVERY),
            reap_at: now + REAP_EVERY,
            output_open: true,
            idle_at: Some(now + first),
            now,
        }
    }

    /// Returns when to measure again after a measurement of this cost, or `None` once the command
    /// was asked to stop.
    fn next_look(&self, every: Duration, cost: Duration) -> Option<Instant> {
        let pause = every.max(cost * PAUSE_BY_COST);
        (self.cause == Cause::Itself).then(|| Instant::now() + pause)
    }
}

/// The events that ended one wait.
#[derive(Default)]
struct Woken {
    output: bool,
    ended: bool,
    wakeup: bool,
    answered: bool,
}

impl Watch<'_> {
    /// Watches until the command has ended. `idle` is called after the time `first`. It returns the
    /// time until its next call, or `None` for no more calls.
    pub(crate) fn until_exit(
        mut self,
        first: Duration,
        mut idle: impl FnMut(Instant) -> Option<Duration>,
    ) -> Result<CommandExit, Fault> {
        let mut progress = Progress::begin(&self.limits, first);
        loop {
            if self.step(&mut progress, &mut idle)?.ended {
                return self.finish(&progress);
            }
        }
    }

    /// Watches until the command has ended or there is something to read from `answers`. Before it
    /// returns an answer, it adds everything that the command wrote to its outputs by then to the
    /// log.
    pub(crate) fn until_answer(
        mut self,
        first: Duration,
        mut idle: impl FnMut(Instant) -> Option<Duration>,
    ) -> Result<Seen, Fault> {
        let mut progress = Progress::begin(&self.limits, first);
        loop {
            let woken = self.step(&mut progress, &mut idle)?;
            if woken.ended {
                return self.finish(&progress).map(Seen::Exited);
            }
            if woken.answered {
                self.drain();
                return Ok(Seen::Answered(self.running));
            }
        }
    }

    /// Waits for the next event and handles it.
    fn step(
        &mut self,
        progress: &mut Progress,
        idle: &mut impl FnMut(Instant) -> Option<Duration>,
    ) -> Result<Woken, Fault> {
        let woken = self.wait(progress, progress.idle_at, progress.now)?;
        if woken.output {
            progress.output_open = self.read();
        }
        if woken.ended {
            return Ok(woken);
        }
        if woken.wakeup {
            self.handle_wakeup(progress);
        }
        let now = Instant::now();
        progress.now = now;
        self.keep_limits(progress, now);
        if progress.idle_at.is_some_and(|at| at <= now) {
            progress.idle_at = idle(now).map(|wait| now + wait);
        }
        Ok(woken)
    }

    fn wait(
        &self,
        progress: &Progress,
        idle_at: Option<Instant>,
        now: Instant,
    ) -> Result<Woken, Fault> {
        let until = match progress.cause {
            Cause::Itself => self.limits.until,
            _ => progress.kill_at,
        };
        let next = [
            until,
            idle_at,
            progress.look_at_memory,
            progress.look_at_disk,
            Some(progress.reap_at),
        ];
        let timeout = next
            .into_iter()
            .flatten()
            .min()
            .map(|at| timespec(at.saturating_duration_since(now)));
        let mut fds = vec![PollFd::new(&self.running.pidfd, PollFlags::IN)];
        let wakeup = self.wakeup;
        fds.extend(wakeup.map(|wakeup| PollFd::new(wakeup.fd, PollFlags::IN)));
        let output = progress.output_open.then_some(fds.len());
        if progress.output_open {
            fds.push(PollFd::new(&self.running.output, PollFlags::IN));
        }
        // Answers are ignored once the command was asked to stop.
        let heard = self.answers.filter(|_| progress.cause == Cause::Itself);
        let answers = heard.map(|_| fds.len());
        fds.extend(heard.map(|answers| PollFd::from_borrowed_fd(answers, PollFlags::IN)));
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => {
                let error = std::io::Error::from(error);
                return Err(Fault::infrastructure(format!(
                    "could not watch the command: {error}; run again, and report it if it happens again"
                )));
            }
        }
        let ready = |at: usize| fds.get(at).is_some_and(|fd| !fd.revents().is_empty());
        Ok(Woken {
            ended: ready(0),
            wakeup: wakeup.is_some() && ready(1),
            output: output.is_some_and(ready),
            answered: answers.is_some_and(ready),
        })
    }

    /// Reads output once. Returns false if there will be no more.
    fn read(&mut self) -> bool {
        match rustix::io::read(&self.running.output, &mut *self.buffer) {
            Ok(0) => false,
            Ok(count) => {
                self.log.add(&self.buffer[..count]);
                true
            }
            Err(Errno::INTR | Errno::AGAIN) => true,
            Err(_) => false,
        }
    }

    fn handle_wakeup(&self, progress: &mut Progress) {
        let Some(wakeup) = self.wakeup else {
            return;
        };
        wakeup.reset();
        if !self.stop.load(std::sync::atomic::Ordering::Relaxed) {
            return;
        }
        let grace = match wakeup.is_leaving() {
            true => Duration::ZERO,
            false => self.grace,
        };
        self.terminate(progress, Cause::Cancelled, Instant::now(), grace);
    }

    fn keep_limits(&self, progress: &mut Progress, now: Instant) {
        if progress.kill_at.is_some_and(|at| at <= now) {
            progress.kill_at = None;
            self.signal(Signal::KILL);
        }
        if progress.reap_at <= now {
            progress.reap_at = now + REAP_EVERY;
            tree::reap();
        }
        if self.limits.until.is_some_and(|until| until <= now) {
            self.terminate(progress, Cause::Timeout, now, self.grace);
        }
        // A command over a limit is killed without a grace period, because it could exhaust the
        // machine.
        if progress.look_at_memory.is_some_and(|at| at <= now) {
            self.look_at_memory(progress, now);
        }
        if progress.look_at_disk.is_some_and(|at| at <= now) {
            self.look_at_disk(progress, now);
        }
    }

    fn look_at_memory(&self, progress: &mut Progress, now: Instant) {
        let Some(limit) = self.limits.memory_bytes else {
            return;
        };
        // Reading `/proc` costs processor time only. The wall time would also contain the time that
        // this thread waits on a busy machine, where limits matter most.
        let before_us = thread_cpu_us();
        let members = self.running.tree.members().into_iter();
        let used = members.map(ProcessEntry::own_memory).sum();
        if used > limit {
            self.terminate(progress, Cause::Memory(used), now, Duration::ZERO);
        }
        let cost = Duration::from_micros(thread_cpu_us().saturating_sub(before_us));
        progress.look_at_memory = progress.next_look(MEMORY_EVERY, cost);
    }

    fn look_at_disk(&self, progress: &mut Progress, now: Instant) {
        let Some(limit) = self.limits.disk else {
            return;
        };
        let began = Instant::now();
        if let Some(used) = limit.exceeded(self.task_folder.path(), self.checkpoint) {
            self.terminate(progress, Cause::Disk(used), now, Duration::ZERO);
        }
        progress.look_at_disk = progress.next_look(DISK_EVERY, began.elapsed());
    }

    /// Asks the command to stop, and kills it after `grace`. The first cause is kept. A later one
    /// may still shorten the grace period.
    fn terminate(&self, progress: &mut Progress, cause: Cause, now: Instant, grace: Duration) {
        if progress.cause == Cause::Itself {
            progress.cause = cause;
            progress.kill_at = Some(now + grace);
            if !grace.is_zero() {
                self.signal(Signal::TERM);
            }
        }
        if grace.is_zero() {
            progress.kill_at = None;
            self.signal(Signal::KILL);
        }
    }

    fn signal(&self, signal: Signal) {
        self.running.tree.signal(self.running.pid, signal);
    }

    /// Handles the end of the process, which was not reaped yet: kills the processes that it left
    /// behind, reads the rest of its output, and reaps it.
    fn finish(mut self, progress: &Progress) -> Result<CommandExit, Fault> {
        let left = self.running.tree.end(self.running.pid);
        if !left.is_empty() {
            self.outbox.notice(format!(
                "processes that a task started could not be ended: {}; end them by hand (kill -9)",
                table::named(&left)
            ));
        }
        let left_processes = progress.output_open && self.drain() || !left.is_empty();
        let reaped = self.running.reap().map_err(|error| {
            Fault::infrastructure(format!("could not read how the command ended: {error}; run again, and report it if it happens again"))
        })?;
        Ok(CommandExit {
            status: reaped.status,
            cause: progress.cause,
            cpu_us: micros(reaped.rusage.utime + reaped.rusage.stime),
            peak_bytes: reaped.rusage.maxrss,
            left_processes,
        })
    }

    /// Reads the available output. Returns true if a process may still hold the writing end.
    fn drain(&mut self) -> bool {
        let none = timespec(Duration::ZERO);
        let mut left = AFTERWARDS_AT_MOST;
        loop {
            let mut fds = [PollFd::from_borrowed_fd(
                self.running.output.as_fd(),
                PollFlags::IN,
            )];
            match poll(&mut fds, Some(&none)) {
                Ok(0) => return true,
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => return false,
            }
            if !self.read() {
                return false;
            }
            left = left.saturating_sub(self.buffer.len());
            if left == 0 {
                return true;
            }
        }
    }
}
