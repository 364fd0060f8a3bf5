//! Stages of one run that compete for few machines, against the best of all schedules.

use sunward_core::place::{Ask, Placer as _, Problem, Sunward};
use sunward_core::{StageId, Timestamp};

use crate::world::{HOUR, ask, places, solve, world};

/// Hours of each pool in these worlds.
const HOURS: usize = 14;

/// A stage of hours, its upstream stages, and the deadline of the run in hours.
fn stage(at: usize, hours: u64, after: &[u32], by: u64, pools: u32) -> Ask {
    let mut one = ask(1, hours, Some(by), pools);
    one.id.stage = StageId(u32::try_from(at).unwrap());
    one.after = after.to_vec();
    one
}

#[test]
fn a_stage_leaves_the_cleanest_hours_to_one_that_needs_them_more() {
    let grams = [50, 50, 300, 20, 20, 20, 900, 900];
    let mut problem = world(&[("DE", &grams, &[1; 8])]);
    problem.asks = vec![stage(0, 2, &[], 8, 1), stage(1, 3, &[], 8, 1)];
    let placed = solve(&problem);
    assert_eq!(places(&placed[0]), [(0, 0, 1)]);
    assert_eq!(places(&placed[1]), [(0, 3, 1)]);
}

#[test]
fn stages_that_cannot_share_a_machine_wait_for_each_other_and_not_all_begin_at_once() {
    // The second stage needs both machines before they are taken back; the third needs one.
    let grams = [300, 300, 600, 600, 50, 50, 50, 300];
    let mut problem = world(&[
        ("DE", &grams, &[2, 2, 2, 2, 2, 2, 0, 0]),
        ("NO", &[150; 8], &[1; 8]),
    ]);
    let mut wide = stage(2, 1, &[1], 8, 2);
    wide.gpus = 2;
    problem.asks = vec![stage(0, 2, &[], 8, 2), stage(1, 1, &[], 7, 2), wide];
    let placed = solve(&problem);
    assert_eq!(places(&placed[1]), [(0, 4, 1)]);
    assert_eq!(places(&placed[2]), [(0, 5, 1)]);
    assert_eq!(places(&placed[0])[0].0, 1, "300 g in the other pool");
}

/// Pseudo-random numbers.
struct Luck(u64);

impl Luck {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

fn random(luck: &mut Luck) -> (Problem, Vec<Vec<u32>>) {
    let pools = usize::try_from(luck.below(2) + 1).unwrap();
    let mut rows = Vec::new();
    for _ in 0..pools {
        let mut grams = 300;
        let row: Vec<u32> = (0..HOURS)
            .map(|_| {
                if luck.below(5) < 2 {
                    grams = [20, 50, 100, 300, 600][usize::try_from(luck.below(5)).unwrap()];
                }
                grams
            })
            .collect();
        let machines = u32::try_from(luck.below(2) + 1).unwrap();
        rows.push((row, vec![machines; HOURS]));
    }
    let names = ["DE", "NO"];
    let worlds = names.iter().zip(&rows);
    let worlds: Vec<_> = worlds
        .map(|(name, (grams, free))| (*name, &grams[..], &free[..]))
        .collect();
    let mut problem = world(&worlds);
    let by = 8 + luck.below(6);
    for at in 0..usize::try_from(luck.below(3) + 2).unwrap() {
        let after: Vec<u32> = (0..u32::try_from(at).unwrap())
            .filter(|_| luck.below(3) == 0)
            .collect();
        let hours = luck.below(3) + 1;
        problem
            .asks
            .push(stage(at, hours, &after, by, u32::try_from(pools).unwrap()));
    }
    (problem, rows.into_iter().map(|(grams, _)| grams).collect())
}

/// The least that the stages from `at` on emit, by trying all pools and starts; `None` if they do not
/// all fit.
fn least(
    problem: &Problem,
    grams: &[Vec<u32>],
    at: usize,
    free: &mut Vec<Vec<u32>>,
    ends: &mut Vec<usize>,
) -> Option<u64> {
    let Some(ask) = problem.asks.get(at) else {
        return Some(0);
    };
    let hours = usize::try_from(ask.task_ms / HOUR).unwrap();
    let by = usize::try_from(ask.finish_by.unwrap().0 / HOUR).unwrap();
    let from = ask
        .after
        .iter()
        .map(|one| ends[*one as usize])
        .max()
        .unwrap_or(0);
    let mut best: Option<u64> = None;
    for pool in 0..grams.len() {
        for start in from..=by.saturating_sub(hours) {
            let window = start..start + hours;
            let start_ms = HOUR * u64::try_from(start).unwrap();
            if ask.start_by.is_some_and(|by| start_ms > by.0) {
                break;
            }
            if window.end > by || free[pool][window.clone()].contains(&0) {
                continue;
            }
            let own: u32 = grams[pool][window.clone()].iter().sum();
            free[pool][window.clone()]
                .iter_mut()
                .for_each(|free| *free -= 1);
            ends.push(window.end);
            let rest = least(problem, grams, at + 1, free, ends);
            ends.pop();
            free[pool][window].iter_mut().for_each(|free| *free += 1);
            let all = rest.map(|rest| rest + u64::from(own));
            best = [best, all].into_iter().flatten().min();
        }
    }
    best
}

#[test]
fn of_many_small_graphs_hardly_any_is_placed_worse_than_can_be_and_none_is_late() {
    let mut luck = Luck(7);
    let (mut ours, mut best, mut exact, mut cases) = (0, 0, 0, 0);
    for case in 0..200 {
        let (problem, grams) = random(&mut luck);
        let pools = &problem.outlook.pools;
        let mut free: Vec<Vec<u32>> = pools.iter().map(|pool| pool.gpus.clone()).collect();
        let Some(possible) = least(&problem, &grams, 0, &mut free, &mut Vec::new()) else {
            continue;
        };
        let solution = Sunward::default().solve(&problem);
        assert!(!solution.late, "case {case} is late: {:?}", problem.asks);
        let placed = solution.placements.into_iter().flatten();
        let grams: u64 = placed.map(|one| one.expected_micrograms / 1_000_000).sum();
        assert!(grams >= possible, "case {case}: {grams} g of {possible} g");
        cases += 1;
        exact += u64::from(grams == possible);
        ours += grams;
        best += possible;
    }
    assert!(cases > 150);
    assert!(
        ours * 100 <= best * 101,
        "{ours} g, and {best} g is possible"
    );
    assert!(exact * 100 >= cases * 95, "{exact} of {cases} are exact");
}

#[test]
fn what_competes_is_placed_the_same_each_time() {
    let mut luck = Luck(11);
    for _ in 0..40 {
        let (problem, _) = random(&mut luck);
        let mut kept = Sunward::default();
        let first = kept.solve(&problem).placements;
        assert_eq!(first, kept.solve(&problem).placements);
        assert_eq!(first, Sunward::default().solve(&problem).placements);
    }
}

#[test]
fn stages_that_compete_begin_by_their_latest_start_if_all_can() {
    let mut luck = Luck(3);
    let mut met = 0;
    for case in 0..300 {
        let (mut problem, grams) = random(&mut luck);
        for ask in &mut problem.asks {
            let last = (ask.finish_by.unwrap().0 - ask.task_ms) / HOUR;
            let begins = last.saturating_sub(luck.below(8));
            ask.start_by = Some(Timestamp(begins * HOUR));
        }
        let pools = &problem.outlook.pools;
        let mut free: Vec<Vec<u32>> = pools.iter().map(|pool| pool.gpus.clone()).collect();
        if least(&problem, &grams, 0, &mut free, &mut Vec::new()).is_some() {
            let solution = Sunward::default().solve(&problem);
            assert!(!solution.late, "case {case}: {:?}", solution.placements);
            met += 1;
        }
    }
    assert!(met > 200, "{met}");
}
