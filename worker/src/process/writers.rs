//! Finds processes that still write to a command's outputs.
//!
//! By now, everything that the command started has ended. A remaining writer is a process that the
//! command only told about the file, or one that could not be killed. Such a file is not stored,
//! because its bytes would change in the store.
//!
//! The system grants a read lease on a file (`F_SETLEASE`) only while no process has it open for
//! writing or mapped as writable. So the worker asks for a lease and releases it at once. If this
//! shows a writer, `/proc` tells which process it is. If the file system does not support leases,
//! only `/proc` is searched.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::table::ProcessEntry;
use crate::fault::Fault;
use crate::outputs::OutputPaths;

/// How many times, and how far apart, files with writers are examined before they are refused. The
/// writers may be about to close them.
const LOOKS: u32 = 10;
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The `fcntl` command that sets the signal for the holder of a lease when another process opens
/// the file. We choose a signal that is ignored by default. The C library's bindings lack this
/// constant.
const F_SETSIG: libc::c_int = 10;

/// A file of an output.
struct OutputFile<'o> {
    port: &'o str,
    output: &'o Path,
    path: PathBuf,
    id: FileId,
}

/// Device and inode of a file.
type FileId = (u64, u64);

/// The processes that write to files, one for each file.
type Writers = BTreeMap<FileId, ProcessEntry>;

/// Refuses outputs that any process has open for writing. Each file is examined once, and again
/// only while a process has it open.
pub(crate) fn refuse(outputs: &OutputPaths) -> Result<(), Fault> {
    let mut open = still_open(files(outputs));
    for _ in 1..LOOKS {
        if open.is_empty() {
            return Ok(());
        }
        std::thread::sleep(LOOK_EVERY);
        open = still_open(open.into_iter());
    }
    match open.first() {
        None => Ok(()),
        Some(file) => Err(refused(file)),
    }
}

fn refused(file: &OutputFile<'_>) -> Fault {
    let name = match file.path.strip_prefix(file.output) {
        Ok(inside) if !inside.as_os_str().is_empty() => sunward_files::shown(inside),
        _ => "it".to_owned(),
    };
    let writer = match writers(std::slice::from_ref(file)).get(&file.id) {
        Some(process) => format!("process {}", process.shown()),
        None => "a process that this user may not inspect".to_owned(),
    };
    Fault::output(format!(
        "output {} is not finished: {name} is open for writing by {writer}; make the command wait until everything that writes to it has closed it",
        file.port
    ))
}

/// All regular files of the outputs.
fn files(outputs: &OutputPaths) -> impl Iterator<Item = OutputFile<'_>> {
    outputs.iter().flat_map(|(port, output)| {
        let mut paths = vec![output.clone()];
        std::iter::from_fn(move || {
            while let Some(path) = paths.pop() {
                let Ok(found) = fs::symlink_metadata(&path) else {
                    continue;
                };
                if found.is_dir() {
                    let entries = fs::read_dir(&path).into_iter().flatten().flatten();
                    paths.extend(entries.map(|entry| entry.path()));
                } else if found.is_file() {
                    return Some(OutputFile {
                        port,
                        output,
                        path,
                        id: (found.dev(), found.ino()),
                    });
                }
            }
            None
        })
    })
}

/// Those of these files that a process has open for writing. All files for which leases do not
/// tell are searched for in `/proc` together.
fn still_open<'o>(files: impl Iterator<Item = OutputFile<'o>>) -> Vec<OutputFile<'o>> {
    let (mut open, mut unclear) = (Vec::new(), Vec::new());
    for file in files {
        match is_written(&file.path) {
            Some(false) => {}
            Some(true) => open.push(file),
            None => unclear.push(file),
        }
    }
    let writers = writers(&unclear);
    open.extend(
        unclear
            .into_iter()
            .filter(|file| writers.contains_key(&file.id)),
    );
    open
}

/// Whether any process has a file open for writing, or `None` if this cannot be determined.
fn is_written(path: &Path) -> Option<bool> {
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW)
        .open(path);
    let file = match opened {
        Ok(file) => file,
        // Another process holds a lease that conflicts with opening the file.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Some(true),
        Err(_) => return None,
    };
    let asked = control(&file, F_SETSIG, libc::SIGURG)
        .and_then(|()| control(&file, libc::F_SETLEASE, libc::F_RDLCK));
    match asked {
        Ok(()) => {
            // The lease also ends when the handle is closed.
            drop(control(&file, libc::F_SETLEASE, libc::F_UNLCK));
            Some(false)
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Some(true),
        Err(_) => None,
    }
}

#[expect(unsafe_code, reason = "a system call that has no safe wrapper")]
fn control(file: &File, command: libc::c_int, argument: libc::c_int) -> io::Result<()> {
    // SAFETY: the descriptor is open as long as `file` lives; both commands take a number, no
    // memory.
    match unsafe { libc::fcntl(file.as_raw_fd(), command, argument) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// The other processes that have one of these files open for writing or mapped as writable.
fn writers(files: &[OutputFile<'_>]) -> Writers {
    let mut writers = Writers::new();
    if files.is_empty() {
        return writers;
    }
    let by_id: BTreeMap<FileId, &Path> = files.iter().map(|file| (file.id, &*file.path)).collect();
    let us = std::process::id();
    let others = ProcessEntry::all().into_iter();
    for process in others.filter(|process| u32::try_from(process.pid) != Ok(us)) {
        let opened = opened_by(process, &by_id);
        let mapped = mapped_by(process, &by_id);
        for id in opened.into_iter().chain(mapped) {
            writers.entry(id).or_insert(process);
        }
    }
    writers
}

/// Those of these files that a process has open for writing.
fn opened_by(process: ProcessEntry, files: &BTreeMap<FileId, &Path>) -> Vec<FileId> {
    let opened = process.open_files().into_iter().filter_map(|number| {
        let found = fs::metadata(process.descriptor(&number)).ok()?;
        let id = (found.dev(), found.ino());
        (files.contains_key(&id) && process.writes(&number)).then_some(id)
    });
    opened.collect()
}

/// Those of these files that a process has mapped as writable and shared.
///
/// `/proc/PID/maps` has one line for each mapping: addresses, permissions, offset, device, inode
/// and path. Some file systems show another device there, so only inode and path are compared.
fn mapped_by(process: ProcessEntry, files: &BTreeMap<FileId, &Path>) -> Vec<FileId> {
    let maps = fs::read(format!("/proc/{}/maps", process.pid)).unwrap_or_default();
    let maps = String::from_utf8_lossy(&maps);
    let shared: Vec<(u64, &str)> = maps.lines().filter_map(shared_mapping).collect();
    let is_mapped = |inode: u64, path: &Path| {
        let path = path.to_string_lossy();
        let mut lines = shared.iter();
        lines.any(|(mapped, line)| *mapped == inode && line.contains(&*path))
    };
    let mapped = files.iter().filter(|(id, path)| is_mapped(id.1, path));
    mapped.map(|(id, _)| *id).collect()
}

/// The inode of a writable, shared mapping of a file, and the whole line.
fn shared_mapping(line: &str) -> Option<(u64, &str)> {
    let mut words = line.split_whitespace();
    let rights = words.nth(1)?;
    let inode = words
        .nth(2)?
        .parse::<u64>()
        .ok()
        .filter(|inode| *inode > 0)?;
    (rights.contains('w') && rights.contains('s')).then_some((inode, line))
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// Starts a process that has this file open, and waits until it does.
    fn holder(how: &str, file: &Path) -> Child {
        let script = format!("exec 3{how}\"$1\"; echo; exec sleep 1000");
        let mut child = Command::new("/bin/sh")
            .args(["-c", &script, "sh"])
            .arg(file)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = [0];
        io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut said).unwrap();
        child
    }

    fn end(mut child: Child) {
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn who_writes_is_found_and_who_reads_is_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("out");
        fs::create_dir_all(output.join("a")).unwrap();
        let file = output.join("a/b");
        fs::write(&file, "x").unwrap();
        let ports = vec![("o".to_owned(), output)];
        assert!(refuse(&ports).is_ok());
        for (how, writes) in [("<", false), (">>", true), ("<>", true)] {
            let child = holder(how, &file);
            let pid = child.id();
            let all: Vec<OutputFile<'_>> = files(&ports).collect();
            assert_eq!(!writers(&all).is_empty(), writes, "{how}");
            match refuse(&ports) {
                Ok(()) => assert!(!writes, "{how}"),
                Err(fault) => {
                    assert!(writes, "{how}");
                    for word in ["output o", "a/b", &format!("process {pid} (sleep)")] {
                        assert!(fault.message.contains(word), "{}", fault.message);
                    }
                }
            }
            end(child);
            assert!(refuse(&ports).is_ok(), "{how}: it is closed now");
        }
    }

    #[test]
    fn a_writer_of_any_port_is_found_and_files_that_were_closed_are_not_examined_again() {
        let folder = tempfile::tempdir().unwrap();
        let ports: OutputPaths = ["a", "b", "c"]
            .map(|port| (port.to_owned(), folder.path().join(port)))
            .into();
        for (_, path) in &ports {
            fs::write(path, "x").unwrap();
        }
        let mut open = Vec::new();
        for port in ["b", "c"] {
            open.push((port, holder(">>", &folder.path().join(port))));
        }
        for (port, child) in open {
            let found = still_open(files(&ports));
            assert_eq!(found.first().map(|file| file.port), Some(port));
            assert!(refuse(&ports).unwrap_err().message.contains(port));
            end(child);
            assert!(
                still_open(found.into_iter())
                    .iter()
                    .all(|file| file.port != port)
            );
        }
        assert!(refuse(&ports).is_ok());
    }

    #[test]
    fn what_this_process_has_open_for_writing_is_seen_too() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("o");
        let written = File::create(&file).unwrap();
        let ports = vec![("o".to_owned(), file)];
        assert!(refuse(&ports).is_err());
        drop(written);
        assert!(refuse(&ports).is_ok());
    }

    #[test]
    fn a_writable_mapping_outlives_the_handle_and_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("o");
        fs::write(&file, "content").unwrap();
        let script = "import mmap,sys\nf=open(sys.argv[1],'r+b')\nm=mmap.mmap(f.fileno(),0)\nf.close()\nprint(flush=True)\nsys.stdin.read()";
        let child = Command::new("python3")
            .args(["-c", script])
            .arg(&file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else {
            println!("NOT RUN: there is no python3");
            return;
        };
        let mut said = [0];
        io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut said).unwrap();
        let fault = refuse(&vec![("o".to_owned(), file.clone())]).unwrap_err();
        assert!(fault.message.contains("python3"), "{}", fault.message);
        end(child);
        assert!(refuse(&vec![("o".to_owned(), file)]).is_ok());
    }
}
