//! Task keys. Tasks with equal keys have equal results.

use std::collections::BTreeSet;

use sunward_workflows::{FieldUse, ItemUse, Value};

use crate::dataset::Dataset;
use crate::digest::{Digest, Hasher};
use crate::groups::FileGroups;
use crate::ids::place;
use crate::ingredient::Ingredient;
use crate::plan::{PlannedStage, Reads, Tasks};

/// The version of task keys. It rises if the computation of keys changes. Results with older keys
/// are then not found any more.
pub const KEY_VERSION: u32 = 4;

/// What distinguishes one task from the others of its stage.
#[derive(Clone, Copy)]
enum Mark {
    Nothing,
    Item,
    Matrix,
    Rows,
    Slice,
    Files,
    Repeat,
    Beside,
}

impl Mark {
    /// Its byte in the key. It never changes and has no other meaning.
    const fn byte(self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Item => 1,
            Self::Matrix => 2,
            Self::Rows => 3,
            Self::Slice => 4,
            Self::Files => 5,
            Self::Repeat => 6,
            Self::Beside => 7,
        }
    }
}

/// Computes the keys of one stage's tasks. Their common part is hashed once.
#[derive(Debug)]
pub struct TaskKeys<'a> {
    prefix: Digest,
    tasks: &'a Tasks,
    stage: &'a PlannedStage,
    inputs: &'a [Dataset],
}

impl<'a> TaskKeys<'a> {
    /// The keys of a stage with these inputs, in the order of its ports, and tasks.
    #[must_use]
    pub fn new(stage: &'a PlannedStage, inputs: &'a [Dataset], tasks: &'a Tasks) -> Self {
        let mut hasher = Hasher::new("sunward task key");
        hasher.field("meaning", &stage.meaning.0);
        for (port, dataset) in whole(stage, inputs, tasks) {
            hasher.field(port, &dataset.content.0);
        }
        Self {
            prefix: hasher.finish(),
            tasks,
            stage,
            inputs,
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
        let mark = self.apart_alone(index, bytes);
        match (mark, self.tasks.files()) {
            (Mark::Files, _) | (_, None) => mark,
            (mark, Some(groups)) => {
                bytes.push(mark.byte());
                self.add_files(groups, index, bytes);
                Mark::Beside
            }
        }
    }

    /// Appends the digests of the files that a task gets.
    fn add_files(&self, groups: &FileGroups, index: u32, bytes: &mut Vec<u8>) {
        for (port, _) in &groups.ports {
            let files = self.files(groups, self.tasks.each_index(index), port);
            bytes.extend_from_slice(&files.unwrap_or_default().0);
        }
    }

    /// Like [`Self::apart_once`], without the files that the task's rows name.
    fn apart_alone(&self, index: u32, bytes: &mut Vec<u8>) -> Mark {
        match self.tasks.each() {
            Tasks::One | Tasks::Repeated { .. } | Tasks::Beside { .. } => Mark::Nothing,
            Tasks::Range(_) | Tasks::Items(_) => match self.item(index) {
                Some(item) => {
                    encode(&item, bytes);
                    Mark::Item
                }
                None => Mark::Nothing,
            },
            Tasks::Matrix(_) if self.stage.reads.matrix => {
                encode(&self.cell(index), bytes);
                Mark::Matrix
            }
            Tasks::Matrix(_) => Mark::Nothing,
            Tasks::Files(groups) => {
                if let Some(item) = self.item(index) {
                    encode(&item, bytes);
                }
                self.add_files(groups, index, bytes);
                Mark::Files
            }
            Tasks::Rows { .. } | Tasks::Groups { .. } | Tasks::Parts { .. } => {
                if let Some(slice) = self.slice(index) {
                    bytes.extend_from_slice(&slice.0);
                    return Mark::Slice;
                }
                let rows = self.tasks.rows(index).unwrap_or_default();
                bytes.extend_from_slice(&rows.start.to_le_bytes());
                bytes.extend_from_slice(&rows.end.to_le_bytes());
                Mark::Rows
            }
        }
    }

    /// What distinguishes a task, as ingredients for messages.
    pub(crate) fn ingredients(&self, index: u32) -> Vec<Ingredient> {
        let repeat = self.tasks.repeat(index);
        let repeat = repeat.map(|repeat| Ingredient::text("repeat", repeat.to_string()));
        let mut all: Vec<Ingredient> = self.ingredient(index).into_iter().collect();
        if let Tasks::Files(_) = self.tasks.each() {
            let item = self.item(index);
            all.extend(item.map(|item| Ingredient::text("item", item.to_key())));
        }
        if let Some(groups) = self.tasks.files() {
            all.extend(groups.ports.iter().filter_map(|(port, _)| {
                let files = self.files(groups, self.tasks.each_index(index), port)?;
                Some(Ingredient::digest(format!("files of {port}"), files))
            }));
        }
        all.extend(repeat);
        all
    }

    fn ingredient(&self, index: u32) -> Option<Ingredient> {
        match self.tasks.each() {
            Tasks::One | Tasks::Files(_) | Tasks::Repeated { .. } | Tasks::Beside { .. } => None,
            Tasks::Range(_) | Tasks::Items(_) => self
                .item(index)
                .map(|item| Ingredient::text("item", item.to_key())),
            Tasks::Matrix(_) => self
                .stage
                .reads
                .matrix
                .then(|| Ingredient::text("matrix", self.cell(index).to_key())),
            Tasks::Rows { port, .. } | Tasks::Groups { port, .. } | Tasks::Parts { port, .. } => {
                Some(match self.slice(index) {
                    Some(slice) => Ingredient::digest(format!("slice of {port}"), slice),
                    None => {
                        let rows = self.tasks.rows(index).unwrap_or_default();
                        let rows = format!("{}..{}", rows.start, rows.end);
                        Ingredient::text(format!("rows of {port}"), rows)
                    }
                })
            }
        }
    }

    fn item(&self, index: u32) -> Option<Value> {
        let reads = &self.stage.reads.item;
        if !reads.is_read() {
            return None;
        }
        let of_port = |port: &str| of_port(self.stage, self.inputs, port);
        let item = match self.cells(index, reads, of_port) {
            Some(cells) => cells,
            None => read_of(reads, self.tasks.item(index, of_port)?)?,
        };
        Some(self.keyed(item))
    }

    /// What a stage reads of a file's row, without the whole row. `None` if the item is no such row, or
    /// lacks a column.
    fn cells<'d>(
        &self,
        index: u32,
        reads: &ItemUse,
        of_port: impl Fn(&str) -> Option<&'d Dataset> + Copy,
    ) -> Option<Value> {
        let (ItemUse::Fields(fields), Tasks::Files(groups)) = (reads, self.tasks.each()) else {
            return None;
        };
        let index = self.tasks.each_index(index);
        let read = fields.iter().map(|(field, how)| {
            let (column, inner) = field.split_first()?;
            let cell = groups.cell(index, column, of_port)?;
            Some((field.join("."), as_read(deepest(&cell, inner), *how)))
        });
        Some(Value::Map(read.collect::<Option<_>>()?))
    }

    fn cell(&self, index: u32) -> Value {
        self.keyed(Value::Map(self.tasks.matrix(index)))
    }

    /// The value, with the digests of the files that it names.
    fn keyed(&self, value: Value) -> Value {
        if self.stage.staged.named.is_empty() {
            return value;
        }
        self.stage.staged.keyed(&value)
    }

    /// The digest of the files that one task gets of an input.
    fn files(&self, groups: &FileGroups, index: u32, port: &str) -> Option<Digest> {
        let dataset = of_port(self.stage, self.inputs, port)?;
        groups.content(index, port, dataset)
    }

    /// The digest of what one task gets of the divided input.
    fn slice(&self, index: u32) -> Option<Digest> {
        let index = self.tasks.each_index(index);
        if let Tasks::Rows { digests, .. } | Tasks::Groups { digests, .. } = self.tasks.each() {
            return digests.get(place(index)).copied();
        }
        let Tasks::Parts { port, .. } = self.tasks.each() else {
            return None;
        };
        let dataset = of_port(self.stage, self.inputs, port)?;
        let part = dataset.parts.get(place(index))?.digest;
        // The file of the part as a command wrote it, if it is kept: commands may read it.
        let written = dataset.written_part(place(index));
        Some(written.map_or(part, |file| {
            Hasher::new("part as written")
                .field("part", &part.0)
                .field("file", &file.digest.0)
                .finish()
        }))
    }
}

/// The key of one task. For many tasks, use one [`TaskKeys`].
#[must_use]
pub fn task_key(stage: &PlannedStage, inputs: &[Dataset], tasks: &Tasks, index: u32) -> Digest {
    TaskKeys::new(stage, inputs, tasks).key(index)
}

/// True if no two tasks of the stage can have the same key, so that none waits for another.
pub(crate) fn distinct(reads: &Reads, tasks: &Tasks) -> bool {
    match tasks {
        Tasks::One => true,
        Tasks::Rows { digests, .. } | Tasks::Groups { digests, .. } => {
            let mut sorted: Vec<&Digest> = digests.iter().collect();
            sorted.sort_unstable();
            sorted.windows(2).all(|pair| pair[0] != pair[1])
        }
        Tasks::Parts { count, .. } | Tasks::Files(FileGroups { count, .. }) => *count <= 1,
        Tasks::Repeated { each, .. } | Tasks::Beside { each, .. } => distinct(reads, each),
        Tasks::Range(count) => reads.item.is_read() || *count <= 1,
        Tasks::Items(items) => items.len() <= 1 || items_differ(&reads.item, items),
        Tasks::Matrix(axes) => {
            tasks.count() <= 1
                || (reads.matrix && axes.iter().all(|(_, values)| all_differ(values)))
        }
    }
}

fn items_differ(reads: &ItemUse, items: &[Value]) -> bool {
    match reads {
        ItemUse::Nothing => false,
        ItemUse::Whole => all_differ(items),
        ItemUse::Fields(_) => {
            let read = items.iter().map(|item| read_of(reads, item.clone()));
            read.collect::<Option<Vec<Value>>>()
                .is_some_and(|read| all_differ(&read))
        }
    }
}

/// What a stage reads of an item: all of it, or a map from each field to its value. A field of text
/// (`item.path.upper()`) is the text. `None` if it reads nothing.
fn read_of(reads: &ItemUse, item: Value) -> Option<Value> {
    match reads {
        ItemUse::Nothing => None,
        ItemUse::Whole => Some(item),
        ItemUse::Fields(fields) => {
            let read = fields
                .iter()
                .map(|(field, how)| (field.join("."), as_read(deepest(&item, field), *how)));
            Some(Value::Map(read.collect()))
        }
    }
}

/// A field as it counts in a key: a column's type may change with a row that this task does not read.
fn as_read(value: &Value, how: FieldUse) -> Value {
    match (how, value) {
        (FieldUse::Value, _) | (FieldUse::Text, Value::List(_) | Value::Map(_)) => value.clone(),
        (FieldUse::Text, _) => Value::String(value.to_text()),
    }
}

/// Follows a field through maps as far as they have it.
fn deepest<'v>(mut value: &'v Value, field: &[String]) -> &'v Value {
    for name in field {
        let Value::Map(entries) = value else {
            break;
        };
        let Some((_, inner)) = entries.iter().find(|(key, _)| key == name) else {
            break;
        };
        value = inner;
    }
    value
}

/// The inputs that count as a whole in the key of every task, by port. An input that is divided counts
/// by what a task gets of it.
fn whole<'a>(
    stage: &'a PlannedStage,
    inputs: &'a [Dataset],
    tasks: &'a Tasks,
) -> impl Iterator<Item = (&'a String, &'a Dataset)> {
    let only_rows = stage.stage.only_rows_of();
    let files = tasks.files();
    let is_divided = move |port: &str| match tasks.each() {
        _ if files.is_some_and(|groups| groups.divides(port)) => true,
        Tasks::Files(_) => false,
        Tasks::Parts { port: divided, .. } | Tasks::Groups { port: divided, .. } => divided == port,
        Tasks::Rows {
            port: divided,
            digests,
            ..
        } => divided == port && !digests.is_empty(),
        Tasks::One
        | Tasks::Range(_)
        | Tasks::Items(_)
        | Tasks::Matrix(_)
        | Tasks::Repeated { .. }
        | Tasks::Beside { .. } => only_rows == Some(port),
    };
    let ports = stage.stage.inputs.keys().zip(inputs);
    ports.filter(move |(port, _)| !is_divided(port))
}

fn of_port<'a>(stage: &PlannedStage, inputs: &'a [Dataset], port: &str) -> Option<&'a Dataset> {
    inputs.get(stage.stage.inputs.get_index_of(port)?)
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
        whole(stage, inputs, tasks.unwrap_or(&Tasks::One))
            .map(|(port, dataset)| Ingredient::digest(format!("input {port}"), dataset.content)),
    );
    if let (Some(tasks), Some(index)) = (tasks, index) {
        list.extend(TaskKeys::new(stage, inputs, tasks).ingredients(index));
    }
    list
}
