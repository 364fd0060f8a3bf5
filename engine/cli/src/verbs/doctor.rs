//! `sunward doctor`: finds problems of this machine, and how to fix them.

use std::path::{Path, PathBuf};

use clap::Args;
use sunward_state::is_engaged;
use sunward_worker::Host;

use crate::context::{Context, HOME_NAME};
use crate::doctor::{
    Diagnosis, Finding, Grade, machine, network, processes, providers, state, tools,
};
use crate::exit::Exit;
use crate::settings::Settings;
use crate::{remote, render, which};

/// Find problems with this machine, and say how to fix them
#[derive(Args)]
#[command(after_help = "Example:\n  sunward doctor\n\n\
        Providers of grid data that your settings name, or that have a key or an address in the \
        environment, are asked one question each.")]
pub(crate) struct Doctor {
    /// Also test this bucket, such as s3://bucket/prefix
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

impl Doctor {
    /// Runs all checks, then prints the answer.
    pub(crate) fn perform(&self, context: &Context) -> anyhow::Result<Exit> {
        let home = context
            .home_named
            .clone()
            .or_else(|| context.home_nearest().ok())
            .unwrap_or_else(|| context.folder.join(HOME_NAME));
        let mut findings = examine(context, &home);
        findings.extend(providers::answers(context));
        if let Some(url) = &self.store {
            remote::prepare();
            findings.push(state::store(url));
        }
        let healthy = findings
            .iter()
            .all(|finding| finding.grade != Grade::Problem);
        render::answer(context, &Diagnosis { healthy, findings })?;
        Ok(if healthy {
            Exit::Done
        } else {
            Exit::Infrastructure
        })
    }
}

fn examine(context: &Context, home: &Path) -> Vec<Finding> {
    let folder = existing(home);
    which::end_leftovers(home);
    // Settings with mistakes are a finding of their own.
    let settings = Settings::read(context.settings.as_deref()).unwrap_or_default();
    vec![
        machine::cores(),
        machine::memory(),
        machine::disk(&folder),
        state::file_system(&folder),
        state::journal(&folder),
        machine::clock(&folder),
        tools::shell(context.search_path.as_deref()),
        tools::python(context.search_path.as_deref()),
        tools::containers(&Host::of_this_process()),
        tools::conda(&Host::of_this_process()),
        machine::gpu(),
        machine::energy(&settings),
        network::proxy(&context.network),
        network::certificates(&context.network),
        processes::leftover(home, is_engaged(home)),
    ]
}

/// The folder itself, or the nearest existing one above it. A check does not create folders.
fn existing(folder: &Path) -> PathBuf {
    folder
        .ancestors()
        .find(|ancestor| ancestor.is_dir())
        .unwrap_or_else(|| Path::new("/"))
        .to_path_buf()
}
