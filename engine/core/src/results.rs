//! Results of the tasks of one stage, packed. Most tasks produce one part at one port, and a
//! scatter may have a million of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::dataset::{Dataset, DatasetKind, PartRef, TaskResult};
use crate::digest::Digest;
use crate::ids::place;
use crate::ran_on::RanOn;
use crate::rejects::{self, Rejects};

/// The number of tasks whose packed results are in one block. A block is allocated with its first
/// result.
const CHUNK: u32 = 256;

/// Marks an index in a block without a packed result.
const VACANT: u64 = u64::MAX;

/// Results by task index. They do not record which tasks have a result, because the status of a
/// task does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Results {
    /// The number of tasks of the stage.
    count: u32,
    /// Blocks of packed results; empty until needed.
    chunks: Vec<Option<Chunk>>,
    /// Results that cannot be packed: they have several ports, several parts, or remarks.
    wide: BTreeMap<u32, TaskResult>,
    /// The kinds of device that produced the results, with the number of results.
    ran_on: BTreeMap<RanOn, u32>,
    /// The rows that kernels rejected, over all results.
    rejects: Vec<Rejects>,
}

/// Packed results of adjacent tasks, all of one kind and produced on one kind of device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Chunk {
    kind: DatasetKind,
    ran_on: RanOn,
    entries: Vec<Packed>,
}

/// One dataset of one part at the only port: 80 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Packed {
    content: Digest,
    part: Digest,
    bytes: u64,
    rows: u64,
}

impl Packed {
    const NONE: Self = Self {
        content: Digest([0; 32]),
        part: Digest([0; 32]),
        bytes: VACANT,
        rows: 0,
    };

    /// Packs a result, if that is possible.
    fn of(result: &TaskResult) -> Option<(DatasetKind, Self)> {
        let ([dataset], []) = (result.ports.as_slice(), result.remarks.as_slice()) else {
            return None;
        };
        let [part] = dataset.parts.as_slice() else {
            return None;
        };
        let packs = dataset.written.is_none()
            && dataset.files.is_none()
            && dataset.rows == part.rows
            && result.rejects.is_empty();
        (packs && part.bytes != VACANT).then_some((
            dataset.kind,
            Self {
                content: dataset.content,
                part: part.digest,
                bytes: part.bytes,
                rows: part.rows,
            },
        ))
    }

    fn dataset(&self, kind: DatasetKind) -> Dataset {
        Dataset {
            written: None,
            files: None,
            kind,
            content: self.content,
            rows: self.rows,
            parts: vec![PartRef {
                digest: self.part,
                bytes: self.bytes,
                rows: self.rows,
            }],
        }
    }
}

impl Results {
    /// Empty results for a number of tasks. They take no memory yet.
    pub(crate) fn of(count: u32) -> Self {
        Self {
            count,
            ..Self::default()
        }
    }

    /// Stores a task's result. A result without ports from the processor takes no memory.
    pub(crate) fn put(&mut self, index: u32, result: &TaskResult) {
        match self.ran_on.get_mut(&result.ran_on) {
            Some(count) => *count += 1,
            None => {
                self.ran_on.insert(result.ran_on.clone(), 1);
            }
        }
        rejects::merge(&mut self.rejects, &result.rejects);
        let is_plain =
            result.ran_on == RanOn::Cpu && result.remarks.is_empty() && result.rejects.is_empty();
        if result.ports.is_empty() && is_plain {
            return;
        }
        let Some((kind, packed)) = Packed::of(result) else {
            self.wide.insert(index, result.clone());
            return;
        };
        let block = index / CHUNK;
        if self.chunks.is_empty() {
            self.chunks = vec![None; place(self.count.div_ceil(CHUNK))];
        }
        let size = CHUNK.min(self.count.saturating_sub(block * CHUNK));
        let Some(slot) = self.chunks.get_mut(place(block)) else {
            self.wide.insert(index, result.clone());
            return;
        };
        let chunk = slot.get_or_insert_with(|| Chunk {
            kind,
            ran_on: result.ran_on.clone(),
            entries: vec![Packed::NONE; place(size)],
        });
        match chunk.entries.get_mut(place(index % CHUNK)) {
            Some(entry) if chunk.kind == kind && chunk.ran_on == result.ran_on => *entry = packed,
            Some(_) | None => {
                self.wide.insert(index, result.clone());
            }
        }
    }

    /// A task's result, given that it has one.
    pub(crate) fn get(&self, index: u32) -> TaskResult {
        if let Some(result) = self.wide.get(&index) {
            return result.clone();
        }
        match self.packed(index) {
            Some((dataset, ran_on)) => TaskResult {
                ports: vec![dataset],
                ran_on: ran_on.clone(),
                remarks: Vec::new(),
                rejects: Vec::new(),
            },
            None => TaskResult::default(),
        }
    }

    /// The kinds of device that produced the results, with the number of results.
    pub(crate) const fn ran_on(&self) -> &BTreeMap<RanOn, u32> {
        &self.ran_on
    }

    /// The rows that kernels rejected, over all results, by input.
    pub(crate) fn rejects(&self) -> &[Rejects] {
        &self.rejects
    }

    /// A task's output at one port, if it has a result.
    pub(crate) fn port(&self, index: u32, port: usize) -> Option<Dataset> {
        if let Some(result) = self.wide.get(&index) {
            return result.ports.get(port).cloned();
        }
        let (dataset, _) = (port == 0).then(|| self.packed(index)).flatten()?;
        Some(dataset)
    }

    fn packed(&self, index: u32) -> Option<(Dataset, &RanOn)> {
        let chunk = self.chunks.get(place(index / CHUNK))?.as_ref()?;
        let entry = chunk.entries.get(place(index % CHUNK))?;
        (entry.bytes != VACANT).then(|| (entry.dataset(chunk.kind), &chunk.ran_on))
    }
}

#[cfg(test)]
mod tests {
    use super::Results;
    use crate::dataset::{Dataset, DatasetKind, PartRef, TaskResult};
    use crate::digest::Digest;
    use crate::ran_on::RanOn;
    use crate::rejects::Rejects;

    fn table(seed: u8, parts: u64) -> Dataset {
        Dataset {
            written: None,
            files: None,
            kind: DatasetKind::Table,
            content: Digest::of(&[seed]),
            rows: parts * 3,
            parts: (0..parts)
                .map(|part| PartRef {
                    digest: Digest::of(&[seed, u8::try_from(part).unwrap_or(0)]),
                    bytes: 10 + part,
                    rows: 3,
                })
                .collect(),
        }
    }

    #[test]
    fn every_shape_of_result_comes_back_as_it_was_put() {
        let file = Dataset {
            kind: DatasetKind::File,
            ..table(9, 1)
        };
        let shapes = [
            TaskResult::default(),
            TaskResult::of_cpu(vec![table(1, 1)]),
            TaskResult::of_cpu(vec![file]),
            TaskResult::of_cpu(vec![table(2, 4)]),
            TaskResult::of_cpu(vec![table(3, 0)]),
            TaskResult::of_cpu(vec![table(4, 1), table(5, 2)]),
            TaskResult {
                ran_on: RanOn::CudaOnCpu,
                ..TaskResult::of_cpu(vec![table(6, 1)])
            },
            TaskResult {
                ran_on: RanOn::CudaOnCpu,
                ..TaskResult::default()
            },
            TaskResult {
                remarks: vec!["a file is not kept".into()],
                ..TaskResult::of_cpu(vec![table(7, 1)])
            },
            TaskResult {
                remarks: vec!["a file is not kept".into()],
                ..TaskResult::default()
            },
            TaskResult {
                rejects: vec![Rejects {
                    port: "poses".to_owned(),
                    rows: 1,
                    of: 3,
                    reasons: vec![("why".to_owned(), 1)],
                }],
                ..TaskResult::of_cpu(vec![table(8, 1)])
            },
        ];
        let mut results = Results::of(1000);
        for index in 0..1000_u32 {
            results.put(index, &shapes[index as usize % shapes.len()]);
        }
        for index in 0..1000_u32 {
            let expected = &shapes[index as usize % shapes.len()];
            assert_eq!(&results.get(index), expected);
            assert_eq!(results.port(index, 1).as_ref(), expected.ports.get(1));
            assert_eq!(results.port(index, 0).as_ref(), expected.ports.first());
        }
        let counted: Vec<u32> = results.ran_on().values().copied().collect();
        assert_eq!(counted, [818, 182]);
        let rejected: Vec<_> = results.rejects().iter().map(|r| (r.rows, r.of)).collect();
        assert_eq!(rejected, [(90, 270)]);
    }

    #[test]
    fn a_packed_result_takes_eighty_bytes() {
        assert_eq!(size_of::<super::Packed>(), 80);
    }
}
