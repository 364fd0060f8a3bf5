//! The name of an attempt in the environment of its processes: the scratch folder of its worker,
//! and a number.

/// The environment variable that names the attempt in every process that it starts.
pub(crate) const VARIABLE: &str = "SUNWARD_ATTEMPT";

/// The name of the attempt `number` of a worker.
pub(crate) fn of(worker: &str, number: u64) -> String {
    format!("{worker}:{number}")
}

/// Whether an attempt of this worker has this name.
pub(crate) fn is_of_worker(name: &str, worker: &str) -> bool {
    let rest = name.strip_prefix(worker);
    rest.is_some_and(|rest| rest.starts_with(':'))
}

/// Whether an attempt of any worker of this process has this name.
pub(crate) fn is_of_this_process(name: &str) -> bool {
    name.starts_with(&workers_prefix())
}

/// The begin of the names of all workers of this process.
pub(crate) fn workers_prefix() -> String {
    format!("w{}-", std::process::id())
}
