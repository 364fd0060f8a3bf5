//! The user's environment. It is read once, and nothing below the composition root reads it.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use crate::everywhere::Everywhere;
use crate::exit::wrong_input;
use crate::network::Network;
use crate::render::style::Style;

/// The default name of the home.
pub(crate) const HOME_NAME: &str = ".sunward";

/// The environment of the whole process.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// Answer with JSON.
    pub(crate) json: bool,
    /// `--home`, else `$SUNWARD_HOME`.
    pub(crate) home_named: Option<PathBuf>,
    /// The current folder.
    pub(crate) folder: PathBuf,
    /// The style of stdout.
    pub(crate) out_style: Style,
    /// The style of stderr.
    pub(crate) err_style: Style,
    /// Whether a person watches stderr on a terminal.
    pub(crate) live: bool,
    /// `$SUNWARD_LOG`: which events of the engine are traced to stderr.
    pub(crate) trace: Option<String>,
    /// The path of the user's settings.
    pub(crate) settings: Option<PathBuf>,
    /// The folder of data that can be fetched again: `$XDG_CACHE_HOME/sunward`, else
    /// `~/.cache/sunward`.
    pub(crate) cache: Option<PathBuf>,
    /// `$PATH`, for `doctor`.
    pub(crate) search_path: Option<OsString>,
    /// The proxy and certificates, for `doctor`.
    pub(crate) network: Network,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// Fails if the current folder does not exist any more.
    pub(crate) fn read(everywhere: &Everywhere) -> anyhow::Result<Self> {
        let folder = std::env::current_dir().map_err(|error| {
            wrong_input(format!(
                "the current folder cannot be used ({error}); change to one that exists"
            ))
        })?;
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let named = everywhere.home.clone().or_else(|| {
            std::env::var_os("SUNWARD_HOME")
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        });
        let live = std::io::stderr().is_terminal();
        Ok(Self {
            json: everywhere.json,
            home_named: named.map(|home| folder.join(home)),
            out_style: Style::new(!plain && std::io::stdout().is_terminal()),
            err_style: Style::new(!plain && live),
            live: live && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
            trace: std::env::var("SUNWARD_LOG").ok(),
            settings: settings_file(),
            cache: xdg_folder("XDG_CACHE_HOME", ".cache"),
            search_path: std::env::var_os("PATH"),
            network: Network::read(|name| std::env::var(name).ok()),
            folder,
        })
    }

    /// The home for a verb with a workflow: the named one, else the one beside the workflow.
    ///
    /// # Errors
    /// Fails if the named one is not a folder.
    pub(crate) fn home_beside(&self, workflow: &Path) -> anyhow::Result<PathBuf> {
        match &self.home_named {
            Some(home) if home.exists() && !home.is_dir() => Err(not_a_folder(home)),
            Some(home) => Ok(home.clone()),
            None => {
                let folder = workflow.parent().unwrap_or_else(|| Path::new("/"));
                Ok(folder.join(HOME_NAME))
            }
        }
    }

    /// The home for all other verbs: the named one, else the nearest in the current folder or one
    /// above.
    ///
    /// # Errors
    /// Fails if there is none. The message says where it was searched.
    pub(crate) fn home_nearest(&self) -> anyhow::Result<PathBuf> {
        if let Some(home) = &self.home_named {
            if home.is_dir() {
                return Ok(home.clone());
            }
            if home.exists() {
                return Err(not_a_folder(home));
            }
            return Err(wrong_input(format!(
                "{} does not exist; give --home the folder that a `sunward run` made",
                sunward_files::shown(home)
            )));
        }
        self.folder
            .ancestors()
            .map(|folder| folder.join(HOME_NAME))
            .find(|home| home.is_dir())
            .ok_or_else(|| {
                wrong_input(format!(
                    "no {HOME_NAME} folder in {} or above it: nothing has run here; start with `sunward run FILE`, or give the folder with --home",
                    sunward_files::shown(&self.folder)
                ))
            })
    }
}

fn not_a_folder(home: &Path) -> anyhow::Error {
    wrong_input(format!(
        "{} is not a folder; --home and $SUNWARD_HOME take a folder, such as the {HOME_NAME} that a `sunward run` made",
        sunward_files::shown(home)
    ))
}

/// Sunward's folder of one kind, by the XDG base directory specification: inside the folder that
/// the variable names, unless that is relative, else inside the usual one of the user.
fn xdg_folder(variable: &str, usual: &str) -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from);
    named(variable)
        .filter(|path| path.is_absolute())
        .or_else(|| named("HOME").map(|home| home.join(usual)))
        .map(|folder| folder.join("sunward"))
}

/// The user's settings: `$SUNWARD_CONFIG`, else `sunward/config.yaml` in `$XDG_CONFIG_HOME` or
/// `~/.config`.
fn settings_file() -> Option<PathBuf> {
    std::env::var_os("SUNWARD_CONFIG")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
        .or_else(|| Some(xdg_folder("XDG_CONFIG_HOME", ".config")?.join("config.yaml")))
}
