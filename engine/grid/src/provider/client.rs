//! The HTTP client: timeouts, a size limit, retries and no redirects. A proxy is taken from
//! `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, additional certificates from `SSL_CERT_FILE` and
//! `SSL_CERT_DIR`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Method, StatusCode, Url, header, redirect};
use sunward_core::Timestamp;
use tokio::runtime::Runtime;

use super::error::SignalError;
use super::secret::Secret;

/// The most letters of a provider's own message that are repeated in an error.
const SAID_LETTERS: usize = 160;

/// How to wait between tries. Tests replace it with a function that records the wait and returns.
pub type Wait = Box<dyn Fn(Duration) + Send + Sync>;

/// Waits in real time.
#[must_use]
pub fn really_wait() -> Wait {
    Box::new(std::thread::sleep)
}

/// Limits of a request.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The limit for connecting.
    pub connect: Duration,
    /// The limit for the whole answer.
    pub total: Duration,
    /// The most bytes of an answer; two months of five-minute figures are 2 MB.
    pub body_bytes: u64,
    /// How often one request is tried.
    pub tries: u32,
    /// The longest wait between two tries.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            total: Duration::from_secs(30),
            body_bytes: 32 << 20,
            tries: 3,
            patience: Duration::from_secs(20),
        }
    }
}

/// A client for all providers.
pub struct Client {
    http: reqwest::Client,
    runtime: Mutex<Runtime>,
    limits: Limits,
    wait: Wait,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Client")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client with a runtime of its own.
    ///
    /// # Errors
    ///
    /// Fails if the machine has no trusted certificates, or no thread can be started.
    pub fn new(limits: Limits, wait: Wait) -> Result<Self, SignalError> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // It fails only if another thread was faster; that provider serves as well.
            drop(rustls::crypto::ring::default_provider().install_default());
        }
        let here = |why: String| SignalError::Down {
            host: "the network".to_owned(),
            why,
        };
        let http = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(limits.connect)
            .timeout(limits.total)
            .user_agent(concat!("sunward/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| here(chain(&error)))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| here(error.to_string()))?;
        Ok(Self {
            http,
            runtime: Mutex::new(runtime),
            limits,
            wait,
        })
    }

    /// A provider at an address. Errors name `variable`, which sets the address.
    pub(crate) fn site(
        self: &Arc<Self>,
        address: &str,
        variable: &str,
    ) -> Result<Site, SignalError> {
        let wrong = |what: &str| SignalError::Access {
            variable: variable.to_owned(),
            what: format!(
                "{what}; expected for example https://grid.example.org or http://localhost:5073"
            ),
        };
        let base = Url::parse(address).map_err(|_| wrong("is no address"))?;
        let host = base.host_str().ok_or_else(|| wrong("names no host"))?;
        if !["http", "https"].contains(&base.scheme()) {
            return Err(wrong("is not a web address"));
        }
        if !base.username().is_empty() || base.password().is_some() || base.query().is_some() {
            return Err(wrong(
                "contains more than an address; put keys in their own variables",
            ));
        }
        let host = base
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Ok(Site {
            client: Arc::clone(self),
            base,
            host,
        })
    }
}

/// The credentials of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pass<'a> {
    /// None.
    Open,
    /// A header of this name.
    Header(&'static str, &'a Secret),
    /// A bearer token.
    Bearer(&'a Secret),
    /// Basic authentication: `user:password`.
    Basic(&'a Secret),
    /// A query parameter of this name.
    Parameter(&'static str, &'a Secret),
    /// The id and the secret of a client that asks for a token: the form of a POST.
    Client(&'a str, &'a Secret),
}

impl Pass<'_> {
    fn hide_in(&self, text: &str) -> String {
        match self {
            Self::Open => text.to_owned(),
            Self::Header(_, secret)
            | Self::Bearer(secret)
            | Self::Basic(secret)
            | Self::Parameter(_, secret)
            | Self::Client(_, secret) => secret.hide_in(text),
        }
    }
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Ask<'a> {
    /// The path below the site's address, with a leading slash.
    pub(crate) path: String,
    /// The query parameters.
    pub(crate) query: Vec<(&'static str, String)>,
    /// The credentials.
    pub(crate) pass: Pass<'a>,
    /// The current moment.
    pub(crate) now: Timestamp,
}

/// A provider's address on the network.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    client: Arc<Client>,
    base: Url,
    /// The host's name, for errors.
    pub(crate) host: String,
}

/// An answer to a request that names the last one.
pub(crate) enum Fetched {
    /// It is as it was.
    Same,
    /// The body, and the tag of this version if the server gives one.
    New(Vec<u8>, Option<String>),
}

/// What is special about a request.
#[derive(Clone, Copy)]
struct Terms<'a> {
    /// Whether the body of a refusal is an answer.
    also: fn(&[u8]) -> bool,
    /// The tag of the version that is known.
    known: Option<&'a str>,
}

/// The result of one try.
enum Tried {
    Answer(Fetched),
    /// Another try may succeed, after this wait if the server named one.
    Again(SignalError, Option<Duration>),
    Never(SignalError),
}

impl Site {
    /// Another address that this one names. It may be another host only over an encrypted connection.
    pub(crate) fn named(&self, address: &str, variable: &str) -> Result<Self, SignalError> {
        let url = self.base.join(address).map_err(|_| SignalError::Schema {
            what: format!("{address} is not an address"),
            place: self.host.clone(),
        })?;
        if url.host_str() != self.base.host_str() && url.scheme() != "https" {
            return Err(SignalError::Elsewhere {
                host: self.host.clone(),
                target: url.host_str().unwrap_or_default().to_owned(),
            });
        }
        self.client.site(url.as_str(), variable)
    }

    /// The body of the answer.
    pub(crate) fn get(&self, ask: &Ask<'_>) -> Result<Vec<u8>, SignalError> {
        self.get_also(ask, |_| false)
    }

    /// The body of the answer. The body of a refusal (status 400 to 499) is an answer if `also` says
    /// so.
    pub(crate) fn get_also(
        &self,
        ask: &Ask<'_>,
        also: fn(&[u8]) -> bool,
    ) -> Result<Vec<u8>, SignalError> {
        let terms = Terms { also, known: None };
        match self.fetch(ask, terms)? {
            Fetched::New(bytes, _) => Ok(bytes),
            Fetched::Same => Ok(Vec::new()),
        }
    }

    /// The body of the answer, if it is not the version whose tag is `known`.
    pub(crate) fn get_if_changed(
        &self,
        ask: &Ask<'_>,
        known: Option<&str>,
    ) -> Result<Fetched, SignalError> {
        let also = |_: &[u8]| false;
        self.fetch(ask, Terms { also, known })
    }

    fn fetch(&self, ask: &Ask<'_>, terms: Terms<'_>) -> Result<Fetched, SignalError> {
        let limits = &self.client.limits;
        let mut pause = Duration::from_secs(1);
        let mut tried = 0;
        loop {
            tried += 1;
            let (error, wanted) = match self.attempt(ask, terms) {
                Tried::Answer(answer) => return Ok(answer),
                Tried::Never(error) => return Err(error),
                Tried::Again(error, wanted) => (error, wanted),
            };
            let wait = wanted.unwrap_or(pause);
            if tried >= limits.tries || wait > limits.patience {
                return Err(error);
            }
            tracing::debug!(host = self.host, %error, "asking again");
            (self.client.wait)(wait);
            pause = pause.saturating_mul(3);
        }
    }

    fn attempt(&self, ask: &Ask<'_>, terms: Terms<'_>) -> Tried {
        let request = match self.request(ask, terms.known) {
            Ok(request) => request,
            Err(error) => return Tried::Never(error),
        };
        let runtime = self
            .client
            .runtime
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        runtime.block_on(self.exchange(request, ask, terms))
    }

    fn request(&self, ask: &Ask<'_>, known: Option<&str>) -> Result<reqwest::Request, SignalError> {
        let mut url = self.base.clone();
        let path = format!("{}{}", url.path().trim_end_matches('/'), ask.path);
        url.set_path(&path);
        let extra = match ask.pass {
            Pass::Parameter(name, secret) => Some((name, secret.reveal())),
            _ => None,
        };
        let pairs = ask
            .query
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        let pairs: Vec<(&str, &str)> = pairs.chain(extra).collect();
        if !pairs.is_empty() {
            url.query_pairs_mut().extend_pairs(pairs);
        }
        let form = match ask.pass {
            Pass::Client(id, secret) => Some(form(&url, id, secret)),
            _ => None,
        };
        let method = if form.is_some() {
            Method::POST
        } else {
            Method::GET
        };
        let mut request = self.client.http.request(method, url);
        if let Some(known) = known {
            request = request.header(header::IF_NONE_MATCH, known);
        }
        if let Some(form) = form {
            let kind = "application/x-www-form-urlencoded";
            request = request.header(header::CONTENT_TYPE, kind).body(form);
        }
        let request = match ask.pass {
            Pass::Open | Pass::Parameter(..) | Pass::Client(..) => request,
            Pass::Header(name, secret) => request.header(name, sensitive(secret)?),
            Pass::Bearer(secret) => request.bearer_auth(secret.reveal()),
            Pass::Basic(secret) => {
                let (user, password) = secret
                    .reveal()
                    .split_once(':')
                    .unwrap_or((secret.reveal(), ""));
                request.basic_auth(user, Some(password))
            }
        };
        request.build().map_err(|error| self.down(error))
    }

    async fn exchange(&self, request: reqwest::Request, ask: &Ask<'_>, terms: Terms<'_>) -> Tried {
        let mut response = match self.client.http.execute(request).await {
            Ok(response) => response,
            Err(error) => return Tried::Again(self.failed(error, ask), None),
        };
        let status = response.status();
        if status == StatusCode::NOT_MODIFIED && terms.known.is_some() {
            return Tried::Answer(Fetched::Same);
        }
        if status.is_redirection() {
            return Tried::Never(self.elsewhere(&response));
        }
        let asked_to_wait = retry_after(response.headers(), ask.now);
        let tag = response.headers().get(header::ETAG);
        let tag = tag.and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(None) => break,
                Err(error) => return Tried::Again(self.failed(error, ask), None),
                Ok(Some(chunk)) => {
                    let size = u64::try_from(body.len() + chunk.len()).unwrap_or(u64::MAX);
                    if size > self.client.limits.body_bytes {
                        return Tried::Never(SignalError::TooLarge {
                            host: self.at(ask),
                            limit_bytes: self.client.limits.body_bytes,
                        });
                    }
                    body.extend_from_slice(&chunk);
                }
            }
        }
        if status.is_success() || (status.is_client_error() && (terms.also)(&body)) {
            return Tried::Answer(Fetched::New(body, tag));
        }
        self.judge(status, asked_to_wait, &body, ask)
    }

    /// What an answer without figures means.
    fn judge(
        &self,
        status: StatusCode,
        asked_to_wait: Option<Duration>,
        body: &[u8],
        ask: &Ask<'_>,
    ) -> Tried {
        let said = said(body, ask.pass);
        let refused = SignalError::Refused {
            host: self.at(ask),
            status: status.as_u16(),
            said: said.clone(),
        };
        match status.as_u16() {
            404 => Tried::Never(SignalError::NoZone {
                zone: ask.path.clone(),
                what: format!("{} does not know it{said}", self.host),
            }),
            429 => {
                let ms = asked_to_wait.and_then(|wait| u64::try_from(wait.as_millis()).ok());
                let error = SignalError::TooOften {
                    host: self.at(ask),
                    retry_after_ms: ms,
                };
                Tried::Again(error, asked_to_wait)
            }
            // "Not implemented" is permanent.
            501 => Tried::Never(refused),
            500.. => Tried::Again(refused, asked_to_wait),
            _ => Tried::Never(refused),
        }
    }

    /// The host and path of a request. The query is left out, because it may contain a key.
    fn at(&self, ask: &Ask<'_>) -> String {
        format!("{}{}", self.host, ask.path)
    }

    fn failed(&self, error: reqwest::Error, ask: &Ask<'_>) -> SignalError {
        if error.is_timeout() && !error.is_connect() {
            let limit = self.client.limits.total.as_millis();
            return SignalError::Slow {
                host: self.at(ask),
                limit_ms: u64::try_from(limit).unwrap_or(u64::MAX),
            };
        }
        self.down(error)
    }

    /// The address is omitted, because it may contain a key.
    fn down(&self, error: reqwest::Error) -> SignalError {
        SignalError::Down {
            host: self.host.clone(),
            why: chain(&error.without_url()),
        }
    }

    fn elsewhere(&self, response: &reqwest::Response) -> SignalError {
        let target = response
            .headers()
            .get(header::LOCATION)
            .and_then(|target| target.to_str().ok())
            .and_then(|target| self.base.join(target).ok())
            .and_then(|target| target.host_str().map(str::to_owned))
            .unwrap_or_else(|| "nowhere that could be read".to_owned());
        SignalError::Elsewhere {
            host: self.host.clone(),
            target,
        }
    }
}

/// The form with which a client asks for a token (RFC 6749, 4.4.2).
fn form(address: &Url, id: &str, secret: &Secret) -> String {
    let mut scratch = address.clone();
    scratch.set_query(None);
    scratch.query_pairs_mut().extend_pairs([
        ("grant_type", "client_credentials"),
        ("client_id", id),
        ("client_secret", secret.reveal()),
    ]);
    scratch.query().unwrap_or_default().to_owned()
}

fn sensitive(secret: &Secret) -> Result<header::HeaderValue, SignalError> {
    let mut value =
        header::HeaderValue::from_str(secret.reveal()).map_err(|_| SignalError::Access {
            variable: "the key".to_owned(),
            what: "contains characters that no key has; look for line breaks in it".to_owned(),
        })?;
    value.set_sensitive(true);
    Ok(value)
}

/// The wait that the answer asks for, given as seconds or as a moment.
fn retry_after(headers: &header::HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let until = u64::try_from(until.as_millisecond()).ok().map(Timestamp)?;
    Some(Duration::from_millis(until.since_ms(now)))
}

/// A provider's own message about a refusal, on one short line: `: no such zone`. Empty if there is
/// none.
fn said(body: &[u8], pass: Pass<'_>) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.is_empty() || text.starts_with("<!") || text.starts_with("<html") {
        return String::new();
    }
    let told = serde_json::from_str::<serde_json::Value>(text)
        .ok()
        .and_then(|value| words(&value));
    let line = told.as_deref().unwrap_or(text);
    let line: String = line
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    // Secrets are hidden before the line is cut, so that no part of one remains.
    let line: String = pass.hide_in(&line).chars().take(SAID_LETTERS).collect();
    format!(": {line}")
}

/// The message in a provider's error document.
fn words(value: &serde_json::Value) -> Option<String> {
    if let Some(text) = value.as_str() {
        return Some(text.to_owned());
    }
    ["message", "error", "detail", "title"]
        .iter()
        .find_map(|key| value.get(key).and_then(words))
}

/// An error and its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    told
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
    use sunward_core::Timestamp;

    use super::{Pass, retry_after, said};
    use crate::provider::Secret;

    #[test]
    fn waiting_is_asked_for_in_seconds_or_until_a_moment() {
        let ask = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
            retry_after(&headers, Timestamp(784_111_777_000 - 5000))
        };
        assert_eq!(ask("17"), Some(Duration::from_secs(17)));
        assert_eq!(
            ask("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(Duration::from_secs(5))
        );
        assert_eq!(ask("soon"), None);
    }

    #[test]
    fn what_a_provider_says_is_short_and_keeps_no_key() {
        let key = Secret::new("hush".into());
        let pass = Pass::Parameter("api_key", &key);
        assert_eq!(
            said(
                br#"{"error":{"code":"400","message":"bad key hush"}}"#,
                pass
            ),
            ": bad key …"
        );
        assert_eq!(said(b"<!DOCTYPE html><p>login", pass), "");
        assert!(said("x".repeat(9000).as_bytes(), pass).len() < 200);
    }
}
