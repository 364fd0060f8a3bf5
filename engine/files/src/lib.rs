//! Opens files that users named: only regular files, and at most a given number of bytes. Creates
//! files of the home ([`private`]).
//!
//! Opening a named pipe waits until a process writes to it, and reading a device may never end. So
//! every path that a user, a workflow or a settings file names is opened here. Links are followed
//! and must lead to a regular file. Read [`open_regular`] first.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::allow_attributes,
        reason = "tests fail by panicking"
    )
)]

use std::fs::{self, File, FileType};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

pub mod pattern;
pub mod private;
pub mod spelling;

/// The most bytes of a text file that is read whole: settings, parameters, fleets, lock files. The
/// largest known one is a lock file of a few hundred kilobytes.
pub const TEXT_LIMIT_BYTES: u64 = 64 << 20;

/// Opens a regular file for reading.
///
/// # Errors
/// Fails if it cannot be opened, or is a folder, named pipe, socket or device. It never waits for
/// another process.
pub fn open_regular(path: &Path) -> io::Result<File> {
    // Opening a device may have effects, so its kind is checked first.
    refuse_irregular(fs::metadata(path)?.file_type())?;
    // Without O_NONBLOCK, this would wait for a pipe that replaces the file now. The flag has no
    // effect on regular files.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    refuse_irregular(file.metadata()?.file_type())?;
    Ok(file)
}

/// A path for a message: bytes that are not UTF-8 and control characters are escaped, so that
/// different names are shown differently.
#[must_use]
pub fn shown(path: &Path) -> String {
    let path = plain(path);
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() || is_invisible(c) {
                text.extend(c.escape_debug());
            } else {
                text.push(c);
            }
        }
        let escaped = chunk.invalid().iter();
        escaped.for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    text
}

/// A path without folders that are `.`, apart from the first: `/w/./d/x` is `/w/d/x`.
fn plain(path: &Path) -> std::path::PathBuf {
    path.components().collect()
}

/// A path as a value of JSON: itself, unless it is not UTF-8; then as [`shown`].
#[must_use]
pub fn as_value(path: &Path) -> String {
    path.to_str().map_or_else(|| shown(path), str::to_owned)
}

/// Whether a character only changes how others are shown, as one that reverses their order does.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Reads a regular file of at most `limit_bytes`.
///
/// # Errors
/// As [`open_regular`], and if the file is longer.
pub fn read_regular(path: &Path, limit_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?
        .take(limit_bytes.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit_bytes {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it has more than {limit_bytes} bytes, the most that is read here"),
        ));
    }
    Ok(bytes)
}

/// Reads a regular text file of at most [`TEXT_LIMIT_BYTES`].
///
/// # Errors
/// As [`read_regular`], and if the file is not UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read_regular(path, TEXT_LIMIT_BYTES)?).map_err(|error| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("it is not UTF-8: {error}"),
        )
    })
}

/// The kind of a path that is not a regular file, in words; `None` for a regular file.
#[must_use]
pub fn irregular(kind: FileType) -> Option<&'static str> {
    if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some("a folder")
    } else if kind.is_fifo() {
        Some("a named pipe")
    } else if kind.is_socket() {
        Some("a socket")
    } else {
        Some("a device")
    }
}

fn refuse_irregular(kind: FileType) -> io::Result<()> {
    match irregular(kind) {
        None => Ok(()),
        Some(what @ "a folder") => Err(io::Error::new(
            io::ErrorKind::IsADirectory,
            format!("it is {what}; expected a regular file"),
        )),
        Some(what) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("it is {what}; expected a regular file, so write the data to one first"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    #[test]
    fn shown_paths_have_no_folders_that_are_the_one_before() {
        for (path, told) in [
            ("/w/./d/x", "/w/d/x"),
            ("/w/.", "/w"),
            ("./x", "./x"),
            ("a//b", "a/b"),
            ("a/../b", "a/../b"),
            (".", "."),
            ("", ""),
        ] {
            assert_eq!(shown(Path::new(path)), told, "{path}");
        }
    }

    #[test]
    fn only_regular_files_are_opened_and_nothing_waits() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "x").unwrap();
        symlink("file", at("link")).unwrap();
        let mode = Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("pipe"),
            rustix::fs::FileType::Fifo,
            mode,
            0,
        )
        .unwrap();
        symlink("pipe", at("link-to-pipe")).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        for name in ["file", "link"] {
            assert_eq!(read_text(&at(name)).unwrap(), "x");
        }
        let cases = [
            (at("pipe"), "named pipe"),
            (at("link-to-pipe"), "named pipe"),
            (at("socket"), "socket"),
            (folder.path().to_owned(), "folder"),
            ("/dev/zero".into(), "device"),
            ("/dev/null".into(), "device"),
        ];
        for (path, what) in cases {
            let told = open_regular(&path).unwrap_err().to_string();
            assert!(told.contains(what), "{}: {told}", path.display());
        }
        assert_eq!(
            open_regular(&at("absent")).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }

    #[test]
    fn a_file_longer_than_its_limit_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("long");
        fs::write(&file, "12345").unwrap();
        assert_eq!(read_regular(&file, 5).unwrap(), b"12345");
        let told = read_regular(&file, 4).unwrap_err();
        assert_eq!(told.kind(), io::ErrorKind::FileTooLarge);
    }
}
