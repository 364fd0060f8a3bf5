//! What a plan says of the GPUs that a stage asks for.

use sunward_core::PlannedStage;
use sunward_workflows::{Action, Gpus, PoolSpec};

use crate::grid_args::Over;
use crate::machine::cards;

/// Whether a stage's tasks get the GPUs they ask for, as far as one knows ahead.
pub(super) fn are_given(planned: &PlannedStage, over: Over<'_>) -> bool {
    let asked = &planned.stage.resources;
    let takes_any = match &planned.stage.action {
        Action::Kernel { name, .. } => {
            let library = sunward_kernels::library();
            let kernel = library.get(name);
            kernel.is_some_and(|kernel| !kernel.sources().is_empty())
        }
        Action::Run(_) | Action::Cuda(_) => true,
    };
    takes_any
        && match over {
            Over::Here(machine) => {
                machine.gpus.is_some_and(|gpus| gpus > 0)
                    && sunward_worker::can_serve(cards(), asked)
            }
            Over::Pools(pools) => pools.iter().any(lends_any),
        }
}

/// Whether a pool has devices, or lends some at some time.
fn lends_any(pool: &PoolSpec) -> bool {
    pool.gpu.is_some() || pool.windows.iter().any(|window| window.gpus > 0)
}

/// `1 gpu`, `2 gpus`, `1 H100 or 2 A100`; and what does the work where they are not given.
pub(super) fn text(asked: &Gpus, given: bool) -> String {
    let words = match asked {
        Gpus::Count(1) => "1 gpu".to_owned(),
        Gpus::Count(count) => format!("{count} gpus"),
        named => named.to_string(),
    };
    if given {
        words
    } else {
        format!("the CPU instead of {words}")
    }
}

#[cfg(test)]
mod tests {
    use sunward_workflows::Gpus;

    use super::text;

    #[test]
    fn gpus_that_are_given_are_named_and_others_say_what_does_their_work() {
        let model = Gpus::Model("H100".to_owned(), 2);
        for (asked, given, words) in [
            (&Gpus::Count(1), true, "1 gpu"),
            (&Gpus::Count(2), true, "2 gpus"),
            (&model, true, "2 H100"),
            (&Gpus::Count(1), false, "the CPU instead of 1 gpu"),
            (&model, false, "the CPU instead of 2 H100"),
        ] {
            assert_eq!(text(asked, given), words);
        }
    }
}
