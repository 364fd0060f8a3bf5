//! The pattern of `match:`, which splits the name of a file into columns.

use regex::Regex;

/// A pattern such as `{sample}_{lane}.fastq.gz`. `{col}` is any text without a slash, `{col:REGEX}`
/// what the expression matches.
#[derive(Clone, Debug)]
pub struct NamePattern {
    pieces: Vec<Piece>,
    /// How many last steps of a path it describes.
    steps: usize,
    source: String,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Column(String, Option<Regex>),
}

/// Why a name gives no columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoSplit {
    /// The pattern does not fit it.
    NoMatch,
    /// It can be split in two ways: the columns of both.
    Ambiguous(Vec<String>, Vec<String>),
}

impl NoSplit {
    /// The message about a pattern and a file.
    #[must_use]
    pub fn told(&self, pattern: &str, path: &str) -> String {
        match self {
            Self::NoMatch => {
                format!("`{pattern}` does not fit {path}; every column is at least one character")
            }
            Self::Ambiguous(one, other) => format!(
                "`{pattern}` splits {path} in two ways: {} or {}",
                one.join(" | "),
                other.join(" | ")
            ),
        }
    }
}

impl NamePattern {
    /// Parses a pattern.
    ///
    /// # Errors
    ///
    /// Returns why it is not one.
    pub fn parse(source: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = source;
        while let Some(open) = rest.find('{') {
            let (text, column) = rest.split_at(open);
            push_text(&mut pieces, text)?;
            let inner = &column[1..];
            let end = closing(inner).ok_or_else(|| format!("`{column}` has no closing brace"))?;
            pieces.push(column_of(&inner[..end])?);
            rest = &inner[end + 1..];
        }
        push_text(&mut pieces, rest)?;
        let mut names: Vec<&str> = columns_of(&pieces).collect();
        if names.is_empty() {
            return Err("it names no column, as `{sample}.csv` does".to_owned());
        }
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("the column `{}` is named twice", pair[0]));
        }
        let steps = source.matches('/').count() + 1;
        Ok(Self {
            pieces,
            steps,
            source: source.to_owned(),
        })
    }

    /// The columns, in the order written.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        columns_of(&self.pieces)
    }

    /// The pattern as written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Splits the name of a file: the texts of the columns. A pattern with slashes describes as many
    /// folders before the name.
    ///
    /// # Errors
    ///
    /// Fails if the pattern does not fit, or fits in several ways.
    pub fn split(&self, path: &str) -> Result<Vec<String>, NoSplit> {
        let steps: Vec<&str> = path.split('/').collect();
        let first = steps.len().saturating_sub(self.steps);
        let name = steps[first..].join("/");
        let mut search = Search {
            found: Vec::new(),
            dead: vec![false; (self.pieces.len() + 1) * (name.len() + 1)],
            width: name.len() + 1,
            name: &name,
        };
        search.from(&self.pieces, 0, 0, &mut Vec::new());
        let mut found = search.found.into_iter();
        match (found.next(), found.next()) {
            (None, _) => Err(NoSplit::NoMatch),
            (Some(one), None) => Ok(one),
            (Some(one), Some(other)) => Err(NoSplit::Ambiguous(one, other)),
        }
    }
}

fn columns_of(pieces: &[Piece]) -> impl Iterator<Item = &str> {
    pieces.iter().filter_map(|piece| match piece {
        Piece::Column(name, _) => Some(name.as_str()),
        Piece::Text(_) => None,
    })
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) -> Result<(), String> {
    if text.contains('}') {
        return Err(format!(
            "`{text}` has a closing brace without an opening one"
        ));
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text.to_owned()));
    }
    Ok(())
}

/// Where the brace closes that opened before this text. Braces of an expression, as in `[0-9]{4}`,
/// come in pairs.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn column_of(inner: &str) -> Result<Piece, String> {
    let (name, expression) = match inner.split_once(':') {
        Some((name, expression)) => (name, Some(expression)),
        None => (inner, None),
    };
    if !crate::names::is_name(name) {
        return Err(format!("`{name}` is not a name of a column"));
    }
    let regex = expression
        .map(|expression| {
            let whole = format!("^(?s:{expression})$");
            regex::RegexBuilder::new(&whole)
                .size_limit(1 << 20)
                .build()
                .map_err(|_| format!("`{expression}` is not a regular expression"))
        })
        .transpose()?;
    Ok(Piece::Column(name.to_owned(), regex))
}

/// A search for the first two ways to split a name.
struct Search<'n> {
    name: &'n str,
    found: Vec<Vec<String>>,
    /// Pieces and places from which there is no way to the end.
    dead: Vec<bool>,
    width: usize,
}

impl Search<'_> {
    fn from(&mut self, pieces: &[Piece], piece: usize, at: usize, columns: &mut Vec<String>) {
        if self.found.len() > 1 || self.dead[piece * self.width + at] {
            return;
        }
        let before = self.found.len();
        let rest = &self.name[at..];
        match pieces.get(piece) {
            None if rest.is_empty() => self.found.push(columns.clone()),
            Some(Piece::Text(text)) if rest.starts_with(text.as_str()) => {
                self.from(pieces, piece + 1, at + text.len(), columns);
            }
            None | Some(Piece::Text(_)) => {}
            Some(Piece::Column(_, regex)) => {
                for (length, letter) in rest.char_indices() {
                    let end = length + letter.len_utf8();
                    let text = &rest[..end];
                    if letter == '/' {
                        break;
                    }
                    if regex.as_ref().is_none_or(|regex| regex.is_match(text)) {
                        columns.push(text.to_owned());
                        self.from(pieces, piece + 1, at + end, columns);
                        columns.pop();
                    }
                }
            }
        }
        if self.found.len() == before {
            self.dead[piece * self.width + at] = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NamePattern, NoSplit};

    fn split(pattern: &str, path: &str) -> Result<Vec<String>, NoSplit> {
        NamePattern::parse(pattern).unwrap().split(path)
    }

    #[test]
    fn a_name_is_split_in_one_way_or_the_mistake_is_told() {
        let texts = |texts: &[&str]| Ok(texts.iter().map(|one| (*one).to_owned()).collect());
        for (pattern, path, columns) in [
            ("{s}_{lane}.fq", "./d/A_1.fq", &["A", "1"][..]),
            ("{s}_{lane:[0-9]+}.fq", "./d/A_b_1.fq", &["A_b", "1"]),
            ("{m}/{y:[0-9]{4}}.nc", "./d/GFDL/2007.nc", &["GFDL", "2007"]),
            ("tas_{y}.nc", "tas_é ü.nc", &["é ü"]),
            ("{all}", "/d/odd\nname", &["odd\nname"]),
        ] {
            assert_eq!(split(pattern, path), texts(columns), "{pattern} {path}");
        }
        for (pattern, path) in [("{s}.fq", "a.fa"), ("{s}_1.fq", "_1.fq"), ("{a}/{b}", "b")] {
            assert_eq!(
                split(pattern, path),
                Err(NoSplit::NoMatch),
                "{pattern} {path}"
            );
        }
        let two = split("{s}_{lane}.fq", "A_b_1.fq");
        let one = |texts: [&str; 2]| texts.map(str::to_owned).to_vec();
        let ways = NoSplit::Ambiguous(one(["A", "b_1"]), one(["A_b", "1"]));
        assert_eq!(two, Err(ways));
    }

    #[test]
    fn a_long_name_with_many_columns_is_split_in_a_bounded_number_of_steps() {
        let pattern = format!("{}x", "{c}_".replace("{c}", "{cN}").repeat(30));
        let mut count = 0;
        let pattern: String = pattern
            .split("N")
            .map(|piece| {
                count += 1;
                format!("{piece}{count}")
            })
            .collect();
        let pattern = NamePattern::parse(pattern.trim_end_matches(char::is_numeric)).unwrap();
        let name = "a_".repeat(100);
        assert_eq!(pattern.split(&name), Err(NoSplit::NoMatch));
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        for (pattern, why) in [
            ("a.csv", "names no column"),
            ("{a", "no closing brace"),
            ("a}", "without an opening"),
            ("{a}{a}", "named twice"),
            ("{a b}", "not a name"),
            ("{a:[}", "not a regular expression"),
        ] {
            let error = NamePattern::parse(pattern).unwrap_err();
            assert!(error.contains(why), "{pattern}: {error}");
        }
    }
}
