//! What a plan shows about the GPUs that a stage requests.

use sunward_core::PlannedStage;
use sunward_workflows::{Action, Gpus, PoolSpec};

use crate::grid_args::Over;
use crate::machine::cards;

/// True if a stage's tasks get the GPUs that they request, as far as that is known before a run.
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

/// True if a pool has devices, or provides some at certain times.
fn lends_any(pool: &PoolSpec) -> bool {
    pool.gpu.is_some() || pool.windows.iter().any(|window| window.gpus > 0)
}

/// The requested GPUs in words: `1 gpu`, `2 gpus`, `1 H100 or 2 A100`. If they are not given, says
/// that the CPU replaces them.
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
