//! Sends a message by e-mail.

use std::net::IpAddr;

use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{SmtpTransport, Transport};
use percent_encoding::percent_decode_str;
use reqwest::Url;

use super::limit::{LIMIT, too_long};
use super::message::Message;

/// The ports of `smtps` and `smtp` addresses without one.
const PORTS: [u16; 2] = [465, 587];

/// A mail server.
pub(super) struct Server<'a> {
    /// `smtps://user@host:port`, or `smtp://user@host:port`.
    pub(super) address: &'a str,
    pub(super) password: Option<String>,
}

/// Sends a message to all recipients.
pub(super) fn send(
    from: &str,
    to: &[String],
    server: Server<'_>,
    message: &Message,
) -> Result<(), String> {
    crate::remote::prepare();
    let mailbox = |text: &str| -> Result<Mailbox, String> {
        text.parse()
            .map_err(|error| format!("`{text}` is not an e-mail address: {error}"))
    };
    let mut letter = lettre::Message::builder()
        .from(mailbox(from)?)
        .subject(format!(
            "[sunward] {} {} {}",
            message.workflow, message.run, message.status
        ))
        .header(ContentType::TEXT_PLAIN);
    for one in to {
        letter = letter.to(mailbox(one)?);
    }
    let letter = letter
        .body(text(message))
        .map_err(|error| error.to_string())?;
    let sent = transport(server)?.send(&letter);
    sent.map(drop).map_err(|error| told(&error))
}

/// A connection to a server. `smtps` is encrypted from the start. `smtp` becomes encrypted if the
/// server offers it, and must if a password is sent over a network.
fn transport(server: Server<'_>) -> Result<SmtpTransport, String> {
    let wrong = |why: String| format!("{}: {why}", server.address);
    let url = Url::parse(server.address).map_err(|error| wrong(error.to_string()))?;
    let host = url
        .host_str()
        .ok_or_else(|| wrong("it names no host".to_owned()))?;
    let parameters = TlsParameters::new(host.to_owned()).map_err(|error| wrong(told(&error)))?;
    let [wrapped, plain] = PORTS;
    let (tls, port) = match (url.scheme(), &server.password) {
        ("smtps", _) => (Tls::Wrapper(parameters), wrapped),
        (_, Some(_)) if !is_here(host) => (Tls::Required(parameters), plain),
        _ => (Tls::Opportunistic(parameters), plain),
    };
    let mut transport = SmtpTransport::builder_dangerous(host)
        .port(url.port().unwrap_or(port))
        .tls(tls)
        .timeout(Some(LIMIT));
    if let Some(password) = server.password {
        let user = percent_decode_str(url.username()).decode_utf8_lossy();
        transport = transport.credentials(Credentials::new(user.into_owned(), password));
    }
    Ok(transport.build())
}

/// Whether a host is this machine.
fn is_here(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    let address = host.parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn text(message: &Message) -> String {
    let mut text = format!(
        "{}\n\nworkflow {}\nfile {}\nrun {}\nsubmitted {}\nmachine {}\n",
        message.text, message.workflow, message.path, message.run, message.submitted, message.host
    );
    if !message.failures.is_empty() {
        text.push_str("\nfailures\n");
    }
    for failure in &message.failures {
        text.push_str(&format!("  {}\n", failure.text()));
    }
    text
}

fn told(error: &lettre::transport::smtp::Error) -> String {
    if error.is_timeout() {
        return too_long();
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(one) = cause {
        let more = one.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = one.source();
    }
    text
}
