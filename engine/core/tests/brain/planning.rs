//! Plans: order, selection, the meaning of stages, and whether a run may continue.
use std::collections::BTreeMap;

use crate::world::flow::{Flow, Shape, command, flow, stage};
use sunward_core::{Digest, PlanError, Selection, Tasks, task_key};
use sunward_workflows::{Gpus, Resources, Retry, Scatter, Span, Value};

fn names(flow: &Flow) -> Vec<String> {
    let plan = flow.spec().plan;
    plan.stages.into_iter().map(|one| one.stage.name).collect()
}

#[test]
fn upstream_comes_first_and_ties_stay_in_the_order_written() {
    let flow = flow()
        .stage(stage("d").needs("b").needs("c"))
        .stage(stage("c").needs("a"))
        .stage(stage("z"))
        .stage(stage("b").needs("a"))
        .stage(stage("a"));
    assert_eq!(names(&flow), ["z", "a", "c", "b", "d"]);
    let plan = flow.spec().plan;
    let d = plan.find("d").unwrap();
    let upstream: Vec<u32> = plan
        .stage(d)
        .unwrap()
        .upstream
        .iter()
        .map(|id| id.0)
        .collect();
    assert_eq!(upstream, [2, 3]);
}

#[test]
fn a_cycle_is_named_in_order() {
    let flow = flow()
        .stage(stage("start"))
        .stage(stage("a").needs("c").needs("start"))
        .stage(stage("b").needs("a"))
        .stage(stage("c").needs("b"));
    let error = flow.try_spec().unwrap_err();
    assert_eq!(
        error.to_string(),
        "these stages depend on each other: a -> c -> b -> a; remove one of these links"
    );
    assert!(!error.is_infrastructure());
}

#[test]
fn scatters_over_params_are_expanded() {
    let flow = flow()
        .param("n", Value::Int(5))
        .param("list", Value::List(vec![Value::Int(3), Value::Int(1)]))
        .stage(stage("a").scatter(Scatter::Range(Value::String("${{ params.n }}".into()))))
        .stage(stage("b").scatter(Scatter::Items(Value::String("${{ params.list }}".into()))));
    let plan = flow.spec().plan;
    assert_eq!(plan.stages[0].tasks, Some(Tasks::Range(5)));
    assert_eq!(
        plan.stages[1].tasks,
        Some(Tasks::Items(vec![Value::Int(3), Value::Int(1)]))
    );
}

#[test]
fn what_cannot_be_scattered_is_refused_with_what_was_found() {
    for (scatter, message) in [
        (
            Scatter::Range(Value::Int(-1)),
            "a range cannot be -1; it must be 0 or more",
        ),
        (
            Scatter::Items(Value::String("abc".into())),
            "expected a list, found \"abc\"",
        ),
        (
            Scatter::Range(Value::Float(1.5)),
            "expected a whole number, found 1.5",
        ),
        (
            Scatter::Range(Value::Int(1 << 40)),
            "1099511627776 tasks are more than the 100000000 that one stage may have",
        ),
    ] {
        let error = flow()
            .stage(stage("a").scatter(scatter))
            .try_spec()
            .unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[test]
fn a_stage_that_nothing_selected_reads_may_have_any_mistake() {
    let mut flow = flow()
        .stage(stage("a"))
        .stage(stage("b").scatter(Scatter::Range(Value::Int(-1))))
        .stage(stage("c").edit(|stage| {
            stage.condition = Some(sunward_workflows::Template::new("${{ 5 }}"));
        }));
    flow.selection.until = vec!["a".to_owned()];
    let plan = flow.spec().plan;
    assert_eq!(plan.stages[1].tasks, None);
    assert!(!plan.stages[1].selected && plan.stages[0].selected);
    flow.selection.until = vec!["b".to_owned()];
    assert!(flow.try_spec().is_err());
    flow.selection.until = vec!["c".to_owned()];
    let error = flow.try_spec().unwrap_err().to_string();
    assert!(
        error.contains("stage c: its `if` cannot be evaluated"),
        "{error}"
    );
}

#[test]
fn a_stage_that_never_fits_the_machine_is_refused_with_both_numbers() {
    let large = stage("big").edit(|stage| stage.resources.memory_bytes = Some(1 << 40));
    let error = flow().stage(large).try_spec().unwrap_err();
    assert!(error.to_string().contains("1.0 TiB"), "{error}");
    assert!(error.to_string().contains("1.0 GiB"), "{error}");
    assert!(error.is_infrastructure());

    let wide = stage("wide").edit(|stage| stage.resources.disk_bytes = Some(1 << 41));
    let mut on_a_disk = flow().stage(wide.clone());
    on_a_disk.around.disk_bytes = Some(1 << 39);
    let error = on_a_disk.try_spec().unwrap_err();
    let message = error.to_string();
    for word in ["stage wide", "2.0 TiB", "512.0 GiB", "--home"] {
        assert!(message.contains(word), "{message}");
    }
    assert!(error.is_infrastructure());
    // If the size of the disk is not known, it refuses nothing.
    flow().stage(wide).spec();

    let gpu = stage("gpu").edit(|stage| stage.resources.gpus = Gpus::Count(1));
    let error = flow().stage(gpu.clone()).try_spec().unwrap_err();
    assert!(matches!(error, PlanError::Gpu { .. }) && error.to_string().contains("optional: true"));
    flow()
        .stage(gpu.edit(|stage| stage.resources.optional = true))
        .spec();
}

#[test]
fn a_selection_of_what_is_not_there_names_what_is() {
    let selection = Selection {
        until: vec!["mapp".into()],
        ..Selection::default()
    };
    let error = flow()
        .stage(stage("map"))
        .select(selection)
        .try_spec()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "--until mapp: the workflow has no stage of that name; its stages are map"
    );
}

#[test]
fn meaning_changes_with_what_counts_and_with_nothing_else() {
    let meaning = |flow: Flow| flow.spec().plan.stages[0].meaning;
    let base = || {
        flow()
            .param("k", Value::Int(1))
            .param("other", Value::Int(1))
            .stage(command("a", "work ${{ params.k }}"))
    };
    let before = meaning(base());
    assert_eq!(before, meaning(base().param("other", Value::Int(2))));
    assert_ne!(before, meaning(base().param("k", Value::Int(2))));
    let changed = |edit: fn(&mut sunward_workflows::Stage)| {
        let mut flow = base();
        edit(flow.workflow.stages.get_mut("a").unwrap());
        meaning(flow)
    };
    assert_eq!(before, changed(|stage| stage.name = "renamed".into()));
    assert_eq!(before, changed(|stage| stage.resources.cpus = 3));
    assert_eq!(before, changed(|stage| stage.retry.max_attempts = 9));
    assert_eq!(
        before,
        changed(|stage| stage.span = Span { start: 4, end: 9 })
    );
    assert_ne!(
        before,
        changed(|stage| stage.cache.version = Some("2".into()))
    );
    assert_ne!(before, changed(|stage| stage.secrets.push("TOKEN".into())));
    assert_ne!(
        before,
        changed(|stage| stage.outputs["out"].ext = Some("png".into()))
    );
    let staged = |content: &[u8]| {
        let mut flow = base();
        flow.workflow.stages["a"].files.push("./x.py".into());
        flow.around.file_digests = BTreeMap::from([("./x.py".to_owned(), Digest::of(content))]);
        meaning(flow)
    };
    assert_ne!(staged(b"1"), staged(b"2"));
}

#[test]
fn a_kernels_parameter_counts_as_what_it_renders_to() {
    let with = |value: Value| {
        let kernel = stage("k").edit(|stage| {
            stage.action = sunward_workflows::Action::Kernel {
                name: "noop".into(),
                version: 1,
            };
            stage.with.insert("k".into(), value);
        });
        let flow = flow().param("top", Value::Int(10)).stage(kernel);
        flow.spec().plan.stages[0].meaning
    };
    let rendered = with(Value::String("${{ params.top }}".into()));
    assert_eq!(rendered, with(Value::Int(10)));
    assert_ne!(rendered, with(Value::Int(11)));
}

#[test]
fn keys_differ_by_item_only_where_the_item_is_read() {
    let keys = |one| {
        let planned = flow().stage(one).spec().plan.stages.remove(0);
        let tasks = planned.tasks.clone().unwrap();
        let keys = |index| task_key(&planned, &[], &tasks, index);
        (keys(0), keys(1))
    };
    let (first, second) = keys(stage("a").range(2));
    assert_ne!(first, second);
    let (first, second) = keys(stage("a").scatter(Scatter::Range(Value::Int(2))));
    assert_eq!(first, second);
}

/// A stage of two items with this `repeat`.
fn repeated(times: Value) -> Flow {
    flow()
        .param("n", Value::Int(3))
        .param("none", Value::Int(0))
        .stage(
            stage("a")
                .items(&[7, 9])
                .edit(|stage| stage.repeat = Some(times)),
        )
}

#[test]
fn repetitions_have_keys_of_their_own_and_more_of_them_change_none() {
    let keys = |times: Value| {
        let planned = repeated(times).spec().plan.stages.remove(0);
        let tasks = planned.tasks.clone().unwrap();
        let all = (0..tasks.count()).map(|index| {
            let repeat = (
                tasks.item(index, |_| None).unwrap(),
                tasks.repeat(index).unwrap(),
            );
            (repeat, task_key(&planned, &[], &tasks, index))
        });
        all.collect::<Vec<_>>()
    };
    let three = keys(Value::String("${{ params.n }}".into()));
    let distinct: std::collections::BTreeSet<Digest> = three.iter().map(|(_, key)| *key).collect();
    assert_eq!((three.len(), distinct.len()), (6, 6));
    let five = keys(Value::Int(5));
    assert_eq!(five.len(), 10);
    assert!(three.iter().all(|one| five.contains(one)));
}

#[test]
fn a_number_of_times_is_a_whole_number_from_one() {
    for (times, message) in [
        (Value::Int(0), "expected a whole number from 1, found 0"),
        (Value::Int(-3), "expected a whole number from 1, found -3"),
        (
            Value::Float(2.5),
            "expected a whole number from 1, found 2.5",
        ),
        (
            Value::String("${{ params.none }}".into()),
            "expected a whole number from 1, found 0",
        ),
        (Value::Int(1 << 40), "1099511627776 tasks are more than"),
        (Value::Int(60_000_000), "120000000 tasks are more than"),
    ] {
        let error = repeated(times).try_spec().unwrap_err().to_string();
        assert!(error.starts_with("stage a: its `"), "{error}");
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn a_run_does_not_go_on_with_another_number_of_repetitions() {
    let plan = |times| repeated(times).spec().plan;
    let three = plan(Value::Int(3));
    assert!(three.same_meaning(&plan(Value::String("${{ params.n }}".into()))));
    assert!(!three.same_meaning(&plan(Value::Int(4))));
}

#[test]
fn a_run_goes_on_under_other_resources_but_not_under_another_command() {
    let base = || {
        flow()
            .stage(stage("a"))
            .stage(stage("b").from("x", "a").range(4))
    };
    let old = base().spec().plan;
    let same = |edit: fn(&mut sunward_workflows::Workflow)| {
        let mut flow = base();
        edit(&mut flow.workflow);
        old.same_meaning(&flow.spec().plan)
    };
    assert!(same(|_| {}));
    assert!(same(|workflow| {
        let b = &mut workflow.stages["b"];
        b.resources = Resources {
            cpus: 2,
            ..Resources::default()
        };
        b.retry = Retry {
            max_attempts: 5,
            ..Retry::default()
        };
        b.expect.time_ms = Some(1);
        b.place.prefer = vec!["carbon".into()];
        b.span = Span { start: 9, end: 99 };
        workflow.description = "new words".into();
    }));
    assert!(!same(|workflow| {
        workflow.stages["b"].scatter = Scatter::Range(Value::Int(5));
    }));
    assert!(!same(|workflow| {
        workflow.stages["a"].action = command("a", "else").action;
    }));
    assert!(!same(|workflow| {
        workflow.stages.shift_remove("b");
    }));
    assert!(!same(|workflow| {
        let _ = workflow.stages["b"]
            .condition
            .insert(sunward_workflows::Template::new("${{ true }}"));
    }));
}

#[test]
fn a_million_tasks_are_planned_at_once_and_take_little_room() {
    let plan = flow().stage(stage("a").range(1_000_000)).spec().plan;
    assert_eq!(plan.stages[0].tasks, Some(Tasks::Range(1_000_000)));
    assert!(postcard::to_allocvec(&plan).unwrap().len() < 2000);
}
