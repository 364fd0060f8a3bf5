//! A key or password that is never shown.

/// Text that does not come out of `Debug`, nor of an error that quotes an answer.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Holds it.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself: only for the request.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// Text of somebody else's without it, should they repeat it.
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
