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

/// How many times, and how far apart, an output with a writer is checked before it is refused. The
/// writer may be about to close it.
const LOOKS: u32 = 10;
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The `fcntl` command that sets the signal for the holder of a lease when another process opens
/// the file. We choose a signal that is ignored by default. The C library's bindings lack this
/// constant.
const F_SETSIG: libc::c_int = 10;

/// Paths of files, by device and inode.
type Files = BTreeMap<(u64, u64), PathBuf>;

/// Refuses outputs that any process has open for writing.
pub(crate) fn refuse(outputs: &OutputPaths) -> Result<(), Fault> {
    for (port, path) in outputs {
        for look in 1.. {
            let Some((file, writer)) = writer_of(path) else {
                break;
            };
            if look == LOOKS {
                return Err(Fault::output(format!(
                    "output {port} is not finished: {} is open for writing by {writer}; make the command wait until everything that writes to it has closed it",
                    name_in(path, &file)
                )));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
    Ok(())
}

fn name_in(output: &Path, file: &Path) -> String {
    match file.strip_prefix(output) {
        Ok(inside) if !inside.as_os_str().is_empty() => inside.display().to_string(),
        _ => "it".to_owned(),
    }
}

/// Returns the first file of an output that a process writes to, and a description of that process.
fn writer_of(output: &Path) -> Option<(PathBuf, String)> {
    let mut unclear = Files::new();
    let mut folders = vec![output.to_owned()];
    while let Some(path) = folders.pop() {
        let Ok(found) = fs::symlink_metadata(&path) else {
            continue;
        };
        if found.is_dir() {
            let entries = fs::read_dir(&path).into_iter().flatten().flatten();
            folders.extend(entries.map(|entry| entry.path()));
            continue;
        }
        if !found.is_file() {
            continue;
        }
        let file = Files::from([((found.dev(), found.ino()), path.clone())]);
        match is_written(&path) {
            Some(false) => {}
            Some(true) => {
                let somebody = || "a process that this user may not inspect".to_owned();
                let writer = find_writer(&file).map_or_else(somebody, |(_, writer)| writer);
                return Some((path, writer));
            }
            None => unclear.extend(file),
        }
    }
    if unclear.is_empty() {
        None
    } else {
        find_writer(&unclear)
    }
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

/// Returns the first process that has one of these files open for writing or mapped as writable.
fn find_writer(files: &Files) -> Option<(PathBuf, String)> {
    let us = std::process::id();
    let others = ProcessEntry::all().into_iter();
    let mut others = others.filter(|process| u32::try_from(process.pid) != Ok(us));
    others.find_map(|process| {
        let file = opened_by(process, files).or_else(|| mapped_by(process, files))?;
        let writer = format!("process {}", process.shown());
        Some((file, writer))
    })
}

fn opened_by(process: ProcessEntry, files: &Files) -> Option<PathBuf> {
    process.open_files().into_iter().find_map(|number| {
        let found = fs::metadata(process.descriptor(&number)).ok()?;
        let file = files.get(&(found.dev(), found.ino()))?;
        process.writes(&number).then(|| file.clone())
    })
}

/// Returns the first of these files that a process has mapped as writable and shared.
///
/// `/proc/PID/maps` has one line for each mapping: addresses, permissions, offset, device, inode
/// and path. Some file systems show another device there, so only inode and path are compared.
fn mapped_by(process: ProcessEntry, files: &Files) -> Option<PathBuf> {
    let maps = fs::read(format!("/proc/{}/maps", process.pid)).ok()?;
    let maps = String::from_utf8_lossy(&maps);
    let shared = maps.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let rights = words.nth(1)?;
        let number = words.nth(2)?.parse::<u64>().ok()?;
        (rights.contains('w') && rights.contains('s')).then_some((number, line))
    });
    let shared: Vec<(u64, &str)> = shared.collect();
    let mut files = files.iter();
    let found = files.find(|((_, number), path)| {
        let name = path.to_string_lossy();
        shared
            .iter()
            .any(|(mapped, line)| mapped == number && line.contains(&*name))
    });
    found.map(|(_, path)| path.clone())
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
            let found = find_writer(&Files::from([(
                (
                    file.metadata().unwrap().dev(),
                    file.metadata().unwrap().ino(),
                ),
                file.clone(),
            )]));
            assert_eq!(found.is_some(), writes, "{how}");
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
