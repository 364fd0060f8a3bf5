//! The server (VTN) of a site: its token, its programs and its events.

use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use serde_json::Value;
use sunward_core::Timestamp;

use super::events::Events;
use super::read::{Audience, read};
use super::wire::Program;
use crate::provider::client::{Ask, Fetched, Pass, Site};
use crate::provider::document::json;
use crate::provider::options::OpenAdrOptions;
use crate::provider::{Provider, Secret, SignalError};

/// Objects of one page: the most that the specification allows.
const PAGE: usize = 50;

/// The most pages that are read.
const PAGES: usize = 40;

/// How long the list of programs is used, in milliseconds. An event of an unknown program asks for it
/// again at once.
const PROGRAMS_MS: u64 = 15 * 60_000;

/// A token is renewed this long before it expires, in milliseconds.
const EARLY_MS: u64 = 60_000;

/// How long a token is used that does not say when it expires, in milliseconds.
const TOKEN_MS: u64 = 10 * 60_000;

/// A site's server.
#[derive(Debug)]
pub struct Vtn {
    site: Site,
    key: Option<Secret>,
    given: Given,
    audience: Audience,
    known: Mutex<Known>,
}

/// Where a server's key and address are given, for messages.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) key: String,
    pub(crate) address: String,
}

impl Given {
    /// Those of this machine's own site.
    pub(crate) fn here() -> Self {
        Self {
            key: Provider::OpenAdr.variable("KEY"),
            address: Provider::OpenAdr.variable("URL"),
        }
    }

    /// Those of a fleet's pool.
    pub(crate) fn of_pool(pool: &str) -> Self {
        Self {
            key: pool_variable(pool),
            address: format!("openadr.url of pool {pool}"),
        }
    }
}

/// The environment variable with the key of a pool's server: `SUNWARD_OPENADR_KEY_UNI_OSLO`.
pub(crate) fn pool_variable(pool: &str) -> String {
    let letter = |c: char| match c.is_ascii_alphanumeric() {
        true => c.to_ascii_uppercase(),
        false => '_',
    };
    let pool: String = pool.chars().map(letter).collect();
    format!("{}_{pool}", Provider::OpenAdr.variable("KEY"))
}

#[derive(Debug, Default)]
struct Known {
    /// The token, and until when it is used.
    token: Option<(Secret, Timestamp)>,
    /// The programs, and when they were read.
    programs: Option<(Vec<Program>, Timestamp)>,
    /// The newest events and their tag, if they are one page and have one.
    page: Option<(String, Vec<Value>)>,
}

/// The answer of `/auth/server`.
#[derive(Deserialize)]
struct AuthServer {
    #[serde(rename = "tokenURL")]
    token_url: String,
}

/// The answer of a token server.
#[derive(Deserialize)]
struct Token {
    access_token: String,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl Vtn {
    pub(crate) fn new(
        site: Site,
        key: Option<Secret>,
        given: Given,
        options: &OpenAdrOptions,
    ) -> Self {
        Self {
            site,
            key,
            given,
            audience: Audience {
                program: options.program.clone(),
                names: options.names.clone(),
            },
            known: Mutex::default(),
        }
    }

    /// The host, for messages.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.site.host
    }

    /// What the events of the site say now.
    ///
    /// # Errors
    ///
    /// Fails if the server does not answer as specified, refuses, or does not have the program.
    pub fn events(&self, now: Timestamp) -> Result<Events, SignalError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let list = self.newest(&mut known, now)?;
        let is_new = |value: &Value, programs: &[Program]| {
            let id = value.get("programID").and_then(Value::as_str);
            id.is_some_and(|id| programs.iter().all(|program| program.id != id))
        };
        let is_due = known.programs.as_ref().is_none_or(|(programs, read_at)| {
            now.since_ms(*read_at) >= PROGRAMS_MS || list.iter().any(|one| is_new(one, programs))
        });
        if is_due {
            let programs = self.programs(&mut known, now)?;
            known.programs = Some((programs, now));
        }
        let programs = known.programs.as_ref().map_or(&[][..], |(all, _)| all);
        Ok(read(&list, programs, &self.audience, now))
    }

    /// The programs that count.
    fn programs(&self, known: &mut Known, now: Timestamp) -> Result<Vec<Program>, SignalError> {
        let all = self.further(known, "/programs", Vec::new(), now)?;
        // A program that cannot be read is one without a name: its id serves.
        let all: Vec<Program> = all
            .iter()
            .filter_map(|one| Program::read(one).ok())
            .collect();
        let Some(wanted) = &self.audience.program else {
            return Ok(all);
        };
        let is_wanted = |one: &Program| one.name == *wanted || one.id == *wanted;
        if all.iter().any(is_wanted) {
            return Ok(all.into_iter().filter(is_wanted).collect());
        }
        let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
        Err(SignalError::NoProgram {
            host: self.site.host.clone(),
            program: wanted.clone(),
            known: if names.is_empty() {
                "none that this client may see".to_owned()
            } else {
                names.join(", ")
            },
        })
    }

    /// The newest events. If the server tags its answers, an unchanged list is not sent again.
    fn newest(&self, known: &mut Known, now: Timestamp) -> Result<Vec<Value>, SignalError> {
        let last = known.page.take();
        let tag = last.as_ref().map(|(tag, _)| tag.as_str());
        let first = match (self.page(known, "/events", 0, tag, now)?, last) {
            (Fetched::Same, Some((tag, list))) => {
                known.page = Some((tag, list.clone()));
                return Ok(list);
            }
            (Fetched::Same, None) => Vec::new(),
            (Fetched::New(bytes, tag), _) => {
                let list: Vec<Value> = json(&self.site.host, "/events", &bytes)?;
                if list.len() < PAGE {
                    known.page = tag.map(|tag| (tag, list.clone()));
                    return Ok(list);
                }
                list
            }
        };
        self.further(known, "/events", first, now)
    }

    /// All objects from those of the first pages on.
    fn further(
        &self,
        known: &mut Known,
        path: &'static str,
        mut all: Vec<Value>,
        now: Timestamp,
    ) -> Result<Vec<Value>, SignalError> {
        for _ in 0..PAGES {
            let Fetched::New(bytes, _) = self.page(known, path, all.len(), None, now)? else {
                break;
            };
            let page: Vec<Value> = json(&self.site.host, path, &bytes)?;
            let is_last = page.len() < PAGE;
            all.extend(page);
            if is_last {
                break;
            }
        }
        Ok(all)
    }

    fn page(
        &self,
        known: &mut Known,
        path: &'static str,
        skip: usize,
        tag: Option<&str>,
        now: Timestamp,
    ) -> Result<Fetched, SignalError> {
        let get = |pass: Pass<'_>| {
            let query = vec![("skip", skip.to_string()), ("limit", PAGE.to_string())];
            let ask = Ask {
                path: path.to_owned(),
                query,
                pass,
                now,
            };
            self.site
                .get_if_changed(&ask, tag)
                .map_err(|error| match error {
                    SignalError::NoZone { .. } => self.no_such(path),
                    other => other,
                })
        };
        let Some(key) = &self.key else {
            return get(Pass::Open);
        };
        let Some((id, secret)) = key.split() else {
            return get(Pass::Bearer(key));
        };
        match get(Pass::Bearer(&self.token(known, &id, &secret, now)?)) {
            // The token was taken back.
            Err(SignalError::Refused { status: 401, .. }) => {
                known.token = None;
                get(Pass::Bearer(&self.token(known, &id, &secret, now)?))
            }
            other => other,
        }
    }

    /// The error of an address that is not that of a server.
    fn no_such(&self, path: &str) -> SignalError {
        SignalError::Access {
            variable: self.given.address.clone(),
            what: format!(
                "{} has no {path} there; expected the address before it, such as https://vtn.example.org/openadr3/3.1.0",
                self.site.host
            ),
        }
    }

    /// A valid token of a client.
    fn token(
        &self,
        known: &mut Known,
        id: &str,
        secret: &Secret,
        now: Timestamp,
    ) -> Result<Secret, SignalError> {
        if let Some((token, until)) = &known.token
            && now < *until
        {
            return Ok(token.clone());
        }
        let (site, path) = match self.token_site(now) {
            Some(site) => (site?, ""),
            None => (self.site.clone(), "/auth/token"),
        };
        let asked = site.get(&Ask {
            path: path.to_owned(),
            query: Vec::new(),
            pass: Pass::Client(id, secret),
            now,
        });
        let bytes = asked.map_err(|error| match error {
            SignalError::NoZone { .. } => self.no_such(path),
            other => self.refused_client(other),
        })?;
        let token: Token = json(&site.host, path, &bytes)?;
        let lasts_ms = token.expires_in.map_or(TOKEN_MS, |seconds| {
            seconds.saturating_mul(1000).saturating_sub(EARLY_MS)
        });
        let secret = Secret::new(token.access_token);
        known.token = Some((secret.clone(), now.after_ms(lasts_ms)));
        Ok(secret)
    }

    /// The address of the token server that this server names; `None` if it names none and gives
    /// tokens itself.
    fn token_site(&self, now: Timestamp) -> Option<Result<Site, SignalError>> {
        let path = "/auth/server";
        let asked = self.site.get(&Ask {
            path: path.to_owned(),
            query: Vec::new(),
            pass: Pass::Open,
            now,
        });
        let bytes = match asked {
            Ok(bytes) => bytes,
            Err(error) if error.is_passing() => return Some(Err(error)),
            Err(_) => return None,
        };
        let server: AuthServer = json(&self.site.host, path, &bytes).ok()?;
        Some(self.site.named(&server.token_url, &self.given.address))
    }

    /// A client that gets no token has the wrong id or secret, whatever the status.
    fn refused_client(&self, error: SignalError) -> SignalError {
        match error {
            SignalError::Refused {
                host,
                status: status @ (400 | 401 | 403),
                said,
            } => SignalError::Access {
                variable: self.given.key.clone(),
                what: format!(
                    "{host} gave no token (status {status}{said}); expected client_id:client_secret of a client of that server"
                ),
            },
            other => other,
        }
    }
}
