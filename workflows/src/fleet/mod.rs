//! Fleet and pool files: from text to pools, or all mistakes in it.

mod lower;
mod model;
mod table;
mod when;

use crate::codes;
use crate::diagnostic::{Diagnostic, Severity};
use crate::source::Span;
use crate::syntax::conform;
use crate::yaml::{self, Data};

pub use model::{GpuSpec, OpenAdrSpec, PoolSpec, PriceSpec, Window};
pub use when::{Days, When};

/// The result of checking a fleet file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CheckedFleet {
    /// The pools in the order written; `None` if there is an error.
    pub pools: Option<Vec<PoolSpec>>,
    /// All mistakes, in the order of their places.
    pub diagnostics: Vec<Diagnostic>,
    /// Keys that are accepted and have no effect yet, for example `limits.scratch`.
    pub without_effect: Vec<String>,
}

/// Checks a fleet file (a list of pools, YAML or JSON) or a pool file (one pool). `knows_timezone`
/// tells whether a time zone of that name exists.
#[must_use]
pub fn check_fleet(text: &str, knows_timezone: &dyn Fn(&str) -> bool) -> CheckedFleet {
    let mut found = Vec::new();
    let mut checked = CheckedFleet::default();
    if text.trim().is_empty() {
        found.push(
            Diagnostic::error(codes::EMPTY, Span::default(), "the file is empty")
                .expecting("a list of pools, each with `pool`, `zone` and `capacity`"),
        );
    } else if let Some(root) = yaml::read(text, &mut found) {
        let nodes = match &root.data {
            Data::List(items) => items.as_slice(),
            Data::Map(_) | Data::Scalar(_) => std::slice::from_ref(&root),
        };
        let mut pools = Vec::new();
        for node in nodes {
            let before = found.len();
            conform(node, &table::POOL_KIND, "the pool", &mut found);
            let sound = found.len() == before;
            pools.push(lower::pool(node, sound, knows_timezone, &mut found));
            lower::without_effect(node, &mut checked.without_effect);
        }
        lower::twice(&pools, &mut found);
        if nodes.is_empty() {
            found.push(
                Diagnostic::error(codes::NO_CAPACITY, root.span, "the fleet has no pool")
                    .expecting("a list of pools, each with `pool`, `zone` and `capacity`"),
            );
        }
        checked.pools = Some(pools);
    }
    found.sort_by_key(|one| (one.span.start, one.span.end, one.code));
    if found.iter().any(|one| one.severity == Severity::Error) {
        checked.pools = None;
    }
    checked.diagnostics = found;
    checked
}

#[cfg(test)]
mod tests {
    use super::{CheckedFleet, When, check_fleet};

    fn check(text: &str) -> CheckedFleet {
        check_fleet(text, &|name| name.starts_with("Europe/"))
    }

    const OSLO: &str = r#"
pool: uni-oslo
region: eu-north
zone: NO
timezone: Europe/Oslo
pue: 1.12
gpu: { model: H100, count: 16, power_watts: 700, idle_watts: 70, embodied_kg: 318 }
capacity:
  - { when: "mon-fri 20:00-07:00", gpus: 8, cpus: 64 }
  - { when: "sat,sun", gpus: 16, cpus: 128 }
  - { when: otherwise, gpus: 0, notice: 10m }
idle:  { gpu_below: 5%, for: 15m }
limits: { power_watts: 6000, task_time: 12h }
price: { gpu_hour: 1.10, currency: EUR }
allow: { projects: [climate-*], images: [] }
slurm: { partition: gpu, max_nodes: 4, time: 4h }
"#;

    #[test]
    fn a_host_describes_its_pool() {
        let checked = check(OSLO);
        assert_eq!(checked.diagnostics, []);
        let pools = checked.pools.unwrap();
        let pool = &pools[0];
        assert_eq!(
            (pool.zone.as_str(), pool.region.as_str()),
            ("NO", "eu-north")
        );
        assert_eq!(pool.windows.len(), 3);
        assert_eq!(pool.windows[2].when, When::Otherwise);
        assert_eq!(pool.windows[2].notice_ms, 600_000);
        assert_eq!(pool.power_watts, Some(6000.0));
        assert_eq!(pool.projects, ["climate-*"]);
        assert_eq!(
            checked.without_effect,
            ["idle", "limits.task_time", "allow.images", "slurm"]
        );
    }

    #[test]
    fn three_keys_are_enough_and_json_is_yaml() {
        let checked = check(
            r#"[{"pool":"a","zone":"DE","capacity":4},{"pool":"b","zone":"GB","capacity":{"gpus":2,"cpus":8}}]"#,
        );
        let pools = checked.pools.unwrap();
        assert_eq!(pools[0].region, "DE");
        assert_eq!(pools[0].windows[0].gpus, 4);
        assert_eq!(pools[1].windows[0].cpus, Some(8));
        assert_eq!((pools[0].pue, pools[0].timezone.as_str()), (1.0, "UTC"));
    }

    #[test]
    fn a_pool_names_the_server_of_its_grid_operator() {
        let pool = |openadr: &str| {
            check(&format!(
                "{{ pool: a, zone: DE, capacity: 4, openadr: {openadr} }}"
            ))
        };
        let checked = pool(
            "{ url: 'http://vtn:3000', program: site-dr, ven: lab-7, targets: [group-a], ghg: average }",
        );
        assert_eq!(checked.diagnostics, []);
        let server = checked.pools.unwrap()[0].openadr.clone().unwrap();
        assert_eq!(server.url, "http://vtn:3000");
        assert_eq!(server.program.as_deref(), Some("site-dr"));
        assert_eq!(server.names, ["lab-7", "group-a"]);
        assert!(server.is_ghg_average);
        for (openadr, told) in [
            ("http://vtn", "SW0203"),
            ("{ program: a }", "SW0202"),
            ("{ url: a, targets: b }", "SW0203"),
            ("{ url: a, ghg: all }", "SW0204"),
            ("{ url: a, token: b }", "SW0201"),
        ] {
            let checked = pool(openadr);
            let codes: Vec<&str> = checked.diagnostics.iter().map(|one| one.code.0).collect();
            assert_eq!(codes, [told], "{openadr}: {:?}", checked.diagnostics);
        }
    }

    #[test]
    fn every_mistake_is_told() {
        let checked = check(
            "- { pool: a, zone: DE, capasity: 4 }\n\
             - { pool: b, zone: DE, capacity: 4, pue: 0.9, timezone: Mars/Olympus }\n\
             - { pool: b, zone: DE, capacity: [{ when: 'monday 8-20', gpus: 1 }] }\n\
             - { pool: c, zone: DE, capacity: [{ when: otherwise, gpus: 1 }, { when: 'sat', gpus: 1 }] }\n\
             - { pool: d, zone: DE, capacity: [{ when: otherwise, gpus: 0, cpus: 0 }] }\n",
        );
        assert!(checked.pools.is_none());
        let told: Vec<String> = checked
            .diagnostics
            .iter()
            .map(|one| format!("{} {}", one.code.0, one.message))
            .collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        SW0201 unknown key `capasity`
        SW0205 `pue` cannot be 0.9
        SW0905 there is no time zone `Mars/Olympus`
        SW0904 two pools are named `b`
        SW0901 `monday 8-20` is not a time
        SW0902 `sat` never applies, because an earlier window always does
        SW0903 the pool is never open: no window has devices or cores
        ");
    }
}
