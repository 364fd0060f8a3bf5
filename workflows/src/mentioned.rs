//! The files that a workflow names, read before it is checked so that the caller can examine them.

use std::collections::BTreeMap;

use crate::check::{
    input_options, input_sources, is_pattern, listed_paths, local_words, outside_words,
    parse_reference,
};
use crate::model::{Image, Input, Reference};
use crate::yaml::{self, Entry, Node};

/// Distinct paths and words of a file, as written. [`crate::check()`] reports whatever is wrong
/// with the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mentioned {
    /// Paths in inputs, and defaults of parameters of type path and table, for
    /// [`crate::Facts::files`].
    pub data_paths: Vec<String>,
    /// Paths that inputs read, each with the input's options, for [`crate::Facts::readings`]. A
    /// parameter is represented by its default.
    pub readings: Vec<(String, Input)>,
    /// Patterns of files, for [`crate::Facts::patterns`].
    pub patterns: Vec<String>,
    /// Patterns of outputs, for [`crate::Facts::globs`].
    pub globs: Vec<String>,
    /// Paths under `files:`, sources of `cuda:` and files of images, for [`crate::Facts::files`].
    pub files: Vec<String>,
    /// `./word`s in commands. Those that exist belong in [`crate::Facts::beside`].
    pub run_words: Vec<String>,
    /// Words in commands and `env:` that may name something outside a task's folder, also with `~` and
    /// wildcards. Those that do belong in [`crate::Facts::present`].
    pub outside_words: Vec<String>,
}

/// Reads the names of files from a workflow.
#[must_use]
pub fn mentioned(text: &str) -> Mentioned {
    let mut mentioned = Mentioned::default();
    let Some(root) = yaml::read(text, &mut Vec::new()) else {
        return mentioned;
    };
    let mut defaults = BTreeMap::new();
    for param in root.get("params").map(Node::entries).unwrap_or_default() {
        let kind = param.value.get("type").and_then(Node::text);
        let texts = param
            .value
            .get("default")
            .map(Node::items)
            .unwrap_or_default();
        if kind == Some("files") {
            let texts = texts.iter().filter_map(Node::text);
            for pattern in texts.filter(|text| is_pattern(text)) {
                add(&mut mentioned.patterns, pattern);
            }
        }
        if matches!(kind, Some("path" | "table" | "list")) {
            let default = param.value.get("default").map(Node::items);
            defaults.insert(param.key.as_str(), default.unwrap_or_default());
        }
        if matches!(kind, Some("path" | "table"))
            && let Some(path) = param.value.get("default").and_then(Node::text)
        {
            add(&mut mentioned.data_paths, path);
        }
    }
    for stage in root.get("stages").map(Node::entries).unwrap_or_default() {
        for input in stage
            .value
            .get("inputs")
            .map(Node::entries)
            .unwrap_or_default()
        {
            readings(input, &defaults, &mut mentioned);
        }
        let outputs = stage.value.get("outputs").map(Node::entries);
        for output in outputs.unwrap_or_default() {
            if let Some(glob) = output.value.get("glob").and_then(Node::text) {
                add(&mut mentioned.globs, glob);
            }
        }
        let files = stage
            .value
            .get("files")
            .map(Node::items)
            .unwrap_or_default();
        for file in files.iter().filter_map(Node::text) {
            add(&mut mentioned.files, file);
        }
        image(&stage.value, &mut mentioned);
        let cuda = stage.value.get("cuda").and_then(|cuda| cuda.get("source"));
        if let Some(source) = cuda.and_then(Node::text) {
            add(&mut mentioned.files, source);
        }
        let texts = |key: &str| {
            let nodes = stage.value.get(key).map(Node::items).unwrap_or_default();
            nodes.iter().filter_map(Node::text)
        };
        for word in texts("run").chain(texts("setup")).flat_map(local_words) {
            add(&mut mentioned.run_words, &word);
        }
        for word in texts("run").chain(texts("shell")).flat_map(outside_words) {
            add(&mut mentioned.outside_words, &word);
        }
        environment(&stage.value, &mut mentioned);
    }
    if let Some(defaults) = root.get("defaults") {
        image(defaults, &mut mentioned);
        environment(defaults, &mut mentioned);
    }
    mentioned
}

/// The file of the image in `container:`.
fn image(node: &Node, mentioned: &mut Mentioned) {
    let container = node.get("container");
    let image = container.and_then(|node| node.get("image").or(Some(node)));
    if let Some(Ok(image)) = image.and_then(Node::text).map(Image::parse)
        && let Some(path) = image.file()
    {
        add(&mut mentioned.files, path);
    }
}

/// The paths in `env:`.
fn environment(node: &Node, mentioned: &mut Mentioned) {
    for entry in node.get("env").map(Node::entries).unwrap_or_default() {
        let words = entry.value.text().map(listed_paths).unwrap_or_default();
        for word in words {
            add(&mut mentioned.outside_words, &word);
        }
    }
}

/// The sources of an input, with its options.
fn readings(entry: &Entry, defaults: &BTreeMap<&str, &[Node]>, mentioned: &mut Mentioned) {
    let options = input_options(entry);
    let sources = input_sources(&entry.value).map(Node::items);
    for source in sources.unwrap_or_default().iter().filter_map(Node::text) {
        let paths: Vec<&str> = match parse_reference(source) {
            Ok(Reference::Path(_)) => {
                add(&mut mentioned.data_paths, source);
                vec![source]
            }
            Ok(Reference::Param(name)) => {
                let default = defaults.get(name.as_str()).copied().unwrap_or_default();
                default.iter().filter_map(Node::text).collect()
            }
            Ok(Reference::Pattern(pattern)) => {
                add(&mut mentioned.patterns, &pattern);
                continue;
            }
            Ok(Reference::Port { .. } | Reference::Url(_) | Reference::Item(_)) | Err(_) => {
                continue;
            }
        };
        for path in paths.into_iter().filter(|path| is_local(path)) {
            mentioned.readings.push((path.to_owned(), options.clone()));
        }
    }
}

/// Whether text can name a local file.
fn is_local(word: &str) -> bool {
    !(word.is_empty() || word.contains("://") || word.contains("${{"))
}

fn add(list: &mut Vec<String>, word: &str) {
    if is_local(word) && !list.iter().any(|known| known == word) {
        list.push(word.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_files_and_local_words_are_found_even_in_a_file_with_mistakes() {
        let text = "
params: { lib: { type: path, default: ./lib.csv }, k: { type: int, default: 3 }, u: { type: table, default: 's3://b/k' } }
stages:
  a:
    run: python3 ./plot.py --x=./lib/x.sh ${{ inputs.t }} && ./plot.py ../no.py
    nonsense: 1
    inputs: { t: [./t.csv, b.c, /abs.arrow], u: { from: ./u.nc }, v: params.lib }
    files: [./plot.py, data/x.json]
  b: { run: [./tool, a] }
  c: { cuda: { source: ./my.cu } }
";
        let found = mentioned(text);
        assert_eq!(
            found.data_paths,
            ["./lib.csv", "./t.csv", "/abs.arrow", "./u.nc"]
        );
        assert_eq!(found.files, ["./plot.py", "data/x.json", "./my.cu"]);
        assert_eq!(found.run_words, ["./plot.py", "./lib/x.sh", "./tool"]);
        assert_eq!(mentioned("[unclosed"), Mentioned::default());
    }
}
