//! The scenario file: the faults of a world, each with its time.
//!
//! ```yaml
//! runtime_error: 20%            # a task takes up to 20% more or less time than expected
//! faults:
//!   - { at: "2023-03-01T05:00Z", for: 6h, lost: uni-oslo }            # the worker is lost
//!   - { at: "2023-03-02T09:00Z", for: 4h, owner_back: uni-oslo, gpus: 2, notice: 10m }
//!   - { at: "2023-03-03T00:00Z", for: 12h, provider_down: DE }        # or `all`
//!   - { at: "2023-03-04T00:00Z", for: 24h, forecast_error: 30%, zone: DE }
//!   - { at: "2023-03-05T17:00Z", for: 2h, emergency: uni-oslo, notice: 1h }   # a grid operator asks
//!   - { at: "2023-03-06T17:00Z", for: 3h, alert: uni-oslo }
//!   - { at: "2023-03-07T17:00Z", for: 3h, cap: uni-oslo, power: 20kW }
//! ```

use sunward_core::{Curtailment, Curtailments, Fleet, Measure, PoolId, Timestamp};
use sunward_workflows::fields::{Fields, unfit};
use sunward_workflows::{Value, quoted, read_params, units};

/// The faults of a world.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scenario {
    /// The largest deviation of a task's length from the expected one, in thousandths.
    pub runtime_error_permille: u32,
    /// The faults, ordered by time.
    pub faults: Vec<Fault>,
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The start of the fault.
    pub from: Timestamp,
    /// The end of the fault.
    pub to: Timestamp,
    /// What goes wrong.
    pub kind: FaultKind,
}

/// The kinds of faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// A pool's worker is lost, with all tasks that it runs.
    Lost(PoolId),
    /// A pool's owner takes machines back. Tasks beyond the remaining capacity must leave within
    /// the notice.
    OwnerBack {
        /// The pool.
        pool: PoolId,
        /// Devices that remain.
        gpus: u32,
        /// Cores that remain.
        cpus: u32,
        /// Notice in milliseconds.
        notice_ms: u64,
    },
    /// A provider reports nothing new for a zone, or for all zones. The last outlook continues and
    /// is marked stale.
    ProviderDown(Option<String>),
    /// The forecasts of a zone, or of all zones, are wrong by a constant factor.
    ForecastError {
        /// The zone; `None` means all zones.
        zone: Option<String>,
        /// The deviation in thousandths.
        permille: i32,
    },
    /// A grid operator restricts a pool.
    Curtailed {
        /// The pool.
        pool: PoolId,
        /// What is asked.
        measure: Measure,
        /// How long before it is announced, in milliseconds.
        notice_ms: u64,
    },
}

impl Scenario {
    /// What grid operators have asked of pools by a moment, and what of that has not ended.
    pub(crate) fn asked_by(&self, now: Timestamp) -> Curtailments {
        let asked = self.faults.iter().filter_map(|fault| match fault.kind {
            FaultKind::Curtailed { pool, measure, .. } => {
                let is_known = fault.announced_at() <= now && now < fault.to;
                is_known.then(|| Curtailment {
                    pool,
                    from: fault.from,
                    until: Some(fault.to),
                    measure,
                    told_by: "scenario".to_owned(),
                })
            }
            FaultKind::Lost(_)
            | FaultKind::OwnerBack { .. }
            | FaultKind::ProviderDown(_)
            | FaultKind::ForecastError { .. } => None,
        });
        Curtailments {
            all: asked.collect(),
            silent_since: None,
        }
    }
}

impl Fault {
    /// When it is known: when it begins, or earlier if an operator announces it.
    pub(crate) fn announced_at(&self) -> Timestamp {
        match self.kind {
            FaultKind::Curtailed { notice_ms, .. } => {
                Timestamp(self.from.0.saturating_sub(notice_ms))
            }
            FaultKind::Lost(_)
            | FaultKind::OwnerBack { .. }
            | FaultKind::ProviderDown(_)
            | FaultKind::ForecastError { .. } => self.from,
        }
    }
}

/// The keys of a scenario.
const KEYS: &[&str] = &["runtime_error", "faults"];

/// The keys of a fault.
const FAULT_KEYS: &[&str] = &[
    "at",
    "for",
    "lost",
    "owner_back",
    "provider_down",
    "forecast_error",
    "emergency",
    "alert",
    "cap",
    "power",
    "gpus",
    "cpus",
    "notice",
    "zone",
];

/// The keys of which each fault has one.
const ONE_OF: &str = "`lost`, `owner_back`, `provider_down`, `forecast_error`, `emergency`, `alert` \
                      or `cap`";

struct RawFault {
    at: String,
    length: String,
    lost: Option<String>,
    owner_back: Option<String>,
    provider_down: Option<String>,
    forecast_error: Option<String>,
    emergency: Option<String>,
    alert: Option<String>,
    cap: Option<String>,
    power: Option<String>,
    gpus: Option<u32>,
    cpus: Option<u32>,
    notice: Option<String>,
    zone: Option<String>,
}

impl RawFault {
    fn of(value: &Value) -> Result<Self, String> {
        let Value::Map(map) = value else {
            return Err(unfit("faults", value, "a map with `at` and `for`"));
        };
        let fields = Fields::new(map.clone(), FAULT_KEYS, "key")?;
        let required = |key: &str| {
            let missing = || format!("`{key}` is missing; each fault has `at` and `for`");
            fields.text(key)?.ok_or_else(missing)
        };
        Ok(Self {
            at: required("at")?,
            length: required("for")?,
            lost: fields.text("lost")?,
            owner_back: fields.text("owner_back")?,
            provider_down: fields.text("provider_down")?,
            forecast_error: fields.text("forecast_error")?,
            emergency: fields.text("emergency")?,
            alert: fields.text("alert")?,
            cap: fields.text("cap")?,
            power: fields.text("power")?,
            gpus: fields.count("gpus")?,
            cpus: fields.count("cpus")?,
            notice: fields.text("notice")?,
            zone: fields.text("zone")?,
        })
    }
}

/// Reads a scenario file.
///
/// # Errors
///
/// Returns all mistakes, each with its place in the list and what was expected.
pub fn read_scenario(text: &str, fleet: &Fleet) -> Result<Scenario, Vec<String>> {
    let wrong = |error: String| {
        vec![format!(
            "{error}; expected `runtime_error: 20%` and a list of `faults`, each with `at`, `for` \
             and one of {ONE_OF}"
        )]
    };
    let values = read_params(text).map_err(wrong)?;
    let fields = Fields::new(values, KEYS, "key").map_err(wrong)?;
    let runtime_error = fields.text("runtime_error").map_err(wrong)?;
    let faults = fields.list("faults").map_err(wrong)?;
    let mut mistakes = Vec::new();
    let mut scenario = Scenario::default();
    if let Some(text) = &runtime_error {
        match permille(text) {
            Ok(error @ 0..=900) => scenario.runtime_error_permille = error.unsigned_abs(),
            Ok(_) => mistakes.push(format!("runtime_error: {text} is not between 0% and 90%")),
            Err(error) => mistakes.push(format!("runtime_error: {error}")),
        }
    }
    for (at, raw) in faults.iter().enumerate() {
        match RawFault::of(raw).and_then(|raw| fault(&raw, fleet)) {
            Ok(fault) => scenario.faults.push(fault),
            Err(error) => mistakes.push(format!("faults[{at}]: {error}")),
        }
    }
    scenario.faults.sort_by_key(|fault| fault.from);
    if mistakes.is_empty() {
        Ok(scenario)
    } else {
        Err(mistakes)
    }
}

fn fault(raw: &RawFault, fleet: &Fleet) -> Result<Fault, String> {
    let from = moment(&raw.at)?;
    let to = from.after_ms(duration(&raw.length)?);
    let notice_ms = raw.notice.as_deref().map_or(Ok(0), duration)?;
    let curtailed = |name: &str, measure| {
        Ok::<_, String>(FaultKind::Curtailed {
            pool: pool(name, fleet)?,
            measure,
            notice_ms,
        })
    };
    let mut kinds = Vec::new();
    if let Some(name) = &raw.lost {
        kinds.push(FaultKind::Lost(pool(name, fleet)?));
    }
    if let Some(name) = &raw.owner_back {
        kinds.push(FaultKind::OwnerBack {
            pool: pool(name, fleet)?,
            gpus: raw.gpus.unwrap_or(0),
            cpus: raw.cpus.unwrap_or(0),
            notice_ms,
        });
    }
    if let Some(word) = &raw.provider_down {
        let zone = (word != "all").then(|| zone(word, fleet)).transpose()?;
        kinds.push(FaultKind::ProviderDown(zone));
    }
    if let Some(text) = &raw.forecast_error {
        let zone = raw.zone.as_deref().map(|name| zone(name, fleet));
        kinds.push(FaultKind::ForecastError {
            zone: zone.transpose()?,
            permille: permille(text)?,
        });
    }
    if let Some(name) = &raw.emergency {
        kinds.push(curtailed(name, Measure::Emergency)?);
    }
    if let Some(name) = &raw.alert {
        kinds.push(curtailed(name, Measure::Alert)?);
    }
    if let Some(name) = &raw.cap {
        let power = raw.power.as_deref();
        let power = power.ok_or("a `cap` needs its `power`, such as 20kW")?;
        kinds.push(curtailed(
            name,
            Measure::Cap {
                milliwatts: milliwatts(power)?,
            },
        )?);
    }
    let mut kinds = kinds.into_iter();
    let (Some(kind), None) = (kinds.next(), kinds.next()) else {
        return Err(format!("expected exactly one of {ONE_OF}"));
    };
    Ok(Fault { from, to, kind })
}

/// Reads a moment such as `2023-03-01T05:00Z`.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    sunward_grid::moment(text).ok_or_else(|| {
        format!(
            "{} is not a time; expected one such as 2023-03-01T05:00Z",
            quoted(text)
        )
    })
}

fn duration(text: &str) -> Result<u64, String> {
    units::parse_duration(text).map_err(|_| {
        format!(
            "{} is not a duration; expected one such as 90s, 15m or 6h",
            quoted(text)
        )
    })
}

fn milliwatts(text: &str) -> Result<u64, String> {
    let wrong = || {
        format!(
            "{} is not a power; expected one such as 500W or 20kW",
            quoted(text)
        )
    };
    let watts = units::parse_power(text).map_err(|_| wrong())?;
    format!("{:.0}", watts * 1000.0)
        .parse()
        .map_err(|_| wrong())
}

fn permille(text: &str) -> Result<i32, String> {
    let wrong = || {
        format!(
            "{} is not a percentage; expected one such as 20% or -5%",
            quoted(text)
        )
    };
    let number: f64 = text
        .strip_suffix('%')
        .and_then(|number| number.trim().parse().ok())
        .ok_or_else(wrong)?;
    if number.abs() > 1000.0 {
        return Err(wrong());
    }
    format!("{:.0}", number * 10.0).parse().map_err(|_| wrong())
}

fn pool(name: &str, fleet: &Fleet) -> Result<PoolId, String> {
    fleet
        .iter()
        .find(|(_, pool)| pool.name == name)
        .map(|(id, _)| id)
        .ok_or_else(|| {
            let names: Vec<&str> = fleet.iter().map(|(_, pool)| pool.name.as_str()).collect();
            format!(
                "the fleet has no pool {}; it has {}",
                quoted(name),
                names.join(", ")
            )
        })
}

fn zone(name: &str, fleet: &Fleet) -> Result<String, String> {
    if fleet.iter().any(|(_, pool)| pool.zone == name) {
        return Ok(name.to_owned());
    }
    let mut zones: Vec<&str> = fleet.iter().map(|(_, pool)| pool.zone.as_str()).collect();
    zones.sort_unstable();
    zones.dedup();
    Err(format!(
        "no pool of the fleet is in zone {}; its zones are {}",
        quoted(name),
        zones.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use sunward_core::{Fleet, Measure, Pool, PoolId};

    use super::{FaultKind, read_scenario};

    fn fleet() -> Fleet {
        Fleet {
            pools: vec![Pool {
                name: "uni-oslo".into(),
                zone: "NO".into(),
                ..Pool::default()
            }],
        }
    }

    #[test]
    fn mistakes_are_told_in_the_words_of_the_file() {
        for (text, told) in [
            ("runtime_eror: 20%", "there is no key `runtime_eror`"),
            ("runtime_eror: 20%", "did you mean `runtime_error`?"),
            ("faults: 3", "`faults` cannot be `3`; expected a list"),
            (
                "faults: [x]",
                "faults[0]: `faults` cannot be `x`; expected a map",
            ),
            ("faults: [{ at: x }]", "faults[0]: `for` is missing"),
            (
                "faults: [{ at: x, for: 1h, gpu: 2 }]",
                "faults[0]: there is no key `gpu`",
            ),
            (
                "faults: [{ at: x, for: 1h, gpus: many }]",
                "faults[0]: `gpus` cannot be `many`; expected a whole number from 0",
            ),
            ("- x", "expected a map"),
            ("faults: [", "is not valid YAML"),
        ] {
            let mistakes = read_scenario(text, &fleet()).unwrap_err().join("\n");
            assert!(mistakes.contains(told), "{text}: {mistakes}");
        }
    }

    #[test]
    fn every_kind_of_fault_is_read() {
        let text = "\
runtime_error: 20%
faults:
  - { at: '2023-03-02T09:00Z', for: 4h, owner_back: uni-oslo, gpus: 2, notice: 10m }
  - { at: '2023-03-01T05:00Z', for: 6h, lost: uni-oslo }
  - { at: '2023-03-03T00:00Z', for: 12h, provider_down: all }
  - { at: '2023-03-04T00:00Z', for: 1d, forecast_error: -30%, zone: 'NO' }
  - { at: '2023-03-05T00:00Z', for: 1h, emergency: uni-oslo, notice: 2h }
  - { at: '2023-03-06T00:00Z', for: 1h, alert: uni-oslo }
  - { at: '2023-03-07T00:00Z', for: 1h, cap: uni-oslo, power: 1.5kW }
";
        let scenario = read_scenario(text, &fleet()).unwrap();
        assert_eq!(scenario.runtime_error_permille, 200);
        let kinds: Vec<&FaultKind> = scenario.faults.iter().map(|fault| &fault.kind).collect();
        let pool = PoolId(0);
        assert_eq!(
            kinds,
            [
                &FaultKind::Lost(pool),
                &FaultKind::OwnerBack {
                    pool,
                    gpus: 2,
                    cpus: 0,
                    notice_ms: 600_000,
                },
                &FaultKind::ProviderDown(None),
                &FaultKind::ForecastError {
                    zone: Some("NO".into()),
                    permille: -300,
                },
                &FaultKind::Curtailed {
                    pool,
                    measure: Measure::Emergency,
                    notice_ms: 7_200_000,
                },
                &FaultKind::Curtailed {
                    pool,
                    measure: Measure::Alert,
                    notice_ms: 0,
                },
                &FaultKind::Curtailed {
                    pool,
                    measure: Measure::Cap {
                        milliwatts: 1_500_000,
                    },
                    notice_ms: 0,
                },
            ]
        );
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let text = "\
runtime_error: 20
faults:
  - { at: yesterday, for: 6h, lost: uni-oslo }
  - { at: '2023-03-01T05:00Z', for: soon, lost: uni-oslo }
  - { at: '2023-03-01T05:00Z', for: 6h, lost: uni-bergen }
  - { at: '2023-03-01T05:00Z', for: 6h }
  - { at: '2023-03-01T05:00Z', for: 6h, provider_down: DE }
  - { at: '2023-03-01T05:00Z', for: 6h, cap: uni-oslo }
  - { at: '2023-03-01T05:00Z', for: 6h, cap: uni-oslo, power: lots }
  - { at: '2023-03-01T05:00Z', for: 6h, alert: uni-oslo, lost: uni-oslo }
";
        let mistakes = read_scenario(text, &fleet()).unwrap_err();
        insta::assert_snapshot!(mistakes.join("\n"), @r"
        runtime_error: `20` is not a percentage; expected one such as 20% or -5%
        faults[0]: `yesterday` is not a time; expected one such as 2023-03-01T05:00Z
        faults[1]: `soon` is not a duration; expected one such as 90s, 15m or 6h
        faults[2]: the fleet has no pool `uni-bergen`; it has uni-oslo
        faults[3]: expected exactly one of `lost`, `owner_back`, `provider_down`, `forecast_error`, `emergency`, `alert` or `cap`
        faults[4]: no pool of the fleet is in zone `DE`; its zones are NO
        faults[5]: a `cap` needs its `power`, such as 20kW
        faults[6]: `lots` is not a power; expected one such as 500W or 20kW
        faults[7]: expected exactly one of `lost`, `owner_back`, `provider_down`, `forecast_error`, `emergency`, `alert` or `cap`
        ");
    }
}
