//! The user's environment, read once; nothing below the composition root looks at it again.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use crate::args::Everywhere;
use crate::doctor::network::Network;
use crate::exit::wrong_input;
use crate::render::Style;

/// The folder's name when nobody names another.
pub(crate) const HOME_NAME: &str = ".sunward";

/// What holds for the whole process.
#[derive(Debug)]
pub(crate) struct Context {
    /// Answer with JSON.
    pub(crate) json: bool,
    /// `--home`, else `$SUNWARD_HOME`.
    pub(crate) home_named: Option<PathBuf>,
    /// Where the user stands.
    pub(crate) folder: PathBuf,
    /// How stdout is written.
    pub(crate) out_style: Style,
    /// How stderr is written.
    pub(crate) err_style: Style,
    /// Whether a person watches stderr live.
    pub(crate) live: bool,
    /// `$SUNWARD_LOG`: what of the engine's own doings is traced to stderr.
    pub(crate) trace: Option<String>,
    /// Where the user's settings are, if anywhere.
    pub(crate) settings: Option<PathBuf>,
    /// Where what can be asked for again is kept: `$XDG_CACHE_HOME/sunward`, else
    /// `~/.cache/sunward`.
    pub(crate) cache: Option<PathBuf>,
    /// `$PATH`, for `doctor`.
    pub(crate) search_path: Option<OsString>,
    /// The proxy and certificates, for `doctor`.
    pub(crate) network: Network,
}

impl Context {
    /// Reads it.
    ///
    /// # Errors
    /// When the current folder is gone.
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

    /// The state's folder for a verb that is given a workflow: named, or beside the file.
    pub(crate) fn home_beside(&self, workflow: &Path) -> PathBuf {
        self.home_named.clone().unwrap_or_else(|| {
            workflow
                .parent()
                .unwrap_or_else(|| Path::new("/"))
                .join(HOME_NAME)
        })
    }

    /// The state's folder for all other verbs: named, or the nearest upward from where the user
    /// stands.
    ///
    /// # Errors
    /// When there is none: the user is told where it was looked for.
    pub(crate) fn home_nearest(&self) -> anyhow::Result<PathBuf> {
        if let Some(home) = &self.home_named {
            if home.is_dir() {
                return Ok(home.clone());
            }
            return Err(wrong_input(format!(
                "{} does not exist; give --home the folder that a `sunward run` made",
                home.display()
            )));
        }
        self.folder
            .ancestors()
            .map(|folder| folder.join(HOME_NAME))
            .find(|home| home.is_dir())
            .ok_or_else(|| {
                wrong_input(format!(
                    "no {HOME_NAME} folder in {} or above it: nothing has run here; start with `sunward run FILE`, or give the folder with --home",
                    self.folder.display()
                ))
            })
    }
}

/// The user's folder of one kind as the XDG base directory specification has it: what the variable
/// names, unless that is relative, else the usual one in their home; of it, ours.
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
