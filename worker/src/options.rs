//! What a worker may use and where it keeps things.

use std::path::PathBuf;
use std::time::Duration;

use sunward_data::Store;
use sunward_kernels::Library;
use sunward_kernels::device::Card;

use crate::device::Choice;
use crate::host::Host;
use crate::meter::MeterFiles;

/// What one busy core is taken to draw where no meter can say: the figure per core that the Green
/// Algorithms calculator uses for a processor it does not know (Lannelongue et al. 2021,
/// doi:10.1002/advs.202100707).
const WATTS_PER_BUSY_CORE: f64 = 12.0;

/// How a worker is set up. Everything it needs to know of its surroundings is here: it reads no
/// environment variable by itself.
pub struct Options {
    /// Cores that tasks may use together; 0 counts as 1.
    pub cpus: u32,
    /// Memory that tasks may declare together, in bytes.
    pub memory_bytes: u64,
    /// The state folder: logs, scratch and Python environments go below it.
    pub home: PathBuf,
    /// Where datasets are.
    pub store: Store,
    /// The kernels.
    pub kernels: &'static Library,
    /// The GPUs that tasks may be given.
    pub cards: Vec<Card>,
    /// Where the library's kernels run.
    pub device: Choice,
    /// How much of one attempt's log is kept, head and end together, in bytes.
    pub log_cap_bytes: u64,
    /// How long a process may take to leave after SIGTERM before it is killed.
    pub grace: Duration,
    /// What a busy core is taken to draw, where nothing measures it.
    pub watts_per_core: f64,
    /// Where meters are found.
    pub meters: MeterFiles,
    /// The program that ends tasks when this process is killed, started with [`crate::supervisor::VERB`]:
    /// usually this one. Without it they are ended by whoever looks at the state next.
    pub supervisor: Option<PathBuf>,
    /// The environment of this process, which commands see little of.
    pub host: Host,
}

impl Options {
    /// Usual limits: no GPU, 64 MiB of log, five seconds' grace.
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
