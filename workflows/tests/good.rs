//! Good files become models with the same content.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod support;

use sunward_workflows::{
    Action, Cache, Command, Form, Gpus, Reference, RetryOn, Scatter, Slicing, Value, Workflow,
    check, render_human,
};

fn model(text: &str) -> Workflow {
    let checked = check(text, &support::catalog(), &support::facts());
    let rendered = render_human("file.yaml", text, &checked.diagnostics, false);
    assert!(checked.diagnostics.is_empty(), "{rendered}");
    checked.workflow.unwrap()
}

fn design() -> Workflow {
    model(include_str!("good/design.yaml"))
}

fn everything() -> Workflow {
    model(include_str!("good/everything.yaml"))
}

#[test]
fn the_ligand_screen_becomes_the_graph_that_it_describes() {
    let workflow = design();
    assert_eq!(workflow.name, "ligand-screen");
    assert_eq!(workflow.place.prefer, ["carbon"]);
    assert_eq!(workflow.place.deadline_ms, Some(86_400_000));
    assert_eq!(workflow.budget.kwh, Some(10.0));
    let search = &workflow.stages["search"];
    assert_eq!(
        search.action,
        Action::Kernel {
            name: "tanimoto_topk".into(),
            version: 1
        }
    );
    let slicing = Slicing::Rows(100_000);
    assert_eq!(
        search.scatter,
        Scatter::Input {
            port: "library".into(),
            slicing
        }
    );
    assert_eq!(
        search.inputs["library"].from,
        [Reference::Param("library".into())]
    );
    assert_eq!(
        search.with["k"],
        Value::String("${{ params.top_k }}".into())
    );
    assert_eq!(search.resources.gpus, Gpus::Count(1));
    assert_eq!(search.resources.memory_bytes, Some(4 << 30));
    assert_eq!(search.retry.max_attempts, 3);
    assert_eq!(search.timeout_ms, Some(7_200_000));
    assert_eq!(search.expect.power_watts, Some(350.0));
    assert!(search.outputs.contains_key("rejects"));
    let plot = &workflow.stages["plot"];
    assert_eq!(plot.files, ["./plot.py"]);
    assert_eq!(
        plot.python.as_ref().unwrap().packages,
        ["matplotlib", "pyarrow"]
    );
    assert_eq!(plot.outputs["figure"].ext.as_deref(), Some("png"));
    let hits = Reference::Port {
        stage: "merge".into(),
        port: "hits".into(),
    };
    assert_eq!(workflow.outputs["hits"], hits);
}

#[test]
fn every_form_of_scatter_is_told_apart() {
    let workflow = everything();
    let scatter = |stage: &str| workflow.stages[stage].scatter.clone();
    let items = [
        Value::Int(1),
        Value::String("two".into()),
        Value::Float(3.5),
    ];
    assert_eq!(
        scatter("listed"),
        Scatter::Items(Value::List(items.to_vec()))
    );
    assert_eq!(
        scatter("ranged"),
        Scatter::Range(Value::String("${{ params.n }}".into()))
    );
    let years = Value::String("${{ params.years }}".into());
    assert_eq!(scatter("over_list"), Scatter::Items(years));
    assert!(matches!(scatter("crossed"), Scatter::Matrix(axes) if axes.len() == 2));
    let table = |slicing| Scatter::Input {
        port: "table".into(),
        slicing,
    };
    assert_eq!(scatter("rows"), table(Slicing::Rows(10)));
    assert_eq!(scatter("by_row"), table(Slicing::Row));
    let all = Scatter::Input {
        port: "all".into(),
        slicing: Slicing::Parts,
    };
    assert_eq!(scatter("parted"), all);
    assert_eq!(scatter("grid"), Scatter::One);
}

#[test]
fn defaults_flow_into_stages_and_merge_with_their_own() {
    let workflow = everything();
    let listed = &workflow.stages["listed"];
    assert_eq!(listed.retry.max_attempts, 2);
    assert_eq!(listed.retry.backoff_ms, 10_000);
    assert_eq!(listed.retry.on, [RetryOn::Infrastructure, RetryOn::Any]);
    assert_eq!(listed.env["LEVEL"].source, "1");
    let Action::Run(Command::Shell { shell, .. }) = &listed.action else {
        panic!("a shell's script");
    };
    assert_eq!(
        shell[1..],
        ["--noprofile", "--norc", "-euo", "pipefail", "-c"]
    );
    let over_list = &workflow.stages["over_list"];
    assert_eq!(over_list.env["LEVEL"].source, "2");
    assert_eq!(over_list.env["LANG"].source, "C.UTF-8");
    let by_row = &workflow.stages["by_row"];
    assert_eq!(by_row.retry.max_attempts, 3);
    assert_eq!(by_row.retry.backoff_ms, 10_000);
    assert_eq!(by_row.retry.on[3], RetryOn::Exit(vec![75, 76]));
    assert!(workflow.stages["grid"].env.is_empty());
}

#[test]
fn settings_keep_what_the_author_wrote() {
    let workflow = everything();
    let by_row = &workflow.stages["by_row"];
    assert_eq!(
        by_row.cache,
        Cache {
            enabled: true,
            version: Some("3".into())
        }
    );
    assert_eq!(by_row.resources.cpus, 2);
    assert_eq!(by_row.resources.memory_bytes, Some(512 << 20));
    let any = vec![
        Gpus::Model("H100".into(), 2),
        Gpus::Model("A100".into(), 1),
        Gpus::Count(4),
    ];
    assert_eq!(by_row.resources.gpus, Gpus::AnyOf(any));
    assert_eq!(by_row.expect.time_ms, Some(5_400_000));
    assert!(!workflow.stages["ranged"].cache.enabled);
    let python = workflow.stages["parted"].python.clone().unwrap();
    assert_eq!(python.version.as_deref(), Some("3.10"));
    assert_eq!(workflow.stages["parted"].needs, ["listed", "ranged"]);
    let schema = workflow.stages["rows"].outputs["table"]
        .schema
        .clone()
        .unwrap();
    assert_eq!(schema[1].column_type.0, "utf8");
    assert_eq!(workflow.params["scale"].default, Some(Value::Float(1.0)));
}

#[test]
fn reading_a_status_means_waiting_for_that_stage() {
    let workflow = everything();
    assert_eq!(workflow.stages["by_row"].needs, ["listed", "ranged"]);
}

#[test]
fn words_of_a_command_that_lie_beside_the_workflow_are_staged() {
    let workflow = everything();
    assert_eq!(workflow.stages["ranged"].files, ["./tool.sh"]);
    assert_eq!(workflow.stages["over_list"].files, ["./tool.sh"]);
    assert!(workflow.stages["listed"].files.is_empty());
}

#[test]
fn twenty_thousand_stages_are_read() {
    let mut text = "name: wide\nstages:\n".to_owned();
    for index in 0..20_000 {
        let needs = if index == 0 {
            String::new()
        } else {
            format!("s{}", index - 1)
        };
        text.push_str(&format!(
            "  s{index}: {{ run: 'echo {index}', needs: [{needs}], outputs: {{ o: {{ format: file }} }}, \
             resources: {{ cpus: 1 }}, cache: false, timeout: 1h }}\n"
        ));
    }
    assert_eq!(model(&text).stages.len(), 20_000);
}

#[test]
fn a_command_gets_what_is_no_table_as_it_is() {
    let workflow = model(
        "name: blobs
stages:
  plot: { run: x, outputs: { figure: { format: file }, table: {} } }
  show:
    run: x
    inputs: { figure: plot.figure, table: plot.table, notes: ./notes.txt, t: ./t.csv }
",
    );
    let form = |port: &str| workflow.stages["show"].inputs[port].form;
    assert_eq!(form("figure"), Form::File);
    assert_eq!(form("notes"), Form::File);
    assert_eq!(form("table"), Form::Arrow);
    assert_eq!(form("t"), Form::Arrow);
}

#[test]
fn columns_that_depend_on_parameters_are_left_to_the_hand_off() {
    let workflow = model(
        "name: open
stages:
  less: { kernel: anomaly, inputs: { field: ./field.nc } }
  modes: { kernel: eof, inputs: { field: less.field } }
  read: { run: x, inputs: { pcs: { from: modes.pcs, columns: [time, pc1, pc2] } } }
",
    );
    assert_eq!(workflow.stages["read"].inputs["pcs"].columns.len(), 3);
}

/// Diagnostics of a stage that reads a table with these options.
fn reading(options: &str, run: &str, file: &str) -> Vec<String> {
    let columns = vec![
        sunward_workflows::ColumnSpec::new("id", "int64"),
        sunward_workflows::ColumnSpec::new("x", "float64"),
    ];
    let table = sunward_workflows::FileFact::Table {
        columns,
        rows: None,
    };
    let facts = sunward_workflows::Facts {
        files: std::collections::BTreeMap::from([(file.to_owned(), table)]),
        ..sunward_workflows::Facts::default()
    };
    let text = format!(
        "name: w\nstages:\n  s:\n    run: \"{run}\"\n    scatter: {{ over: t }}\n    inputs: {{ t: {{ from: {file}, {options} }} }}\n"
    );
    let checked = check(&text, &support::catalog(), &facts);
    let found = checked.diagnostics.iter();
    found
        .map(|one| format!("{}: {}", one.code.0, one.message))
        .collect()
}

#[test]
fn the_schema_of_an_input_says_what_its_columns_are() {
    let none: [String; 0] = [];
    let number = "awk '$1 > ${{ item.id }}' f";
    assert_eq!(reading("schema: { x: float64 }", number, "./t.csv"), none);
    // As text, it is not allowed in a program.
    let text = reading("schema: { id: utf8 }", number, "./t.csv");
    assert!(
        text.iter().all(|one| one.starts_with("SW0604")) && text.len() == 1,
        "{text:?}"
    );
    let missing = reading("schema: { nome: utf8 }", "echo ${{ item.x }}", "./t.csv");
    assert_eq!(missing, ["SW0504: the source has no column `nome`"]);
    let typed = reading("schema: { id: utf8 }", "echo ${{ item.id }}", "./t.parquet");
    assert_eq!(typed, ["SW0503: column `id` is int64, not utf8"]);
    let unknown = reading("schema: { id: utf8 }", "echo ${{ item.y }}", "./t.csv");
    assert_eq!(
        unknown,
        ["SW0504: a row of the input `t` has no column `y`"]
    );
}

#[test]
fn words_for_missing_values_keep_their_text() {
    let workflow = model(
        "name: w\nstages:\n  s:\n    run: echo\n    inputs: { t: { from: ./t.csv, null: [NA, -999, -9.90, 007] } }\n",
    );
    let csv = &workflow.stages["s"].inputs["t"].csv;
    assert_eq!(csv.null, ["NA", "-999", "-9.90", "007"]);
}
