//! Where data comes from.

use serde::{Deserialize, Serialize};

/// A source of data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Reference {
    /// A port of another stage.
    Port {
        /// The stage.
        stage: String,
        /// The port.
        port: String,
    },
    /// A parameter that holds a path (or a list of them).
    Param(String),
    /// A path as written: absolute, or relative to the workflow's file.
    Path(String),
    /// A pattern of paths as written, such as `./data/*.nc`: all files that match it.
    Pattern(String),
    /// A URL.
    Url(String),
    /// A path that each row of the scattered table gives: text with `${{ item.COLUMN }}`.
    Item(String),
}

impl Reference {
    /// The stage and the port that it names, if it is an output of a stage.
    #[must_use]
    pub fn port(&self) -> Option<(&str, &str)> {
        match self {
            Self::Port { stage, port } => Some((stage, port)),
            Self::Param(_) | Self::Path(_) | Self::Pattern(_) | Self::Url(_) | Self::Item(_) => {
                None
            }
        }
    }

    /// The text that gives a path for each row, if it is one.
    #[must_use]
    pub fn of_row(&self) -> Option<&str> {
        match self {
            Self::Item(template) => Some(template),
            Self::Port { .. }
            | Self::Param(_)
            | Self::Path(_)
            | Self::Pattern(_)
            | Self::Url(_) => None,
        }
    }
}

/// Whether an address is in a bucket that Sunward reads: `s3://bucket/key`.
#[must_use]
pub fn is_in_bucket(address: &str) -> bool {
    let scheme = address.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("s3"))
}

/// Whether an address names several objects of a bucket: it ends with a slash, names the bucket alone, or
/// is a pattern.
#[must_use]
pub fn names_objects(address: &str) -> bool {
    let Some((_, rest)) = address.split_once("://") else {
        return false;
    };
    let key = rest.split_once('/').map_or("", |(_, key)| key);
    let is_several = key.is_empty() || key.ends_with('/') || key.contains(['*', '?', '[', '{']);
    is_in_bucket(address) && is_several
}

#[cfg(test)]
mod tests {
    use super::{is_in_bucket, names_objects};

    #[test]
    fn an_address_names_objects_by_its_look() {
        for (address, in_bucket, several) in [
            ("s3://b/p/", true, true),
            ("s3://b", true, true),
            ("S3://b/p/*.nc", true, true),
            ("s3://b/{a,b}/c", true, true),
            ("s3://b/p/a.nc", true, false),
            ("https://x.org/p/", false, false),
            ("gs://b/p/", false, false),
            ("./d/", false, false),
        ] {
            assert_eq!(is_in_bucket(address), in_bucket, "{address}");
            assert_eq!(names_objects(address), several, "{address}");
        }
    }
}
