//! The settings of a bucket's client, from the environment. The client trusts what it is given and
//! ends the process on an address or a header that is not valid, so each variable is checked first.

use std::ffi::{OsStr, OsString};

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key};
use object_store::{ClientConfigKey, Error as StoreError};
use sunward_workflows::quoted;

use crate::error::DataError;

const ADDRESS: &str = "expected an address such as http://localhost:9000";

/// The most characters of a bucket's name. New ones have 63, the oldest up to 255.
const BUCKET_CHARACTERS: usize = 255;

/// The settings of `AWS_*` variables. Variables that the client does not know are ignored.
///
/// # Errors
///
/// Fails on a value that the client cannot use. The message names the variable, and holds the value
/// unless it is a secret.
pub(super) fn settings(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<AmazonS3Builder, DataError> {
    let mut builder = AmazonS3Builder::new();
    let mut known = Vec::new();
    for (name, value) in variables {
        let Some((name, key)) = key_of(&name) else {
            continue;
        };
        // Scripts often export an empty token where there is none.
        if key == Key::Token && value.is_empty() {
            continue;
        }
        let value = checked(&name, key, &value)?;
        builder = builder.with_config(key, &value);
        known.push((name, key, value));
    }
    // The client reads numbers, switches and durations only when it is made.
    let made = builder.clone().with_bucket_name("bucket").build();
    match made {
        Ok(_) => Ok(builder),
        Err(error) => Err(culprit(&known, &error)),
    }
}

/// Refuses what is no name of a bucket.
pub(super) fn check_bucket(url: &str, bucket: &str) -> Result<(), DataError> {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let what = match bucket {
        "" => "names no bucket".to_owned(),
        _ if bucket.len() > BUCKET_CHARACTERS || !bucket.chars().all(is_fit) => {
            format!(
                "names the bucket {}, which is not valid",
                quoted(shown(bucket))
            )
        }
        _ => return Ok(()),
    };
    Err(DataError::Unsupported(format!(
        "{} {what}; write s3://bucket/prefix, with letters, digits, `.`, `-` and `_` in the bucket's name",
        quoted(shown(url))
    )))
}

fn key_of(name: &OsStr) -> Option<(String, Key)> {
    let name = name.to_str().filter(|name| name.starts_with("AWS_"))?;
    let key = name.to_ascii_lowercase().parse().ok()?;
    Some((name.to_owned(), key))
}

/// Finds the variable because of which no client could be made, by making one with each.
fn culprit(known: &[(String, Key, String)], error: &StoreError) -> DataError {
    let fails_with = |key: Key, value: &str| {
        let plain = AmazonS3Builder::new().with_bucket_name("bucket");
        let plain = plain.with_access_key_id("k").with_secret_access_key("s");
        plain.with_config(key, value).build().err()
    };
    let found = known
        .iter()
        .find_map(|(name, key, value)| Some((name, key, value, fails_with(*key, value)?)));
    DataError::Unsupported(match found {
        Some((name, key, value, _)) => {
            format!(
                "{} cannot be used; correct or unset it",
                holding(name, *key, value)
            )
        }
        None => match (
            has(known, Key::AccessKeyId),
            has(known, Key::SecretAccessKey),
        ) {
            (true, false) => missing("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
            (false, true) => missing("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
            _ => format!("the AWS_… variables cannot be used together: {error}"),
        },
    })
}

fn has(known: &[(String, Key, String)], key: Key) -> bool {
    known.iter().any(|(_, other, _)| *other == key)
}

fn missing(name: &str, other: &str) -> String {
    format!("{name} is not set, but {other} is; set both or none")
}

/// The value of a variable, if the client can use it.
fn checked(name: &str, key: Key, value: &OsStr) -> Result<String, DataError> {
    let refuse = |what: String| Err(DataError::Unsupported(what));
    let Some(value) = value.to_str() else {
        return refuse(format!("{name} is not UTF-8; correct or unset it"));
    };
    let told = holding(name, key, value);
    if value.is_empty() {
        let expected = match is_address(key) {
            true => format!("; {ADDRESS}"),
            false => String::new(),
        };
        return refuse(format!("{name} is empty; set or unset it{expected}"));
    }
    if let Some(what) = unfit(key, value) {
        return refuse(format!("{told} has {what}; correct or unset it"));
    }
    if is_address(key)
        && let Err(what) = check_address(key, value)
    {
        return refuse(format!("{told}: {what}; {ADDRESS}"));
    }
    let is_region = matches!(key, Key::Region | Key::DefaultRegion);
    if is_region
        && !value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
    {
        return refuse(format!("{told}; expected a region such as us-east-1"));
    }
    if key == Key::ContainerCredentialsRelativeUri && !is_path(value) {
        return refuse(format!("{told}; expected a path such as /v2/credentials"));
    }
    Ok(value.to_owned())
}

/// What no header and no address may hold. Paths of files and certificates may hold more.
fn unfit(key: Key, value: &str) -> Option<String> {
    if matches!(
        key,
        Key::WebIdentityTokenFile
            | Key::ContainerAuthorizationTokenFile
            | Key::Client(ClientConfigKey::ProxyCaCertificate)
    ) {
        return None;
    }
    if value.trim() != value {
        return Some("white space around it".to_owned());
    }
    let at = value.chars().position(|c| !matches!(c, ' '..='~'));
    let spaced = is_secret(key).then(|| value.find(' ')).flatten();
    let at = at.or(spaced)? + 1;
    Some(format!(
        "something else than letters, digits and signs of ASCII at character {at}"
    ))
}

fn is_address(key: Key) -> bool {
    matches!(
        key,
        Key::Endpoint
            | Key::S3Endpoint
            | Key::StsEndpoint
            | Key::MetadataEndpoint
            | Key::ContainerCredentialsFullUri
            | Key::Client(ClientConfigKey::ProxyUrl)
    )
}

fn is_secret(key: Key) -> bool {
    matches!(key, Key::AccessKeyId | Key::SecretAccessKey | Key::Token)
        || matches!(key, Key::Encryption(_))
}

/// A variable and its value, unless that is a secret or holds one.
fn holding(name: &str, key: Key, value: &str) -> String {
    match is_secret(key) || is_address(key) && value.contains('@') {
        true => name.to_owned(),
        false => format!("{name}={}", quoted(shown(value))),
    }
}

fn shown(value: &str) -> String {
    value.escape_debug().to_string().replace("\\'", "'")
}

fn check_address(key: Key, value: &str) -> Result<(), &'static str> {
    let is_proxy = key == Key::Client(ClientConfigKey::ProxyUrl);
    let (scheme, rest) = value
        .split_once("://")
        .ok_or("it does not begin with http:// or https://")?;
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" => {}
        "socks5" | "socks5h" if is_proxy => {}
        _ => return Err("it does not begin with http:// or https://"),
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = match authority.rsplit_once('@') {
        Some((_, host)) if is_proxy => host,
        Some(_) => {
            return Err(
                "it holds a user's name; keys go to AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            );
        }
        None => authority,
    };
    check_host(host)?;
    match path.is_empty() || is_path(path) {
        true => Ok(()),
        false => Err("its path holds a character that is not valid in an address"),
    }
}

fn check_host(host: &str) -> Result<(), &'static str> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (inner, port) = rest.split_once(']').ok_or("its host lacks a `]`")?;
            if inner.parse::<std::net::Ipv6Addr>().is_err() {
                return Err("its host is not an IPv6 address");
            }
            ("v6", port)
        }
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    if name.is_empty() {
        return Err("it names no host");
    }
    let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if !name.chars().all(is_fit) || name.starts_with('.') || name.contains("..") {
        return Err("its host is not valid");
    }
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok(()),
        Some(port) if port.bytes().all(|b| b.is_ascii_digit()) && is_port(port) => Ok(()),
        _ => Err("its port is not a number from 1 to 65535"),
    }
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_path(text: &str) -> bool {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || "/-._~%+@:=,".contains(c);
    text.starts_with('/') && text.chars().all(is_fit)
}

#[cfg(test)]
mod tests;
