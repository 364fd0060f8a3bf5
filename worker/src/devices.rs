//! Allocates GPUs to tasks.
//!
//! A task that asks for GPUs holds a lock on each of them while it runs: a file named by the
//! device's UUID. All engines of this machine use the same locks, so no two tasks share a GPU. The
//! system releases a lock when its process ends, however it ends.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use sunward_kernels::device::Card;
use sunward_workflows::units::size_text;
use sunward_workflows::{Gpus, Resources};

use crate::fault::Fault;
use crate::stop::Stop;

/// How often a waiting task tries again.
const LOOK: Duration = Duration::from_millis(100);

/// The GPUs of this machine.
#[derive(Debug)]
pub(crate) struct Devices {
    cards: Vec<Card>,
    /// The folder of the locks.
    folder: PathBuf,
}

/// GPUs that one task holds.
#[derive(Debug, Default)]
pub(crate) struct HeldGpus {
    cards: Vec<Card>,
    /// Closing a file releases its lock.
    _locks: Vec<File>,
}

impl HeldGpus {
    /// The value of `CUDA_VISIBLE_DEVICES`, which hides all other devices.
    pub(crate) fn visible(&self) -> String {
        let uuids: Vec<&str> = self.cards.iter().map(|card| card.uuid.as_str()).collect();
        uuids.join(",")
    }

    /// The GPUs.
    pub(crate) fn cards(&self) -> &[Card] {
        &self.cards
    }
}

/// Whether a machine with these GPUs can ever provide those that a task asks for.
#[must_use]
pub fn can_serve(cards: &[Card], asked: &Resources) -> bool {
    Devices::new(cards.to_vec()).can_serve(asked)
}

impl Devices {
    /// These GPUs, with locks in the folder that all users of the machine share.
    pub(crate) fn new(cards: Vec<Card>) -> Self {
        Self::locked_in(cards, Path::new("/tmp"))
    }

    fn locked_in(cards: Vec<Card>, folder: &Path) -> Self {
        Self {
            cards,
            folder: folder.to_owned(),
        }
    }

    /// The number of GPUs.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.cards.len()).unwrap_or(u32::MAX)
    }

    /// Whether this machine can ever provide the GPUs that a task asks for.
    pub(crate) fn can_serve(&self, asked: &Resources) -> bool {
        let options = options(&asked.gpus);
        let possible = |wanted: &Wanted<'_>| wanted.count <= self.matching(wanted, asked).count();
        options.iter().any(possible)
    }

    /// The least number of GPUs that a task holds while it runs here; 0 if this machine can never
    /// provide what it asks for.
    pub(crate) fn least(&self, asked: &Resources) -> u32 {
        let options = options(&asked.gpus);
        let possible = |wanted: &&Wanted<'_>| wanted.count <= self.matching(wanted, asked).count();
        let counts = options.iter().filter(possible).map(|wanted| wanted.count);
        u32::try_from(counts.min().unwrap_or(0)).unwrap_or(u32::MAX)
    }

    /// Waits for the GPUs that a task asks for. It returns none if the task asks for none, or if
    /// this machine can never provide them and the task can run without.
    pub(crate) fn take(&self, asked: &Resources, stop: &Stop) -> Result<HeldGpus, Fault> {
        let options = options(&asked.gpus);
        let possible: Vec<&Wanted<'_>> = options
            .iter()
            .filter(|wanted| wanted.count <= self.matching(wanted, asked).count())
            .collect();
        if possible.is_empty() {
            return if options.is_empty() || asked.optional {
                Ok(HeldGpus::default())
            } else {
                Err(self.never(asked))
            };
        }
        loop {
            for wanted in &possible {
                if let Some(held) = self.try_take(wanted, asked)? {
                    return Ok(held);
                }
            }
            if stop.load(std::sync::atomic::Ordering::Relaxed) {
                return Err(Fault::cancelled());
            }
            std::thread::sleep(LOOK);
        }
    }

    /// The GPUs that fit a request.
    fn matching<'d>(
        &'d self,
        wanted: &Wanted<'d>,
        asked: &Resources,
    ) -> impl Iterator<Item = &'d Card> {
        let memory_bytes = asked.gpu_memory_bytes.unwrap_or(0);
        let model = wanted.model.map(str::to_lowercase);
        self.cards.iter().filter(move |card| {
            let named = |model: &String| card.name.to_lowercase().contains(model);
            card.memory_bytes >= memory_bytes && model.as_ref().is_none_or(named)
        })
    }

    /// As many as requested, or `None` if too few are free.
    fn try_take(&self, wanted: &Wanted<'_>, asked: &Resources) -> Result<Option<HeldGpus>, Fault> {
        let mut held = HeldGpus::default();
        for card in self.matching(wanted, asked) {
            if held.cards.len() == wanted.count {
                break;
            }
            if let Some(lock) = self.lock(&card.uuid)? {
                held.cards.push(card.clone());
                held._locks.push(lock);
            }
        }
        Ok((held.cards.len() == wanted.count).then_some(held))
    }

    /// The lock of a GPU, if it is free.
    fn lock(&self, uuid: &str) -> Result<Option<File>, Fault> {
        let path = self.folder.join(format!("sunward-{uuid}.lock"));
        let failed = |error: rustix::io::Errno| Fault::io("lock a GPU by", &path, &error.into());
        // Another user's lock file is readable, which suffices to lock it.
        let flags = OFlags::RDONLY | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = open(&path, flags, Mode::from_raw_mode(0o444)).map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file.into())),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    fn never(&self, asked: &Resources) -> Fault {
        let have: Vec<String> = self
            .cards
            .iter()
            .map(|card| format!("{} ({})", card.name, size_text(card.memory_bytes)))
            .collect();
        let have = if have.is_empty() {
            "no GPU".to_owned()
        } else {
            have.join(", ")
        };
        let memory = asked.gpu_memory_bytes.map_or_else(String::new, |bytes| {
            format!(" with {} of memory each", size_text(bytes))
        });
        Fault::input(format!(
            "this machine has {have}, and the task needs {}{memory}; lower `resources.gpus`, or add \
             `optional: true` to run without",
            asked.gpus
        ))
    }
}

/// A number of GPUs of some model.
struct Wanted<'a> {
    model: Option<&'a str>,
    count: usize,
}

/// The acceptable allocations in order of preference; empty for a task without GPUs.
fn options(gpus: &Gpus) -> Vec<Wanted<'_>> {
    let some = |model, count: u32| {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        vec![Wanted { model, count }]
    };
    match gpus {
        Gpus::None | Gpus::Count(0) => Vec::new(),
        Gpus::Count(count) => some(None, *count),
        Gpus::Model(model, count) => some(Some(model.as_str()), *count),
        Gpus::AnyOf(choices) => choices.iter().flat_map(options).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn machine(folder: &Path) -> Devices {
        let card = |name: &str, uuid: &str, gib: u64| Card {
            name: name.to_owned(),
            uuid: uuid.to_owned(),
            memory_bytes: gib << 30,
        };
        let cards = vec![
            card("NVIDIA A100-SXM4-40GB", "GPU-a", 40),
            card("NVIDIA H100 80GB HBM3", "GPU-b", 80),
            card("NVIDIA H100 80GB HBM3", "GPU-c", 80),
        ];
        Devices::locked_in(cards, folder)
    }

    fn asked(gpus: Gpus) -> Resources {
        Resources {
            gpus,
            ..Resources::default()
        }
    }

    fn stop(set: bool) -> Stop {
        Arc::new(AtomicBool::new(set))
    }

    #[test]
    fn two_tasks_never_hold_one_gpu_and_a_model_is_found_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        // Another engine on the same machine.
        let [ours, theirs] = [machine(folder.path()), machine(folder.path())];
        let h100 = asked(Gpus::Model("h100".to_owned(), 1));
        let first = ours.take(&h100, &stop(false)).unwrap();
        assert_eq!(first.visible(), "GPU-b");
        let second = theirs.take(&h100, &stop(false)).unwrap();
        assert_eq!(second.visible(), "GPU-c");
        let any = theirs.take(&asked(Gpus::Count(1)), &stop(false)).unwrap();
        assert_eq!(any.visible(), "GPU-a");
        // All are taken: a task that is stopped while it waits gives up.
        let waits = ours.take(&h100, &stop(true));
        assert_eq!(
            waits.unwrap_err().kind,
            sunward_core::FailureKind::Cancelled
        );
        drop(first);
        assert_eq!(ours.take(&h100, &stop(false)).unwrap().visible(), "GPU-b");
    }

    #[test]
    fn too_few_free_ones_are_given_back_until_there_are_enough() {
        let folder = tempfile::tempdir().unwrap();
        let devices = Arc::new(machine(folder.path()));
        let one = devices
            .take(&asked(Gpus::Model("A100".to_owned(), 1)), &stop(false))
            .unwrap();
        let all = asked(Gpus::Count(3));
        assert!(devices.take(&all, &stop(true)).is_err());
        // What the vain try had locked is free again.
        let two = asked(Gpus::Model("H100".to_owned(), 2));
        drop(devices.take(&two, &stop(false)).unwrap());
        let (waiting, signal) = (Arc::clone(&devices), stop(false));
        let task = std::thread::spawn(move || waiting.take(&all, &signal).map(|h| h.visible()));
        drop(one);
        assert_eq!(task.join().unwrap().unwrap(), "GPU-a,GPU-b,GPU-c");
    }

    #[test]
    fn the_first_choice_that_is_free_is_taken_and_memory_counts() {
        let folder = tempfile::tempdir().unwrap();
        let devices = machine(folder.path());
        let choice = |model: &str| Gpus::Model(model.to_owned(), 1);
        let any_of = asked(Gpus::AnyOf(vec![
            choice("B200"),
            choice("A100"),
            choice("H100"),
        ]));
        let first = devices.take(&any_of, &stop(false)).unwrap();
        assert_eq!(first.visible(), "GPU-a");
        assert_eq!(
            devices.take(&any_of, &stop(false)).unwrap().visible(),
            "GPU-b"
        );
        let large = Resources {
            gpu_memory_bytes: Some(60 << 30),
            ..asked(Gpus::Count(1))
        };
        drop(first);
        assert_eq!(
            devices.take(&large, &stop(false)).unwrap().visible(),
            "GPU-b"
        );
    }

    #[test]
    fn the_least_that_a_task_can_hold_is_known_before_it_starts() {
        let folder = tempfile::tempdir().unwrap();
        let devices = machine(folder.path());
        let model = |name: &str, count| Gpus::Model(name.to_owned(), count);
        let any_of = Gpus::AnyOf(vec![model("B200", 1), model("H100", 2), model("A100", 3)]);
        // There is no B200, and one A100.
        let least = |gpus| devices.least(&asked(gpus));
        assert_eq!(least(any_of), 2);
        assert_eq!(
            [
                least(Gpus::None),
                least(Gpus::Count(3)),
                least(Gpus::Count(4))
            ],
            [0, 3, 0]
        );
    }

    #[test]
    fn what_this_machine_never_has_is_refused_or_done_without() {
        let folder = tempfile::tempdir().unwrap();
        let devices = machine(folder.path());
        let mut four = asked(Gpus::Count(4));
        let error = devices.take(&four, &stop(false)).unwrap_err();
        assert!(
            error.message.contains("needs 4; lower `resources.gpus`"),
            "{error}"
        );
        four.optional = true;
        assert_eq!(devices.take(&four, &stop(false)).unwrap().visible(), "");
        let none = Devices::locked_in(Vec::new(), folder.path());
        assert_eq!(
            none.take(&asked(Gpus::None), &stop(false))
                .unwrap()
                .visible(),
            ""
        );
        assert!(!stop(false).load(Ordering::Relaxed));
    }
}
