//! What a remote store needs of this process: one provider of cryptography for TLS.

/// Installs it. Only what talks to a remote pays for it.
pub(crate) fn prepare() {
    // Failing means that one is installed already.
    drop(rustls::crypto::ring::default_provider().install_default());
}
