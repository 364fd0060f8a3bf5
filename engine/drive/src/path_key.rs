//! Paths as keys of maps. A path compares step by step, which takes most of the time of looking at
//! many files; its bytes compare at once.

use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// The bytes of a path. Two spellings of one path, such as `/w/./d` and `/w/d`, have one key.
pub(crate) type PathKey = Vec<u8>;

/// The key of a path.
pub(crate) fn key(path: &Path) -> PathKey {
    let bytes = path.as_os_str().as_bytes();
    let ends_with_slash = bytes.len() > 1 && bytes.ends_with(b"/");
    let mut pairs = bytes.windows(2);
    if ends_with_slash || pairs.any(|two| two == b"//" || two == b"/.") {
        let plain: std::path::PathBuf = path.components().collect();
        return plain.as_os_str().as_bytes().to_vec();
    }
    bytes.to_vec()
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

/// The keys of everything below a path.
pub(crate) fn below(key: &[u8]) -> Range<PathKey> {
    let prefix = match key {
        b"/" => b"",
        other => other,
    };
    let with = |byte: u8| [prefix, &[byte]].concat();
    with(b'/')..with(b'/' + 1)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{below, key, parent};

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
            assert_eq!(below(&of(folder)).contains(&of(path)), is_below, "{path}");
        }
    }
}
