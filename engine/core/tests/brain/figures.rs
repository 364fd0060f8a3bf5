//! What was read of zones becomes a fact if it changes what is known, and only then.

use proptest::prelude::*;
use sunward_core::{
    Actuals, Fact, Input, Intensities, Quarter, Signal, State, Timestamp, apply, decide,
};

type Values = Vec<(u32, Option<u32>, bool)>;

fn actuals(first: u32, values: Values) -> Actuals {
    Actuals {
        zone: "DE".into(),
        source: "measured".into(),
        first: Quarter(first),
        values,
    }
}

/// The facts of a look at a moment. They are applied.
fn look(state: &mut State, at: u64, provider: &str, measured: Actuals) -> Vec<Fact> {
    let signal = Signal {
        provider: provider.into(),
        ..Signal::recorded("DE", sunward_core::ledger::Basis::default())
    };
    let input = Input::Figures {
        signals: vec![signal],
        measured: vec![measured],
    };
    let facts = decide(state, Timestamp(at), input).facts;
    for fact in &facts {
        apply(state, fact).unwrap();
    }
    facts
}

#[test]
fn a_look_that_finds_nothing_new_writes_nothing() {
    let mut state = State::default();
    let known = || actuals(4, vec![(100, None, false), (90, Some(400), true)]);
    assert_eq!(look(&mut state, 1, "uk", known()).len(), 2);
    let before = state.clone();
    assert_eq!(look(&mut state, 2, "uk", known()), []);
    assert_eq!(state, before);
}

#[test]
fn what_is_new_is_written_alone_with_the_moment_of_the_look() {
    let mut state = State::default();
    look(&mut state, 1, "uk", actuals(4, vec![(100, None, false); 3]));
    let mut measured = vec![(100, None, false); 5];
    measured[4].0 = 80;
    let facts = look(&mut state, 2, "uk", actuals(4, measured));
    let [
        Fact::SignalsKnown { at, .. },
        Fact::ActualsKnown { actuals: new },
    ] = &facts[..]
    else {
        panic!("{facts:?}");
    };
    assert_eq!(*at, Timestamp(2));
    assert_eq!(
        *new,
        actuals(7, vec![(100, None, false), (80, None, false)])
    );
}

#[test]
fn another_provider_is_written_without_new_figures_and_its_figures_are_new() {
    let mut state = State::default();
    look(&mut state, 1, "uk", actuals(4, vec![(100, None, false)]));
    let other = look(&mut state, 2, "eia", actuals(4, Vec::new()));
    assert!(
        matches!(&other[..], [Fact::SignalsKnown { .. }]),
        "{other:?}"
    );
    let figures = look(&mut state, 3, "eia", actuals(4, vec![(100, None, false)]));
    assert_eq!(figures.len(), 2);
}

fn values() -> impl Strategy<Value = Values> {
    let one = (
        1_u32..3,
        prop::option::weighted(0.3, 1_u32..3),
        any::<bool>(),
    );
    prop::collection::vec(one, 0..6)
}

proptest! {
    #[test]
    fn learning_the_news_is_learning_all(
        looks in prop::collection::vec((0_u32..6, values()), 1..6),
    ) {
        let signal = Signal::recorded("DE", sunward_core::ledger::Basis::default());
        let (mut all, mut few) = (Intensities::default(), Intensities::default());
        for (at, (first, values)) in (1..).zip(looks) {
            let measured = actuals(first, values);
            let news = few.news(&measured, Some(&signal), Quarter(0));
            all.learn(&measured, Some(&signal), Timestamp(at));
            if let Some(news) = news {
                few.learn(&news, Some(&signal), Timestamp(at));
            }
            prop_assert_eq!(few.news(&measured, Some(&signal), Quarter(0)), None);
            for quarter in 0..12 {
                let seen = |known: &Intensities| {
                    let known = known.get("DE", Quarter(quarter)).copied().unwrap_or_default();
                    [known.average, known.marginal]
                        .map(|one| one.map(|one| (one.mg_per_kwh, one.certainty)))
                };
                prop_assert_eq!(seen(&few), seen(&all));
            }
        }
    }
}
