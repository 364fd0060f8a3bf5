//! Messages survive the encoding that the wire and the journal use.

use sunward_core::{Capacity, Generation, Lease, RunId, StageId, TaskId};
use sunward_protocol::{FromWorker, ToWorker};

#[test]
fn a_lease_arrives_as_it_was_sent() {
    let sent = ToWorker::Lease(Lease {
        run: RunId(7),
        stage: StageId(3),
        first: 4096,
        count: 512,
        generation: Generation(2),
        attempt: 2,
    });
    let bytes = postcard::to_allocvec(&sent).unwrap();
    assert_eq!(postcard::from_bytes::<ToWorker>(&bytes).unwrap(), sent);
    assert!(
        bytes.len() < 16,
        "{} bytes for a lease of 512 tasks",
        bytes.len()
    );
}

#[test]
fn a_workers_words_arrive_as_they_were_said() {
    let task = TaskId {
        run: RunId(1),
        stage: StageId(0),
        index: u32::MAX,
    };
    let capacity = Capacity {
        cpus: 2,
        memory_bytes: 24 << 30,
        gpus: 0,
    };
    for sent in [
        FromWorker::Hello { capacity },
        FromWorker::Started { tasks: vec![task] },
        FromWorker::Notice {
            line: "no GPU here".into(),
        },
        FromWorker::Goodbye,
    ] {
        let bytes = postcard::to_allocvec(&sent).unwrap();
        assert_eq!(postcard::from_bytes::<FromWorker>(&bytes).unwrap(), sent);
    }
}
