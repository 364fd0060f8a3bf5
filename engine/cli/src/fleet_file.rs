//! The fleet file: pools, and what of it is written and not acted on yet.

use std::path::Path;

use sunward_grid::knows_timezone;
use sunward_workflows::{PoolSpec, check_fleet, render_human};

use crate::context::Context;
use crate::exit::{Exit, SaidAlready, wrong_input};
use crate::render;

/// What a fleet file holds.
pub(crate) struct FleetFile {
    /// Its pools, in the order written.
    pub(crate) pools: Vec<PoolSpec>,
    /// What of it has no effect, a line each.
    pub(crate) without_effect: Vec<String>,
}

impl FleetFile {
    /// Reads it; every mistake in it is said.
    ///
    /// # Errors
    /// When it cannot be read, or has mistakes.
    pub(crate) fn read(context: &Context, file: &Path) -> anyhow::Result<Self> {
        let name = file.display().to_string();
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
        let keys = checked.without_effect.iter();
        Ok(Self {
            pools: checked.pools.ok_or(SaidAlready(Exit::WrongInput))?,
            without_effect: keys
                .map(|key| format!("fleet: {key}: has no effect yet"))
                .collect(),
        })
    }
}
