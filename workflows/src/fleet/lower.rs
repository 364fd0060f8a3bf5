//! Lowers a pool's tree, and checks what the table of keys cannot express.

use super::model::{GpuSpec, OpenAdrSpec, PoolSpec, PriceSpec, Window};
use super::when::{EXPECTED, When, parse};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::units::parse_duration;
use crate::yaml::{Data, Node};

/// Keys that are accepted and have no effect yet.
const IDLE_KEYS: [(&str, &[&str]); 5] = [
    ("idle", &[]),
    (
        "limits",
        &["task_time", "scratch", "scratch_size", "egress"],
    ),
    ("allow", &["images"]),
    ("trusted", &[]),
    ("slurm", &[]),
];

/// Lowers one pool. If it does not fit the table (it is not `sound`), only independent parts are
/// checked.
pub(super) fn pool(
    node: &Node,
    sound: bool,
    knows_timezone: &dyn Fn(&str) -> bool,
    found: &mut Vec<Diagnostic>,
) -> PoolSpec {
    let text = |key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
    let zone = text("zone").unwrap_or_default();
    let timezone = text("timezone").unwrap_or_else(|| "UTC".to_owned());
    if timezone != "UTC" && !knows_timezone(&timezone) {
        let span = node.get("timezone").map_or(node.span, |one| one.span);
        let message = format!("there is no time zone `{timezone}`");
        found.push(
            Diagnostic::error(codes::UNKNOWN_TIMEZONE, span, message)
                .expecting("an IANA name such as Europe/Oslo"),
        );
    }
    let inner = |key: &str, word: &str| node.get(key).and_then(|one| one.get(word));
    PoolSpec {
        name: text("pool").unwrap_or_default(),
        region: text("region").unwrap_or_else(|| zone.clone()),
        zone,
        timezone,
        store: text("store"),
        pue: node.get("pue").and_then(Node::number).unwrap_or(1.0),
        gpu: node.get("gpu").map(gpu),
        windows: node
            .get("capacity")
            .filter(|_| sound)
            .map_or_else(Vec::new, |one| windows(one, found)),
        power_watts: inner("limits", "power_watts").and_then(Node::number),
        price: inner("price", "gpu_hour")
            .and_then(Node::number)
            .map(|gpu_hour| PriceSpec {
                gpu_hour,
                currency: inner("price", "currency")
                    .and_then(Node::text)
                    .map(str::to_owned),
            }),
        openadr: node.get("openadr").map(openadr),
        projects: inner("allow", "projects")
            .map(Node::items)
            .unwrap_or_default()
            .iter()
            .filter_map(|one| one.text().map(str::to_owned))
            .collect(),
        span: node.span,
    }
}

fn openadr(node: &Node) -> OpenAdrSpec {
    let text = |key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
    let targets = node.get("targets").map(Node::items).unwrap_or_default();
    let targets = targets
        .iter()
        .filter_map(|one| one.text().map(str::to_owned));
    OpenAdrSpec {
        url: text("url").unwrap_or_default(),
        program: text("program"),
        names: text("ven").into_iter().chain(targets).collect(),
        is_ghg_average: text("ghg").as_deref() == Some("average"),
    }
}

fn gpu(node: &Node) -> GpuSpec {
    let number = |key: &str| node.get(key).and_then(Node::number);
    GpuSpec {
        model: node.get("model").and_then(Node::text).map(str::to_owned),
        count: whole(node, "count"),
        power_watts: number("power_watts"),
        idle_watts: number("idle_watts"),
        embodied_kg: number("embodied_kg"),
    }
}

fn whole(node: &Node, key: &str) -> Option<u32> {
    node.get(key)
        .and_then(Node::whole)
        .and_then(|whole| u32::try_from(whole).ok())
}

fn windows(node: &Node, found: &mut Vec<Diagnostic>) -> Vec<Window> {
    let before = found.len();
    let mut windows: Vec<Window> = Vec::new();
    match &node.data {
        Data::List(items) => {
            for item in items {
                if let Some(window) = window(item, &windows, found) {
                    windows.push(window);
                }
            }
        }
        Data::Map(_) => windows.push(Window {
            when: When::Otherwise,
            gpus: whole(node, "gpus").unwrap_or(0),
            cpus: whole(node, "cpus"),
            notice_ms: 0,
        }),
        Data::Scalar(_) => windows.push(Window {
            when: When::Otherwise,
            gpus: node
                .whole()
                .and_then(|all| u32::try_from(all).ok())
                .unwrap_or(0),
            cpus: None,
            notice_ms: 0,
        }),
    }
    let closed = |one: &Window| one.gpus == 0 && one.cpus.unwrap_or(0) == 0;
    if found.len() == before && windows.iter().all(closed) {
        let message = "the pool is never open: no window has devices or cores";
        found.push(
            Diagnostic::error(codes::NO_CAPACITY, node.span, message)
                .expecting("a window such as { when: otherwise, gpus: 8, cpus: 64 }"),
        );
    }
    windows
}

fn window(node: &Node, before: &[Window], found: &mut Vec<Diagnostic>) -> Option<Window> {
    let text = node.get("when").and_then(Node::text).unwrap_or_default();
    let span = node.get("when").map_or(node.span, |one| one.span);
    let Some(when) = parse(text) else {
        let message = format!("`{text}` is not a time");
        found.push(Diagnostic::error(codes::BAD_WINDOW, span, message).expecting(EXPECTED));
        return None;
    };
    let hidden = |one: &Window| one.when == When::Otherwise || one.when == when;
    if before.iter().any(hidden) {
        let message = format!("`{text}` never applies, because an earlier window always does");
        found.push(
            Diagnostic::error(codes::HIDDEN_WINDOW, span, message)
                .suggesting("put `otherwise` last, and each time once"),
        );
    }
    let notice = node.get("notice").and_then(Node::text);
    Some(Window {
        when,
        gpus: whole(node, "gpus").unwrap_or(0),
        cpus: whole(node, "cpus"),
        notice_ms: notice
            .and_then(|text| parse_duration(text).ok())
            .unwrap_or(0),
    })
}

/// Reports pools that have the same name.
pub(super) fn twice(pools: &[PoolSpec], found: &mut Vec<Diagnostic>) {
    for (at, pool) in pools.iter().enumerate() {
        if pools.iter().take(at).any(|one| one.name == pool.name) {
            let message = format!("two pools are named `{}`", pool.name);
            found.push(
                Diagnostic::error(codes::POOL_TWICE, pool.span, message)
                    .suggesting("give each pool its own name"),
            );
        }
    }
}

/// Adds the keys of a pool that have no effect yet, each once.
pub(super) fn without_effect(node: &Node, list: &mut Vec<String>) {
    for (key, inner) in IDLE_KEYS {
        let Some(value) = node.get(key) else {
            continue;
        };
        let words = if inner.is_empty() {
            vec![key.to_owned()]
        } else {
            let there = inner.iter().filter(|word| value.get(word).is_some());
            there.map(|word| format!("{key}.{word}")).collect()
        };
        for word in words {
            if !list.contains(&word) {
                list.push(word);
            }
        }
    }
}
