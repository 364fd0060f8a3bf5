//! The client of a bucket, and what its errors mean.

use std::path::Path;
use std::sync::{Arc, Once};

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::{ClientConfigKey, Error as StoreError, ObjectStore, RetryConfig};
use tokio::runtime::Runtime;

use super::{answer, environment};
use crate::error::DataError;

/// The timeout of one request. A part of 256 MiB must transfer at 4 MiB a second or faster.
const ANSWER_WITHIN: &str = "60 seconds";

static PROVIDER: Once = Once::new();

/// The client of a bucket, with settings from the environment. `url` names it in messages.
pub(crate) fn of_bucket(url: &str, bucket: &str) -> Result<Arc<dyn ObjectStore>, DataError> {
    environment::check_bucket(url, bucket)?;
    install_provider();
    let settings = environment::settings(std::env::vars_os())?;
    client(settings.with_bucket_name(bucket))
        .map_err(|error| remote_error("use the store", url, &error))
}

/// The threads on which a client works.
pub(crate) fn threads(url: &str) -> Result<Runtime, DataError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("sunward-store")
        .enable_all()
        .build()
        .map_err(DataError::io("start threads for", Path::new(url)))
}

/// Installs what encrypts connections. Clients cannot be made without it.
pub(crate) fn install_provider() {
    PROVIDER.call_once(|| {
        // This fails if another provider is already installed, which works as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// The store name that marks errors of the local disk, which also pass through the client.
pub(crate) const LOCAL: &str = "local";

/// Creates a client that does not retry. [`Patience`] retries instead and reports why.
fn client(builder: AmazonS3Builder) -> Result<Arc<dyn ObjectStore>, StoreError> {
    let key = AmazonS3ConfigKey::Client(ClientConfigKey::Timeout);
    let timeout = std::env::var("AWS_TIMEOUT").unwrap_or_else(|_| ANSWER_WITHIN.to_owned());
    let store = builder
        .with_config(key, timeout)
        .with_retry(RetryConfig {
            max_retries: 0,
            ..RetryConfig::default()
        })
        .build()?;
    Ok(Arc::new(store))
}

/// The reason why a request failed, if the error may be temporary.
pub(crate) fn is_passing(error: &StoreError) -> Option<String> {
    let passes = match error {
        StoreError::Generic { store, .. } => *store != LOCAL,
        _ => false,
    };
    // `remote_error` is the one place that decides which errors are permanent.
    match remote_error("ask", "", error) {
        DataError::Remote {
            refused: false,
            why,
            ..
        } if passes => Some(why),
        _ => None,
    }
}

pub(crate) fn remote_error(what: &'static str, place: &str, error: &StoreError) -> DataError {
    const DENIED: &str = "access was refused: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they may do in this bucket";
    let why = chain(error);
    let denied = why.contains("status code: 401")
        || why.contains("status code: 403")
        || [
            "SignatureDoesNotMatch",
            "InvalidAccessKeyId",
            "AccessDenied",
        ]
        .iter()
        .any(|code| answers(&why, code));
    let (hint, refused) = match error {
        _ if answers(&why, "NoSuchBucket") => (
            "there is no such bucket: create it, or check the name and AWS_ENDPOINT_URL",
            true,
        ),
        StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => (DENIED, true),
        _ if denied => (DENIED, true),
        StoreError::NotFound { .. } => (
            "there is no such bucket or object: check the name and AWS_ENDPOINT_URL",
            true,
        ),
        _ => (
            "check the network and AWS_ENDPOINT_URL (and AWS_ALLOW_HTTP=true for a plain http endpoint)",
            false,
        ),
    };
    DataError::Remote {
        what,
        place: place.to_owned(),
        why: answer::in_short(&why),
        hint,
        refused,
    }
}

/// Whether the text of an error holds an answer of S3 with this code. The code is looked for inside
/// its element only: the address of the request is in the text too, and may hold anything.
fn answers(why: &str, code: &str) -> bool {
    why.contains(&format!("<Code>{code}</Code>"))
}

/// An error and its causes on one line, without repetitions.
fn chain(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        let line = next.to_string();
        if !text.contains(&line) {
            text.push_str(": ");
            text.push_str(&line);
        }
        cause = next.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
