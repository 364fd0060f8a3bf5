//! Who is told how a run went.

use serde::{Deserialize, Serialize};

/// A message about the end of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notify {
    /// When it is sent.
    pub on: Vec<NotifyOn>,
    /// How it is sent.
    pub by: NotifyBy,
}

/// When a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NotifyOn {
    /// The run has ended in any way.
    End,
    /// The run has failed.
    Failure,
    /// The run is held, because it reached its budget.
    Hold,
}

/// How a message is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotifyBy {
    /// As JSON to a web address.
    Webhook {
        /// The address.
        address: WebAddress,
        /// The name of a secret with which the body is signed.
        sign: Option<String>,
    },
    /// As an e-mail.
    Email {
        /// The recipients.
        to: Vec<String>,
        /// The sender.
        from: String,
        /// The server: `smtps://user@host:465` or `smtp://user@host:587`.
        server: String,
        /// The name of the secret that holds the user's password.
        password: Option<String>,
    },
    /// To a command, in its environment and on its standard input.
    Command {
        /// The program and its arguments.
        argv: Vec<String>,
        /// Names of secrets in its environment.
        secrets: Vec<String>,
    },
}

/// A web address, or where it is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WebAddress {
    /// The address itself.
    Url(String),
    /// The name of the secret that holds it.
    Secret(String),
}

impl Notify {
    /// The names of the secrets that it needs.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let (some, list): ([Option<&String>; 2], &[String]) = match &self.by {
            NotifyBy::Webhook { address, sign } => {
                let address = match address {
                    WebAddress::Secret(name) => Some(name),
                    WebAddress::Url(_) => None,
                };
                ([address, sign.as_ref()], &[])
            }
            NotifyBy::Email { password, .. } => ([password.as_ref(), None], &[]),
            NotifyBy::Command { secrets, .. } => ([None, None], secrets),
        };
        some.into_iter().flatten().chain(list).map(String::as_str)
    }
}
