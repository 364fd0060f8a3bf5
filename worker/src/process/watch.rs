//! What happens while a command runs: its output is read, its limits are kept, its end is seen.
//!
//! The end of a command is the end of its process, seen through a pidfd; not the end of its output,
//! which a child left in the background may hold open for ever. Whatever it leaves behind is then
//! killed before the process is reaped, since until then its number belongs to nobody else.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::Signal;

use super::footprint;
use super::spawn::Running;
use super::table::{self, ProcessEntry};
use super::timespec;
use super::tree;
use crate::batch::Stop;
use crate::fault::Fault;
use crate::log::AttemptLog;
use crate::task_folder::TaskFolder;
use crate::worker::WorkerContext;

/// How often the memory of a task that declared some is looked at. Each look reads all of `/proc`.
const MEMORY_EVERY: Duration = Duration::from_millis(100);

/// How often the folders of a task that declared `disk` are looked at. Each look walks them whole.
const DISK_EVERY: Duration = Duration::from_millis(500);

/// A look that took long is not soon taken again: it may cost this share of the time at most.
const LOOKS_AT_MOST: u32 = 50;

/// How often orphans that have ended are looked after while a command runs.
const REAP_EVERY: Duration = Duration::from_secs(5);

/// How much is still read of a command's output once it has ended: a pipe holds 64 KiB unless its
/// user made it larger, and a survivor could go on writing for ever.
const AFTERWARDS_AT_MOST: usize = 1 << 20;

/// What a command must keep to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) until: Option<Instant>,
    pub(crate) memory_bytes: Option<u64>,
    /// What it may keep in its folders.
    pub(crate) disk_bytes: Option<u64>,
}

/// Why a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// By itself, or by somebody else.
    Itself,
    /// Its time was up.
    Timeout,
    /// It used this much memory.
    Memory(u64),
    /// It kept this much in its folders.
    Disk(u64),
    /// Its run was revoked.
    Cancelled,
}

/// How a command ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Departure {
    pub(crate) status: ExitStatus,
    pub(crate) cause: Cause,
    pub(crate) cpu_us: u64,
    /// The most memory that one of its processes had in use, in bytes.
    pub(crate) peak_bytes: u64,
    /// Something of it may still be running, outside its group or not dead yet.
    pub(crate) left_somebody: bool,
}

/// What there was to see of a command that does several tasks.
pub(crate) enum Seen {
    /// It says something, and goes on.
    Answers(Running),
    /// It is gone.
    Left(Departure),
}

/// One command under watch.
pub(crate) struct Watch<'a> {
    pub(crate) running: Running,
    pub(crate) task_folder: &'a TaskFolder,
    /// The folder that outlives it, if it has one.
    pub(crate) checkpoint: Option<&'a Path>,
    pub(crate) context: &'a WorkerContext,
    pub(crate) place: usize,
    pub(crate) stop: &'a Stop,
    pub(crate) limits: Limits,
    pub(crate) log: &'a mut AttemptLog,
    pub(crate) buffer: &'a mut [u8],
    /// Where it says that a task is done, if it does several.
    pub(crate) answers: Option<BorrowedFd<'a>>,
}

/// What is known so far.
struct Progress {
    cause: Cause,
    /// When it will be killed, after it was asked to leave.
    kill_at: Option<Instant>,
    look_at_memory: Option<Instant>,
    look_at_disk: Option<Instant>,
    reap_at: Instant,
    output_open: bool,
    idle_at: Option<Instant>,
    now: Instant,
    /// What was in its folders at the beginning: its inputs and staged files.
    given_bytes: u64,
}

impl Progress {
    fn begin(limits: &Limits, task_folder: &TaskFolder, first: Duration) -> Self {
        let now = Instant::now();
        let given = limits
            .disk_bytes
            .map(|_| footprint::bytes_below(task_folder.path()));
        Self {
            cause: Cause::Itself,
            kill_at: None,
            look_at_memory: limits.memory_bytes.map(|_| now + MEMORY_EVERY),
            look_at_disk: limits.disk_bytes.map(|_| now + DISK_EVERY),
            reap_at: now + REAP_EVERY,
            output_open: true,
            idle_at: Some(now + first),
            now,
            given_bytes: given.unwrap_or(0),
        }
    }

    /// When something is looked at again after a look that began at a moment; never once the command
    /// was asked to leave.
    fn next_look(&self, every: Duration, began: Instant) -> Option<Instant> {
        let now = Instant::now();
        let took = now.saturating_duration_since(began);
        (self.cause == Cause::Itself).then(|| now + every.max(took * LOOKS_AT_MOST))
    }
}

/// What woke the watch.
#[derive(Default)]
struct Woken {
    output: bool,
    ended: bool,
    bell: bool,
    answered: bool,
}

impl Watch<'_> {
    /// Watches until the command has ended. `idle` is called after `first` and says when it wants to
    /// be called again.
    pub(crate) fn until_it_leaves(
        mut self,
        first: Duration,
        mut idle: impl FnMut(Instant) -> Option<Duration>,
    ) -> Result<Departure, Fault> {
        let mut progress = Progress::begin(&self.limits, self.task_folder, first);
        loop {
            if self.step(&mut progress, &mut idle)?.ended {
                return self.finish(&progress);
            }
        }
    }

    /// The same, or until there is something to read from `answers`: then all that was written to its
    /// outputs before is in the log.
    pub(crate) fn until_it_answers(
        mut self,
        first: Duration,
        mut idle: impl FnMut(Instant) -> Option<Duration>,
    ) -> Result<Seen, Fault> {
        let mut progress = Progress::begin(&self.limits, self.task_folder, first);
        loop {
            let woken = self.step(&mut progress, &mut idle)?;
            if woken.ended {
                return self.finish(&progress).map(Seen::Left);
            }
            if woken.answered {
                self.drain();
                return Ok(Seen::Answers(self.running));
            }
        }
    }

    /// Waits for whatever comes first, and sees to it.
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
        if woken.bell {
            self.answer_bell(progress);
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
        let bell = self.context.bell(self.place);
        fds.extend(bell.map(|bell| PollFd::new(bell, PollFlags::IN)));
        let output = progress.output_open.then_some(fds.len());
        if progress.output_open {
            fds.push(PollFd::new(&self.running.output, PollFlags::IN));
        }
        // What it says once it was asked to leave comes too late.
        let heard = self.answers.filter(|_| progress.cause == Cause::Itself);
        let answers = heard.map(|_| fds.len());
        fds.extend(heard.map(|answers| PollFd::from_borrowed_fd(answers, PollFlags::IN)));
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => {
                let error = std::io::Error::from(error);
                return Err(Fault::infrastructure(format!(
                    "could not watch the command: {error}"
                )));
            }
        }
        let ready = |at: usize| fds.get(at).is_some_and(|fd| !fd.revents().is_empty());
        Ok(Woken {
            ended: ready(0),
            bell: bell.is_some() && ready(1),
            output: output.is_some_and(ready),
            answered: answers.is_some_and(ready),
        })
    }

    /// Reads once; false when there will never be more.
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

    fn answer_bell(&self, progress: &mut Progress) {
        if let Some(bell) = self.context.bell(self.place) {
            rustix::io::read(bell, &mut [0; 8]).ok();
        }
        if !self.stop.load(std::sync::atomic::Ordering::Relaxed) {
            return;
        }
        let now = Instant::now();
        if self.context.queue().leaving() {
            self.ask_to_leave(progress, Cause::Cancelled, now, Duration::ZERO);
        } else {
            self.ask_to_leave(progress, Cause::Cancelled, now, self.context.options.grace);
        }
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
            self.ask_to_leave(progress, Cause::Timeout, now, self.context.options.grace);
        }
        // There is no time for a polite farewell where one is over a limit: the machine may be next.
        if let Some(limit) = self.limits.memory_bytes
            && progress.look_at_memory.is_some_and(|at| at <= now)
        {
            let began = Instant::now();
            let members = self.running.tree.members().into_iter();
            let used = members.map(ProcessEntry::own_memory).sum();
            if used > limit {
                self.ask_to_leave(progress, Cause::Memory(used), now, Duration::ZERO);
            }
            progress.look_at_memory = progress.next_look(MEMORY_EVERY, began);
        }
        if let Some(limit) = self.limits.disk_bytes
            && progress.look_at_disk.is_some_and(|at| at <= now)
        {
            let began = Instant::now();
            let kept = self.checkpoint.map_or(0, footprint::bytes_below);
            let used = footprint::bytes_below(self.task_folder.path())
                .saturating_sub(progress.given_bytes)
                .saturating_add(kept);
            if used > limit {
                self.ask_to_leave(progress, Cause::Disk(used), now, Duration::ZERO);
            }
            progress.look_at_disk = progress.next_look(DISK_EVERY, began);
        }
    }

    /// Asks the command to leave and kills it after `grace`; the first cause counts. A later one
    /// may still shorten the grace.
    fn ask_to_leave(&self, progress: &mut Progress, cause: Cause, now: Instant, grace: Duration) {
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

    /// The process has ended but still holds its number: ends what it left behind, reads what is left
    /// of its output, and reaps it.
    fn finish(mut self, progress: &Progress) -> Result<Departure, Fault> {
        let left = self.running.tree.end(self.running.pid);
        if !left.is_empty() {
            self.context.notice(format!(
                "processes that a task started could not be ended: {}; end them by hand (kill -9)",
                table::named(&left)
            ));
        }
        let left_somebody = progress.output_open && self.drain() || !left.is_empty();
        let reaped = self.running.reap().map_err(|error| {
            Fault::infrastructure(format!("could not learn how the command ended: {error}"))
        })?;
        Ok(Departure {
            status: reaped.status,
            cause: progress.cause,
            cpu_us: crate::meter::micros(reaped.rusage.utime + reaped.rusage.stime),
            peak_bytes: reaped.rusage.maxrss,
            left_somebody,
        })
    }

    /// Reads what is there; true when somebody still holds the other end.
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
