//! `sunward device-task`: works on a device, in a process of its own. Workers start it; it is not
//! in the help.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use sunward_worker::device::cuda::CudaTask;
use sunward_worker::device::{open, serve};

use crate::exit::Exit;
use crate::machine::Machine;

/// Work on a device (workers do)
#[derive(Args)]
pub(crate) struct DeviceTask {
    #[command(subcommand)]
    work: Work,
}

#[derive(Subcommand)]
enum Work {
    /// One task of a `cuda` stage
    Cuda(CudaArgs),
    /// A kernel's tasks, as standard input asks for them
    Kernel {
        /// The file that says of which stage
        errand: PathBuf,
    },
}

#[derive(Args)]
struct CudaArgs {
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

impl DeviceTask {
    pub(crate) fn perform(&self) -> anyhow::Result<Exit> {
        let device = open(Machine::find(None).memory_bytes);
        match &self.work {
            Work::Cuda(args) => args.task()?.run(&device?)?,
            Work::Kernel { errand } => serve(errand, sunward_kernels::library(), device)?,
        }
        Ok(Exit::Done)
    }
}

impl CudaArgs {
    fn task(&self) -> anyhow::Result<CudaTask> {
        Ok(CudaTask {
            kernel: serde_json::from_str(&self.kernel)
                .context("--kernel is not a kernel's JSON")?,
            values: self.value.clone(),
            inputs: self.input.iter().cloned().collect::<BTreeMap<_, _>>(),
            outputs: self.output.iter().cloned().collect::<BTreeMap<_, _>>(),
        })
    }
}
