//! The table: tests of a workflow, in a file of their own.

use super::kind::{Key, KeyRule, Kind, Shape};

/// The whole file.
pub(crate) static TESTS: Shape = Shape::new(
    "Tests",
    "Tests of a workflow: the file workflow.test.yaml beside workflow.yaml.",
    &[Key::new(
        "tests",
        Kind::Map(KeyRule::Any, &Kind::Node(&CASE)),
        "The tests, by name. Each is a run with an empty cache.",
    )
    .example("{ small: { params: { n: 3 }, expect: { outputs: { sum: { rows: 1 } } } } }")
    .required()],
);

static CASE: Shape = Shape::new(
    "Test",
    "One run, and what it must give.",
    &[
        Key::new(
            "params",
            Kind::Map(KeyRule::Name, &Kind::Any),
            "Values of parameters; paths are relative to the test file.",
        )
        .example("{ library: ./small.csv, top_k: 3 }"),
        Key::new(
            "options",
            Kind::List(&Kind::Scalar),
            "Further options of `sunward run`, a word each.",
        )
        .example("[--device, host]"),
        Key::new(
            "timeout",
            Kind::Duration,
            "How long the run may take. Then it is stopped, and the test fails.",
        )
        .example("5m"),
        Key::new("expect", Kind::Node(&EXPECT), "What the run must give.")
            .example("{ outputs: { hits: { rows: 3 } } }")
            .required(),
    ],
);

static EXPECT: Shape = Shape::new(
    "ExpectedRun",
    "What a run must give.",
    &[
        Key::new("exit", Kind::Whole(0, 3), "The exit code of `sunward run`.")
            .default_is("0")
            .example("1"),
        Key::new(
            "says",
            Kind::OneOrMany(&Kind::Text),
            "Texts that its messages must contain.",
        )
        .example("there is no column b"),
        Key::new(
            "outputs",
            Kind::Map(KeyRule::Name, &Kind::Node(&OUTPUT)),
            "Outputs of the workflow, by name.",
        )
        .example("{ hits: { equals: ./expected/hits.csv, tolerance: 1.0e-6 } }"),
        Key::new(
            "skipped",
            Kind::OneOrMany(&Kind::LooseName),
            "Outputs or stages that the run must skip. A stage with `uses` means all stages of its file.",
        )
        .example("[figure]"),
        Key::new(
            "ran",
            Kind::Map(KeyRule::Any, &Kind::Whole(0, i64::MAX)),
            "How many tasks of a stage must have run, those that failed too, by stage. A stage with `uses` means all stages of its file.",
        )
        .example("{ search: 4 }"),
        Key::new(
            "max_kwh",
            Kind::Number(0.0),
            "The most energy that the run may take, in kilowatt hours.",
        )
        .example("0.01"),
        Key::new(
            "max_gco2e",
            Kind::Number(0.0),
            "The most emissions that the run may cause, in grams; it needs a grid among the options.",
        )
        .example("5"),
    ],
);

static OUTPUT: Shape = Shape::new(
    "ExpectedOutput",
    "What an output must be. Several keys must all hold.",
    &[
        Key::new(
            "equals",
            Kind::Text,
            "A file or folder of equal content. Tables are compared by value, in any format.",
        )
        .example("./expected/hits.csv"),
        Key::new(
            "snapshot",
            Kind::Text,
            "As `equals`, for a file or folder that `sunward test --update` writes. That of a table is CSV.",
        )
        .example("./snapshots/hits.csv"),
        Key::new(
            "tolerance",
            Kind::Number(0.0),
            "How far numbers of a table may differ: |a - b| <= tolerance * max(1, |a|, |b|).",
        )
        .default_is("0")
        .example("1.0e-6"),
        Key::new("text", Kind::Text, "The whole content of a file.").example("\"3\\n\""),
        Key::new(
            "digest",
            Kind::Text,
            "The BLAKE3 digest of the content, as `sunward run --json` gives it.",
        )
        .example("78910522b544a20add52900803e9e4cb1787f7ac1d0c35bd0edd653976855d94"),
        Key::new(
            "rows",
            Kind::Whole(0, i64::MAX),
            "The number of rows of a table.",
        )
        .example("3"),
    ],
);
