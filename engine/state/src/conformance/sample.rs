//! Small facts for the conformance tests.

use std::sync::Arc;

use sunward_core::{
    Capacity, Dataset, Digest, Energy, Fact, Generation, Lease, PartRef, Placing, Plan,
    PlannedStage, PoolId, Reads, RunId, RunSpec, RunStatus, StageId, StagedFiles, Success,
    TaskResult, Tasks, Timestamp, WorkerId,
};
use sunward_workflows::{Action, Cache, Command, Scatter, Stage, Value, Workflow};

use crate::error::StateError;
use crate::group::Group;
use crate::journal::{Reader, Scope};

/// A group of these facts.
#[must_use]
pub fn group(facts: Vec<Fact>) -> Group {
    Group {
        at: Timestamp(1_000),
        facts,
        ..Group::default()
    }
}

/// The spec of a run of this file, with one param.
#[must_use]
pub fn spec(path: &str, param: i64) -> Arc<RunSpec> {
    Arc::new(RunSpec {
        path: path.to_owned(),
        source: "name: sample".to_owned(),
        workflow: Workflow {
            name: "sample".to_owned(),
            ..Workflow::default()
        },
        params: [("k".to_owned(), Value::Int(param))].into(),
        plan: Plan::default(),
        placing: Placing::default(),
        limits: Default::default(),
    })
}

/// The fact that a run was submitted.
#[must_use]
pub fn submitted(run: u64) -> Fact {
    Fact::Submitted {
        run: RunId(run),
        at: Timestamp(run * 10),
        spec: spec("/a/workflow.yaml", 1),
    }
}

/// The fact that a run of one stage with four tasks was submitted.
#[must_use]
pub fn tasks(run: u64) -> Fact {
    let planned = PlannedStage {
        stage: stage("work"),
        upstream: Vec::new(),
        meaning: key(1),
        ingredients: Vec::new(),
        staged: StagedFiles::default(),
        reads: Reads::default(),
        selected: true,
        force: false,
        repeat: None,
        tasks: Some(Tasks::Range(4)),
    };
    let mut spec = spec("/a/workflow.yaml", 1);
    Arc::make_mut(&mut spec).plan.stages.push(planned);
    Fact::Submitted {
        run: RunId(run),
        at: Timestamp(run * 10),
        spec,
    }
}

/// The fact that this stage was resolved.
#[must_use]
pub fn resolved(run: u64) -> Fact {
    Fact::Resolved {
        run: RunId(run),
        stage: StageId(0),
        inputs: Vec::new(),
        tasks: Tasks::Range(4),
        at: Timestamp(run * 10 + 1),
    }
}

/// A stage without inputs and outputs, whose results are used by its own run only.
fn stage(name: &str) -> Stage {
    Stage {
        scatter: Scatter::Range(Value::Int(4)),
        cache: Cache {
            enabled: false,
            version: None,
        },
        ..Stage::new(name, Action::Run(Command::Argv(Vec::new())))
    }
}

/// The fact that a run ended.
#[must_use]
pub fn ended(run: u64, status: RunStatus) -> Fact {
    Fact::RunEnded {
        run: RunId(run),
        status,
        at: Timestamp(run * 10 + 5),
    }
}

/// The fact that a worker joined.
#[must_use]
pub fn joined(worker: u32) -> Fact {
    Fact::WorkerJoined {
        worker: WorkerId(worker),
        capacity: Capacity {
            cpus: 2,
            memory_bytes: 1 << 30,
            gpus: 0,
        },
        pool: PoolId::default(),
    }
}

/// The fact that tasks were leased.
#[must_use]
pub fn leased(run: u64, first: u32, count: u32) -> Fact {
    Fact::Leased {
        worker: WorkerId(1),
        lease: Lease {
            run: RunId(run),
            stage: StageId(0),
            first,
            count,
            generation: Generation(1),
            attempt: 1,
        },
        at: Timestamp(run * 10 + 1),
    }
}

/// The fact that tasks succeeded.
#[must_use]
pub fn finished(run: u64, first: u32, count: u32) -> Fact {
    Fact::Finished {
        run: RunId(run),
        stage: StageId(0),
        successes: (first..first + count)
            .map(|index| Success {
                index,
                generation: Generation(1),
                started_ms: 1_700_000_000_000,
                wall_us: 900,
                cpu_us: 800,
                energy: Energy::Modelled { millijoules: 10 },
                result: result(u64::from(index)),
            })
            .collect(),
    }
}

/// A result that a number identifies.
#[must_use]
pub fn result(number: u64) -> TaskResult {
    TaskResult::of_cpu(vec![dataset(number)])
}

/// A dataset that a number identifies.
#[must_use]
pub fn dataset(number: u64) -> Dataset {
    Dataset {
        content: key(number),
        rows: number,
        parts: vec![PartRef {
            digest: key(number + 1),
            bytes: 4096,
            rows: number,
        }],
        ..Dataset::default()
    }
}

/// A digest that a number identifies.
#[must_use]
pub fn key(number: u64) -> Digest {
    Digest::of(&number.to_le_bytes())
}

/// All facts of a scope, in order.
///
/// # Errors
///
/// Fails if they cannot be read.
pub fn facts(reader: &dyn Reader, scope: Scope) -> Result<Vec<Fact>, StateError> {
    let mut facts = Vec::new();
    reader.replay(scope, &mut |fact| facts.push(fact))?;
    Ok(facts)
}
