//! Names that look the same and have other bytes: Unicode writes `é` as one character or as two, and
//! file systems keep what they were given.

use std::path::{Path, PathBuf};

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

/// A text with its letters composed, as most keyboards write them (NFC). Texts that look the same are
/// equal afterwards.
#[must_use]
pub fn composed(text: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc()
        .normalize(text)
        .into_owned()
}

/// The other spellings of a text: with its letters composed (NFC), and taken apart (NFD), as macOS
/// writes names.
pub(crate) fn others(text: &str) -> impl Iterator<Item = String> {
    let apart = DecomposingNormalizerBorrowed::new_nfd();
    let both = [composed(text), apart.normalize(text).into_owned()];
    both.into_iter().filter(move |other| other != text)
}

/// The file of a path where nothing is that is there by another spelling of its name.
#[must_use]
pub fn other_spelling(path: &Path) -> Option<PathBuf> {
    let found = others(path.to_str()?).map(PathBuf::from);
    found.into_iter().find(|other| other.exists())
}

/// What to do about names that differ in their spelling alone.
pub const REMEDY: &str = "the two names look the same and have other bytes (Unicode NFC and NFD); rename \
                          the file, or copy its name from the folder";

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{composed, other_spelling, others};

    /// As one character, and as a letter and an accent.
    const SPELLINGS: [&str; 2] = ["caf\u{e9}.nc", "cafe\u{301}.nc"];

    #[test]
    fn spellings_of_one_name_find_each_other() {
        for (one, other) in [(0, 1), (1, 0)] {
            let (one, other) = (SPELLINGS[one], SPELLINGS[other]);
            assert_eq!(others(one).collect::<Vec<_>>(), [other]);
            assert_eq!(composed(one), SPELLINGS[0]);
            let folder = tempfile::tempdir().unwrap();
            let there = folder.path().join(other);
            assert_eq!(other_spelling(&folder.path().join(one)), None);
            fs::write(&there, "").unwrap();
            assert_eq!(other_spelling(&folder.path().join(one)), Some(there));
        }
        assert_eq!(others("plain.nc").next(), None);
    }
}
