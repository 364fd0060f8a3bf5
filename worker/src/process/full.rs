//! Takes a full disk into account when a command's end is judged.

use sunward_core::FailureKind;
use sunward_workflows::Stage;
use sunward_workflows::units::size_text as shown;

use crate::fault::Fault;
use crate::log::AttemptLog;
use crate::space::Space;
use crate::task_folder::TaskFolder;

/// How programs report a full disk. This is the C library's text in the language that commands get
/// unless the host sets another.
const NO_SPACE: &str = "No space left on device";

/// The advice for a full disk.
const MAKE_ROOM: &str = "free some space (`sunward cache prune` removes old results), or keep the state on a larger disk with `--home`, and run again";

/// Reconsiders the judgment on a command if its disk was full. A failure then mentions the disk,
/// also if only the command's log reports a full one. A success becomes a failure if the stage has
/// outputs: not every program checks whether its writes succeed, and a truncated table may still be
/// readable.
///
/// Call this while the task folder is as the command left it.
pub(crate) fn reconsider(
    judged: Result<(), Fault>,
    task_folder: &TaskFolder,
    stage: &Stage,
    log: &AttemptLog,
) -> Result<(), Fault> {
    match judged {
        Ok(()) if stage.outputs.is_empty() => Ok(()),
        Ok(()) => full(task_folder).map_or(Ok(()), |full| {
            Err(Fault::infrastructure(format!(
                "the command exited with code 0, but {full}, so that what it wrote may be cut short; {MAKE_ROOM}"
            )))
        }),
        Err(mut fault) => {
            if let FailureKind::Exit(_) | FailureKind::Signal(_) = fault.kind {
                let full = full(task_folder).or_else(|| told(log));
                if let Some(full) = full {
                    fault.message = format!("{}; {full}: {MAKE_ROOM}", fault.message);
                }
            }
            Err(fault)
        }
    }
}

fn full(task_folder: &TaskFolder) -> Option<String> {
    let space = Space::at(task_folder.work()).filter(|space| space.is_full())?;
    Some(format!(
        "there was no space left on the disk of its folder, {} ({} free of {})",
        sunward_files::shown(task_folder.work()),
        shown(space.free_bytes),
        shown(space.total_bytes)
    ))
}

/// What the command's log reports about any full disk.
fn told(log: &AttemptLog) -> Option<String> {
    log.quote()
        .contains(NO_SPACE)
        .then(|| "its log reports no space left on a disk".to_owned())
}
