//! Why a template could not be parsed or rendered.

/// Why a template could not be parsed or rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{expression}`: {message}")]
pub struct RenderError {
    /// The expression without its braces.
    pub expression: String,
    /// What is wrong with it.
    pub message: String,
}

impl RenderError {
    /// An error of one expression.
    pub(crate) fn of(expression: &str, message: String) -> Self {
        let expression = expression.to_owned();
        Self {
            expression,
            message,
        }
    }
}
