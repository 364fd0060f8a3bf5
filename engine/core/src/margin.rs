//! The margin that a start keeps, because a run may take longer than expected.

use crate::estimate;
use crate::ids::StageId;
use crate::place::{Margin, Spread, Timing};
use crate::plan::PlannedStage;
use crate::state::pace::Pace;
use crate::state::{RunState, State};

/// The chance of ending after the deadline that is accepted without `deadline_risk`, in parts per
/// million: a tenth. The margin is then what nine of ten runs do not exceed.
const RISK_PPM: u32 = 100_000;

/// The attempts from which on their own spread is used. With fewer, it is the assumed one, or the
/// longest attempt if that is more.
const ENOUGH: u64 = 5;

/// What is assumed of a command without enough attempts, unless its author states how long it takes
/// and no risk: then nothing. Its wall times are log-normal around the expected one, with a standard deviation of 0.3 of their logarithm. For a chance, in parts per
/// million, of taking longer, this is how much longer, in thousandths of the expected time. Chances
/// in between are interpolated.
const ASSUMED: [(u64, u64); 12] = [
    (1, 3160),
    (10, 2595),
    (100, 2052),
    (1000, 1527),
    (5000, 1166),
    (10_000, 1010),
    (50_000, 638),
    (100_000, 469),
    (200_000, 287),
    (300_000, 170),
    (500_000, 0),
    (1_000_000, 0),
];

/// How long one task of a stage is expected to take, and the margin that the stage keeps by itself.
pub(crate) fn timing(state: &State, run: &RunState, id: StageId) -> Timing {
    let Some((planned, stage)) = run.get(id) else {
        return Timing::default();
    };
    let timing = estimate::timing(state, planned, stage);
    Timing {
        margin: margin(state, run, id, planned, timing.task_ms),
        ..timing
    }
}

/// The margin of a stage. None is kept without a deadline, or if the times are known exactly.
///
/// Of tasks that run at the same time the longest counts. If `width` of them run, each may exceed
/// the margin with `1 / width` of the accepted chance. Of tasks that run one after the other the
/// spreads add as independent ones do: the margin of `n` rounds is that of one times the square root
/// of `n`.
fn margin(
    state: &State,
    run: &RunState,
    id: StageId,
    planned: &PlannedStage,
    left_ms: u64,
) -> Margin {
    let (own, of_run) = (&planned.stage.place, &run.spec.workflow.place);
    let due = own.deadline_ms.or(of_run.deadline_ms);
    if run.spec.placing.times_are_exact || due.is_none() {
        return Margin::default();
    }
    let stated_ppm = own.deadline_risk_ppm.or(of_run.deadline_risk_ppm);
    let risk_ppm = stated_ppm.unwrap_or(RISK_PPM);
    // An author who states a time and no risk means the time that the work may take.
    let is_taken_at_its_word = planned.stage.expect.time_ms.is_some() && stated_ppm.is_none();
    let tasks = run.open_tasks(id).max(1);
    let width = planned.stage.max_parallel.unwrap_or(tasks).clamp(1, tasks);
    let pace = state.agenda.pace(planned.meaning);
    // After a checkpoint less is left than was expected of the whole.
    let whole_ms = planned.stage.expect.time_ms.unwrap_or(left_ms);
    let each_ppm = (u64::from(risk_ppm) / u64::from(width)).max(1);
    let assumed_ms = match is_taken_at_its_word {
        true => 0,
        false => assumed_ms(whole_ms, each_ppm),
    };
    let (each_ms, spread) = of_one(pace.as_ref(), whole_ms, each_ppm, assumed_ms);
    if is_taken_at_its_word && spread == Spread::Assumed {
        return Margin::default();
    }
    let each_ms = u128::from(each_ms) * u128::from(left_ms) / u128::from(whole_ms.max(1));
    let rounds = u128::from(tasks.div_ceil(width));
    let ms = each_ms
        .saturating_mul(each_ms)
        .saturating_mul(rounds)
        .isqrt();
    Margin {
        ms: u64::try_from(ms).unwrap_or(u64::MAX),
        risk_ppm,
        spread,
    }
}

/// How much longer than expected one task may take, in milliseconds. `assumed_ms` is that without
/// attempts.
fn of_one(pace: Option<&Pace>, expected_ms: u64, risk_ppm: u64, assumed_ms: u64) -> (u64, Spread) {
    match pace {
        Some(pace) if pace.attempts >= ENOUGH => (
            pace.quantile_ms(risk_ppm).saturating_sub(expected_ms),
            Spread::Observed(pace.attempts),
        ),
        Some(pace) if risk_ppm < 500_000 => {
            let longest_ms = pace.longest_ms.saturating_sub(expected_ms);
            match longest_ms > assumed_ms {
                true => (longest_ms, Spread::Longest(pace.attempts)),
                false => (assumed_ms, Spread::Assumed),
            }
        }
        Some(_) | None => (assumed_ms, Spread::Assumed),
    }
}

/// The margin without enough attempts, in milliseconds.
fn assumed_ms(expected_ms: u64, risk_ppm: u64) -> u64 {
    let permille = ASSUMED
        .windows(2)
        .find_map(|pair| match pair {
            [(from, more), (to, less)] if risk_ppm <= *to => {
                let past = risk_ppm.max(*from) - from;
                Some(more - (more - less) * past / (to - from))
            }
            _ => None,
        })
        .unwrap_or(0);
    let ms = u128::from(expected_ms) * u128::from(permille) / 1000;
    u64::try_from(ms).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{assumed_ms, of_one};
    use crate::place::Spread;
    use crate::state::pace::Pace;

    const MINUTE_MS: u64 = 60_000;

    fn pace(minutes: &[u64]) -> Pace {
        let mut pace = Pace::default();
        let times = minutes.iter().map(|minutes| minutes * MINUTE_MS * 1000);
        times.for_each(|wall_us| pace.add(wall_us));
        pace
    }

    #[test]
    fn without_attempts_nearly_half_of_the_expected_time_is_kept() {
        assert_eq!(assumed_ms(1000, 100_000), 469);
        assert_eq!(assumed_ms(1000, 50_000), 638);
        assert_eq!(assumed_ms(1000, 75_000), 554);
        assert_eq!(assumed_ms(1000, 500_000), 0);
        assert_eq!(assumed_ms(1000, 0), 3160);
    }

    #[test]
    fn five_attempts_count_for_themselves_and_fewer_only_make_it_longer() {
        let expected_ms = 60 * MINUTE_MS;
        let assumed_ms = assumed_ms(expected_ms, 100_000);
        let of = |minutes: &[u64]| of_one(Some(&pace(minutes)), expected_ms, 100_000, assumed_ms);
        assert_eq!(of(&[60; 5]), (0, Spread::Observed(5)));
        assert_eq!(of(&[60; 4]), (assumed_ms, Spread::Assumed));
        assert_eq!(of(&[60, 240]), (180 * MINUTE_MS, Spread::Longest(2)));
    }

    proptest! {
        #[test]
        fn whoever_accepts_a_larger_risk_keeps_no_larger_margin(
            minutes in prop::collection::vec(1_u64..600, 0..30),
            expected in 1_u64..600,
            risk_ppm in 1_u64..=1_000_000,
            more_ppm in 0_u64..1_000_000,
        ) {
            let pace = pace(&minutes);
            let pace = (!minutes.is_empty()).then_some(&pace);
            let expected_ms = expected * MINUTE_MS;
            let of = |risk_ppm| {
                of_one(pace, expected_ms, risk_ppm, assumed_ms(expected_ms, risk_ppm)).0
            };
            let cautious = of(risk_ppm);
            let bold = of((risk_ppm + more_ppm).min(1_000_000));
            prop_assert!(bold <= cautious);
        }
    }
}
