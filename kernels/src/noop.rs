//! `noop`: does nothing, to measure the overhead around a kernel.

use sunward_workflows::catalog::KernelEntry;

use crate::entry::optional_port;
use crate::{Context, Inputs, Kernel, KernelError, Outputs, Params};

/// The kernel that does nothing.
pub(crate) struct Noop {
    entry: KernelEntry,
}

impl Noop {
    pub(crate) fn new() -> Self {
        Self { entry: entry() }
    }
}

impl Kernel for Noop {
    fn entry(&self) -> &KernelEntry {
        &self.entry
    }

    fn run(&self, inputs: &Inputs, _: &Params, _: &Context) -> Result<Outputs, KernelError> {
        inputs.check(&self.entry)?;
        Ok(Outputs::new())
    }

    fn is_trivial(&self) -> bool {
        true
    }
}

fn entry() -> KernelEntry {
    KernelEntry {
        name: "noop".to_owned(),
        version: 1,
        summary: "Does nothing, to measure the engine.".to_owned(),
        description: "\
Reads nothing, computes nothing and has no outputs. A scatter of `noop` tasks measures the engine
itself: planning, journaling, dispatch and bookkeeping. Connect a table to `in` to scatter over it
or to make a stage wait for data. Its rows are not read.

Its tasks are cached like any other. Set `cache: false` if each task must be dispatched, as in a
benchmark."
            .to_owned(),
        inputs: vec![optional_port(
            "in",
            "Any table. It is not read.",
            Vec::new(),
        )],
        outputs: Vec::new(),
        params: Vec::new(),
        exact: true,
        tolerance: "There is no result.".to_owned(),
        reference: "none".to_owned(),
        example: "\
tick:
  kernel: noop
  scatter: { over: { range: 1000 } }
  cache: false
"
        .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library;

    #[test]
    fn noop_gives_nothing_and_says_that_it_is_trivial() {
        let kernel = library().get("noop").unwrap();
        let with = Params::resolve(kernel.entry(), Vec::<(String, _)>::new()).unwrap();
        let outputs = kernel
            .run(&Inputs::new(), &with, &Context::default())
            .unwrap();
        assert!(kernel.is_trivial());
        assert_eq!(outputs.iter().count(), 0);
    }
}
