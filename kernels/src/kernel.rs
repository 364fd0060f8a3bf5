//! The trait that every kernel implements, and the context in which it runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;
use sunward_workflows::catalog::KernelEntry;

use crate::device::{Device, Source};
use crate::{Inputs, KernelError, Outputs, Params};

/// A function from tables and parameters to tables.
pub trait Kernel: Send + Sync {
    /// Its catalog entry.
    fn entry(&self) -> &KernelEntry;

    /// Does one task. The result depends on the rows of the inputs and on the parameters, never on
    /// `context` or the division into batches.
    ///
    /// # Errors
    ///
    /// Fails if an input or parameter does not fit the entry, or the task was stopped.
    fn run(
        &self,
        inputs: &Inputs,
        with: &Params,
        context: &Context,
    ) -> Result<Outputs, KernelError>;

    /// True if a task costs less than handing it to a thread, so that a worker may run many of them
    /// at once.
    fn is_trivial(&self) -> bool {
        false
    }

    /// Its CUDA sources. With any, it runs on the context's device if there is one; else only on
    /// the CPU.
    fn sources(&self) -> Vec<Source> {
        Vec::new()
    }
}

/// The context of a running kernel.
#[derive(Clone, Debug)]
pub struct Context {
    threads: usize,
    stop: Arc<AtomicBool>,
    /// Started when first needed. Each task has its own pool, because tasks that run side by side
    /// must not wait in each other's queues.
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

    /// Ends the kernel early once `stop` becomes true: it returns [`KernelError::Stopped`] within a
    /// fraction of a second.
    #[must_use]
    pub fn with_stop(mut self, stop: Arc<AtomicBool>) -> Self {
        self.stop = stop;
        self
    }

    /// Uses this device if the kernel has CUDA source; else its CPU twin runs.
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

    /// The number of threads that it may use.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Checks whether the task may continue. A kernel calls it several times a second.
    ///
    /// # Errors
    ///
    /// Fails once the task should end.
    pub fn check(&self) -> Result<(), KernelError> {
        if self.stop.load(Ordering::Relaxed) {
            Err(KernelError::Stopped)
        } else {
            Ok(())
        }
    }

    /// `work(0..n)` on the allowed threads, with results in order. Items must be independent, and
    /// large enough to be worth a task switch.
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
