//! Lowers `notify:`, and refuses messages that could never be sent.

use super::context::Context;
use super::place::words;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::expr::has_expression;
use crate::model::{Notify, NotifyBy, NotifyOn, WebAddress};
use crate::script::default_shell;
use crate::syntax::{NOTIFY, misspells};
use crate::yaml::{Data, Entry, Node};

/// Keys that belong to one way of sending.
const OF_ONE: &[(&str, &str)] = &[("sign", "webhook"), ("secrets", "command")];

/// Lowers all of it.
pub(super) fn lower(node: Option<&Node>, context: &mut Context<'_>) -> Vec<Notify> {
    let items = node.map(Node::items).unwrap_or_default();
    items.iter().filter_map(|item| one(item, context)).collect()
}

fn one(node: &Node, context: &mut Context<'_>) -> Option<Notify> {
    if !matches!(node.data, Data::Map(_)) {
        return None;
    }
    let ways: Vec<&Entry> = node
        .entries()
        .iter()
        .filter(|entry| NOTIFY.exactly_one.contains(&entry.key.as_str()))
        .collect();
    let [way] = ways.as_slice() else {
        let message = match ways.as_slice() {
            [first, second, ..] => format!("`{}` and `{}` in one message", first.key, second.key),
            _ => "the message does not say how it is sent".to_owned(),
        };
        if !misspells(node, &NOTIFY, NOTIFY.exactly_one) {
            let span = ways.get(1).map_or(node.span, |second| second.key_span);
            context.report(
                Diagnostic::error(codes::BAD_NOTIFY, span, message)
                    .expecting("exactly one of `webhook`, `email` and `command`"),
            );
        }
        return None;
    };
    for (key, of) in OF_ONE {
        if let Some(entry) = node.entry(key).filter(|_| way.key != *of) {
            let message = format!("`{key}` belongs to `{of}`");
            context.report(Diagnostic::error(
                codes::OUT_OF_PLACE,
                entry.key_span,
                message,
            ));
        }
    }
    no_expressions(&way.value, context);
    let by = match way.key.as_str() {
        "webhook" => webhook(node, &way.value, context),
        "email" => email(&way.value, context),
        _ => command(node, &way.value, context),
    };
    Some(Notify {
        on: moments(node),
        by: by?,
    })
}

fn moments(node: &Node) -> Vec<NotifyOn> {
    if node.get("on").is_none() {
        return vec![NotifyOn::End, NotifyOn::Hold];
    }
    let words = words(node, "on").into_iter();
    words
        .filter_map(|word| match word.as_str() {
            "end" => Some(NotifyOn::End),
            "failure" => Some(NotifyOn::Failure),
            "hold" => Some(NotifyOn::Hold),
            _ => None,
        })
        .collect()
}

/// Values never become part of a command or an address.
fn no_expressions(node: &Node, context: &mut Context<'_>) {
    match &node.data {
        Data::Scalar(_) => {
            if node.text().is_some_and(has_expression) {
                let message = "`${{ … }}` cannot be used in a message";
                context.report(
                    Diagnostic::error(codes::BAD_NOTIFY, node.span, message).expecting(
                        "plain text; a command finds the values in $SUNWARD_RUN, $SUNWARD_STATUS, $SUNWARD_TEXT and others",
                    ),
                );
            }
        }
        Data::List(items) => items.iter().for_each(|item| no_expressions(item, context)),
        Data::Map(entries) => {
            let values = entries.iter().map(|entry| &entry.value);
            values.for_each(|value| no_expressions(value, context));
        }
    }
}

fn webhook(node: &Node, way: &Node, context: &mut Context<'_>) -> Option<NotifyBy> {
    let sign = node.get("sign").and_then(Node::text).map(str::to_owned);
    if let Some(secret) = way.get("secret").and_then(Node::text) {
        let address = WebAddress::Secret(secret.to_owned());
        return Some(NotifyBy::Webhook { address, sign });
    }
    let text = way.text()?;
    if let Err(why) = address(text, &["https", "http"]) {
        let message = format!("`{text}` {why}");
        context.report(
            Diagnostic::error(codes::BAD_NOTIFY, way.span, message)
                .expecting("an address such as https://example.org/hook, or { secret: NAME } if it is a secret itself"),
        );
    }
    let address = WebAddress::Url(text.to_owned());
    Some(NotifyBy::Webhook { address, sign })
}

fn email(way: &Node, context: &mut Context<'_>) -> Option<NotifyBy> {
    for key in ["to", "from"] {
        let items = way.get(key).map(Node::items).unwrap_or_default();
        if items.is_empty() && way.get(key).is_some() {
            let message = format!("`{key}` is empty");
            context.report(Diagnostic::error(codes::BAD_NOTIFY, way.span, message));
        }
        for item in items {
            let Some(text) = item.text().filter(|text| !is_mailbox(text)) else {
                continue;
            };
            let message = format!("`{text}` is not an e-mail address");
            context.report(
                Diagnostic::error(codes::BAD_NOTIFY, item.span, message)
                    .expecting("an address such as lab@example.org"),
            );
        }
    }
    let server = way.get("server")?;
    let text = server.text()?;
    let problem = address(text, &["smtps", "smtp"]).err();
    let password = way.get("password").and_then(Node::text).map(str::to_owned);
    let problem = problem.or_else(|| {
        let names_user = authority(text).is_some_and(|authority| authority.contains('@'));
        match (names_user, password.is_some()) {
            (true, false) => Some("names a user, and there is no `password`".to_owned()),
            (false, true) => Some("names no user to whom `password` belongs".to_owned()),
            (true, true) | (false, false) => None,
        }
    });
    if let Some(why) = problem {
        let message = format!("`{text}` {why}");
        context.report(
            Diagnostic::error(codes::BAD_NOTIFY, server.span, message)
                .expecting("a server such as smtps://user@mail.example.org, with `password: NAME`"),
        );
    }
    Some(NotifyBy::Email {
        to: words(way, "to"),
        from: way.get("from")?.text()?.to_owned(),
        server: text.to_owned(),
        password,
    })
}

fn command(node: &Node, way: &Node, context: &mut Context<'_>) -> Option<NotifyBy> {
    let argv: Vec<String> = match (&way.data, way.text()) {
        (Data::List(items), _) => items
            .iter()
            .filter_map(|item| item.written(context.text))
            .collect(),
        (_, Some(script)) if !script.trim().is_empty() => {
            let script = std::iter::once(script.to_owned());
            default_shell().into_iter().chain(script).collect()
        }
        _ => Vec::new(),
    };
    if argv.is_empty() {
        let diagnostic = Diagnostic::error(codes::BAD_NOTIFY, way.span, "`command` is empty");
        context.report(diagnostic.expecting("a command"));
        return None;
    }
    Some(NotifyBy::Command {
        argv,
        secrets: words(node, "secrets"),
    })
}

/// Checks that a text is an address with one of these schemes, a host, and no password.
fn address(text: &str, schemes: &[&str]) -> Result<(), String> {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    if !scheme.is_some_and(|scheme| schemes.contains(&scheme)) {
        return Err(format!(
            "does not begin with {}://",
            schemes.join(":// or ")
        ));
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("contains a space".to_owned());
    }
    let authority = authority(text).unwrap_or_default();
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if host.is_empty() || host.starts_with(':') {
        return Err("names no host".to_owned());
    }
    if user.contains(':') {
        return Err("contains a password, which everyone who reads the file would see".to_owned());
    }
    Ok(())
}

/// `user@host:port` of an address.
fn authority(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("://")?;
    rest.split(['/', '?', '#']).next()
}

/// Whether a text is `user@host` or `Name <user@host>`.
fn is_mailbox(text: &str) -> bool {
    let address = match text.split_once('<') {
        Some((_, rest)) => rest.strip_suffix('>').unwrap_or_default(),
        None => text,
    };
    let plain = |part: &str| {
        !part.is_empty()
            && !part.contains(|c: char| c.is_whitespace() || c.is_control() || c == '@')
    };
    let parts = address.rsplit_once('@');
    !text.contains(char::is_control) && parts.is_some_and(|(user, host)| plain(user) && plain(host))
}
