//! A seat: the thread that runs one batch after another.

use std::sync::Arc;
use std::time::Instant;

use sunward_workflows::Action;

use crate::batch::Batch;
use crate::device::{DeviceExecutor, Venue};
use crate::executor::Executor;
use crate::kernels::KernelExecutor;
use crate::post::Post;
use crate::process::ProcessExecutor;
use crate::queue::Next;
use crate::worker::House;

/// One thread's place: what it keeps from task to task.
pub(crate) struct Seat {
    house: Arc<House>,
    post: Post,
    processes: ProcessExecutor,
    kernels: KernelExecutor,
    devices: DeviceExecutor,
}

impl Seat {
    pub(crate) fn new(house: Arc<House>, place: usize) -> Self {
        Self {
            processes: ProcessExecutor::new(Arc::clone(&house), place),
            kernels: KernelExecutor::new(Arc::clone(&house)),
            devices: DeviceExecutor::new(Arc::clone(&house), place),
            post: Post::default(),
            house,
        }
    }

    /// Works until the worker leaves.
    pub(crate) fn work(mut self) {
        let house = Arc::clone(&self.house);
        while let Some(batch) = self.next() {
            let present = house.meters.enter();
            self.execute(&batch);
            drop(present);
            self.house.queue().release(batch.need);
            self.post.send_due(Instant::now(), &*self.house.outbox);
        }
        self.post.send(&*self.house.outbox);
        self.devices.dismiss();
        drop((self.processes, self.kernels, self.devices));
        self.house.seat_leaves();
    }

    /// Executes a batch. No device is kept from others meanwhile that the batch has no use for.
    fn execute(&mut self, batch: &Batch) {
        let venue = match &batch.job.job.stage.action {
            Action::Run(_) | Action::Cuda(_) => None,
            Action::Kernel { .. } => Some(batch.job.venue),
        };
        if let None | Some(Venue::Twin) = venue {
            self.devices.dismiss();
        }
        match venue {
            None => self.processes.execute(batch, &mut self.post),
            Some(Venue::Twin) => self.kernels.execute(batch, &mut self.post),
            Some(Venue::Gpu | Venue::Host) => self.devices.execute(batch, &mut self.post),
        }
    }

    /// The next batch; nothing when the worker leaves. Ends are sent before it waits, so that none
    /// is held while nothing happens.
    fn next(&mut self) -> Option<Batch> {
        let house = Arc::clone(&self.house);
        let mut queue = house.queue();
        loop {
            match queue.next() {
                Next::Leave => return None,
                Next::Work(batch) => {
                    if queue.has_work() {
                        house.wake_one();
                    }
                    return Some(batch);
                }
                Next::Wait if self.post.is_empty() && !self.devices.has_child() => {
                    queue = house.wait(queue);
                }
                Next::Wait => {
                    drop(queue);
                    if self.post.is_empty() {
                        self.devices.dismiss();
                    }
                    self.post.send(&*house.outbox);
                    queue = house.queue();
                }
            }
        }
    }
}
