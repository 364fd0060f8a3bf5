//! Reads the fleet file: its pools, and the settings in it that have no effect yet.

use std::path::Path;

use sunward_grid::knows_timezone;
use sunward_workflows::{PoolSpec, check_fleet, render_human, to_json};

use crate::context::Context;
use crate::exit::{Exit, SaidAlready, wrong_input};
use crate::render;

/// The content of a fleet file.
pub(crate) struct FleetFile {
    /// The pools, in the order in which they are written.
    pub(crate) pools: Vec<PoolSpec>,
    /// One line for each setting that has no effect.
    pub(crate) without_effect: Vec<String>,
}

impl FleetFile {
    /// Reads a file, and prints every mistake in it.
    ///
    /// # Errors
    /// Fails if the file cannot be read or has mistakes.
    pub(crate) fn read(context: &Context, file: &Path) -> anyhow::Result<Self> {
        let name = sunward_files::shown(file);
        let text = sunward_files::read_text(&context.folder.join(file)).map_err(|error| {
            wrong_input(format!(
                "{name} cannot be read: {error}; expected a fleet file, a list of pools"
            ))
        })?;
        let checked = check_fleet(&text, &knows_timezone);
        if !checked.diagnostics.is_empty() {
            let is_coloured = context.err_style.is_coloured();
            render::say(&render_human(
                &name,
                &text,
                &checked.diagnostics,
                is_coloured,
            ));
        }
        if context.json && checked.pools.is_none() {
            render::machine(&to_json(&name, &text, &checked.diagnostics))?;
        }
        let keys = checked.without_effect.iter();
        Ok(Self {
            pools: checked.pools.ok_or(SaidAlready(Exit::WrongInput))?,
            without_effect: keys
                .map(|key| format!("fleet: {key}: has no effect yet"))
                .collect(),
        })
    }
}
