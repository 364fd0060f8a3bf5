//! CUDA C++ source, and errors of a compiler about it.

use std::fmt;

/// The file name of the lines that export kernels, in a C++ compiler's messages. Each line exports
/// one kernel.
const EXPORTS: &str = "exports";

/// The text of a `.cu` file and the kernels in it, each `extern "C" __global__ void NAME(…)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    file: String,
    text: String,
    first_line: u32,
    kernels: Vec<String>,
    exact: bool,
}

impl Source {
    /// A source that messages call `file`.
    #[must_use]
    pub fn new(file: &str, text: &str, kernels: &[&str]) -> Self {
        Self {
            file: file.to_owned(),
            text: text.to_owned(),
            first_line: 1,
            kernels: kernels.iter().map(|&name| name.to_owned()).collect(),
            exact: false,
        }
    }

    /// Rounds every product and sum separately, as on the CPU. Results then agree bit for bit, at
    /// some cost in speed.
    #[must_use]
    pub fn exact(mut self) -> Self {
        self.exact = true;
        self
    }

    /// Whether products and sums are rounded separately.
    pub(super) fn is_exact(&self) -> bool {
        self.exact
    }

    /// States that the first line is line `line` of the file, for source inside another file.
    #[must_use]
    pub fn at_line(mut self, line: u32) -> Self {
        self.first_line = line;
        self
    }

    /// Its name in messages.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The text as given.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The names of its kernels.
    #[must_use]
    pub fn kernels(&self) -> &[String] {
        &self.kernels
    }

    /// The first kernel name that is not a valid C name.
    pub(super) fn bad_name(&self) -> Option<&str> {
        let good = |name: &String| {
            !name.is_empty()
                && !name.starts_with(|c: char| c.is_ascii_digit())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        self.kernels
            .iter()
            .find(|name| !good(name))
            .map(String::as_str)
    }

    /// Whether it may have variables on the device that outlive a launch.
    pub(super) fn may_have_variables(&self) -> bool {
        super::variables::may_have(&self.text)
    }

    /// The text for NVRTC. Lines are numbered as in the user's file.
    pub(super) fn for_gpu(&self) -> String {
        format!("{}{}\n", self.line_mark(), self.text)
    }

    /// The text for a C++ compiler: the source after our header, with exports of its kernels at the
    /// end.
    pub(super) fn for_host(&self) -> String {
        let mut text = format!(
            "#include \"cuda_on_cpu.h\"\n{}{}\n#line 1 \"{EXPORTS}\"\n",
            self.line_mark(),
            with_dynamic_shared(&self.text)
        );
        for kernel in &self.kernels {
            text.push_str(&format!("SUNWARD_EXPORT({kernel})\n"));
        }
        text
    }

    /// The kernel that a C++ compiler did not find at an export of [`Source::for_host`].
    pub(super) fn not_exported(&self, log: &str) -> Option<&str> {
        let line = log
            .lines()
            .find_map(|text| complaint(EXPORTS, text))
            .and_then(|(line, _)| line)?;
        let place = usize::try_from(line).ok()?.checked_sub(1)?;
        self.kernels.get(place).map(String::as_str)
    }

    fn line_mark(&self) -> String {
        let file = self.file.replace('\\', "\\\\").replace('"', "\\\"");
        format!(
            "#line {} \"{}\"\n",
            self.first_line,
            file.replace('\n', " ")
        )
    }
}

/// Replaces `extern __shared__ T name[];`, which is not C++, by an object for the launch's dynamic
/// bytes, on the same line.
fn with_dynamic_shared(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("extern") {
        let (before, declaration) = rest.split_at(at);
        out.push_str(before);
        match dynamic_shared(declaration) {
            Some((replaced, length)) => {
                out.push_str(&replaced);
                rest = &declaration[length..];
            }
            None => {
                out.push_str("extern");
                rest = &declaration["extern".len()..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The replacement of such a declaration, and the declaration's length.
fn dynamic_shared(text: &str) -> Option<(String, usize)> {
    let end = text.find(';')?;
    let inner = text[..end].strip_prefix("extern")?.trim_start();
    let inner = inner.strip_prefix("__shared__")?.trim();
    let inner = inner.strip_suffix(']')?.trim_end().strip_suffix('[')?;
    let mut inner = inner.trim();
    if let Some(aligned) = inner.strip_prefix("__align__") {
        inner = aligned.split_once(')')?.1.trim_start();
    }
    let name_at = inner.rfind(|c: char| !c.is_alphanumeric() && c != '_')? + 1;
    let (kind, name) = inner.split_at(name_at);
    let lines = "\n".repeat(text[..end].matches('\n').count());
    let replaced = format!(
        "static cuda_on_cpu::Dynamic<{}> {name};{lines}",
        kind.trim()
    );
    Some((replaced, end + 1))
}

/// A compiler's first error, at its place in the user's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileError {
    /// The source's name.
    pub file: String,
    /// The line from 1, if the compiler reports one.
    pub line: Option<u32>,
    /// What is wrong.
    pub message: String,
    /// The compiler's whole output.
    pub log: String,
}

impl std::error::Error for CompileError {}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}; correct the source there", self.message)
    }
}

impl CompileError {
    /// Finds the first error in a log: `file(12): error: …` of NVRTC, or `file:12:5: error: …` of
    /// C++ compilers.
    pub(super) fn from_log(source: &Source, log: &str) -> Self {
        let (line, message) = log
            .lines()
            .find_map(|text| complaint(source.file(), text))
            .or_else(|| {
                let other = log.lines().find(|text| text.contains("error"))?;
                Some((None, other.trim().to_owned()))
            })
            .unwrap_or_else(|| (None, "the compiler failed without a message".to_owned()));
        Self {
            file: source.file().to_owned(),
            line,
            message,
            log: log.to_owned(),
        }
    }
}

fn complaint(file: &str, text: &str) -> Option<(Option<u32>, String)> {
    let place = text.strip_prefix(file)?;
    let digits = place.strip_prefix(['(', ':'])?;
    let end = digits.find(|c: char| !c.is_ascii_digit())?;
    let line = digits[..end].parse().ok()?;
    let (_, message) = digits.split_once("error: ").or_else(|| {
        // NVRTC numbers some errors: `error #20: …`.
        digits.split_once("error ")
    })?;
    Some((Some(line), message.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_of_both_kinds_of_compilers_lead_to_the_line() {
        let source = Source::new("my kernel.cu", "", &[]);
        let nvrtc = "my kernel.cu(12): warning #177-D: unused\n\
                     my kernel.cu(31): error: identifier \"y\" is undefined\n";
        let found = CompileError::from_log(&source, nvrtc);
        assert_eq!(found.line, Some(31));
        assert_eq!(found.message, "identifier \"y\" is undefined");
        let gcc = "In file included from x:\nmy kernel.cu:7:5: error: 'y' was not declared\n";
        let found = CompileError::from_log(&source, gcc);
        assert_eq!(
            found.to_string(),
            "my kernel.cu:7: 'y' was not declared; correct the source there"
        );
    }

    #[test]
    fn shared_memory_of_the_launch_is_rewritten_in_its_line() {
        let text =
            "int a;\nextern __shared__ __align__(16) unsigned char all[];\nextern \"C\" int f();";
        assert_eq!(
            with_dynamic_shared(text),
            "int a;\nstatic cuda_on_cpu::Dynamic<unsigned char> all;\nextern \"C\" int f();"
        );
        let two = "extern __shared__\n  float4 s [ ];";
        assert_eq!(
            with_dynamic_shared(two),
            "static cuda_on_cpu::Dynamic<float4> s;\n"
        );
    }
}
