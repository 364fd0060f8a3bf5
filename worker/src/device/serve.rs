//! The loop of a child process: it runs tasks of one kernel stage in sequence, on the device that
//! it keeps.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use sunward_core::{Generation, Rejects};
use sunward_data::Store;
use sunward_kernels::device::{Device, DeviceError};
use sunward_kernels::{Context, Library};
use sunward_protocol::Job;

use super::messages::{Assignment, Request, Response, receive, send};
use super::table::write_table;
use crate::arrived::Arrived;
use crate::attempt::Attempt;
use crate::clock::process_cpu_us;
use crate::fault::Fault;
use crate::kernels;
use crate::kernels::prepared::PreparedKernel;
use crate::outputs;
use crate::rejects;
use crate::stop::BatchStop;

/// Why a child could not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Its assignment cannot be read.
    #[error("the task file {path} cannot be read: {reason}; only a worker starts this")]
    Assignment {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The connection to the worker failed.
    #[error("the connection to the worker failed: {0}; only a worker starts this")]
    Line(#[from] io::Error),
}

/// Runs the tasks that a worker requests over standard input, until that ends. A failed task is an
/// answer, not an error.
///
/// # Errors
///
/// Fails if the requests are not valid.
pub fn serve(
    assignment: &Path,
    kernels: &'static Library,
    device: Result<Device, DeviceError>,
) -> Result<(), ServeError> {
    let unreadable = |reason: String| ServeError::Assignment {
        path: sunward_files::as_value(assignment),
        reason,
    };
    let bytes = std::fs::read(assignment).map_err(|error| unreadable(error.to_string()))?;
    let assignment: Assignment =
        postcard::from_bytes(&bytes).map_err(|error| unreadable(error.to_string()))?;
    let mut line = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let server = Server::new(assignment, kernels, device);
    let mut accounted_us = 0;
    while let Some(request) = receive::<Request>(&mut line)? {
        let result = match &server {
            Ok(server) => server.answer(&request),
            Err(fault) => Err(fault.clone()),
        };
        let used_us = process_cpu_us();
        let cpu_us = used_us - accounted_us;
        accounted_us = used_us;
        send(&mut line, &Response { result, cpu_us })?;
    }
    Ok(())
}

/// A stage, ready for its tasks.
struct Server {
    store: Store,
    prepared: PreparedKernel,
    job: Job,
    /// Never set: the worker ends the whole process.
    stop: BatchStop,
    context: Context,
}

impl Server {
    fn new(
        assignment: Assignment,
        kernels: &'static Library,
        device: Result<Device, DeviceError>,
    ) -> Result<Self, Fault> {
        let device =
            device.map_err(|error| Fault::new(kernels::kind_of(&error), error.to_string()))?;
        let store = Store::open(&assignment.home, None)
            .map_err(|error| Fault::infrastructure(error.to_string()))?;
        let prepared = PreparedKernel::new(kernels, &store, &assignment.job)?;
        let threads = usize::try_from(assignment.threads).unwrap_or(1);
        Ok(Self {
            store,
            prepared,
            job: assignment.job,
            stop: BatchStop::default(),
            context: Context::new(threads).with_device(device),
        })
    }

    /// Does one task, leaves its outputs as files and tells what was rejected.
    fn answer(&self, request: &Request) -> Result<Vec<Rejects>, Fault> {
        let attempt = Attempt {
            job: &self.job,
            // Kernels get their inputs whole.
            arrived: &Arrived::default(),
            index: request.index,
            number: request.attempt,
            generation: Generation(0),
            stop: &self.stop,
        };
        let task = self.prepared.task(&self.store, &attempt)?;
        let tables = kernels::run(&self.prepared, &task, &self.stop.stop, &self.context)?;
        let rejects = rejects::of(self.prepared.kernel().entry(), task.inputs(), &tables);
        for (port, table) in outputs::in_order(&self.job.stage, tables)? {
            let path = outputs::table_file(&request.outputs, port);
            write_table(&path, &table.schema, &table.batches).map_err(|error| {
                Fault::infrastructure(format!(
                    "output {port} could not be written to {}: {error}",
                    sunward_files::shown(&path)
                ))
            })?;
        }
        Ok(rejects)
    }
}
