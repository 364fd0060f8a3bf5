//! The table: the workflow itself, its parameters, budget and defaults.

use super::kind::{Key, KeyRule, Kind, Shape};
use super::notify::NOTIFY;
use super::settings::{
    CACHE, CONDA, CONTAINER, MODULES, PLACE, POSITIVE, PYTHON, REJECTS, RESOURCES, RETRY,
};
use super::stage::STAGE;

/// The whole file.
pub(crate) static WORKFLOW: Shape = Shape {
    free_prefix: Some("x-"),
    ..Shape::new(
        "Workflow",
        "A Sunward pipeline.",
        &[
            Key::new("name", Kind::LooseName, "The workflow's name.").example("ligand-screen").required(),
            Key::new(
                "description",
                Kind::Text,
                "A one-line description, for listings.",
            ).example("Screens a library by similarity"),
            Key::new(
                "params",
                Kind::Map(KeyRule::Name, &Kind::Node(&PARAM)),
                "What the caller may set.",
            ).example("{ top_k: { type: int, default: 100 } }"),
            Key::new("place", Kind::Node(&PLACE), "Where and when the run goes.").example("{ deadline: 24h }"),
            Key::new("budget", Kind::Node(&BUDGET), "What the run may cost.").example("{ kwh: 10 }"),
            Key::new(
                "limits",
                Kind::Map(KeyRule::Name, &POSITIVE),
                "How many units there are of what tasks share, such as licenses. Of this and your settings, the smaller number applies.",
            ).example("{ file_server: 4 }"),
            Key::new(
                "notify",
                Kind::OneOrMany(&Kind::Node(&NOTIFY)),
                "Who is told when the run ends, fails or is held.",
            ).example("{ command: [./tell.sh], on: failure }"),
            Key::new(
                "defaults",
                Kind::Node(&DEFAULTS),
                "Settings for every stage that does not set its own.",
            ).example("{ timeout: 2h }"),
            Key::new(
                "stages",
                Kind::Map(KeyRule::Name, &Kind::Node(&STAGE)),
                "The stages.",
            ).example("{ count: { run: \"wc -l < ${{ inputs.t }} > ${{ outputs.n }}\", inputs: { t: ./t.csv }, outputs: { n: { format: file } } } }")
            .required(),
            Key::new(
                "outputs",
                Kind::Map(KeyRule::Name, &Kind::Text),
                "The run's outputs: name -> stage.port.",
            ).example("{ hits: merge.hits }"),
        ],
    )
};

static PARAM: Shape = Shape::new(
    "Param",
    "A parameter of the workflow.",
    &[
        Key::new(
            "type",
            Kind::Word(&[
                "string", "int", "float", "bool", "path", "table", "files", "list", "choice",
            ]),
            "Its type.",
        )
        .example("int")
        .required(),
        Key::new(
            "default",
            Kind::Any,
            "The value if the caller gives none; without a default the caller must give one.",
        )
        .example("100"),
        Key::new("min", Kind::AnyNumber, "The smallest number allowed.").example("1"),
        Key::new("max", Kind::AnyNumber, "The largest number allowed.").example("1000"),
        Key::new(
            "choices",
            Kind::List(&Kind::Scalar),
            "The allowed values of a choice.",
        )
        .example("[era5, merra2]"),
        Key::new("description", Kind::Text, "What it does.").example("How many hits to keep"),
    ],
);

static BUDGET: Shape = Shape::new(
    "Budget",
    "What a run may cost.",
    &[
        Key::new("gco2e", Kind::Number(0.0), "Grams of CO2 equivalent.").example("2000"),
        Key::new("kwh", Kind::Number(0.0), "Kilowatt hours.").example("10"),
    ],
);

static DEFAULTS: Shape = Shape::new(
    "Defaults",
    "Settings for every stage that does not set its own; maps are merged key by key.",
    &[
        Key::new(
            "shell",
            Kind::OneOrMany(&Kind::Text),
            "The shell of `run` stages.",
        )
        .example("sh"),
        Key::new(
            "env",
            Kind::Map(KeyRule::Name, &Kind::Scalar),
            "Environment of `run` stages.",
        )
        .example("{ OMP_NUM_THREADS: 1 }"),
        Key::new(
            "python",
            Kind::Node(&PYTHON),
            "Python environment of `run` stages.",
        )
        .example("{ packages: [numpy] }"),
        Key::new("conda", CONDA, "The conda environment of `run` stages.")
            .example("./environment.yml"),
        Key::new("container", CONTAINER, "The container of `run` stages.")
            .example("\"docker.io/library/debian:13\""),
        Key::new(
            "modules",
            MODULES,
            "Modules that are loaded before the command of `run` stages.",
        )
        .example("[cdo/2.1]"),
        Key::new(
            "setup",
            Kind::Text,
            "Lines of a shell that run before the command of `run` stages.",
        )
        .example("\"ulimit -s unlimited\""),
        Key::new("resources", Kind::Node(&RESOURCES), "What one task needs.")
            .example("{ memory: 2GiB }"),
        Key::new("retry", Kind::Node(&RETRY), "Which failures are retried.")
            .example("{ max_attempts: 3 }"),
        Key::new("timeout", Kind::Duration, "The time limit of one attempt.").example("2h"),
        Key::new(
            "tolerate",
            Kind::Whole(0, u32::MAX as i64),
            "How many failed tasks a stage tolerates.",
        )
        .default_is("0")
        .example("2"),
        Key::new(
            "tolerate_rejects",
            REJECTS,
            "How many rows of an input a kernel may reject.",
        )
        .example("10%"),
        Key::new(
            "max_parallel",
            Kind::Whole(1, u32::MAX as i64),
            "How many tasks of a stage may run at once.",
        )
        .example("8"),
        Key::new(
            "cache",
            Kind::OneOf(&[Kind::Bool, Kind::Node(&CACHE)]),
            "Whether results are cached, and under which version.",
        )
        .default_is("true")
        .example("false"),
        Key::new("place", Kind::Node(&PLACE), "Where and when.").example("{ max_delay: 6h }"),
    ],
);
