//! The table: the workflow itself, its parameters, budget and defaults.

use super::kind::{Key, KeyRule, Kind, Shape};
use super::settings::{CACHE, PLACE, PYTHON, REJECTS, RESOURCES, RETRY};
use super::stage::STAGE;

/// The whole file.
pub(crate) static WORKFLOW: Shape = Shape {
    free_prefix: Some("x-"),
    ..Shape::new(
        "Workflow",
        "A Sunward pipeline.",
        &[
            Key::new("name", Kind::LooseName, "The workflow's name.").required(),
            Key::new(
                "description",
                Kind::Text,
                "A one-line description, for listings.",
            ),
            Key::new(
                "params",
                Kind::Map(KeyRule::Name, &Kind::Node(&PARAM)),
                "What the caller may set.",
            ),
            Key::new("place", Kind::Node(&PLACE), "Where and when the run goes."),
            Key::new("budget", Kind::Node(&BUDGET), "What the run may cost."),
            Key::new(
                "defaults",
                Kind::Node(&DEFAULTS),
                "Settings for every stage that does not set its own.",
            ),
            Key::new(
                "stages",
                Kind::Map(KeyRule::Name, &Kind::Node(&STAGE)),
                "The stages.",
            )
            .required(),
            Key::new(
                "outputs",
                Kind::Map(KeyRule::Name, &Kind::Text),
                "The run's outputs: name -> stage.port.",
            ),
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
                "string", "int", "float", "bool", "path", "table", "list", "choice",
            ]),
            "Its type.",
        )
        .required(),
        Key::new(
            "default",
            Kind::Any,
            "The value if the caller gives none; without a default the caller must give one.",
        ),
        Key::new("min", Kind::AnyNumber, "The smallest number allowed."),
        Key::new("max", Kind::AnyNumber, "The largest number allowed."),
        Key::new(
            "choices",
            Kind::List(&Kind::Scalar),
            "The allowed values of a choice.",
        ),
        Key::new("description", Kind::Text, "What it does."),
    ],
);

static BUDGET: Shape = Shape::new(
    "Budget",
    "What a run may cost.",
    &[
        Key::new("gco2e", Kind::Number(0.0), "Grams of CO2 equivalent."),
        Key::new("kwh", Kind::Number(0.0), "Kilowatt hours."),
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
        ),
        Key::new(
            "env",
            Kind::Map(KeyRule::Name, &Kind::Scalar),
            "Environment of `run` stages.",
        ),
        Key::new(
            "python",
            Kind::Node(&PYTHON),
            "Python environment of `run` stages.",
        ),
        Key::new("resources", Kind::Node(&RESOURCES), "What one task needs."),
        Key::new("retry", Kind::Node(&RETRY), "Which failures are retried."),
        Key::new("timeout", Kind::Duration, "The time limit of one attempt."),
        Key::new(
            "tolerate",
            Kind::Whole(0, u32::MAX as i64),
            "How many failed tasks a stage tolerates.",
        ),
        Key::new(
            "tolerate_rejects",
            REJECTS,
            "How many rows of an input a kernel may reject.",
        ),
        Key::new(
            "max_parallel",
            Kind::Whole(1, u32::MAX as i64),
            "How many tasks of a stage may run at once.",
        ),
        Key::new(
            "cache",
            Kind::OneOf(&[Kind::Bool, Kind::Node(&CACHE)]),
            "Whether results are cached, and under which version.",
        ),
        Key::new("place", Kind::Node(&PLACE), "Where and when."),
    ],
);
