//! What a worker may use, and where it stores things.

use std::path::PathBuf;
use std::time::Duration;

use sunward_data::Store;
use sunward_kernels::Library;
use sunward_kernels::device::Card;

use crate::device::Choice;
use crate::host::Host;
use crate::meter::MeterFiles;

/// The assumed power of a busy core without a meter: the figure of the Green Algorithms calculator
/// for an unknown processor (Lannelongue et al. 2021, doi:10.1002/advs.202100707).
const WATTS_PER_BUSY_CORE: f64 = 12.0;

/// The setup of a worker. It contains everything that the worker needs to know of its surroundings;
/// the worker reads no environment variable by itself.
pub struct Options {
    /// Cores that tasks may use together; 0 counts as 1.
    pub cpus: u32,
    /// Memory that tasks may declare together, in bytes.
    pub memory_bytes: u64,
    /// The state folder. Logs, scratch and Python environments are below it.
    pub home: PathBuf,
    /// The store of datasets.
    pub store: Store,
    /// The kernels.
    pub kernels: &'static Library,
    /// The GPUs that tasks may get.
    pub cards: Vec<Card>,
    /// Where the library's kernels run.
    pub device: Choice,
    /// How much of one attempt's log is kept, begin and end together, in bytes.
    pub log_cap_bytes: u64,
    /// How long a process may take to exit after SIGTERM before it is killed.
    pub grace: Duration,
    /// The assumed power of a busy core in watts, if nothing measures it.
    pub watts_per_core: f64,
    /// The locations of meters.
    pub meters: MeterFiles,
    /// The program that ends tasks when this process is killed, started with
    /// [`crate::supervisor::VERB`]; usually this one. Without it, whoever next opens the state ends
    /// them.
    pub supervisor: Option<PathBuf>,
    /// The environment of this process, of which commands see little.
    pub host: Host,
}

impl Options {
    /// The usual limits: no GPU, 64 MiB of log, five seconds to exit.
    #[must_use]
    pub fn new(
        cpus: u32,
        memory_bytes: u64,
        home: PathBuf,
        store: Store,
        kernels: &'static Library,
        host: Host,
    ) -> Self {
        Self {
            cpus,
            memory_bytes,
            home,
            store,
            kernels,
            cards: Vec::new(),
            device: Choice::Auto,
            log_cap_bytes: 64 << 20,
            grace: Duration::from_secs(5),
            watts_per_core: WATTS_PER_BUSY_CORE,
            meters: MeterFiles::default(),
            supervisor: None,
            host,
        }
    }
}
