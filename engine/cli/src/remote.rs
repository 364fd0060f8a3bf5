//! Sets up this process for remote stores, which need a provider of cryptography for TLS.

/// Installs the provider. Call it only before a remote is used, so that nothing else pays for it.
pub(crate) fn prepare() {
    // It fails only if a provider is already installed.
    drop(rustls::crypto::ring::default_provider().install_default());
}
