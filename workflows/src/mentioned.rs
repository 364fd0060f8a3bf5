//! What a file names of the world, read before it is checked, so that the caller can look there.

use crate::check::{is_path, local_words};
use crate::yaml::{self, Node};

/// Paths and words of a file, as written and each once; whatever else is wrong with the file is
/// [`crate::check()`]'s to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mentioned {
    /// Paths in inputs, and defaults of parameters of type path and table, for
    /// [`crate::Facts::files`].
    pub data_paths: Vec<String>,
    /// Paths under `files:` and sources of `cuda:`, for [`crate::Facts::files`] too.
    pub files: Vec<String>,
    /// `./word`s in commands; those that exist belong into [`crate::Facts::beside`].
    pub run_words: Vec<String>,
}

/// Reads what a file names.
#[must_use]
pub fn mentioned(text: &str) -> Mentioned {
    let mut mentioned = Mentioned::default();
    let Some(root) = yaml::read(text, &mut Vec::new()) else {
        return mentioned;
    };
    for param in root.get("params").map(Node::entries).unwrap_or_default() {
        let kind = param.value.get("type").and_then(Node::text);
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
            let from = input.value.get("from").unwrap_or(&input.value);
            for path in from
                .items()
                .iter()
                .filter_map(Node::text)
                .filter(|t| is_path(t))
            {
                add(&mut mentioned.data_paths, path);
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
        let cuda = stage.value.get("cuda").and_then(|cuda| cuda.get("source"));
        if let Some(source) = cuda.and_then(Node::text) {
            add(&mut mentioned.files, source);
        }
        let run = stage.value.get("run").map(Node::items).unwrap_or_default();
        for word in run.iter().filter_map(Node::text).flat_map(local_words) {
            add(&mut mentioned.run_words, &word);
        }
    }
    mentioned
}

fn add(list: &mut Vec<String>, word: &str) {
    let remote = word.contains("://") || word.contains("${{");
    if !(word.is_empty() || remote || list.iter().any(|known| known == word)) {
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
