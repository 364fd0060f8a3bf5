//! Finds outputs of a run that are pictures: PNG, SVG, JPEG, GIF and WebP files.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sunward_core::{Dataset, DatasetKind, RunState, StageEnd, StageId};
use sunward_data::Store;
use sunward_files::read_regular;

/// The most pictures on a page. Nobody looks at more, and each makes the page larger.
const PICTURES: usize = 24;
/// The largest file that is shown, in bytes. Larger ones make the page open slowly.
const BYTES_A_PICTURE: u64 = 8 << 20;
/// The most bytes of all pictures of a page together.
const BYTES_IN_ALL: u64 = 32 << 20;

/// One picture.
#[derive(Debug, Serialize)]
pub(crate) struct Picture {
    /// The workflow's output or the stage's port, and the task of a scattered stage.
    pub(crate) name: String,
    /// As in `image/png`.
    pub(crate) media_type: &'static str,
    /// The size of its file.
    pub(crate) bytes: u64,
    #[serde(skip)]
    content: Vec<u8>,
}

impl Picture {
    /// The whole file as a `data:` URL. A browser runs no script of an SVG that it shows as an
    /// image.
    pub(crate) fn data_url(&self) -> String {
        let text = STANDARD.encode(&self.content);
        format!("data:{};base64,{text}", self.media_type)
    }
}

/// The pictures of a page.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Gallery {
    /// The pictures that are shown, the workflow's outputs first.
    pub(crate) pictures: Vec<Picture>,
    /// The number of pictures that were left out to limit the page's size.
    pub(crate) left_out: usize,
    #[serde(skip)]
    bytes: u64,
}

/// The pictures among the outputs of the stages that succeeded.
pub(crate) fn of_run(run: &RunState, store: &Store) -> Gallery {
    let mut gallery = Gallery::default();
    let mut seen = BTreeSet::new();
    for (name, stage, port) in run.outputs() {
        seen.insert((stage, port.to_owned()));
        gallery.add_port(run, store, name, stage, port);
    }
    for stage in run.stages() {
        for port in stage.planned.stage.outputs.keys() {
            if seen.insert((stage.id, port.clone())) {
                let name = format!("{}.{port}", stage.name());
                gallery.add_port(run, store, &name, stage.id, port);
            }
        }
    }
    gallery
}

impl Gallery {
    fn add_port(&mut self, run: &RunState, store: &Store, name: &str, stage: StageId, port: &str) {
        let succeeded = run
            .stage(stage)
            .is_some_and(|view| view.end() == Some(&StageEnd::Succeeded));
        let Some(given) = run.gathered(stage, port).filter(|_| succeeded) else {
            return;
        };
        let many = run
            .stage(stage)
            .is_some_and(|view| view.planned.stage.is_scattered());
        for (index, dataset) in given.iter().enumerate() {
            let name = if many {
                format!("{name} of task {index}")
            } else {
                name.to_owned()
            };
            self.add(store, name, dataset);
        }
    }

    /// Adds a file if it is a picture, is in the local store and is small enough.
    fn add(&mut self, store: &Store, name: String, dataset: &Dataset) {
        let (DatasetKind::File, [part]) = (dataset.kind, dataset.parts.as_slice()) else {
            return;
        };
        let bytes = dataset.bytes();
        if bytes > BYTES_A_PICTURE {
            return;
        }
        let Ok(content) = read_regular(&store.part_path(&part.digest), BYTES_A_PICTURE) else {
            return;
        };
        let Some(media_type) = media_type(&content) else {
            return;
        };
        if self.pictures.len() == PICTURES || self.bytes + bytes > BYTES_IN_ALL {
            self.left_out += 1;
            return;
        }
        self.bytes += bytes;
        self.pictures.push(Picture {
            name,
            media_type,
            bytes,
            content,
        });
    }
}

/// The media type of a picture, found from its first bytes. Names can be wrong, and outputs often
/// have none.
fn media_type(content: &[u8]) -> Option<&'static str> {
    let begins = |magic: &[u8]| content.starts_with(magic);
    if begins(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if begins(b"\xff\xd8\xff") {
        Some("image/jpeg")
    } else if begins(b"GIF87a") || begins(b"GIF89a") {
        Some("image/gif")
    } else if begins(b"RIFF") && content.get(8..12) == Some(b"WEBP") {
        Some("image/webp")
    } else if is_svg(content) {
        Some("image/svg+xml")
    } else {
        None
    }
}

/// True for an XML document whose first element is `svg`, after at most a declaration, comments and
/// a DOCTYPE.
fn is_svg(content: &[u8]) -> bool {
    let head = content.get(..content.len().min(4096)).unwrap_or(content);
    let head = String::from_utf8_lossy(head);
    let mut rest = head.trim_start_matches('\u{feff}').trim_start();
    loop {
        let end = match rest {
            _ if rest.starts_with("<?") => "?>",
            _ if rest.starts_with("<!--") => "-->",
            _ if rest.starts_with("<!") => ">",
            _ => return rest.starts_with("<svg"),
        };
        let Some((_, after)) = rest.split_once(end) else {
            return false;
        };
        rest = after.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::media_type;

    #[test]
    fn a_picture_is_known_by_its_first_bytes() {
        let cases: &[(&[u8], Option<&str>)] = &[
            (b"\x89PNG\r\n\x1a\n....", Some("image/png")),
            (b"\xff\xd8\xff\xe0", Some("image/jpeg")),
            (b"RIFF\0\0\0\0WEBPVP8 ", Some("image/webp")),
            (b"RIFF\0\0\0\0WAVE", None),
            (b"<svg xmlns='x'/>", Some("image/svg+xml")),
            (
                b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- a > b -->\n<!DOCTYPE svg PUBLIC 'x'>\n<svg/>",
                Some("image/svg+xml"),
            ),
            (b"<html><svg/></html>", None),
            (b"<!-- never ends", None),
            (b"", None),
            (b"\x89PN", None),
        ];
        for (content, expected) in cases {
            assert_eq!(media_type(content), *expected, "{content:?}");
        }
    }
}
