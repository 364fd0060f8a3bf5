//! Whether somebody still writes to what a command left as an output.
//!
//! All that the command started has ended by then. Who is left is somebody whom it only told of the
//! file, or who could not be ended. Such a file is not kept: its bytes would change in the store.
//!
//! The system grants a lease for reading (`F_SETLEASE`) on a file only while nobody has it open for
//! writing or mapped so, whoever that is; that is asked for, and given back at once. Who it is, is
//! looked up in `/proc`. There it is also looked where the file system knows no leases.

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

/// A file that is just being closed is looked at so often, and so long after each other.
const LOOKS: u32 = 10;
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Sets the signal by which the system would tell the holder of a lease that somebody opens the file:
/// one that is ignored. The C library's bindings lack its number.
const F_SETSIG: libc::c_int = 10;

/// Files by device and number.
type Files = BTreeMap<(u64, u64), PathBuf>;

/// Refuses outputs that somebody has open for writing.
pub(crate) fn refuse(outputs: &OutputPaths) -> Result<(), Fault> {
    for (port, path) in outputs {
        for look in 1.. {
            let Some((file, writer)) = writer_of(path) else {
                break;
            };
            if look == LOOKS {
                return Err(Fault::output(format!(
                    "output {port} is not finished: {} is open for writing by {writer}; have the command wait until all that write to it have closed it",
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

/// The first file of an output that somebody writes to, and who does.
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
                let somebody = || "a process that this user may not look at".to_owned();
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

/// Whether somebody has a file open for writing; nothing where that cannot be told.
fn is_written(path: &Path) -> Option<bool> {
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW)
        .open(path);
    let file = match opened {
        Ok(file) => file,
        // Somebody holds a lease of their own.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Some(true),
        Err(_) => return None,
    };
    let asked = control(&file, F_SETSIG, libc::SIGURG)
        .and_then(|()| control(&file, libc::F_SETLEASE, libc::F_RDLCK));
    match asked {
        Ok(()) => {
            // It ends with the handle in any case.
            drop(control(&file, libc::F_SETLEASE, libc::F_UNLCK));
            Some(false)
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Some(true),
        Err(_) => None,
    }
}

#[expect(unsafe_code, reason = "a system call that has no safe wrapper")]
fn control(file: &File, command: libc::c_int, argument: libc::c_int) -> io::Result<()> {
    // SAFETY: the descriptor is open as long as `file` lives; both commands take a number, no memory.
    match unsafe { libc::fcntl(file.as_raw_fd(), command, argument) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// A process that has one of these files open for writing, or mapped so.
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

/// `/proc/PID/maps` has a line a mapping: addresses, rights, offset, device, number, path. Some file
/// systems give another device there, so that number and path are compared.
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

    /// A process with this file open; it says when it has.
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
