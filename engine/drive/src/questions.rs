//! Slow questions on threads of their own, a few at once; quick ones at once.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use sunward_core::{Failure, FailureKind};
use sunward_state::{OpenReader, Reader, StateError};

use crate::error::DriveError;
use crate::hands::{Answer, Hands, Resolution, ResolveRequest};
use crate::inbox::{Arrival, Line};

/// Threads that answer slow questions; they start with the first one.
pub(crate) struct Questions {
    hands: Arc<dyn Hands>,
    open_reader: Arc<OpenReader>,
    line: Line,
    limit: usize,
    threads: Vec<JoinHandle<()>>,
    queue: Option<Sender<ResolveRequest>>,
    receiver: Arc<Mutex<Receiver<ResolveRequest>>>,
}

impl Questions {
    pub(crate) fn new(
        hands: Arc<dyn Hands>,
        open_reader: Arc<OpenReader>,
        line: Line,
        limit: usize,
    ) -> Self {
        let (queue, receiver) = channel();
        Self {
            hands,
            open_reader,
            line,
            limit,
            threads: Vec::new(),
            queue: Some(queue),
            receiver: Arc::new(Mutex::new(receiver)),
        }
    }

    /// Those who answer.
    pub(crate) fn hands(&self) -> &dyn Hands {
        &*self.hands
    }

    /// Puts a question to the threads; its answer arrives as [`Arrival::Answered`].
    pub(crate) fn ask(&mut self, request: ResolveRequest) -> Result<(), DriveError> {
        // There are never more questions under way than stages, so the queue needs no limit.
        if self.threads.len() < self.limit {
            self.threads.push(self.start()?);
        }
        self.queue
            .as_ref()
            .and_then(|queue| queue.send(request).ok())
            .ok_or(DriveError::Broken {
                what: "threads that read files",
            })
    }

    fn start(&self) -> Result<JoinHandle<()>, DriveError> {
        let (hands, line) = (Arc::clone(&self.hands), self.line.clone());
        let open_reader = Arc::clone(&self.open_reader);
        let receiver = Arc::clone(&self.receiver);
        std::thread::Builder::new()
            .name("hands".to_owned())
            .spawn(move || serve(&*hands, &*open_reader, &receiver, &line))
            .map_err(|source| DriveError::Thread {
                purpose: "that reads files",
                source,
            })
    }
}

impl Drop for Questions {
    /// Nobody waits for answers any more: threads end after the question they are at.
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
    hands: &dyn Hands,
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
        let guard = Unanswered::new(&request, line);
        let resolution = answer(hands, open_reader, &mut reader, &request);
        guard.answer(resolution);
    }
}

fn answer(
    hands: &dyn Hands,
    open_reader: &OpenReader,
    reader: &mut Option<Box<dyn Reader>>,
    request: &ResolveRequest,
) -> Result<Resolution, StateError> {
    let reader = match reader {
        Some(reader) => reader,
        None => reader.insert(open_reader()?),
    };
    hands.resolve(request, &**reader)
}

/// Answers in the place of a thread that panicked, so that the stage fails and the run goes on.
struct Unanswered<'a> {
    line: &'a Line,
    request: &'a ResolveRequest,
    answered: bool,
}

impl<'a> Unanswered<'a> {
    const fn new(request: &'a ResolveRequest, line: &'a Line) -> Self {
        Self {
            line,
            request,
            answered: false,
        }
    }

    fn answer(mut self, resolution: Result<Resolution, StateError>) {
        self.answered = true;
        self.send(resolution);
    }

    fn send(&self, resolution: Result<Resolution, StateError>) {
        let answer = Answer {
            run: self.request.run,
            stage: self.request.stage,
            resolution,
        };
        drop(self.line.0.send(Arrival::Answered(Box::new(answer))));
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.send(Ok(Resolution::failed(Failure {
                kind: FailureKind::Infrastructure,
                message: "finding the stage's inputs failed unexpectedly; this is a mistake in \
                          sunward, please report it with the file that the stage reads"
                    .to_owned(),
                log_tail: String::new(),
                ran_on: None,
            })));
        }
    }
}
