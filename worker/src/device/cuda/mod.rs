//! `cuda` stages: the user's own kernel, in a process of its own.
//!
//! A task is a command like any other, except that the program is this one ([`CudaTask`] is what it
//! does then). So it has a log, a time limit and a memory limit; a kernel that hangs is killed, and
//! a device context that it damages ends with its process.

mod columns;
mod declared;
mod error;
mod task;

use std::path::Path;

use sunward_workflows::{Command, Cuda, CudaArg, Template};

pub use error::CudaTaskError;
pub use task::CudaTask;

/// A stage's kernel as the command that runs it. Paths and values are rendered like any command's.
pub(crate) fn command(program: &Path, cuda: &Cuda, inputs: &[&str], outputs: &[&str]) -> Command {
    let mut words = vec![
        sunward_files::as_value(program),
        super::VERB.to_owned(),
        "cuda".to_owned(),
    ];
    let mut bare = cuda.clone();
    for arg in &mut bare.args {
        if let CudaArg::Value { value, .. } = arg {
            words.push(format!("--value={}", value.source));
            *value = Template::default();
        }
    }
    // Serializing plain data as JSON cannot fail; the program would refuse an empty text.
    let kernel = serde_json::to_string(&bare).unwrap_or_default();
    words.push(format!("--kernel={kernel}"));
    let port = |kind: &str, port: &str| format!("--{kind}={port}=${{{{ {kind}s.{port} }}}}");
    words.extend(inputs.iter().map(|name| port("input", name)));
    words.extend(outputs.iter().map(|name| port("output", name)));
    Command::Argv(words.iter().map(Template::new).collect())
}
