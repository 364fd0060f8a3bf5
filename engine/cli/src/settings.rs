//! The user's configuration file, which applies to all their workflows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sunward_grid::provider::Options;
use sunward_worker::MeterFiles;
use sunward_workflows::fields::{Fields, unfit};
use sunward_workflows::{Value, read_params};

use crate::exit::wrong_input;
use crate::provider_settings;

/// The names of all settings.
const KEYS: &[&str] = &[
    "zone",
    "home",
    "grid",
    "fleet",
    "project",
    "project_weights",
    "transfer_kwh_per_gb",
    "watts_per_core",
    "meters",
    "pue",
    "grid_url",
    "electricity_maps",
    "places",
    "weather",
    "openadr",
    "shared",
    "limits",
];

/// The content of `config.yaml`. Every setting is optional, and the command line overrides it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Settings {
    /// The grid zone of this machine, as Electricity Maps names it: `DE`.
    pub(crate) zone: Option<String>,
    /// The zone where runs would run without placement; else `zone`.
    pub(crate) home: Option<String>,
    /// A folder of recorded grids, or providers' names.
    pub(crate) grid: Option<String>,
    /// A fleet file, for plans.
    pub(crate) fleet: Option<PathBuf>,
    /// The project that is charged.
    pub(crate) project: Option<String>,
    /// The weight of each project when capacity is scarce. A project of weight 2 gets twice as much
    /// as a project that is not named.
    pub(crate) project_weights: BTreeMap<String, f64>,
    /// The energy to move a gigabyte between regions, in kWh.
    pub(crate) transfer_kwh_per_gb: Option<f64>,
    /// The draw of each busy core of this machine, in watts; else 12.
    pub(crate) watts_per_core: Option<f64>,
    /// Where this machine's meters are, if not at the usual places.
    pub(crate) meters: MeterPlaces,
    /// The power usage effectiveness of this machine's data center; else 1.
    pub(crate) pue: Option<f64>,
    /// The address of the provider, if it is self-hosted.
    pub(crate) grid_url: Option<String>,
    /// How providers are asked: `electricity_maps`, `places`, `openadr` and `weather`.
    pub(crate) providers: Options,
    /// Who can access new homes besides the owner.
    pub(crate) shared: Option<Shared>,
    /// How many units there are of what tasks share, by name. A workflow may lower them.
    pub(crate) limits: BTreeMap<String, u32>,
}

/// Where the processors' meters are. In a container the host's own files are often at other places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MeterPlaces {
    /// The folder of power capping zones; else `/sys/class/powercap`.
    pub(crate) powercap: Option<PathBuf>,
    /// The file with the processors' busy time; else `/proc/stat`.
    pub(crate) stat: Option<PathBuf>,
}

impl MeterPlaces {
    fn parse(fields: &Fields) -> Result<Self, String> {
        let map = match fields.value("meters") {
            None => return Ok(Self::default()),
            Some(Value::Map(map)) => map.clone(),
            Some(other) => {
                let expected =
                    "a map such as `{ powercap: /host/sys/class/powercap, stat: /host/proc/stat }`";
                return Err(unfit("meters", other, expected));
            }
        };
        let own = Fields::new(map, &["powercap", "stat"], "setting of `meters`")?;
        let place = |name: &str| match own.value(name) {
            None => Ok(None),
            Some(Value::String(path)) if !path.is_empty() => Ok(Some(PathBuf::from(path.as_str()))),
            Some(other) => Err(unfit(&format!("meters.{name}"), other, "a path")),
        };
        Ok(Self {
            powercap: place("powercap")?,
            stat: place("stat")?,
        })
    }

    /// The locations, of which those that are not set are the usual ones.
    pub(crate) fn files(&self) -> MeterFiles {
        let usual = MeterFiles::default();
        MeterFiles {
            powercap: self.powercap.clone().unwrap_or(usual.powercap),
            stat: self.stat.clone().unwrap_or(usual.stat),
            nvml: usual.nvml,
        }
    }
}

/// Who can access a home besides the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shared {
    /// The owner's group.
    Group,
}

impl Settings {
    /// Reads the settings. Without a file, nothing is set.
    ///
    /// # Errors
    /// Fails if the file cannot be read, or has settings that are unknown or not valid.
    pub(crate) fn read(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else {
            return Ok(Self::default());
        };
        let text = match sunward_files::read_text(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => {
                return Err(wrong_input(format!(
                    "{} cannot be read: {error}",
                    sunward_files::shown(path)
                )));
            }
        };
        let mut settings = Self::parse(&text)
            .map_err(|why| wrong_input(format!("{}: {why}", sunward_files::shown(path))))?;
        if let Some(folder) = path.parent() {
            settings.fleet = settings.fleet.map(|fleet| folder.join(fleet));
            settings.grid = settings.grid.map(|grid| grid_from(folder, grid));
            let meters = &mut settings.meters;
            for place in [&mut meters.powercap, &mut meters.stat]
                .into_iter()
                .flatten()
            {
                *place = folder.join(&*place);
            }
        }
        Ok(settings)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let fields = Fields::new(read_params(text)?, KEYS, "setting")?;
        let settings = Self {
            zone: fields.text("zone")?,
            home: fields.text("home")?,
            grid: fields.text("grid")?,
            fleet: fields.text("fleet")?.map(PathBuf::from),
            project: fields.text("project")?,
            project_weights: fields.numbers("project_weights")?.into_iter().collect(),
            transfer_kwh_per_gb: fields.number("transfer_kwh_per_gb")?,
            watts_per_core: fields.number("watts_per_core")?,
            meters: MeterPlaces::parse(&fields)?,
            pue: fields.number("pue")?,
            grid_url: fields.text("grid_url")?,
            providers: provider_settings::options(&fields)?,
            shared: match fields.value("shared") {
                None => None,
                Some(Value::String(word)) if word == "group" => Some(Shared::Group),
                Some(other) => return Err(unfit("shared", other, "`group`")),
            },
            limits: limits(&fields)?,
        };
        for (key, value, least) in [
            ("transfer_kwh_per_gb", settings.transfer_kwh_per_gb, 0.0),
            ("watts_per_core", settings.watts_per_core, 0.0),
            ("pue", settings.pue, 1.0),
        ] {
            if value.is_some_and(|value| !value.is_finite() || value < least) {
                return Err(format!("`{key}` must be a number of at least {least}"));
            }
        }
        let mut weights = settings.project_weights.iter();
        if let Some((project, weight)) = weights.find(|(_, weight)| !is_weight(**weight)) {
            return Err(format!(
                "`project_weights`: {project}: {weight} is not a weight; expected a number from 0.001 to 1000, such as 2"
            ));
        }
        Ok(settings)
    }

    /// A project's weight in thousandths, if it is given.
    pub(crate) fn weight_permille(&self, project: &str) -> Option<u32> {
        let weight = self.project_weights.get(project)?;
        u32::try_from(sunward_grid::whole(weight * 1000.0)).ok()
    }
}

/// The path of a grid that the settings name relative to their folder. What is no path names
/// providers.
fn grid_from(folder: &Path, grid: String) -> String {
    let there = folder.join(&grid);
    match there.to_str() {
        Some(path) if grid.contains('/') || there.is_dir() => path.to_owned(),
        _ => grid,
    }
}

/// `limits`: a map from names to whole numbers from 1.
fn limits(fields: &Fields) -> Result<BTreeMap<String, u32>, String> {
    let map = match fields.value("limits") {
        None => return Ok(BTreeMap::new()),
        Some(Value::Map(map)) => map,
        Some(other) => return Err(unfit("limits", other, "a map from names to numbers")),
    };
    let limit = |(name, value): &(String, Value)| {
        let whole = value.to_json().as_u64();
        let units = whole.and_then(|whole| u32::try_from(whole).ok());
        let refused = || {
            let key = format!("limits.{name}");
            unfit(&key, value, "a whole number from 1")
        };
        Ok((
            name.clone(),
            units.filter(|units| *units > 0).ok_or_else(refused)?,
        ))
    };
    map.iter().map(limit).collect()
}

fn is_weight(weight: f64) -> bool {
    (0.001..=1000.0).contains(&weight)
}

#[cfg(test)]
mod tests {
    use super::Settings;

    #[test]
    fn a_file_sets_what_it_names() {
        let settings = Settings::parse("zone: DE\ngrid: ./grid\npue: 1.3\n").unwrap();
        assert_eq!(settings.zone.as_deref(), Some("DE"));
        assert_eq!(settings.pue, Some(1.3));
        assert_eq!(Settings::parse("  \n").unwrap(), Settings::default());
    }

    #[test]
    fn projects_have_the_weights_that_are_given() {
        let settings = Settings::parse("project_weights: { climate: 2.5 }").unwrap();
        assert_eq!(settings.weight_permille("climate"), Some(2500));
        assert_eq!(settings.weight_permille("other"), None);
    }

    #[test]
    fn the_readme_shows_settings_that_hold() {
        let readme = include_str!("../../../README.md");
        let shown = readme.split("```yaml\n").nth(2).unwrap();
        let settings = Settings::parse(shown.split("```").next().unwrap()).unwrap();
        assert_eq!(settings.weight_permille("climate"), Some(2000));
        assert_eq!(settings.transfer_kwh_per_gb, Some(0.002));
    }

    #[test]
    fn what_nobody_understands_is_refused() {
        assert!(
            Settings::parse("shared: all")
                .unwrap_err()
                .contains("group")
        );
        let shared = Settings::parse("shared: group").unwrap().shared;
        assert_eq!(shared, Some(super::Shared::Group));
        for (settings, told) in [
            (
                "zoen: DE",
                "there is no setting `zoen`; expected zone, home, grid",
            ),
            ("zoen: DE", "did you mean `zone`?"),
            ("pue: high", "`pue` cannot be `high`; expected a number"),
            ("pue: [1]", "`pue` cannot be a list; expected a number"),
            ("zone: { a: 1 }", "`zone` cannot be a map; expected text"),
            (
                "project_weights: 3",
                "`project_weights` cannot be `3`; expected a map",
            ),
            (
                "project_weights: { a: x }",
                "`project_weights.a` cannot be `x`",
            ),
            ("meters: 3", "`meters` cannot be `3`; expected a map"),
            (
                "meters: { powercap: [a] }",
                "`meters.powercap` cannot be a list; expected a path",
            ),
            (
                "meters: { rapl: /sys }",
                "there is no setting of `meters` `rapl`",
            ),
            ("shared: all", "`shared` cannot be `all`; expected `group`"),
            (
                "limits: { file_server: 0 }",
                "`limits.file_server` cannot be `0`; expected a whole number from 1",
            ),
            (
                "limits: [file_server]",
                "`limits` cannot be a list; expected a map",
            ),
            ("- zone", "expected a map"),
            ("zone: DE\n\tpue: 1", "this is not valid YAML: a tab"),
        ] {
            let error = Settings::parse(settings).unwrap_err();
            assert!(error.contains(told), "{settings}: {error}");
        }
        assert!(
            Settings::parse("pue: 0.9")
                .unwrap_err()
                .contains("at least 1")
        );
        assert!(
            Settings::parse("project_weights: { sea: 0 }")
                .unwrap_err()
                .contains("sea: 0 is not a weight")
        );
    }
}
