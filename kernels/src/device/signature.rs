//! Reads the declared parameters of a kernel from its source, as far as plain C goes.
//!
//! A driver reports the sizes of parameters, but not what pointers point to: a float64 column
//! passed as `const float *` would be read as other numbers. So the declaration is read. Types that
//! are not C's own (typedefs, macros, templates) are unknown and not checked.

use super::Source;

/// A number type in a declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// Its size in bytes.
    pub bytes: usize,
    /// Whether it is a floating-point type.
    pub is_real: bool,
}

/// One parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The declaration as written, with normalized blanks.
    pub text: String,
    /// Whether it is a pointer.
    pub is_pointer: bool,
    /// Its type, or the type that it points to; `None` if that is not one of C's own.
    pub number: Option<Number>,
}

impl Source {
    /// The parameters of a kernel; `None` if its text does not show them.
    #[must_use]
    pub fn parameters(&self, kernel: &str) -> Option<Vec<Parameter>> {
        let text = without_comments(self.text());
        let list = text
            .match_indices(kernel)
            .find_map(|(at, _)| declared(&text, at, kernel))?;
        if matches!(list.trim(), "" | "void") {
            return Some(Vec::new());
        }
        Some(split(list).into_iter().map(parameter).collect())
    }
}

/// Replaces comments by blanks.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("//").into_iter().chain(rest.find("/*")).min() {
        out.push_str(&rest[..at]);
        out.push(' ');
        let comment = &rest[at..];
        let end = match comment.starts_with("//") {
            true => comment.find('\n'),
            false => comment.find("*/").map(|end| end + 2),
        };
        rest = end.map_or("", |end| &comment[end..]);
    }
    out + rest
}

/// The parameter list of a kernel, if a `__global__` function of this name is declared at byte
/// `at`.
fn declared<'t>(text: &'t str, at: usize, kernel: &str) -> Option<&'t str> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let before = &text[..at];
    let begin = before.rfind([';', '}', '{']).map_or(0, |end| end + 1);
    let list = text[at + kernel.len()..].trim_start().strip_prefix('(')?;
    if before.ends_with(word) || !before[begin..].contains("__global__") {
        return None;
    }
    let mut depth = 1;
    let end = list.find(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth == 0
    })?;
    Some(&list[..end])
}

/// Splits parameters. Commas within brackets do not separate.
fn split(list: &str) -> Vec<&str> {
    let mut depth = 0;
    list.split(|c| {
        depth += i32::from("(<[".contains(c)) - i32::from(")>]".contains(c));
        c == ',' && depth == 0
    })
    .collect()
}

fn parameter(text: &str) -> Parameter {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let stars = text.matches(['*', '[']).count();
    let words: Vec<&str> = text
        .split(|c| !is_word(c))
        .filter(|word| !["", "const", "volatile", "__restrict__", "__restrict"].contains(word))
        .collect();
    let known = words.iter().take_while(|word| is_type(word)).count();
    // After the type there is at most one name.
    let is_plain = stars < 2 && !text.contains(['&', '<']) && words.len() <= known + 1;
    Parameter {
        text: text.split_whitespace().collect::<Vec<_>>().join(" "),
        is_pointer: stars > 0,
        number: (is_plain && known > 0).then(|| number(&words[..known])),
    }
}

/// Types of one word, and words that make up types.
const WORDS: &[(&str, Number)] = &[
    ("double", real(8)),
    ("float", real(4)),
    ("bool", whole(1)),
    ("char", whole(1)),
    ("uchar", whole(1)),
    ("int8_t", whole(1)),
    ("uint8_t", whole(1)),
    ("short", whole(2)),
    ("ushort", whole(2)),
    ("int16_t", whole(2)),
    ("uint16_t", whole(2)),
    ("long", whole(8)),
    ("longlong", whole(8)),
    ("ulonglong", whole(8)),
    ("int64_t", whole(8)),
    ("uint64_t", whole(8)),
    ("size_t", whole(8)),
    ("int32_t", whole(4)),
    ("uint32_t", whole(4)),
    ("uint", whole(4)),
    // These come last: in `long int` and `unsigned char` the other word decides.
    ("int", whole(4)),
    ("signed", whole(4)),
    ("unsigned", whole(4)),
];

const fn real(bytes: usize) -> Number {
    Number {
        bytes,
        is_real: true,
    }
}

const fn whole(bytes: usize) -> Number {
    Number {
        bytes,
        is_real: false,
    }
}

/// `float` for `float3`.
fn element(word: &str) -> &str {
    word.strip_suffix(['2', '3', '4']).unwrap_or(word)
}

fn is_type(word: &str) -> bool {
    WORDS.iter().any(|(known, _)| *known == element(word))
}

fn number(words: &[&str]) -> Number {
    let among = |known: &str| words.iter().any(|word| element(word) == known);
    let first = WORDS.iter().find(|(known, _)| among(known));
    first.map_or(whole(4), |&(_, number)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(text: &str) -> Option<Vec<Parameter>> {
        Source::new("own.cu", text, &["own"]).parameters("own")
    }

    fn numbers(list: &str) -> Vec<(bool, Option<Number>)> {
        let text = format!("extern \"C\" __global__ void own({list}) {{}}");
        let all = parameters(&text).unwrap();
        all.into_iter().map(|p| (p.is_pointer, p.number)).collect()
    }

    #[test]
    fn plain_words_say_what_a_parameter_is() {
        assert_eq!(
            numbers("const float* __restrict__ x, double *y, unsigned n, long long int const* z"),
            [
                (true, Some(real(4))),
                (true, Some(real(8))),
                (false, Some(whole(4))),
                (true, Some(whole(8))),
            ]
        );
        assert_eq!(
            numbers("const float3 *places, unsigned char b[], size_t n, uint16_t*"),
            [
                (true, Some(real(4))),
                (true, Some(whole(1))),
                (false, Some(whole(8))),
                (true, Some(whole(2))),
            ]
        );
        assert_eq!(numbers(" void "), []);
    }

    #[test]
    fn other_words_are_not_judged() {
        let unknown = numbers("const real *x, Pair<int, float> *p, float **rows, __half h");
        assert!(unknown.iter().all(|(_, number)| number.is_none()));
        assert_eq!(unknown.len(), 4);
    }

    #[test]
    fn the_kernels_own_declaration_is_read() {
        let text = "// own(float) was here; __global__ too\n\
                    __device__ int own_helper(int a) { return a; }\n\
                    static int owned(double own);\n\
                    extern \"C\" __global__ void __launch_bounds__(256)\n  own /* one */ (\n\
                    const double\n *x, // in\n int n) { own_helper(own(3)); }";
        let found = parameters(text).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].text, "const double *x");
        assert_eq!(found[1].number, Some(whole(4)));
        assert_eq!(parameters("KERNEL(own, float)"), None);
    }
}
