//! Remarks on a command that succeeded: files that it wrote and that are not kept, and special
//! permission bits of its outputs.
//!
//! Files that are usually of no use afterwards are not mentioned: those below `$TMPDIR`, beside
//! inputs, in hidden folders, `__pycache__` and folders named `tmp`, files with names of temporary
//! files, histories of interpreters, and links into the task's own folder.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use sunward_files::pattern::expand;
use sunward_workflows::{Action, OutputFormat, Stage};

use crate::job::JobState;
use crate::outputs::OutputPaths;
use crate::staged::Staged;
use crate::task_folder::TaskFolder;

/// The number of files that are named. The rest are only counted.
const NAMED: usize = 5;

/// The number of folder entries to examine at most.
const LOOKED_AT: usize = 10_000;

/// The set-user-id, set-group-id and sticky bits.
const SPECIAL_BITS: u32 = 0o7000;

/// The special bits that are mentioned for folders. Folders inherit the set-group-id bit from their
/// parent, so it does not count.
const SPECIAL_BITS_OF_FOLDER: u32 = 0o5000;

/// Returns the remarks on a stage that were not made before. Each comes with the flag to set once
/// the remark is made.
pub(crate) fn of<'j>(
    job: &'j JobState,
    task_folder: &TaskFolder,
    staged: Option<&Staged>,
    outputs: &OutputPaths,
) -> Vec<(&'j AtomicBool, String)> {
    let stage = &job.job.stage;
    let mut remarks = Vec::new();
    let is_users = matches!(stage.action, Action::Run(_));
    if is_users && !job.told_of_strays.load(Ordering::Relaxed) {
        let strays = of_strays(&stage.name, task_folder, staged, outputs);
        let strays = strays.or_else(|| of_unmatched(stage, outputs));
        remarks.extend(strays.map(|remark| (&job.told_of_strays, remark)));
    }
    if !outputs.is_empty() && !job.told_of_special_bits.load(Ordering::Relaxed) {
        let bits = of_special_bits(&stage.name, outputs);
        remarks.extend(bits.map(|remark| (&job.told_of_special_bits, remark)));
    }
    remarks
}

/// Returns a remark on files that the stage's command wrote outside of its outputs, if there are
/// any.
fn of_strays(
    stage: &str,
    task_folder: &TaskFolder,
    staged: Option<&Staged>,
    outputs: &OutputPaths,
) -> Option<String> {
    let home = task_folder.path();
    let mut search = Search {
        home: fs::canonicalize(home).unwrap_or_else(|_| home.to_owned()),
        skipped: outputs
            .iter()
            .filter_map(|(_, path)| identity(path))
            .collect(),
        left: LOOKED_AT,
        found: Vec::new(),
    };
    if !task_folder.work_is_empty() {
        let work = task_folder.work();
        let is_given = |path: &Path| {
            let name = path.strip_prefix(work).ok();
            name.is_some_and(|name| staged.is_some_and(|staged| staged.holds(name)))
        };
        search.below(work, work, &is_given);
    }
    if let Some(folder) = outputs.first().and_then(|(_, path)| path.parent()) {
        search.below(folder, folder, &|_| false);
    }
    let names = named(search.found)?;
    Some(format!(
        "stage {stage}: its command wrote files that are not kept, because they are not among its outputs: {names}; declare an output for what you need (`outputs: {{ x: {{ format: file }} }}`) and write it to ${{{{ outputs.x }}}}, or write to $TMPDIR what you do not need"
    ))
}

/// Returns a remark on files in the folders of outputs that their patterns do not match, if there are
/// any.
fn of_unmatched(stage: &Stage, outputs: &OutputPaths) -> Option<String> {
    let files = outputs.iter().zip(stage.outputs.values());
    let mut files = files.filter(|(_, output)| output.format == OutputFormat::Files);
    files.find_map(|((port, folder), output)| {
        let kept = expand(folder, output.pattern()).ok()?;
        let kept: BTreeSet<PathBuf> = kept.iter().map(|path| plain(folder, path)).collect();
        let mut search = Search {
            home: folder.clone(),
            skipped: BTreeSet::new(),
            left: LOOKED_AT,
            found: Vec::new(),
        };
        search.below(folder, folder, &|path| kept.contains(path));
        let names = named(search.found)?;
        Some(format!(
            "stage {}: its command wrote files that are not kept, because `glob: {}` of its output {port} does not match them: {names}; correct the pattern, or write to $TMPDIR what you do not need",
            stage.name,
            output.pattern(),
        ))
    })
}

/// A path below a folder, without steps that are `.`.
fn plain(folder: &Path, path: &str) -> PathBuf {
    folder.join(path).components().collect()
}

/// Returns a remark on special permission bits of the outputs, which are not kept, if there are
/// any.
fn of_special_bits(stage: &str, outputs: &OutputPaths) -> Option<String> {
    let mut found = Vec::new();
    let mut left = LOOKED_AT;
    for (port, output) in outputs {
        let mut paths = vec![output.clone()];
        while let Some(path) = paths.pop() {
            let Ok(meta) = fs::symlink_metadata(&path) else {
                continue;
            };
            if has_special_bits(&meta) {
                let inside = path.strip_prefix(output).unwrap_or(&path);
                found.push(sunward_files::shown(&Path::new(port).join(inside)));
            }
            if meta.is_dir() {
                paths.extend(entries(&path, &mut left));
            }
        }
    }
    let names = named(
        found
            .into_iter()
            .map(|name| name.trim_end_matches('/').to_owned())
            .collect(),
    )?;
    Some(format!(
        "stage {stage}: the set-user-id, set-group-id and sticky bits of its outputs are not kept: {names}; only that a file may be executed is. Set such bits where you install the files"
    ))
}

fn has_special_bits(meta: &Metadata) -> bool {
    let bits = match meta.file_type() {
        kind if kind.is_file() => SPECIAL_BITS,
        kind if kind.is_dir() => SPECIAL_BITS_OF_FOLDER,
        _ => 0,
    };
    meta.permissions().mode() & bits != 0
}

/// What is in a folder, as far as the number of entries that may still be looked at allows.
fn entries(folder: &Path, left: &mut usize) -> Vec<PathBuf> {
    let all = fs::read_dir(folder).into_iter().flatten().flatten();
    let found: Vec<PathBuf> = all.take(*left).map(|entry| entry.path()).collect();
    *left = left.saturating_sub(found.len());
    found
}

/// Returns device and inode of the file that a path leads to. The target of an output that is a
/// link, and other names of an output, are kept with the output.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let meta = fs::metadata(path).ok()?;
    Some((meta.dev(), meta.ino()))
}

struct Search {
    /// The task's own folder.
    home: PathBuf,
    skipped: BTreeSet<(u64, u64)>,
    left: usize,
    found: Vec<String>,
}

impl Search {
    fn below(&mut self, root: &Path, folder: &Path, is_given: &dyn Fn(&Path) -> bool) {
        let mut paths = entries(folder, &mut self.left);
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let Ok(meta) = fs::symlink_metadata(&path) else {
                continue;
            };
            if self.skipped.contains(&(meta.dev(), meta.ino())) {
                continue;
            }
            if meta.is_dir() {
                if !is_usual_folder(&name) {
                    self.below(root, &path, is_given);
                }
            } else if is_worth_telling(&meta, &path, &self.skipped, &self.home)
                && !is_usual_file(&name)
                && !is_given(&path)
            {
                let name = path.strip_prefix(root).unwrap_or(&path);
                self.found.push(sunward_files::shown(name));
            }
        }
    }
}

/// Whether something other than a folder holds or leads to data of its own. A link to an output or
/// into the task's own folder does not: its target is kept, told on its own, or was given.
fn is_worth_telling(
    meta: &Metadata,
    path: &Path,
    skipped: &BTreeSet<(u64, u64)>,
    home: &Path,
) -> bool {
    if !meta.is_symlink() {
        return meta.is_file();
    }
    let leads_home = fs::canonicalize(path).is_ok_and(|target| target.starts_with(home));
    !leads_home && identity(path).is_none_or(|target| !skipped.contains(&target))
}

fn is_usual_folder(name: &str) -> bool {
    name.starts_with('.') || matches!(name, "__pycache__" | "tmp" | "temp")
}

/// Whether a file is compiled Python, written by a program on its own account, or named as
/// temporary.
fn is_usual_file(name: &str) -> bool {
    let ends = [".pyc", ".tmp", ".temp", "~"];
    let ends_of_hidden = [".swp", ".lock", "_history"];
    let own = [
        "Rplots.pdf",
        ".Rhistory",
        ".RData",
        ".DS_Store",
        ".coverage",
        ".lesshst",
        ".viminfo",
        ".wget-hsts",
    ];
    name.starts_with("tmp.")
        || name.starts_with(".nfs")
        || name.starts_with(".fuse_hidden")
        || own.contains(&name)
        || ends.iter().any(|end| name.ends_with(end))
        || name.starts_with('.') && ends_of_hidden.iter().any(|end| name.ends_with(end))
}

/// Lists the first few names, which are ready to be shown, and the number of the others. Returns
/// `None` for an empty list.
fn named(mut names: Vec<String>) -> Option<String> {
    if names.is_empty() {
        return None;
    }
    names.sort();
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    Some(match more {
        0 => names.join(", "),
        _ => format!("{} and {more} more", names.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task_folder::TaskFolders;

    struct Case {
        /// Files that the command left, relative to its working folder.
        files: &'static [&'static str],
        told: Option<&'static str>,
    }

    const CASES: &[Case] = &[
        Case {
            files: &[],
            told: None,
        },
        Case {
            files: &["../out/o"],
            told: None,
        },
        Case {
            files: &["result.csv"],
            told: Some("result.csv;"),
        },
        Case {
            files: &["a/b/c.txt", "z"],
            told: Some("a/b/c.txt, z;"),
        },
        Case {
            files: &["../out/o", "../out/o.idx"],
            told: Some("o.idx;"),
        },
        Case {
            files: &["5", "4", "3", "2", "1", "6", "7"],
            told: Some("1, 2, 3, 4, 5 and 2 more;"),
        },
        Case {
            files: &["../tmp/x", "../inputs/i.bai", "../files/f"],
            told: None,
        },
        Case {
            files: &[
                ".cache/x",
                ".Rhistory",
                "__pycache__/m.pyc",
                "tmp/x",
                "a.tmp",
                "tmp.Xa",
                "b~",
                "Rplots.pdf",
                "a/.snakemake/log",
            ],
            told: None,
        },
    ];

    #[test]
    fn what_is_outside_of_outputs_is_told_and_the_usual_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut folders = TaskFolders::new(folder.path().join("slot"));
        for case in CASES {
            let task_folder = folders.enter().unwrap();
            let outputs = vec![("o".to_owned(), task_folder.outputs().unwrap().join("o"))];
            for file in case.files {
                let path = task_folder.work().join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "x").unwrap();
            }
            let told = of_strays("s", &task_folder, None, &outputs);
            match (case.told, &told) {
                (None, None) => {}
                (Some(words), Some(told)) if told.contains(words) => {
                    assert!(told.starts_with("stage s: ") && told.contains("outputs.x"));
                }
                _ => panic!("{:?}: {told:?}", case.files),
            }
            folders.leave(task_folder, false);
        }
    }

    #[test]
    fn hidden_files_and_links_are_told_unless_they_lead_into_the_task_s_folder() {
        let folder = tempfile::tempdir().unwrap();
        let mut folders = TaskFolders::new(folder.path().join("slot"));
        let task_folder = folders.enter().unwrap();
        let out = task_folder.outputs().unwrap().to_owned();
        let work = task_folder.work();
        fs::write(work.join(".hidden"), "x").unwrap();
        fs::write(out.join("o"), "x").unwrap();
        let link = |to: &Path, name: &str| {
            std::os::unix::fs::symlink(to, work.join(name)).unwrap();
        };
        link("/etc/hosts".as_ref(), "lnk");
        link("/nowhere".as_ref(), "dangling");
        link(&out.join("o"), "kept");
        link(&work.join(".hidden"), "alias");
        let outputs = vec![("o".to_owned(), out.join("o"))];
        let told = of_strays("s", &task_folder, None, &outputs).unwrap();
        assert!(told.contains(": .hidden, dangling, lnk;"), "{told}");
    }

    #[test]
    fn what_an_output_leads_to_is_kept_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut folders = TaskFolders::new(folder.path().join("slot"));
        let task_folder = folders.enter().unwrap();
        let out = task_folder.outputs().unwrap().to_owned();
        for name in ["linked", "named"] {
            fs::write(task_folder.work().join(name), "x").unwrap();
        }
        std::os::unix::fs::symlink(task_folder.work().join("linked"), out.join("a")).unwrap();
        fs::hard_link(task_folder.work().join("named"), out.join("b")).unwrap();
        let outputs = vec![
            ("a".to_owned(), out.join("a")),
            ("b".to_owned(), out.join("b")),
        ];
        assert_eq!(of_strays("s", &task_folder, None, &outputs), None);
    }

    #[test]
    fn special_bits_are_told_for_files_and_folders() {
        for (mode, of_folder, told) in [
            (0o644, false, false),
            (0o755, false, false),
            (0o4755, false, true),
            (0o2755, false, true),
            (0o1644, false, true),
            (0o2755, true, false),
            (0o1777, true, true),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let output = folder.path().join("o");
            let inside = output.join("x");
            fs::create_dir_all(&output).unwrap();
            match of_folder {
                true => fs::create_dir(&inside).unwrap(),
                false => fs::write(&inside, "x").unwrap(),
            }
            fs::set_permissions(&inside, fs::Permissions::from_mode(mode)).unwrap();
            let found = of_special_bits("s", &vec![("o".to_owned(), output)]);
            assert_eq!(found.is_some(), told, "{mode:o} {of_folder}");
            assert!(found.is_none_or(|found| found.contains("o/x;")));
        }
    }

    #[test]
    fn special_bits_are_found_in_each_of_many_folders() {
        const FOLDERS: usize = 400;
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("o");
        for at in 0..FOLDERS {
            let inside = output.join(at.to_string());
            fs::create_dir_all(&inside).unwrap();
            fs::write(inside.join("x"), "x").unwrap();
            let mode = fs::Permissions::from_mode(0o4755);
            fs::set_permissions(inside.join("x"), mode).unwrap();
        }
        let found = of_special_bits("s", &vec![("o".to_owned(), output)]).unwrap();
        let more = format!("and {} more;", FOLDERS - NAMED);
        assert!(found.contains(&more), "{found}");
    }
}
