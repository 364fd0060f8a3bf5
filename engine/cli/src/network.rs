//! The proxy and the certificates that the environment names.

/// The network settings of the environment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Network {
    /// `$HTTPS_PROXY`, else `$ALL_PROXY`, else `$HTTP_PROXY`, in upper or lower case.
    pub(crate) proxy: Option<String>,
    /// `$SSL_CERT_FILE`.
    pub(crate) certificates: Option<String>,
}

impl Network {
    /// Reads the settings. `get` looks up one variable.
    pub(crate) fn read(get: impl Fn(&str) -> Option<String>) -> Self {
        let get = |name: &str| get(name).filter(|value| !value.is_empty());
        let proxy = ["HTTPS_PROXY", "ALL_PROXY", "HTTP_PROXY"]
            .into_iter()
            .find_map(|name| get(name).or_else(|| get(&name.to_lowercase())));
        Self {
            proxy,
            certificates: get("SSL_CERT_FILE"),
        }
    }
}
