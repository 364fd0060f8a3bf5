//! `sunward cuda-task`: one task of a `cuda` stage, in a process of its own. Workers start it; it is
//! not in the help.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use sunward_worker::cuda::{self, CudaTask};

use crate::exit::Exit;
use crate::machine::Machine;

/// Run one task of a `cuda` stage (workers do)
#[derive(Args)]
pub(crate) struct CudaTaskVerb {
    /// The kernel and what it is bound to, as JSON
    #[arg(long)]
    kernel: String,

    /// The next value among its arguments
    #[arg(long, allow_hyphen_values = true)]
    value: Vec<String>,

    /// PORT=FILE to read
    #[arg(long, value_parser = port)]
    input: Vec<(String, PathBuf)>,

    /// PORT=FILE to write
    #[arg(long, value_parser = port)]
    output: Vec<(String, PathBuf)>,
}

fn port(text: &str) -> Result<(String, PathBuf), String> {
    text.split_once('=')
        .map(|(port, path)| (port.to_owned(), PathBuf::from(path)))
        .ok_or_else(|| "expected PORT=FILE".to_owned())
}

impl CudaTaskVerb {
    /// Does the task.
    pub(crate) fn perform(&self) -> anyhow::Result<Exit> {
        let task = CudaTask {
            kernel: serde_json::from_str(&self.kernel).context("--kernel is no kernel's JSON")?,
            values: self.value.clone(),
            inputs: self.input.iter().cloned().collect::<BTreeMap<_, _>>(),
            outputs: self.output.iter().cloned().collect::<BTreeMap<_, _>>(),
        };
        let promised = std::env::var_os("CUDA_VISIBLE_DEVICES").is_some_and(|all| !all.is_empty());
        let device = cuda::device(promised, Machine::find(None).memory_bytes)?;
        task.run(&device)?;
        Ok(Exit::Done)
    }
}
