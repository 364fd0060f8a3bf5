//! The files that a workflow names, read before it is checked so that the caller can examine them.

use std::collections::BTreeMap;

use crate::check::{
    input_options, input_sources, is_pattern, listed_paths, local_words, local_words_of_value,
    outside_words, parse_reference, word_from,
};
use crate::model::{Image, Input, Reference, path_from};
use crate::yaml::{self, Entry, Node};

/// Distinct paths and words of a file, as they are from the workflow's folder: of the workflow's own file
/// as written. [`crate::check()`] reports whatever is wrong with the file.
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
    /// Files of requirements under `python:`, for [`crate::Facts::texts`].
    pub requirements: Vec<String>,
    /// Files of `conda:`, for [`crate::Facts::texts`].
    pub conda: Vec<String>,
    /// Files that stages use, with what surrounds them.
    pub uses: Vec<(String, Around)>,
}

/// What surrounds a file: its folder, and what the stage that uses it gives to its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Around {
    /// Its folder, from the workflow's; empty for the workflow's own.
    pub folder: String,
    /// The paths that parameters get in place of their defaults, from the workflow's folder. There are
    /// none if they get results.
    pub paths: BTreeMap<String, Vec<String>>,
}

/// Reads the names of files from a workflow.
#[must_use]
pub fn mentioned(text: &str) -> Mentioned {
    mentioned_in(text, &Around::default())
}

/// Reads the names of files from a file that a stage of a workflow uses.
#[must_use]
pub fn mentioned_in(text: &str, around: &Around) -> Mentioned {
    let mut finder = Finder {
        folder: &around.folder,
        paths: around.paths.clone(),
        found: Mentioned::default(),
    };
    if let Some(root) = yaml::read(text, &mut Vec::new()) {
        finder.file(&root);
    }
    finder.found
}

/// The search through one file.
struct Finder<'a> {
    folder: &'a str,
    /// The paths that parameters name.
    paths: BTreeMap<String, Vec<String>>,
    found: Mentioned,
}

impl Finder<'_> {
    fn file(&mut self, root: &Node) {
        for param in entries(root, "params") {
            if !self.paths.contains_key(&param.key) {
                self.param(param);
            }
        }
        for stage in entries(root, "stages") {
            match stage.value.get("uses").and_then(Node::text) {
                Some(file) => self.used(file, &stage.value),
                None => self.stage(&stage.value),
            }
        }
        if let Some(defaults) = root.get("defaults") {
            self.image(defaults);
            self.requirements(defaults);
            self.conda(defaults);
            self.environment(defaults);
        }
    }

    fn param(&mut self, param: &Entry) {
        let kind = param.value.get("type").and_then(Node::text);
        let texts = items(&param.value, "default").filter_map(Node::text);
        let paths: Vec<String> = texts.map(|text| self.path(text)).collect();
        match kind {
            Some("files") => {
                for pattern in paths.iter().filter(|text| is_pattern(text)) {
                    add(&mut self.found.patterns, pattern);
                }
                return;
            }
            Some("path" | "table") => {
                let default = param.value.get("default").and_then(Node::text);
                if default.is_some() {
                    paths
                        .iter()
                        .for_each(|path| add(&mut self.found.data_paths, path));
                }
            }
            Some("list") => {}
            _ => return,
        }
        self.paths.insert(param.key.clone(), paths);
    }

    /// A stage that uses a file.
    fn used(&mut self, file: &str, stage: &Node) {
        let mut paths = BTreeMap::new();
        for entry in entries(stage, "inputs") {
            let given = self.sources(entry);
            paths.insert(entry.key.clone(), given);
        }
        let file = self.path(file);
        let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let folder = folder.to_owned();
        self.found.uses.push((file, Around { folder, paths }));
    }

    fn stage(&mut self, stage: &Node) {
        for input in entries(stage, "inputs") {
            let options = input_options(input);
            for path in self.sources(input) {
                if is_local(&path) {
                    self.found.readings.push((path, options.clone()));
                }
            }
        }
        for output in entries(stage, "outputs") {
            if let Some(glob) = output.value.get("glob").and_then(Node::text) {
                add(&mut self.found.globs, glob);
            }
        }
        for file in items(stage, "files").filter_map(Node::text) {
            let file = self.path(file);
            add(&mut self.found.files, &file);
        }
        self.image(stage);
        self.requirements(stage);
        self.conda(stage);
        let cuda = stage.get("cuda").and_then(|cuda| cuda.get("source"));
        if let Some(source) = cuda.and_then(Node::text) {
            let source = self.path(source);
            add(&mut self.found.files, &source);
        }
        let texts = |key| items(stage, key).filter_map(Node::text);
        for word in texts("run").chain(texts("setup")).flat_map(local_words) {
            let word = self.path(&word);
            add(&mut self.found.run_words, &word);
        }
        for word in texts("run").chain(texts("shell")).flat_map(outside_words) {
            self.outside(&word);
        }
        self.environment(stage);
    }

    /// The paths that the sources of an input name.
    fn sources(&mut self, input: &Entry) -> Vec<String> {
        let mut paths = Vec::new();
        let sources = input_sources(&input.value).map(Node::items);
        for source in sources.unwrap_or_default().iter().filter_map(Node::text) {
            match parse_reference(source) {
                Ok(Reference::Path(path)) => {
                    let path = self.path(&path);
                    add(&mut self.found.data_paths, &path);
                    paths.push(path);
                }
                Ok(Reference::Param(name)) => {
                    paths.extend(self.paths.get(&name).into_iter().flatten().cloned());
                }
                Ok(Reference::Pattern(pattern)) => {
                    let pattern = self.path(&pattern);
                    add(&mut self.found.patterns, &pattern);
                }
                Ok(Reference::Port { .. } | Reference::Url(_) | Reference::Item(_)) | Err(_) => {}
            }
        }
        paths
    }

    /// The file of the image in `container:`.
    fn image(&mut self, node: &Node) {
        let container = node.get("container");
        let image = container.and_then(|node| node.get("image").or(Some(node)));
        if let Some(Ok(image)) = image.and_then(Node::text).map(Image::parse)
            && let Some(path) = image.file()
        {
            let path = self.path(path);
            add(&mut self.found.files, &path);
        }
    }

    /// The files of requirements of `python:`.
    fn requirements(&mut self, node: &Node) {
        let python = node.get("python");
        for file in python
            .into_iter()
            .flat_map(|node| items(node, "requirements"))
        {
            if let Some(file) = file.text() {
                let file = self.path(file);
                add(&mut self.found.requirements, &file);
            }
        }
    }

    /// The file of `conda:`.
    fn conda(&mut self, node: &Node) {
        let conda = node.get("conda");
        let file = conda.and_then(|node| node.get("file").or(Some(node)));
        if let Some(file) = file.and_then(Node::text) {
            let file = self.path(file);
            add(&mut self.found.conda, &file);
        }
    }

    /// The paths in `env:`.
    fn environment(&mut self, node: &Node) {
        for text in entries(node, "env").iter().filter_map(|e| e.value.text()) {
            for word in local_words_of_value(text) {
                let word = self.path(&word);
                add(&mut self.found.run_words, &word);
            }
            let words = listed_paths(text);
            words.iter().for_each(|word| self.outside(word));
        }
    }

    fn outside(&mut self, word: &str) {
        let word = word_from(self.folder, word);
        add(&mut self.found.outside_words, &word);
    }

    /// A path that the file states, as it is from the workflow's folder.
    fn path(&self, path: &str) -> String {
        path_from(self.folder, path)
    }
}

fn entries<'n>(node: &'n Node, key: &str) -> &'n [Entry] {
    node.get(key).map(Node::entries).unwrap_or_default()
}

fn items<'n>(node: &'n Node, key: &str) -> std::slice::Iter<'n, Node> {
    let items = node.get(key).map(Node::items).unwrap_or_default();
    items.iter()
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

    #[test]
    fn a_used_file_names_paths_from_its_own_folder_and_those_that_it_is_given() {
        let around = Around {
            folder: "./sub".to_owned(),
            paths: [("lib".to_owned(), vec!["./mine.csv".to_owned()])].into(),
        };
        let text = "
params: { lib: { type: path, default: ./lib.csv }, more: { type: path, default: ./more.csv } }
stages:
  a: { run: './go.sh < ${{ inputs.l }}', inputs: { l: { from: params.lib, as: file }, m: params.more }, files: [../x] }
  b: { uses: ./deep/b.yaml, inputs: { x: [params.lib, ./t.csv] } }
";
        let found = mentioned_in(text, &around);
        assert_eq!(found.data_paths, ["./sub/more.csv", "./sub/t.csv"]);
        let read: Vec<&str> = found.readings.iter().map(|(path, _)| &**path).collect();
        assert_eq!(read, ["./mine.csv", "./sub/more.csv"]);
        assert_eq!(found.files, ["./sub/../x"]);
        assert_eq!(found.run_words, ["./sub/go.sh"]);
        let (file, inner) = &found.uses[0];
        assert_eq!(
            (&**file, &*inner.folder),
            ("./sub/deep/b.yaml", "./sub/deep")
        );
        assert_eq!(inner.paths["x"], ["./mine.csv", "./sub/t.csv"]);
    }
}
