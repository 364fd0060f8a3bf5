//! Paths as keys of maps. A path compares step by step, which takes most of the time of looking at
//! many files; its bytes compare at once.

use std::ffi::OsStr;
use std::ops::Bound;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

/// The bytes of a path. Two spellings of one path, such as `/w/./d` and `/w/d`, have one key. All maps
/// share it.
pub(crate) type PathKey = Arc<[u8]>;

/// The key of a path.
pub(crate) fn key(path: &Path) -> PathKey {
    let bytes = path.as_os_str().as_bytes();
    let ends_with_slash = bytes.len() > 1 && bytes.ends_with(b"/");
    let mut pairs = bytes.windows(2);
    if ends_with_slash || pairs.any(|two| two == b"//" || two == b"/.") {
        let plain: std::path::PathBuf = path.components().collect();
        return plain.as_os_str().as_bytes().into();
    }
    bytes.into()
}

/// The path of a key.
pub(crate) fn path_of(key: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(key))
}

/// The key of the folder around a path.
pub(crate) fn parent(key: &[u8]) -> Option<&[u8]> {
    let slash = key.iter().rposition(|byte| *byte == b'/')?;
    match slash {
        0 if key.len() > 1 => key.get(..1),
        0 => None,
        _ => key.get(..slash),
    }
}

/// Writes what the keys of everything below a path begin with into `start`. In a map of keys they
/// follow each other, from [`from`] on.
pub(crate) fn start_below(key: &[u8], start: &mut Vec<u8>) {
    start.clear();
    if key != b"/" {
        start.extend_from_slice(key);
    }
    start.push(b'/');
}

/// The keys of a map from this one on.
pub(crate) const fn from(start: &[u8]) -> (Bound<&[u8]>, Bound<&[u8]>) {
    (Bound::Included(start), Bound::Unbounded)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{key, parent, start_below};

    #[test]
    fn keys_know_what_is_around_and_below_a_path() {
        let of = |path: &str| key(Path::new(path));
        for (one, other) in [("/w/./d/x", "/w/d/x"), ("/w//d/", "/w/d"), ("/", "//")] {
            assert_eq!(of(one), of(other));
        }
        assert_ne!(of("/w/.d"), of("/w/d"));
        assert_ne!(of("/w/../d"), of("/d"));
        let around = |path: &str| {
            let path = of(path);
            let parents = std::iter::successors(parent(&path), |key| parent(key));
            parents
                .map(|key| String::from_utf8(key.to_vec()).unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(around("/w/d/x"), ["/w/d", "/w", "/"]);
        assert_eq!(around("/"), Vec::<String>::new());
        for (folder, path, is_below) in [
            ("/w/d", "/w/d/x", true),
            ("/w/d", "/w/d/x/y", true),
            ("/w/d", "/w/d", false),
            ("/w/d", "/w/d.x", false),
            ("/w/d", "/w/dx", false),
            ("/w/d", "/w/d0", false),
            ("/", "/w", true),
        ] {
            let mut start = Vec::new();
            start_below(&of(folder), &mut start);
            assert_eq!(of(path).starts_with(&start), is_below, "{path}");
        }
    }
}
