//! The table: a stage and its parts.

use super::kind::{Key, KeyRule, Kind, Shape};
use super::settings::{CACHE, COUNT, PLACE, POSITIVE, PYTHON, REJECTS, RESOURCES, RETRY};

/// A stage.
pub(crate) static STAGE: Shape = Shape {
    exactly_one: &["run", "kernel", "cuda", "uses"],
    ..Shape::new(
        "Stage",
        "A node of the graph; exactly one of run, kernel and cuda.",
        &[
            Key::new(
                "run",
                Kind::OneOf(&[Kind::Text, Kind::List(&Kind::Scalar)]),
                "A command: text for a shell, or a list of words without one.",
            ),
            Key::new("kernel", Kind::Text, "A kernel of the library."),
            Key::new(
                "cuda",
                Kind::Node(&CUDA),
                "The user's own kernel, in CUDA C++.",
            ),
            Key::new("uses", Kind::Any, "Another workflow file.").not_yet(),
            Key::new("container", Kind::Any, "An image to run in.").not_yet(),
            Key::new(
                "shell",
                Kind::OneOrMany(&Kind::Text),
                "The shell of a text `run`; `bash --noprofile --norc -euo pipefail -c` by default. `sh` means /bin/sh -eu -c; a list of words is used as it is.",
            ),
            Key::new(
                "scatter",
                Kind::OneOf(&[Kind::Node(&SCATTER), Kind::List(&Kind::Any), Kind::Text]),
                "One task per value, slice or row.",
            ),
            Key::new(
                "matrix",
                Kind::Map(
                    KeyRule::Name,
                    &Kind::OneOf(&[Kind::List(&Kind::Any), Kind::Text]),
                ),
                "One task per combination of values.",
            ),
            Key::new(
                "inputs",
                Kind::Map(
                    KeyRule::Name,
                    &Kind::OneOf(&[Kind::Text, Kind::List(&Kind::Text), Kind::Node(&INPUT)]),
                ),
                "What it reads, by port: stage.port, params.name, ./path, a file:// URL, or a list of these.",
            ),
            Key::new(
                "outputs",
                Kind::Map(
                    KeyRule::Name,
                    &Kind::OneOf(&[Kind::Node(&OUTPUT), Kind::Nothing]),
                ),
                "What a command writes, by port.",
            ),
            Key::new(
                "with",
                Kind::Map(KeyRule::Name, &Kind::Any),
                "Parameters of a kernel.",
            ),
            Key::new(
                "needs",
                Kind::OneOrMany(&Kind::Name),
                "Stages that must end first, besides those it reads from.",
            )
            .alias("depends_on"),
            Key::new(
                "if",
                Kind::OneOf(&[Kind::Bool, Kind::Text]),
                "`${{ … }}`; if it is false, the stage and its dependents are skipped.",
            ),
            Key::new(
                "env",
                Kind::Map(KeyRule::Name, &Kind::Scalar),
                "Environment of the command, besides PATH, HOME, LANG, TMPDIR and SUNWARD_…; `X: inherit` passes X on.",
            ),
            Key::new(
                "secrets",
                Kind::List(&Kind::Name),
                "Names of secrets to put into the command's environment.",
            ),
            Key::new(
                "files",
                Kind::OneOrMany(&Kind::Text),
                "Files staged read-only into the working folder.",
            ),
            Key::new(
                "python",
                Kind::Node(&PYTHON),
                "The Python environment it runs in.",
            ),
            Key::new("resources", Kind::Node(&RESOURCES), "What one task needs."),
            Key::new("retry", Kind::Node(&RETRY), "Which failures are retried."),
            Key::new("timeout", Kind::Duration, "The time limit of one attempt."),
            Key::new(
                "checkpoint",
                Kind::Bool,
                "Keep the folder $SUNWARD_CHECKPOINT from attempt to attempt, until one succeeds.",
            ),
            Key::new(
                "tolerate",
                COUNT,
                "How many failed tasks the stage tolerates.",
            ),
            Key::new(
                "tolerate_rejects",
                REJECTS,
                "How many rows of an input a kernel may reject: `10%`, or a number. More rejects fail the stage; without this key, rejects never do.",
            ),
            Key::new(
                "max_parallel",
                POSITIVE,
                "How many of its tasks may run at once.",
            ),
            Key::new(
                "cache",
                Kind::OneOf(&[Kind::Bool, Kind::Node(&CACHE)]),
                "Whether results are cached, and under which version.",
            ),
            Key::new(
                "place",
                Kind::Node(&PLACE),
                "Where and when, for this stage.",
            ),
            Key::new(
                "expect",
                Kind::Node(&EXPECT),
                "What one task is expected to take.",
            ),
        ],
    )
};

pub(crate) static SCATTER: Shape = Shape::new(
    "Scatter",
    "How a stage becomes tasks.",
    &[
        Key::new(
            "over",
            Kind::OneOf(&[Kind::List(&Kind::Any), Kind::Node(&RANGE), Kind::Text]),
            "A list, a range, or the name of one of the stage's own inputs.",
        ),
        Key::new(
            "range",
            Kind::OneOf(&[Kind::Whole(0, i64::MAX), Kind::Text]),
            "One task per number, from 0 up to but not including this one.",
        ),
        Key::new(
            "rows",
            Kind::Whole(1, i64::MAX),
            "Rows of the input per task.",
        ),
        Key::new("parts", Kind::Bool, "One task per part of the input."),
    ],
);

static RANGE: Shape = Shape::new(
    "Range",
    "Whole numbers from 0.",
    &[Key::new(
        "range",
        Kind::OneOf(&[Kind::Whole(0, i64::MAX), Kind::Text]),
        "How many numbers.",
    )
    .required()],
);

static INPUT: Shape = Shape::new(
    "Input",
    "One input port.",
    &[
        Key::new(
            "from",
            Kind::OneOrMany(&Kind::Text),
            "Where the data comes from.",
        )
        .required(),
        Key::new(
            "as",
            Kind::Word(&["arrow", "parquet", "csv", "netcdf", "file"]),
            "How the command gets it.",
        ),
        Key::new(
            "columns",
            Kind::List(&Kind::Text),
            "Only these columns, in this order.",
        ),
        Key::new(
            "variable",
            Kind::Text,
            "The variable of a gridded file to read.",
        ),
        Key::new(
            "rows",
            Kind::Word(&["time", "cell"]),
            "Whether a row of gridded data is a time or a cell.",
        ),
        Key::new(
            "schema",
            Kind::Map(KeyRule::Any, &Kind::ColumnType),
            "The columns it must have: name -> type.",
        ),
        Key::new(
            "delimiter",
            Kind::Word(&[",", ";", "\t", "|", ":", " "]),
            "The separator between the cells of a text table.",
        ),
        Key::new(
            "comment",
            Kind::Word(&["#", "%", "!", ";", "*"]),
            "Lines of a text table that begin with this character are ignored.",
        ),
        Key::new(
            "null",
            Kind::OneOrMany(&Kind::Scalar),
            "Cell texts that mean null, for example NA.",
        ),
        Key::new(
            "decimal",
            Kind::Word(&[".", ","]),
            "The decimal point of a text table's numbers.",
        ),
    ],
);

static OUTPUT: Shape = Shape::new(
    "Output",
    "One output port of a command.",
    &[
        Key::new(
            "format",
            Kind::Word(&["arrow", "parquet", "csv", "netcdf", "file", "dir"]),
            "What the command writes; arrow by default.",
        ),
        Key::new(
            "schema",
            Kind::Map(KeyRule::Any, &Kind::ColumnType),
            "The columns it must have: name -> type.",
        ),
        Key::new(
            "ext",
            Kind::Suffix,
            "The file's suffix without the dot, for `format: file`.",
        ),
    ],
);

static CUDA: Shape = Shape::new(
    "Cuda",
    "The user's own kernel, launched with one thread per row.",
    &[
        Key::new(
            "source",
            Kind::Text,
            "The .cu file, relative to the workflow's folder.",
        )
        .required(),
        Key::new(
            "entry",
            Kind::Text,
            "The kernel: extern \"C\" __global__ void ENTRY(...).",
        )
        .required(),
        Key::new(
            "args",
            Kind::List(&Kind::Node(&CUDA_ARG)),
            "What its arguments are, in order.",
        )
        .required(),
        Key::new(
            "block",
            Kind::Whole(1, 1024),
            "Threads per block; 256 by default.",
        ),
    ],
);

static CUDA_ARG: Shape = Shape {
    exactly_one: &["in", "out", "value", "rows"],
    ..Shape::new(
        "CudaArg",
        "One argument: exactly one of in, out, value and rows.",
        &[
            Key::new(
                "in",
                Kind::Text,
                "A pointer to a column of an input, such as x.value.",
            ),
            Key::new(
                "out",
                Kind::Text,
                "A pointer to a column of an output, such as y.value; needs `type`.",
            ),
            Key::new("value", Kind::Scalar, "A number; needs `type`."),
            Key::new(
                "rows",
                Kind::ColumnType,
                "The number of rows, passed as this type.",
            ),
            Key::new(
                "type",
                Kind::ColumnType,
                "The type of an `out` or a `value`.",
            ),
        ],
    )
};

static EXPECT: Shape = Shape::new(
    "Expect",
    "What one task is expected to take.",
    &[
        Key::new("time", Kind::Duration, "How long."),
        Key::new("power", Kind::Power, "Power of all its devices together."),
    ],
);
