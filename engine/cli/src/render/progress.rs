//! Shows a run's progress on stderr: a live line for each stage on a terminal, else plain lines.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use sunward_core::{Blame, Failure, StageId};

use super::style::{Style, harmless};
use super::units::{plural, seconds};

/// The most failures of one stage that are shown. The others are counted, because a scatter of a
/// million tasks can fail a million times.
const FAILURES_SHOWN: u64 = 10;
/// The number of lines that are shown of a failed attempt's log.
const LOG_LINES_SHOWN: usize = 20;
/// The time after which live lines are drawn again.
const REDRAW: Duration = Duration::from_millis(100);

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Live lines, for a person who watches.
    Live,
    /// Plain lines.
    Plain,
}

/// The progress of a stage at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Moment {
    /// The number of tasks, once known.
    pub(crate) total: Option<u64>,
    /// Tasks with a result from the cache.
    pub(crate) cached: u64,
    /// Tasks that ran and succeeded.
    pub(crate) ran: u64,
    /// Tasks that failed for good.
    pub(crate) failed: u64,
    /// Running tasks.
    pub(crate) running: u64,
    /// The time from the first attempt's start to the last attempt's end.
    pub(crate) seconds: f64,
    /// How it ended, if it has.
    pub(crate) over: Option<Over>,
}

/// How a stage ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    Done,
    Failed,
    /// It did not run. The reason, if it is shown.
    Skipped(Option<String>),
    Cancelled,
}

/// The line of one stage, as it was shown last.
struct StageLine {
    name: String,
    begun: bool,
    bar: Option<ProgressBar>,
    failures_shown: u64,
    over: bool,
}

/// Shows the progress of a run.
pub(crate) struct Progress {
    style: Style,
    bars: Option<MultiProgress>,
    lines: Vec<StageLine>,
}

impl Progress {
    /// The progress of a run whose stages have these names, by [`StageId`].
    pub(crate) fn new(names: Vec<String>, mode: Mode, style: Style) -> Self {
        let bars = (mode == Mode::Live)
            .then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));
        let lines = names
            .into_iter()
            .map(|name| StageLine {
                name,
                begun: false,
                bar: None,
                failures_shown: 0,
                over: false,
            })
            .collect();
        Self { style, bars, lines }
    }

    /// Prints a line that stays.
    pub(crate) fn line(&self, line: &str) {
        match &self.bars {
            // A closed terminal must not end the run.
            Some(bars) => drop(bars.println(line)),
            None => super::say(line),
        }
    }

    /// Marks the stages that have already ended, so that they are not reported.
    pub(crate) fn know(&mut self, moments: &[Moment]) {
        for (line, moment) in self.lines.iter_mut().zip(moments) {
            line.over = moment.over.is_some();
        }
    }

    /// Shows the progress of the stages, by [`StageId`].
    pub(crate) fn show(&mut self, moments: &[Moment]) {
        self.announce(moments);
        for (at, moment) in moments.iter().enumerate() {
            if self.lines.get(at).is_some_and(|line| line.over) {
                continue;
            }
            self.update(at, moment);
            if let Some(over) = &moment.over {
                self.end(at, moment, over);
            }
        }
    }

    /// Shows only which stages have begun, so that this comes before any message about them.
    pub(crate) fn announce(&mut self, moments: &[Moment]) {
        for (at, moment) in moments.iter().enumerate() {
            let is_new = self
                .lines
                .get(at)
                .is_some_and(|line| !line.over && !line.begun);
            if is_new && moment.has_begun() {
                self.begin(at, moment);
            }
        }
    }

    /// Shows that a stage has begun.
    fn begin(&mut self, at: usize, moment: &Moment) {
        let total = moment.total.unwrap_or(0);
        let Some(line) = self.lines.get_mut(at) else {
            return;
        };
        line.begun = true;
        // A stage that is already over gets only its last line.
        if moment.over.is_some() {
            return;
        }
        line.bar = self.bars.as_ref().map(|bars| {
            let bar = bars.add(ProgressBar::new(total));
            if let Ok(look) =
                ProgressStyle::with_template("{prefix:16} [{bar:24}] {pos}/{len} {elapsed} {msg}")
            {
                bar.set_style(look.progress_chars("=> "));
            }
            bar.set_prefix(line.name.clone());
            bar.enable_steady_tick(REDRAW);
            bar
        });
        if line.bar.is_none() {
            let text = format!("{}: {}", line.name, plural(total, "task"));
            self.line(&text);
        }
    }

    fn update(&self, at: usize, moment: &Moment) {
        if let Some(bar) = self.lines.get(at).and_then(|line| line.bar.as_ref()) {
            bar.set_position(moment.cached + moment.ran + moment.failed);
            let mut message = moment.counts();
            if moment.running > 0 {
                message = format!("{} running  {message}", moment.running);
            }
            bar.set_message(message);
        }
    }

    fn end(&mut self, at: usize, moment: &Moment, over: &Over) {
        let Some(line) = self.lines.get_mut(at) else {
            return;
        };
        line.over = true;
        if let Some(bar) = line.bar.take() {
            bar.finish_and_clear();
        }
        let word = match over {
            Over::Done => self.style.good("done"),
            Over::Failed => self.style.bad("failed"),
            Over::Cancelled => self.style.warn("cancelled"),
            Over::Skipped(None) => return,
            Over::Skipped(Some(why)) => format!("{}, {why}", self.style.warn("skipped")),
        };
        let mut text = format!("{}: {word}", line.name);
        let counts = moment.counts();
        if !counts.is_empty() {
            text.push_str(", ");
            text.push_str(&counts);
        }
        if moment.ran + moment.failed > 0 {
            text.push_str(", ");
            text.push_str(&seconds(moment.seconds));
        }
        self.line(&text);
    }

    /// Shows that an attempt failed, or that a stage could not start.
    pub(crate) fn failure(&mut self, stage: StageId, failure: &Failure, again: bool) {
        let at = usize::try_from(stage.0).unwrap_or(usize::MAX);
        let Some(line) = self.lines.get_mut(at) else {
            return;
        };
        line.failures_shown += 1;
        let (name, shown) = (line.name.clone(), line.failures_shown);
        if shown > FAILURES_SHOWN {
            if shown == FAILURES_SHOWN + 1 {
                self.line(&format!(
                    "{name}: more attempts failed than are shown; `sunward explain {name}` lists them"
                ));
            }
            return;
        }
        // A task's own message begins with its name.
        let who = if failure.message.starts_with(&name) {
            String::new()
        } else {
            format!("{name}: ")
        };
        let was_stopped = failure.kind.blame() == Blame::Nobody;
        let then = match (again, was_stopped) {
            (false, _) => "",
            (true, false) => " (it will be tried again)",
            (true, true) => " (it will run again)",
        };
        let what = match was_stopped {
            true => self.style.warn("stopped: "),
            false => self.style.bad("failed: "),
        };
        let mut text = format!("{what}{who}{}{then}", harmless(&failure.message));
        let log = end_of(&failure.log_tail, LOG_LINES_SHOWN);
        if !log.is_empty() {
            text.push_str("\n  the end of its log:");
            for line in log.lines() {
                text.push_str("\n  | ");
                text.push_str(&harmless(line));
            }
        }
        self.line(&text);
    }

    /// Removes the live lines. Printed lines stay.
    pub(crate) fn finish(&mut self) {
        for line in &mut self.lines {
            if let Some(bar) = line.bar.take() {
                bar.finish_and_clear();
            }
        }
    }
}

impl Moment {
    /// True if any task has started or ended. The number of tasks alone may be known long before.
    const fn has_begun(&self) -> bool {
        self.running + self.cached + self.ran + self.failed > 0
    }

    /// `988 ran, 12 from cache, 1 failed`.
    fn counts(&self) -> String {
        [
            (self.ran, "ran"),
            (self.cached, "from cache"),
            (self.failed, "failed"),
        ]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{} {word}", super::units::count(number)))
        .collect::<Vec<_>>()
        .join(", ")
    }
}

/// The last lines of a text.
pub(crate) fn end_of(text: &str, lines: usize) -> &str {
    let text = text.trim_end();
    match text.rmatch_indices('\n').nth(lines.saturating_sub(1)) {
        Some((at, _)) => &text[at + 1..],
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::end_of;

    #[test]
    fn the_end_of_a_log_is_its_last_lines() {
        assert_eq!(end_of("a\nb\nc\n", 2), "b\nc");
        assert_eq!(end_of("a\n", 2), "a");
        assert_eq!(end_of("", 2), "");
    }
}
