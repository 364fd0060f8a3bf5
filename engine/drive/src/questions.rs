//! Answers slow questions on a few threads, and quick ones at once.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use sunward_core::{Failure, FailureKind};
use sunward_state::{OpenReader, Reader, StateError};

use crate::error::DriveError;
use crate::guard::said;
use crate::inbox::{Arrival, Line};
use crate::resolver::{Answer, InputResolver, Resolution, ResolveRequest};

/// The threads that answer slow questions. They start with the first question.
pub(crate) struct Questions {
    resolver: Arc<dyn InputResolver>,
    open_reader: Arc<OpenReader>,
    line: Line,
    limit: usize,
    threads: Vec<JoinHandle<()>>,
    /// Questions without an answer yet.
    open: usize,
    queue: Option<Sender<ResolveRequest>>,
    receiver: Arc<Mutex<Receiver<ResolveRequest>>>,
}

impl Questions {
    pub(crate) fn new(
        resolver: Arc<dyn InputResolver>,
        open_reader: Arc<OpenReader>,
        line: Line,
        limit: usize,
    ) -> Self {
        let (queue, receiver) = channel();
        Self {
            resolver,
            open_reader,
            line,
            limit,
            threads: Vec::new(),
            open: 0,
            queue: Some(queue),
            receiver: Arc::new(Mutex::new(receiver)),
        }
    }

    /// The resolver.
    pub(crate) fn resolver(&self) -> &dyn InputResolver {
        &*self.resolver
    }

    /// Whether a question has no answer yet.
    pub(crate) const fn is_busy(&self) -> bool {
        self.open > 0
    }

    /// Records that an answer has arrived.
    pub(crate) const fn answered(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    /// Gives a question to the threads. Its answer arrives as [`Arrival::Answered`].
    pub(crate) fn ask(&mut self, request: ResolveRequest) -> Result<(), DriveError> {
        // There are never more questions than stages, so the queue needs no limit.
        if self.threads.len() < self.limit {
            self.threads.push(self.start()?);
        }
        self.open += 1;
        self.queue
            .as_ref()
            .and_then(|queue| queue.send(request).ok())
            .ok_or(DriveError::Broken {
                what: "threads that read files",
            })
    }

    fn start(&self) -> Result<JoinHandle<()>, DriveError> {
        let (resolver, line) = (Arc::clone(&self.resolver), self.line.clone());
        let open_reader = Arc::clone(&self.open_reader);
        let receiver = Arc::clone(&self.receiver);
        std::thread::Builder::new()
            .name("resolver".to_owned())
            .spawn(move || serve(&*resolver, &*open_reader, &receiver, &line))
            .map_err(|source| DriveError::Thread {
                purpose: "that reads files",
                source,
            })
    }
}

impl Drop for Questions {
    /// Stops waiting for answers. Each thread ends after its current question.
    fn drop(&mut self) {
        self.queue = None;
        self.receiver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .try_iter()
            .for_each(drop);
    }
}

fn serve(
    resolver: &dyn InputResolver,
    open_reader: &OpenReader,
    receiver: &Mutex<Receiver<ResolveRequest>>,
    line: &Line,
) {
    let mut reader = None;
    loop {
        let next = receiver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        let Ok(request) = next else {
            return;
        };
        // A panic fails the stage that asked; the thread continues with the next question.
        let resolution = catch_unwind(AssertUnwindSafe(|| {
            answer(resolver, open_reader, &mut reader, &request)
        }));
        let resolution = resolution.unwrap_or_else(|panic| {
            reader = None;
            Ok(Resolution::failed(panicked(&*panic)))
        });
        let answer = Answer {
            run: request.run,
            stage: request.stage,
            resolution,
        };
        drop(line.0.send(Arrival::Answered(Box::new(answer))));
    }
}

fn answer(
    resolver: &dyn InputResolver,
    open_reader: &OpenReader,
    reader: &mut Option<Box<dyn Reader>>,
    request: &ResolveRequest,
) -> Result<Resolution, StateError> {
    let reader = match reader {
        Some(reader) => reader,
        None => reader.insert(open_reader()?),
    };
    resolver.resolve(request, &**reader)
}

fn panicked(panic: &(dyn Any + Send)) -> Failure {
    Failure {
        kind: FailureKind::Infrastructure,
        message: format!(
            "finding the stage's inputs failed unexpectedly: {}. This is a bug in Sunward; please report it with \
             this message and the files that the stage reads",
            said(panic)
        ),
        log_tail: String::new(),
        ran_on: None,
    }
}
