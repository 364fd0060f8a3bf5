//! Expressions: `${{ … }}` in text, parsed once and rendered for every task.
//!
//! Only single expressions follow Jinja; there are no blocks or comments. So `${#x}`, `{%` and `{{`
//! in a command keep their meaning.
//!
//! Read `template` first, then `expression`. `jinja` runs the engine. Everything that an expression
//! calls goes through `builtins` and `operators`, which keep to the `limits`.

mod builtins;
mod condition;
mod conversion;
mod desugar;
mod error;
mod explain;
mod expression;
mod growth;
mod jinja;
mod limits;
mod literal;
mod nested;
mod number;
mod object;
mod operators;
mod scope;
mod segment;
mod template;
mod uses;

pub(crate) use builtins::test_names;
pub(crate) use condition::holds;
pub use error::RenderError;
pub(crate) use expression::Compiled;
pub(crate) use jinja::{FILTERS, FUNCTIONS, Outcome};
pub use nested::{render_value, value_uses};
pub use scope::{InputValue, RUN_FIELDS, Scope};
pub(crate) use segment::has_expression;
pub use template::CompiledTemplate;
pub(crate) use template::Fragment;
pub use uses::{FieldUse, ItemUse, Uses};
