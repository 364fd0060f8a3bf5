//! Task keys. Tasks with equal keys have equal results.

use std::collections::BTreeSet;

use sunward_workflows::Value;

use crate::dataset::{Dataset, DatasetKind};
use crate::digest::{Digest, Hasher};
use crate::ids::place;
use crate::ingredient::Ingredient;
use crate::plan::{PlannedStage, Reads, Tasks};
use crate::staged::StagedFiles;

/// The version of task keys. It rises if the computation of keys changes. Results with older keys
/// are then not found any more.
pub const KEY_VERSION: u32 = 2;

/// What distinguishes one task from the others of its stage.
#[derive(Clone, Copy)]
enum Mark {
    Nothing,
    Item,
    Matrix,
    Rows,
    Blob,
    Repeat,
}

impl Mark {
    /// Its byte in the key. It never changes and has no other meaning.
    const fn byte(self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Item => 1,
            Self::Matrix => 2,
            Self::Rows => 3,
            Self::Blob => 4,
            Self::Repeat => 5,
        }
    }
}

/// Computes the keys of one stage's tasks. Their common part is hashed once.
#[derive(Debug)]
pub struct TaskKeys<'a> {
    prefix: Digest,
    reads: Reads,
    staged: &'a StagedFiles,
    tasks: &'a Tasks,
    /// The row at which each part of the divided input begins. Empty for blobs.
    offsets: Vec<u64>,
    /// The divided input, if its parts are blobs. Their digests are used instead of rows.
    blobs: Option<&'a Dataset>,
}

impl<'a> TaskKeys<'a> {
    /// The keys of a stage with these inputs, in the order of its ports, and tasks.
    #[must_use]
    pub fn new(stage: &'a PlannedStage, inputs: &'a [Dataset], tasks: &'a Tasks) -> Self {
        let mut hasher = Hasher::new("sunward task key");
        hasher.field("meaning", &stage.meaning.0);
        for (port, dataset) in stage.stage.inputs.keys().zip(inputs) {
            hasher.field(port, &dataset.content.0);
        }
        let cut = match tasks.each() {
            Tasks::Parts { port, .. } => stage
                .stage
                .inputs
                .get_index_of(port)
                .and_then(|at| inputs.get(at)),
            Tasks::One
            | Tasks::Range(_)
            | Tasks::Items(_)
            | Tasks::Matrix(_)
            | Tasks::Rows { .. }
            | Tasks::Repeated { .. } => None,
        };
        let (offsets, blobs) = match cut {
            Some(dataset) if dataset.kind == DatasetKind::Table => (row_offsets(dataset), None),
            other => (Vec::new(), other),
        };
        Self {
            prefix: hasher.finish(),
            reads: stage.reads,
            staged: &stage.staged,
            tasks,
            offsets,
            blobs,
        }
    }

    /// The key of one task.
    #[must_use]
    pub fn key(&self, index: u32) -> Digest {
        let mut bytes = Vec::with_capacity(64);
        bytes.extend_from_slice(&self.prefix.0);
        let mark = self.apart(index, &mut bytes);
        bytes.push(mark.byte());
        Digest::of(&bytes)
    }

    /// The keys of `first..first + count`.
    #[must_use]
    pub fn range(&self, first: u32, count: u32) -> Vec<Digest> {
        (first..first.saturating_add(count))
            .map(|index| self.key(index))
            .collect()
    }

    /// Appends the bytes that distinguish a task, and returns their kind.
    fn apart(&self, index: u32, bytes: &mut Vec<u8>) -> Mark {
        let Some(repeat) = self.tasks.repeat(index) else {
            return self.apart_once(index, bytes);
        };
        let mark = self.apart_once(index, bytes);
        bytes.push(mark.byte());
        bytes.extend_from_slice(&repeat.to_le_bytes());
        Mark::Repeat
    }

    /// Like [`Self::apart`], for what a task and its repetitions have in common.
    fn apart_once(&self, index: u32, bytes: &mut Vec<u8>) -> Mark {
        match self.tasks.each() {
            Tasks::One | Tasks::Repeated { .. } => Mark::Nothing,
            Tasks::Range(_) | Tasks::Items(_) => match self.item(index) {
                Some(item) => {
                    encode(&item, bytes);
                    Mark::Item
                }
                None => Mark::Nothing,
            },
            Tasks::Matrix(_) if self.reads.matrix => {
                encode(&self.cell(index), bytes);
                Mark::Matrix
            }
            Tasks::Matrix(_) => Mark::Nothing,
            Tasks::Rows { .. } | Tasks::Parts { .. } => {
                if let Some(part) = self.blob(index) {
                    bytes.extend_from_slice(&part.0);
                    return Mark::Blob;
                }
                let (first, end) = self.slice(index);
                bytes.extend_from_slice(&first.to_le_bytes());
                bytes.extend_from_slice(&end.to_le_bytes());
                Mark::Rows
            }
        }
    }

    /// What distinguishes a task, as ingredients for messages.
    pub(crate) fn ingredients(&self, index: u32) -> impl Iterator<Item = Ingredient> {
        let repeat = self.tasks.repeat(index);
        let repeat = repeat.map(|repeat| Ingredient::text("repeat", repeat.to_string()));
        self.ingredient(index).into_iter().chain(repeat)
    }

    fn ingredient(&self, index: u32) -> Option<Ingredient> {
        match self.tasks.each() {
            Tasks::One | Tasks::Repeated { .. } => None,
            Tasks::Range(_) | Tasks::Items(_) => self
                .item(index)
                .map(|item| Ingredient::text("item", item.to_key())),
            Tasks::Matrix(_) => self
                .reads
                .matrix
                .then(|| Ingredient::text("matrix", self.cell(index).to_key())),
            Tasks::Rows { port, .. } | Tasks::Parts { port, .. } => Some(match self.blob(index) {
                Some(part) => Ingredient::digest(format!("part of {port}"), part),
                None => {
                    let (first, end) = self.slice(index);
                    Ingredient::text(format!("rows of {port}"), format!("{first}..{end}"))
                }
            }),
        }
    }

    fn item(&self, index: u32) -> Option<Value> {
        let item = self.reads.item.then(|| self.tasks.item(index)).flatten()?;
        Some(self.keyed(item))
    }

    fn cell(&self, index: u32) -> Value {
        self.keyed(Value::Map(self.tasks.matrix(index)))
    }

    /// The value, with the digests of the files that it names.
    fn keyed(&self, value: Value) -> Value {
        if self.staged.named.is_empty() {
            return value;
        }
        self.staged.keyed(&value)
    }

    fn blob(&self, index: u32) -> Option<Digest> {
        let part = self.blobs?.parts.get(place(self.tasks.each_index(index)))?;
        Some(part.digest)
    }

    fn slice(&self, index: u32) -> (u64, u64) {
        if let Some(rows) = self.tasks.rows(index) {
            return (rows.start, rows.end);
        }
        let at = |index: usize| self.offsets.get(index).copied().unwrap_or_default();
        let index = place(self.tasks.each_index(index));
        (at(index), at(index + 1))
    }
}

/// The key of one task. For many tasks, use one [`TaskKeys`].
#[must_use]
pub fn task_key(stage: &PlannedStage, inputs: &[Dataset], tasks: &Tasks, index: u32) -> Digest {
    TaskKeys::new(stage, inputs, tasks).key(index)
}

/// True if no two tasks of the stage can have the same key, so that none waits for another.
pub(crate) fn distinct(reads: Reads, tasks: &Tasks) -> bool {
    match tasks {
        Tasks::One | Tasks::Rows { .. } | Tasks::Parts { .. } => true,
        Tasks::Repeated { each, .. } => distinct(reads, each),
        Tasks::Range(count) => reads.item || *count <= 1,
        Tasks::Items(items) => items.len() <= 1 || (reads.item && all_differ(items)),
        Tasks::Matrix(axes) => {
            tasks.count() <= 1
                || (reads.matrix && axes.iter().all(|(_, values)| all_differ(values)))
        }
    }
}

/// Whether all values differ. For ascending numbers, the usual case, no set is built.
fn all_differ(values: &[Value]) -> bool {
    let rising = values.windows(2).all(|pair| match pair {
        [Value::Int(a), Value::Int(b)] => a < b,
        _ => false,
    });
    if rising {
        return true;
    }
    let mut seen = BTreeSet::new();
    values.iter().all(|value| {
        let mut bytes = Vec::new();
        encode(value, &mut bytes);
        seen.insert(bytes)
    })
}

/// Appends a value as bytes. Different values have different bytes.
fn encode(value: &Value, bytes: &mut Vec<u8>) {
    let sized = |bytes: &mut Vec<u8>, length: usize| {
        bytes.extend_from_slice(&(length as u64).to_le_bytes());
    };
    match value {
        Value::Null => bytes.push(0),
        Value::Bool(held) => bytes.extend_from_slice(&[1, u8::from(*held)]),
        Value::Int(number) => {
            bytes.push(2);
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        Value::Float(number) => {
            bytes.push(3);
            bytes.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        Value::String(text) => {
            bytes.push(4);
            sized(bytes, text.len());
            bytes.extend_from_slice(text.as_bytes());
        }
        Value::List(list) => {
            bytes.push(5);
            sized(bytes, list.len());
            list.iter().for_each(|item| encode(item, bytes));
        }
        Value::Map(map) => {
            bytes.push(6);
            sized(bytes, map.len());
            for (name, item) in map {
                sized(bytes, name.len());
                bytes.extend_from_slice(name.as_bytes());
                encode(item, bytes);
            }
        }
        // The text determines the value, and a command may get the text.
        Value::Written(written) => {
            bytes.push(7);
            sized(bytes, written.text().len());
            bytes.extend_from_slice(written.text().as_bytes());
        }
    }
}

fn row_offsets(dataset: &Dataset) -> Vec<u64> {
    let mut offset = 0_u64;
    let mut offsets = vec![0];
    for part in &dataset.parts {
        offset = offset.saturating_add(part.rows);
        offsets.push(offset);
    }
    offsets
}

/// The ingredients of the key of one task, in the order in which they are hashed. Without tasks or
/// an index, those of the whole stage.
#[must_use]
pub fn ingredients(
    stage: &PlannedStage,
    inputs: &[Dataset],
    tasks: Option<&Tasks>,
    index: Option<u32>,
) -> Vec<Ingredient> {
    let mut list = stage.ingredients.clone();
    list.extend(
        stage
            .stage
            .inputs
            .keys()
            .zip(inputs)
            .map(|(port, dataset)| Ingredient::digest(format!("input {port}"), dataset.content)),
    );
    if let (Some(tasks), Some(index)) = (tasks, index) {
        list.extend(TaskKeys::new(stage, inputs, tasks).ingredients(index));
    }
    list
}
