//! The trait that every kernel implements, and what it may use while it runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;
use sunward_workflows::catalog::KernelEntry;

use crate::device::{Device, Source};
use crate::{Inputs, KernelError, Outputs, Params};

/// A function from tables and parameters to tables.
pub trait Kernel: Send + Sync {
    /// Its page in the catalog.
    fn entry(&self) -> &KernelEntry;

    /// Does one task. The answer depends on the rows of the inputs and on the parameters, never on
    /// `context`, nor on how the rows are cut into batches.
    ///
    /// # Errors
    /// When an input or a parameter is not what the entry says, or the task was stopped.
    fn run(
        &self,
        inputs: &Inputs,
        with: &Params,
        context: &Context,
    ) -> Result<Outputs, KernelError>;

    /// True when a task costs less than handing it to a thread, so that a worker may run many of
    /// them in one go.
    fn is_trivial(&self) -> bool {
        false
    }

    /// Its CUDA sources. With any, it runs on the context's device where it has one; without, on the
    /// CPU alone.
    fn sources(&self) -> Vec<Source> {
        Vec::new()
    }
}

/// What a running kernel may use.
#[derive(Clone, Debug)]
pub struct Context {
    threads: usize,
    stop: Arc<AtomicBool>,
    /// Started when first needed. Its own for each task: tasks that run side by side must not wait
    /// in one another's queues.
    pool: Arc<OnceLock<rayon::ThreadPool>>,
    device: Option<Device>,
}

impl Default for Context {
    fn default() -> Self {
        Self::new(1)
    }
}

impl Context {
    /// At most this many threads (0 counts as 1). With one, the calling thread does all the work.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        Self {
            threads: threads.max(1),
            stop: Arc::new(AtomicBool::new(false)),
            pool: Arc::default(),
            device: None,
        }
    }

    /// The same, ended early once somebody sets `stop` to true: the kernel then gives
    /// [`KernelError::Stopped`] within a fraction of a second.
    #[must_use]
    pub fn with_stop(mut self, stop: Arc<AtomicBool>) -> Self {
        self.stop = stop;
        self
    }

    /// The same, on this device where the kernel has CUDA source; its CPU twin otherwise.
    #[must_use]
    pub fn with_device(mut self, device: Device) -> Self {
        self.device = Some(device);
        self
    }

    /// The device that it may use.
    #[must_use]
    pub fn device(&self) -> Option<&Device> {
        self.device.as_ref()
    }

    /// How many threads it may use.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Says whether the task may go on; a kernel asks several times a second.
    ///
    /// # Errors
    /// Once the task should end.
    pub fn check(&self) -> Result<(), KernelError> {
        if self.stop.load(Ordering::Relaxed) {
            Err(KernelError::Stopped)
        } else {
            Ok(())
        }
    }

    /// `work(0..n)` on the allowed threads; results in order. Each item must be independent of the
    /// others and large enough to be worth a task switch.
    pub(crate) fn map<T, F>(&self, n: usize, work: F) -> Result<Vec<T>, KernelError>
    where
        T: Send,
        F: Fn(usize) -> Result<T, KernelError> + Send + Sync,
    {
        let step = |i: usize| {
            self.check()?;
            work(i)
        };
        if self.threads == 1 || n < 2 {
            return (0..n).map(step).collect();
        }
        self.pool()?
            .install(|| (0..n).into_par_iter().map(step).collect())
    }

    /// `work(i, chunk i)` for each chunk of `length` values, on the allowed threads.
    pub(crate) fn for_chunks<T, F>(
        &self,
        values: &mut [T],
        length: usize,
        work: F,
    ) -> Result<(), KernelError>
    where
        T: Send,
        F: Fn(usize, &mut [T]) -> Result<(), KernelError> + Send + Sync,
    {
        let step = |(i, chunk): (usize, &mut [T])| {
            self.check()?;
            work(i, chunk)
        };
        let length = length.max(1);
        if self.threads == 1 || values.len() <= length {
            return values.chunks_mut(length).enumerate().try_for_each(step);
        }
        self.pool()?
            .install(|| values.par_chunks_mut(length).enumerate().try_for_each(step))
    }

    fn pool(&self) -> Result<&rayon::ThreadPool, KernelError> {
        if self.pool.get().is_none() {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(self.threads)
                .build()
                .map_err(|error| self.no_threads(error.to_string()))?;
            // Another thread may have been faster; either pool will do.
            let _ = self.pool.set(pool);
        }
        self.pool
            .get()
            .ok_or_else(|| self.no_threads("the pool is gone".to_owned()))
    }

    fn no_threads(&self, reason: String) -> KernelError {
        KernelError::Threads {
            threads: self.threads,
            reason,
        }
    }
}
