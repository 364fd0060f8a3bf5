//! Lowers the settings of tasks: resources, retries, cache, expectation.

use super::context::Context;
use super::limits;
use super::place::duration;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::model::{Cache, Expect, Gpus, RejectLimit, Resources, Retry, RetryOn};
use crate::units::{parse_power, parse_share, parse_size};
use crate::yaml::Node;

/// Lowers `resources:`.
pub(super) fn resources(node: &Node, context: &mut Context<'_>) -> Resources {
    let size = |key: &str| {
        let text = node.get(key).and_then(Node::text);
        text.and_then(|text| parse_size(text).ok())
    };
    let gpus = node.get("gpus").and_then(|gpus| device(gpus, context));
    Resources {
        cpus: count(node, "cpus").unwrap_or(1),
        memory_bytes: size("memory"),
        gpus: gpus.unwrap_or_default(),
        gpu_memory_bytes: size("gpu_memory"),
        disk_bytes: size("disk"),
        shared: limits::counts(node.get("shared")),
        optional: node.get("optional").and_then(Node::flag).unwrap_or(false),
    }
}

/// Lowers `0`, `2`, `H100`, `H100:2`, or `{any_of: […]}`.
fn device(node: &Node, context: &mut Context<'_>) -> Option<Gpus> {
    if let Some(any) = node.get("any_of") {
        let each = any.items().iter();
        let all: Vec<Gpus> = each.filter_map(|one| device(one, context)).collect();
        return Some(Gpus::AnyOf(all));
    }
    if let Some(whole) = node.whole() {
        return match u32::try_from(whole).ok()? {
            0 => Some(Gpus::None),
            number => Some(Gpus::Count(number)),
        };
    }
    let text = node.text()?;
    let (model, number) = match text.split_once(':') {
        None => (text, Some(1)),
        Some((model, number)) => (model, number.parse().ok().filter(|n: &u32| *n > 0)),
    };
    let plain = model
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"_-. ".contains(&b));
    match number {
        Some(number) if plain && !model.is_empty() => Some(Gpus::Model(model.to_owned(), number)),
        _ => {
            let message = format!("`{text}` names no device");
            context.report(
                Diagnostic::error(codes::WRONG_TYPE, node.span, message)
                    .expecting("a number, a model such as \"H100:2\", or { any_of: [...] }"),
            );
            None
        }
    }
}

/// Lowers `retry:`. More attempts without `on` means: on any failure.
pub(super) fn retry(node: &Node) -> Retry {
    let model = Retry::default();
    let max_attempts = count(node, "max_attempts").unwrap_or(model.max_attempts);
    let on = match node.get("on") {
        Some(on) => on.items().iter().filter_map(retry_on).collect(),
        None if max_attempts > 1 => vec![RetryOn::Infrastructure, RetryOn::Any],
        None => model.on,
    };
    Retry {
        max_attempts,
        backoff_ms: duration(node, "backoff").unwrap_or(model.backoff_ms),
        on,
        scale_memory: node
            .get("scale")
            .and_then(|scale| scale.get("memory"))
            .and_then(Node::number),
    }
}

fn retry_on(node: &Node) -> Option<RetryOn> {
    if let Some(exit) = node.get("exit") {
        let codes = exit.items().iter().filter_map(Node::whole);
        let codes = codes.filter_map(|code| i32::try_from(code).ok());
        return Some(RetryOn::Exit(codes.collect()));
    }
    match node.text()? {
        "infrastructure" => Some(RetryOn::Infrastructure),
        "timeout" => Some(RetryOn::Timeout),
        "memory" => Some(RetryOn::Memory),
        "any" => Some(RetryOn::Any),
        _ => None,
    }
}

/// Lowers the limit of rejected rows, `tolerate_rejects:`.
pub(super) fn rejects(node: &Node) -> Option<RejectLimit> {
    if let Some(rows) = node.whole() {
        return u64::try_from(rows).ok().map(RejectLimit::Rows);
    }
    let share = parse_share(node.text()?).ok()?;
    Some(RejectLimit::PartsPerMillion(share))
}

/// Lowers `cache:`.
pub(super) fn cache(node: &Node, text: &str) -> Cache {
    Cache {
        enabled: node.flag().unwrap_or(true),
        version: node
            .get("version")
            .and_then(|version| version.written(text)),
    }
}

/// Lowers `expect:`.
pub(super) fn expect(node: &Node) -> Expect {
    let power = node.get("power").and_then(Node::text);
    Expect {
        time_ms: duration(node, "time"),
        power_watts: power.and_then(|text| parse_power(text).ok()),
    }
}

/// A count under a key.
pub(super) fn count(node: &Node, key: &str) -> Option<u32> {
    node.get(key)
        .and_then(Node::whole)
        .and_then(|number| u32::try_from(number).ok())
}
