//! Tells people how a run went: by a webhook, an e-mail or a command.
//!
//! Messages are sent side by side once the run has ended, each within ten seconds. A message that
//! cannot be sent changes nothing about the run: the answer and the trace say so.

mod command;
mod email;
mod limit;
mod message;
mod webhook;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde::Serialize;
use sunward_core::{Account, RunState, RunStatus};
use sunward_worker::{Host, masked, secret};
use sunward_workflows::{Notify, NotifyBy, NotifyOn, WebAddress};

use crate::render::style::harmless;
use limit::{LIMIT, too_long};
use message::Message;

/// How much longer than [`LIMIT`] the answer waits, so that a command that is ended says so.
const GRACE: Duration = Duration::from_secs(1);

/// What became of one message.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Notified {
    /// `end`, `failure` or `hold`.
    pub(crate) event: &'static str,
    /// How it was sent, without anything that is secret: `webhook example.org`.
    pub(crate) by: String,
    pub(crate) sent: bool,
    /// Why it was not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

/// Messages on their way.
pub(crate) struct Notices {
    event: &'static str,
    labels: Vec<String>,
    answers: Receiver<(usize, Result<(), String>)>,
    begun: Instant,
}

impl Notices {
    /// No messages.
    pub(crate) fn none() -> Self {
        Self {
            event: "end",
            labels: Vec::new(),
            answers: channel().1,
            begun: Instant::now(),
        }
    }

    /// Sends the messages about a run that has ended or is held. Returns at once.
    pub(crate) fn begin(run: &RunState, account: &Account) -> Self {
        let (send, answers) = channel();
        let moments = moments(run.status);
        let event = moments.first().map_or("end", |moment| word(*moment));
        let wanted = |notify: &&Notify| notify.on.iter().any(|on| moments.contains(on));
        let wanted: Vec<&Notify> = run.spec.workflow.notify.iter().filter(wanted).collect();
        let labels = wanted.iter().map(|notify| label(&notify.by)).collect();
        if !wanted.is_empty() {
            let message = Message::of(run, account, event);
            let folder = Path::new(&run.spec.path).parent();
            let folder = folder.unwrap_or_else(|| Path::new("/"));
            for (at, notify) in wanted.into_iter().enumerate() {
                let sending = Sending {
                    by: notify.by.clone(),
                    message: message.clone(),
                    folder: folder.to_owned(),
                    host: Host::of_this_process(),
                };
                let send = send.clone();
                // The receiver may have given up.
                std::thread::spawn(move || drop(send.send((at, sending.send()))));
            }
        }
        Self {
            event,
            labels,
            answers,
            begun: Instant::now(),
        }
    }

    /// What became of each message. Waits for those that are still on their way, up to the limit.
    pub(crate) fn finish(self) -> Vec<Notified> {
        let mut outcomes: Vec<Option<Result<(), String>>> = vec![None; self.labels.len()];
        while outcomes.iter().any(Option::is_none) {
            let left = (LIMIT + GRACE).saturating_sub(self.begun.elapsed());
            let Ok((at, outcome)) = self.answers.recv_timeout(left) else {
                break;
            };
            if let Some(place) = outcomes.get_mut(at) {
                *place = Some(outcome);
            }
        }
        let all = self.labels.into_iter().zip(outcomes);
        all.map(|(by, outcome)| {
            let outcome = outcome.unwrap_or_else(|| Err(too_long()));
            if let Err(why) = &outcome {
                tracing::warn!(by, why, "a message about the run was not sent");
            }
            Notified {
                event: self.event,
                by,
                sent: outcome.is_ok(),
                error: outcome.err(),
            }
        })
        .collect()
    }
}

impl Notified {
    /// The warning about a message that was not sent.
    pub(crate) fn warning(&self) -> Option<String> {
        let why = self.error.as_ref()?;
        Some(format!(
            "the message by {} was not sent: {why}; the run is not affected",
            self.by
        ))
    }
}

/// What is wrong with the secrets of a workflow's messages, one line each.
pub(crate) fn secret_problems(notify: &[Notify], host: &Host) -> Vec<String> {
    let problems = notify.iter().flat_map(|one| {
        let label = label(&one.by);
        one.secrets().filter_map(move |name| {
            let why = secret(host, name).err()?;
            Some(format!(
                "notify: {label}: {why}; the message will not be sent"
            ))
        })
    });
    problems.collect()
}

/// One message, and what it takes to send it.
struct Sending {
    by: NotifyBy,
    message: Message,
    /// The workflow's folder.
    folder: PathBuf,
    host: Host,
}

impl Sending {
    /// Sends it. Errors contain no secrets.
    fn send(&self) -> Result<(), String> {
        let mut known = Vec::new();
        let sent = self.attempt(&mut known);
        sent.map_err(|why| harmless(&masked(&why, &known)))
    }

    /// Sends it, and notes the secrets that it uses.
    fn attempt(&self, known: &mut Vec<String>) -> Result<(), String> {
        let mut find = |name: &str| {
            let value = secret(&self.host, name)?;
            known.push(value.clone());
            Ok::<String, String>(value)
        };
        match &self.by {
            NotifyBy::Webhook { address, sign } => {
                let address = match address {
                    WebAddress::Url(url) => url.clone(),
                    WebAddress::Secret(name) => find(name)?,
                };
                let key = sign.as_deref().map(find).transpose()?;
                webhook::post(&address, key.as_deref(), &self.message)
            }
            NotifyBy::Email {
                to,
                from,
                server,
                password,
            } => {
                let password = password.as_deref().map(find).transpose()?;
                let server = email::Server {
                    address: server,
                    password,
                };
                email::send(from, to, server, &self.message)
            }
            NotifyBy::Command { argv, secrets } => {
                let values = secrets.iter().map(|name| Ok((name.clone(), find(name)?)));
                let values = values.collect::<Result<Vec<_>, String>>()?;
                command::run(argv, &values, &self.folder, &self.host, &self.message)
            }
        }
    }
}

/// What a status is an occasion for, the most specific first.
const fn moments(status: RunStatus) -> &'static [NotifyOn] {
    match status {
        RunStatus::Succeeded | RunStatus::Cancelled => &[NotifyOn::End],
        RunStatus::Failed => &[NotifyOn::Failure, NotifyOn::End],
        RunStatus::Held => &[NotifyOn::Hold],
        RunStatus::Running | RunStatus::Interrupted => &[],
    }
}

const fn word(moment: NotifyOn) -> &'static str {
    match moment {
        NotifyOn::End => "end",
        NotifyOn::Failure => "failure",
        NotifyOn::Hold => "hold",
    }
}

/// How a message is sent, without anything that is secret.
fn label(by: &NotifyBy) -> String {
    match by {
        NotifyBy::Webhook { address, .. } => match address {
            WebAddress::Url(url) => {
                let (_, rest) = url.split_once("://").unwrap_or(("", url));
                let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
                format!("webhook {host}")
            }
            WebAddress::Secret(name) => format!("webhook {name}"),
        },
        NotifyBy::Email { to, .. } => format!("email to {}", to.join(", ")),
        NotifyBy::Command { argv, .. } => {
            format!("command {}", argv.first().map_or("", String::as_str))
        }
    }
}
