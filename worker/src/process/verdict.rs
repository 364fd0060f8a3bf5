//! Decides from how a command ended whether it succeeded, and describes its failure.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use sunward_core::FailureKind;
use sunward_data::Views;
use sunward_workflows::units::size_text as shown;
use sunward_workflows::{Action, Stage};

use super::exit::{Cause, CommandExit};
use crate::attempt::Attempt;
use crate::fault::Fault;
use crate::task_folder::TaskFolder;

/// Returns `Ok` if the command ended by itself with exit code 0, and its fault otherwise.
pub(crate) fn judge(exit: &CommandExit, attempt: &Attempt<'_>, log: &Path) -> Result<(), Fault> {
    let limit = attempt.memory_limit();
    let stage = &attempt.job.stage;
    match exit.cause {
        Cause::Cancelled => Err(Fault::cancelled()),
        Cause::Timeout => {
            let limit = stage.timeout_ms.unwrap_or(0);
            Err(Fault::new(
                FailureKind::Timeout,
                format!(
                    "it took longer than its `timeout` of {} and was stopped; raise `timeout`, or make the task smaller",
                    spelled(limit)
                ),
            ))
        }
        Cause::Memory(used) => Err(out_of_memory(used, limit)),
        Cause::Disk(used) => {
            let limit = stage.resources.disk_bytes.unwrap_or(0);
            Err(Fault::output(format!(
                "it wrote {} into its folders, more than the {} of `resources.disk`, and was stopped; raise the limit, or write less (files that are no longer needed may be deleted along the way)",
                shown(used),
                shown(limit)
            )))
        }
        Cause::Itself => match (exit.status.code(), exit.status.signal()) {
            (Some(0), _) => Ok(()),
            (Some(code), _) => Err(exited(code, exit, stage, limit, log)),
            (None, Some(7 | 11)) if matches!(stage.action, Action::Cuda(_)) => Err(strayed(log)),
            (None, signal) => Err(signalled(signal.unwrap_or(0), exit, limit, log)),
        },
    }
}

/// Fails a task that read an input whose bytes changed in the store meanwhile. Tasks share such
/// bytes, so another task may have changed them.
pub(crate) fn compare_inputs(
    judged: Result<(), Fault>,
    views: &mut Views,
    task_folder: &TaskFolder,
) -> Result<(), Fault> {
    match (views.compare(), judged) {
        (Ok(()), judged) => judged,
        (Err(_), Err(fault)) if fault.kind == FailureKind::Cancelled => Err(fault),
        (Err(changed), _) => {
            let name = changed.path.strip_prefix(task_folder.path());
            let name = name.unwrap_or(&changed.path);
            Err(Fault::output(format!(
                "the bytes of the input {} changed while the task ran: this task, or another that reads the same file, wrote into it; copy an input before changing it (cp ${{{{ inputs.x }}}} work) or write the changed file to an output",
                sunward_files::shown(name)
            )))
        }
    }
}

fn exited(code: i32, exit: &CommandExit, stage: &Stage, limit: Option<u64>, log: &Path) -> Fault {
    // A shell exits with 128 + n if signal n ended its program.
    if code == 137 && is_near(exit.peak_bytes, limit) {
        return out_of_memory(exit.peak_bytes, limit);
    }
    let hint = match code {
        125 if stage.container.is_some() => {
            " (the container could not be started, or the command itself exited so; the log says which)"
        }
        126 | 127 if stage.container.is_some() => {
            " (the image does not have that program; without bash in it, write `shell: sh`)"
        }
        126 => " (the shell found the program, but it is not executable; try `chmod +x`)",
        127 => " (the shell could not find a program or file; the log names it)",
        141 => {
            " (a program in a pipe wrote after its reader had ended, as in `… | head -1`, and the strict shell counts that as a failure; write `… | sed -n 1p`, which reads everything, or `{ … || [ $? -eq 141 ]; } | head -1`)"
        }
        137 => " (a program was killed, perhaps by the system because memory ran out)",
        _ => "",
    };
    Fault::new(
        FailureKind::Exit(code),
        format!("the command exited with code {code}{hint}{}", see(log)),
    )
}

fn signalled(signal: i32, exit: &CommandExit, limit: Option<u64>, log: &Path) -> Fault {
    if signal == 9 && is_near(exit.peak_bytes, limit) {
        return out_of_memory(exit.peak_bytes, limit);
    }
    let name = match signal {
        1 => " (SIGHUP)",
        2 => " (SIGINT)",
        4 => " (SIGILL)",
        6 => " (SIGABRT)",
        7 => " (SIGBUS)",
        8 => " (SIGFPE)",
        9 => " (SIGKILL: sent by hand, or by the system because memory ran out)",
        11 => " (SIGSEGV)",
        13 => " (SIGPIPE)",
        15 => " (SIGTERM)",
        24 => " (SIGXCPU: it ran longer than `ulimit -t` allows)",
        25 => " (SIGXFSZ: it wrote a larger file than `ulimit -f` allows)",
        _ => "",
    };
    Fault::new(
        FailureKind::Signal(signal),
        format!(
            "the command was killed by signal {signal}{name}{}",
            see(log)
        ),
    )
}

/// The fault for a user's kernel that accessed unmapped memory. Writes close to a column are found
/// by the red zones around it.
fn strayed(log: &Path) -> Fault {
    Fault::new(
        FailureKind::Signal(11),
        format!(
            "the kernel read or wrote far outside its columns (SIGSEGV); check that every index is compared with the number of rows before it is used{}",
            see(log)
        ),
    )
}

fn see(log: &Path) -> String {
    if log.exists() {
        format!("; full log: {}", sunward_files::shown(log))
    } else {
        "; it wrote nothing to its log".to_owned()
    }
}

/// Whether the peak memory of a killed command reached 90 % of its limit.
fn is_near(peak: u64, limit: Option<u64>) -> bool {
    limit.is_some_and(|limit| peak >= limit - limit / 10)
}

fn out_of_memory(used: u64, limit: Option<u64>) -> Fault {
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    Fault::new(
        FailureKind::Memory,
        format!(
            "it used {} MiB of memory, more than the {} MiB of `resources.memory`, and was stopped; raise the limit, or let retries raise it with `retry: {{ on: [memory], scale: {{ memory: 2 }} }}`",
            mib(used),
            limit.map_or(0, mib)
        ),
    )
}

/// Formats milliseconds as a user would write them, for example `90s` or `2h`.
fn spelled(ms: u64) -> String {
    match ms {
        ms if ms > 0 && ms % 3_600_000 == 0 => format!("{}h", ms / 3_600_000),
        ms if ms > 0 && ms % 60_000 == 0 => format!("{}m", ms / 60_000),
        ms if ms % 1000 == 0 => format!("{}s", ms / 1000),
        ms => format!("{ms}ms"),
    }
}
