//! Jobs whose lengths no policy knows.

use proptest::prelude::*;
use sunward_core::place::{Placer, Sunward};
use sunward_sim::meter::grams;
use sunward_sim::{Arrival, Lengths, Locales, RunDraft, contender, submissions};

use crate::world::{Cleanest, Draft, HOUR_MS, hour, job, starts};

/// A job that may wait for `slack_h` hours, of one of a few users.
fn waiting(user: &str, hours: u64, slack_h: u64) -> RunDraft {
    let mut draft = RunDraft {
        slack_ms: Some(slack_h * HOUR_MS),
        ..job("DE", hours, slack_h)
    };
    draft.stages[0].class = user.to_owned();
    draft
}

#[test]
fn the_first_job_is_held_to_take_an_hour_and_the_second_as_long_as_the_first() {
    let grams_by_hour = [
        400, 400, 100, 400, 200, 200, 200, 400, 100, 400, 400, 150, 150, 150, 400,
    ];
    let world = |lengths| {
        let mut world = Draft::default()
            .zone("DE", &grams_by_hour, 4)
            .run(0, waiting("ada", 3, 6))
            .run(6, waiting("ada", 3, 6))
            .run(6, waiting("bob", 3, 6));
        world.lengths = lengths;
        world.play()
    };
    // Three hours are cleanest from 4 and from 11 on, one hour at 2 and at 8.
    assert_eq!(
        starts(&world(Lengths::Known)),
        [
            "04:00 r1 0 in pool 0 x 1",
            "11:00 r2 0 in pool 0 x 1",
            "11:00 r3 0 in pool 0 x 1"
        ]
    );
    let played = world(Lengths::History);
    assert_eq!(
        starts(&played),
        [
            "02:00 r1 0 in pool 0 x 1",
            "08:00 r3 0 in pool 0 x 1",
            "11:00 r2 0 in pool 0 x 1"
        ]
    );
    // The world runs all three hours: 700 g, 900 g and 450 g.
    assert!((grams(played.tally.used.total()) - 2050.0).abs() < 1e-9);
    assert_eq!(
        (played.tally.succeeded, played.tally.deadlines_missed),
        (3, 0)
    );
}

#[test]
fn what_is_told_of_a_job_is_the_same_whatever_its_length() {
    let told = |hours| {
        let arrivals = vec![Arrival {
            at: hour(0),
            draft: waiting("ada", hours, 6),
        }];
        let runs = submissions(arrivals, Lengths::History).unwrap();
        assert_ne!(runs[0].spec, runs[0].told);
        runs[0].told.clone()
    };
    assert_eq!(told(1), told(30));
    let known = submissions(
        vec![Arrival {
            at: hour(0),
            draft: waiting("ada", 1, 6),
        }],
        Lengths::Known,
    )
    .unwrap();
    assert_eq!(known[0].spec, known[0].told);
}

/// Every policy that is simulated, and one of these tests.
fn placers() -> Vec<Box<dyn Placer>> {
    let named = ["gaia-carbon-time", "lacs", "carbonflex", "carbonscaler"];
    let named = named.map(|name| contender(name, &Locales::default()).unwrap().placer);
    let mut all: Vec<Box<dyn Placer>> = vec![Box::new(Cleanest), Box::new(Sunward::default())];
    all.extend(named);
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_lengths_of_later_jobs_change_no_earlier_decision(
        grams in proptest::collection::vec(50_u32..600, 72),
        jobs in proptest::collection::vec((0_u64..40, 1_u64..6, 0_u64..12, 0_usize..3), 4..16),
        from in 5_u64..30,
        longer in 1_u64..8,
    ) {
        let early = |changed: bool, placer: Box<dyn Placer>| {
            let mut world = Draft::default().zone("DE", &grams, 3).zone("NO", &[300], 2);
            for (at, hours, slack_h, user) in &jobs {
                let more = if changed && *at >= from { longer } else { 0 };
                let user = ["ada", "bob", "eve"][*user];
                world = world.run(*at, waiting(user, hours + more, *slack_h));
            }
            world.lengths = Lengths::History;
            let played = world.play_with(placer);
            let early = played.tally.starts.iter().filter(|one| one.at <= hour(from));
            let count = early.count();
            starts(&played).into_iter().take(count).collect::<Vec<_>>()
        };
        for (one, other) in placers().into_iter().zip(placers()) {
            prop_assert_eq!(early(false, one), early(true, other));
        }
    }

    /// Room is looked for at its latest start. What is to end at that very moment, and does not, is
    /// seen a slot later.
    #[test]
    fn while_a_machine_is_free_each_job_begins_within_a_slot_of_its_latest_start(
        grams in proptest::collection::vec(50_u32..600, 72),
        jobs in proptest::collection::vec(
            (0_u64..20, 1_u64..30, 0_u64..900, 0_usize..3, 1_u32..3),
            4..12,
        ),
    ) {
        let many = u32::try_from(jobs.len()).unwrap();
        let world = Draft::default().zone("NO", &[40], 2).zone("GB", &grams, 3);
        let mut world = world.zone("DE", &[700], 2 * many);
        for (at, hours, slack_minutes, user, gpus) in &jobs {
            let mut job = waiting(["ada", "bob", "eve"][*user], *hours, 0);
            job.stages[0].gpus = *gpus;
            let slack_ms = slack_minutes * 60_000;
            job.slack_ms = Some(slack_ms);
            job.deadline_ms = Some(hours * HOUR_MS + slack_ms + HOUR_MS / 4);
            world = world.run(*at, job);
        }
        world.lengths = Lengths::History;
        let tally = world.play_with(Box::new(Sunward::default())).tally;
        prop_assert_eq!((tally.succeeded, tally.deadlines_missed), (u64::from(many), 0));
    }
}
