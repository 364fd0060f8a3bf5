//! Posts a message to a web address.

use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode, header, redirect};

use super::limit::{LIMIT, too_long};
use super::message::Message;

/// The header that holds `sha256=` and the HMAC-SHA256 of the body in lower-case hex.
const SIGNATURE: &str = "Sunward-Signature";

/// The header that holds the event.
const EVENT: &str = "Sunward-Event";

/// How often a server that cannot be reached, or is busy, is asked.
const TRIES: u32 = 3;

/// The wait before the second try. It doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// Posts a message.
pub(super) fn post(address: &str, key: Option<&str>, message: &Message) -> Result<(), String> {
    crate::remote::prepare();
    let body = message.body()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let client = Client::builder()
        .redirect(redirect::Policy::none())
        .user_agent(concat!("sunward/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| told(&error))?;
    let signature = key.map(|key| signature(key, &body));
    let end = Instant::now() + LIMIT;
    runtime.block_on(async {
        let mut tries = 0;
        loop {
            tries += 1;
            let mut request = client
                .post(address)
                .header(header::CONTENT_TYPE, "application/json")
                .header(EVENT, message.event)
                .timeout(end.saturating_duration_since(Instant::now()))
                .body(body.clone());
            if let Some(signature) = &signature {
                request = request.header(SIGNATURE, signature);
            }
            let again = match request.send().await {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                Ok(answer) if is_busy(answer.status()) => refused(answer.status()),
                Ok(answer) => return Err(refused(answer.status())),
                Err(error) if error.is_connect() => told(&error),
                Err(error) => return Err(told(&error)),
            };
            if tries >= TRIES {
                return Err(again);
            }
            tokio::time::sleep(FIRST_WAIT * (1 << (tries - 1))).await;
        }
    })
}

/// `sha256=…`: the HMAC-SHA256 of a body.
fn signature(key: &str, body: &[u8]) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.as_bytes());
    let tag = ring::hmac::sign(&key, body);
    let hex: String = tag
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256={hex}")
}

fn is_busy(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

fn refused(status: StatusCode) -> String {
    match status.is_redirection() {
        true => format!("the server answered {status}; write the address to which it leads"),
        false => format!("the server answered {status}"),
    }
}

/// An error with its causes, without the address, which may be secret.
fn told(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return too_long();
    }
    let mut text = match error.is_connect() {
        true => "the server cannot be reached".to_owned(),
        false => "the request failed".to_owned(),
    };
    let mut cause = std::error::Error::source(error);
    while let Some(one) = cause {
        text = format!("{text}: {one}");
        cause = one.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::signature;

    /// RFC 4231, test case 2.
    #[test]
    fn a_signature_is_the_hmac_of_the_body() {
        assert_eq!(
            signature("Jefe", b"what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
