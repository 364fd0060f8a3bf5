//! A key or password that is never shown.

/// Text that `Debug` does not show, and that is hidden in quotes of an answer.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for the request only.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// The part before the first colon, and the rest as a secret; `None` without a colon.
    pub(crate) fn split(&self) -> Option<(String, Self)> {
        let (before, rest) = self.0.split_once(':')?;
        Some((before.to_owned(), Self::new(rest.to_owned())))
    }

    /// A text with all repetitions of this secret hidden.
    pub(crate) fn hide_in(&self, text: &str) -> String {
        if self.0.is_empty() {
            return text.to_owned();
        }
        text.replace(&self.0, "…")
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_is_shown_nowhere() {
        let secret = Secret::new("hush".into());
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(secret.hide_in("no such token: hush"), "no such token: …");
    }
}
