//! The codes of all diagnostics. Each has a page in `workflows/codes/`, which is embedded.

use crate::diagnostic::Code;

/// The file is not valid YAML.
pub const SYNTAX: Code = Code("SW0101");
/// The file is empty.
pub const EMPTY: Code = Code("SW0102");
/// The file is not UTF-8.
pub const NOT_UTF8: Code = Code("SW0103");
/// The file is too large.
pub const TOO_LARGE: Code = Code("SW0104");
/// The file is nested too deeply.
pub const TOO_DEEP: Code = Code("SW0105");
/// Aliases expand to too much.
pub const ALIAS_BOMB: Code = Code("SW0106");
/// A key is given twice.
pub const DUPLICATE_KEY: Code = Code("SW0107");
/// The file has more than one document.
pub const MANY_DOCUMENTS: Code = Code("SW0108");
/// `<<` has nothing to merge.
pub const BAD_MERGE: Code = Code("SW0109");
/// A key is not a word.
pub const BAD_KEY: Code = Code("SW0110");
/// A key is unknown.
pub const UNKNOWN_KEY: Code = Code("SW0201");
/// A required key is missing.
pub const MISSING_KEY: Code = Code("SW0202");
/// A value has the wrong type.
pub const WRONG_TYPE: Code = Code("SW0203");
/// A value is not one of the allowed words.
pub const NOT_A_CHOICE: Code = Code("SW0204");
/// A number is out of range.
pub const OUT_OF_RANGE: Code = Code("SW0205");
/// A value is not a duration, size or power.
pub const BAD_QUANTITY: Code = Code("SW0206");
/// A value is not a column type.
pub const BAD_COLUMN_TYPE: Code = Code("SW0207");
/// A name is not allowed.
pub const BAD_NAME: Code = Code("SW0208");
/// Two ports become the same variable.
pub const PORTS_CLASH: Code = Code("SW0209");
/// A stage has no action, or more than one.
pub const NOT_ONE_ACTION: Code = Code("SW0210");
/// A key does not belong to this kind of stage.
pub const OUT_OF_PLACE: Code = Code("SW0212");
/// A message of `notify` cannot be sent.
pub const BAD_NOTIFY: Code = Code("SW0213");
/// A stage has two environments.
pub const ENVIRONMENTS_CLASH: Code = Code("SW0214");
/// An image, a module or a setup is not valid.
pub const BAD_ENVIRONMENT: Code = Code("SW0215");
/// There is no such stage.
pub const UNKNOWN_STAGE: Code = Code("SW0301");
/// There is no such port.
pub const UNKNOWN_PORT: Code = Code("SW0302");
/// There is no such parameter.
pub const UNKNOWN_PARAM: Code = Code("SW0303");
/// A value is not a source of data.
pub const BAD_SOURCE: Code = Code("SW0304");
/// Stages form a cycle.
pub const CYCLE: Code = Code("SW0305");
/// A file is outside the workflow's folder.
pub const LEAVES_FOLDER: Code = Code("SW0306");
/// A parameter does not hold data.
pub const NOT_A_DATA_PARAM: Code = Code("SW0307");
/// There is no such limit.
pub const UNKNOWN_LIMIT: Code = Code("SW0308");
/// A source is never read.
pub const NEVER_READ: Code = Code("SW0309");
/// A file that a stage cannot use.
pub const BAD_USE: Code = Code("SW0310");
/// A value or source that does not fit the parameter of a file that a stage uses.
pub const BAD_BINDING: Code = Code("SW0311");
/// A snapshot is not a file of its own.
pub const BAD_SNAPSHOT: Code = Code("SW0312");
/// What a test expects decides nothing, or cannot be.
pub const BAD_EXPECTATION: Code = Code("SW0313");
/// A default does not fit its parameter.
pub const BAD_DEFAULT: Code = Code("SW0401");
/// Bounds or choices contradict each other.
pub const BAD_BOUNDS: Code = Code("SW0402");
/// A file is missing.
pub const FILE_MISSING: Code = Code("SW0501");
/// A file is not a table.
pub const NOT_A_TABLE: Code = Code("SW0502");
/// Schemas do not fit.
pub const SCHEMA_MISMATCH: Code = Code("SW0503");
/// There is no such column.
pub const UNKNOWN_COLUMN: Code = Code("SW0504");
/// Bytes are used where a table is needed.
pub const BLOB_AS_TABLE: Code = Code("SW0505");
/// A path in a command is not tracked.
pub const UNTRACKED_PATH: Code = Code("SW0506");
/// `match:` does not split the name of a file.
pub const BAD_MATCH: Code = Code("SW0507");
/// Files do not give the tasks of a scatter.
pub const UNPAIRED: Code = Code("SW0508");
/// An expression does not parse.
pub const BAD_EXPRESSION: Code = Code("SW0601");
/// An expression has an unknown name.
pub const UNKNOWN_NAME: Code = Code("SW0602");
/// `item` or `matrix` is used without a scatter.
pub const NO_ITEM: Code = Code("SW0603");
/// Text is not allowed there, because it would be executed.
pub const UNSAFE_QUOTING: Code = Code("SW0604");
/// A filter is unknown.
pub const UNKNOWN_FILTER: Code = Code("SW0605");
/// A value must be exactly one expression.
pub const NOT_ONE_EXPRESSION: Code = Code("SW0606");
/// There is no such kernel.
pub const UNKNOWN_KERNEL: Code = Code("SW0701");
/// The kernel has no such parameter.
pub const UNKNOWN_KERNEL_PARAM: Code = Code("SW0702");
/// A kernel's parameter is missing.
pub const MISSING_KERNEL_PARAM: Code = Code("SW0703");
/// A kernel's parameter does not fit.
pub const BAD_KERNEL_PARAM: Code = Code("SW0704");
/// The kernel has no such input.
pub const UNKNOWN_KERNEL_PORT: Code = Code("SW0705");
/// A kernel's input is missing.
pub const MISSING_KERNEL_PORT: Code = Code("SW0706");
/// CUDA source does not compile.
pub const BAD_CUDA_SOURCE: Code = Code("SW0707");
/// There is nothing to scatter over.
pub const BAD_SCATTER: Code = Code("SW0801");
/// A stage has both `scatter` and `matrix`.
pub const SCATTER_AND_MATRIX: Code = Code("SW0802");
/// A slicing does not fit.
pub const BAD_SLICING: Code = Code("SW0803");
/// A window does not parse.
pub const BAD_WINDOW: Code = Code("SW0901");
/// A window never applies.
pub const HIDDEN_WINDOW: Code = Code("SW0902");
/// A pool or fleet is never open.
pub const NO_CAPACITY: Code = Code("SW0903");
/// Two pools have the same name.
pub const POOL_TWICE: Code = Code("SW0904");
/// There is no such time zone.
pub const UNKNOWN_TIMEZONE: Code = Code("SW0905");

/// All codes with their pages, in order.
pub const PAGES: &[(Code, &str)] = &[
    (SYNTAX, include_str!("../codes/SW0101.md")),
    (EMPTY, include_str!("../codes/SW0102.md")),
    (NOT_UTF8, include_str!("../codes/SW0103.md")),
    (TOO_LARGE, include_str!("../codes/SW0104.md")),
    (TOO_DEEP, include_str!("../codes/SW0105.md")),
    (ALIAS_BOMB, include_str!("../codes/SW0106.md")),
    (DUPLICATE_KEY, include_str!("../codes/SW0107.md")),
    (MANY_DOCUMENTS, include_str!("../codes/SW0108.md")),
    (BAD_MERGE, include_str!("../codes/SW0109.md")),
    (BAD_KEY, include_str!("../codes/SW0110.md")),
    (UNKNOWN_KEY, include_str!("../codes/SW0201.md")),
    (MISSING_KEY, include_str!("../codes/SW0202.md")),
    (WRONG_TYPE, include_str!("../codes/SW0203.md")),
    (NOT_A_CHOICE, include_str!("../codes/SW0204.md")),
    (OUT_OF_RANGE, include_str!("../codes/SW0205.md")),
    (BAD_QUANTITY, include_str!("../codes/SW0206.md")),
    (BAD_COLUMN_TYPE, include_str!("../codes/SW0207.md")),
    (BAD_NAME, include_str!("../codes/SW0208.md")),
    (PORTS_CLASH, include_str!("../codes/SW0209.md")),
    (NOT_ONE_ACTION, include_str!("../codes/SW0210.md")),
    (OUT_OF_PLACE, include_str!("../codes/SW0212.md")),
    (BAD_NOTIFY, include_str!("../codes/SW0213.md")),
    (ENVIRONMENTS_CLASH, include_str!("../codes/SW0214.md")),
    (BAD_ENVIRONMENT, include_str!("../codes/SW0215.md")),
    (UNKNOWN_STAGE, include_str!("../codes/SW0301.md")),
    (UNKNOWN_PORT, include_str!("../codes/SW0302.md")),
    (UNKNOWN_PARAM, include_str!("../codes/SW0303.md")),
    (BAD_SOURCE, include_str!("../codes/SW0304.md")),
    (CYCLE, include_str!("../codes/SW0305.md")),
    (LEAVES_FOLDER, include_str!("../codes/SW0306.md")),
    (NOT_A_DATA_PARAM, include_str!("../codes/SW0307.md")),
    (UNKNOWN_LIMIT, include_str!("../codes/SW0308.md")),
    (NEVER_READ, include_str!("../codes/SW0309.md")),
    (BAD_USE, include_str!("../codes/SW0310.md")),
    (BAD_BINDING, include_str!("../codes/SW0311.md")),
    (BAD_SNAPSHOT, include_str!("../codes/SW0312.md")),
    (BAD_EXPECTATION, include_str!("../codes/SW0313.md")),
    (BAD_DEFAULT, include_str!("../codes/SW0401.md")),
    (BAD_BOUNDS, include_str!("../codes/SW0402.md")),
    (FILE_MISSING, include_str!("../codes/SW0501.md")),
    (NOT_A_TABLE, include_str!("../codes/SW0502.md")),
    (SCHEMA_MISMATCH, include_str!("../codes/SW0503.md")),
    (UNKNOWN_COLUMN, include_str!("../codes/SW0504.md")),
    (BLOB_AS_TABLE, include_str!("../codes/SW0505.md")),
    (UNTRACKED_PATH, include_str!("../codes/SW0506.md")),
    (BAD_MATCH, include_str!("../codes/SW0507.md")),
    (UNPAIRED, include_str!("../codes/SW0508.md")),
    (BAD_EXPRESSION, include_str!("../codes/SW0601.md")),
    (UNKNOWN_NAME, include_str!("../codes/SW0602.md")),
    (NO_ITEM, include_str!("../codes/SW0603.md")),
    (UNSAFE_QUOTING, include_str!("../codes/SW0604.md")),
    (UNKNOWN_FILTER, include_str!("../codes/SW0605.md")),
    (NOT_ONE_EXPRESSION, include_str!("../codes/SW0606.md")),
    (UNKNOWN_KERNEL, include_str!("../codes/SW0701.md")),
    (UNKNOWN_KERNEL_PARAM, include_str!("../codes/SW0702.md")),
    (MISSING_KERNEL_PARAM, include_str!("../codes/SW0703.md")),
    (BAD_KERNEL_PARAM, include_str!("../codes/SW0704.md")),
    (UNKNOWN_KERNEL_PORT, include_str!("../codes/SW0705.md")),
    (MISSING_KERNEL_PORT, include_str!("../codes/SW0706.md")),
    (BAD_CUDA_SOURCE, include_str!("../codes/SW0707.md")),
    (BAD_SCATTER, include_str!("../codes/SW0801.md")),
    (SCATTER_AND_MATRIX, include_str!("../codes/SW0802.md")),
    (BAD_SLICING, include_str!("../codes/SW0803.md")),
    (BAD_WINDOW, include_str!("../codes/SW0901.md")),
    (HIDDEN_WINDOW, include_str!("../codes/SW0902.md")),
    (NO_CAPACITY, include_str!("../codes/SW0903.md")),
    (POOL_TWICE, include_str!("../codes/SW0904.md")),
    (UNKNOWN_TIMEZONE, include_str!("../codes/SW0905.md")),
];

/// The page of a code: what it means, an example, and the remedy.
#[must_use]
pub fn explain_code(code: &str) -> Option<&'static str> {
    PAGES
        .iter()
        .find(|(known, _)| known.0.eq_ignore_ascii_case(code))
        .map(|(_, page)| *page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_named_after_its_code_and_every_file_is_a_page() {
        for (code, page) in PAGES {
            assert!(page.starts_with(&format!("# {}: ", code.0)), "{}", code.0);
            assert!(page.contains("## Example") && page.contains("## How to fix it"));
            assert_eq!(explain_code(&code.0.to_lowercase()), Some(*page));
        }
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/codes");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let pages: Vec<String> = PAGES.iter().map(|(c, _)| format!("{}.md", c.0)).collect();
        assert_eq!(files, pages);
    }

    #[test]
    fn every_constant_has_a_page() {
        let constants = include_str!("codes.rs")
            .lines()
            .filter(|line| line.starts_with("pub const ") && line.contains(": Code = "))
            .count();
        assert_eq!(constants, PAGES.len());
    }
}
