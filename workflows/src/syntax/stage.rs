//! The table: a stage and its parts.

use super::kind::{Key, KeyRule, Kind, Shape};
use super::settings::{
    CACHE, CONDA, CONTAINER, COUNT, MODULES, PLACE, POSITIVE, PYTHON, REJECTS, RESOURCES, RETRY,
};

/// A stage.
pub(crate) static STAGE: Shape = Shape {
    exactly_one: &["run", "kernel", "cuda", "uses"],
    ..Shape::new(
        "Stage",
        "A node of the graph; exactly one of run, kernel, cuda and uses.",
        &[
            Key::new(
                "run",
                Kind::OneOf(&[Kind::Text, Kind::List(&Kind::Scalar)]),
                "A command: text for a shell, or a list of words without one.",
            ).example("\"sort ${{ inputs.t }} > ${{ outputs.o }}\""),
            Key::new("kernel", Kind::Text, "A kernel of the library.").example("tanimoto_topk"),
            Key::new(
                "cuda",
                Kind::Node(&CUDA),
                "The user's own kernel, in CUDA C++.",
            ).example("{ source: ./axpy.cu, entry: axpy, args: [{ in: x.v }, { out: y.v, type: float32 }, { rows: uint64 }] }"),
            Key::new(
                "uses",
                Kind::Text,
                "Another workflow's file, whose stages become stages of this one.",
            ).example("./qc.yaml"),
            Key::new(
                "shell",
                Kind::OneOrMany(&Kind::Text),
                "The shell of a text `run`; `bash --noprofile --norc -euo pipefail -c` by default. `sh` means /bin/sh -eu -c; a list of words is used as it is.",
            ).default_is("bash --noprofile --norc -euo pipefail -c").example("sh"),
            Key::new(
                "scatter",
                Kind::OneOf(&[Kind::Node(&SCATTER), Kind::List(&Kind::Any), Kind::Text]),
                "One task per value, slice or row.",
            ).example("{ over: library, rows: 100000 }"),
            Key::new(
                "matrix",
                Kind::Map(
                    KeyRule::Name,
                    &Kind::OneOf(&[Kind::List(&Kind::Any), Kind::Text]),
                ),
                "One task per combination of values.",
            ).example("{ model: [a, b], year: [2007, 2008] }"),
            Key::new(
                "repeat",
                Kind::OneOf(&[Kind::Whole(1, 100_000_000), Kind::Text]),
                "How many times each task runs, as tasks of their own with `${{ repeat }}` from 0; for random replicates.",
            ).example("5"),
            Key::new(
                "inputs",
                Kind::Map(
                    KeyRule::Name,
                    &Kind::OneOf(&[Kind::Text, Kind::List(&Kind::Text), Kind::Node(&INPUT)]),
                ),
                "What it reads, by port: stage.port, params.name, ./path, a pattern such as ./data/*.nc, objects of a bucket such as s3://bucket/data/, a file:// URL, or a list of these.",
            ).example("{ hits: merge.hits }"),
            Key::new(
                "outputs",
                Kind::Map(
                    KeyRule::Name,
                    &Kind::OneOf(&[Kind::Node(&OUTPUT), Kind::Nothing]),
                ),
                "What a command writes, by port.",
            ).example("{ figure: { format: file, ext: png } }"),
            Key::new(
                "with",
                Kind::Map(KeyRule::Name, &Kind::Any),
                "Parameters of a kernel, or of the file that the stage uses.",
            ).example("{ k: \"${{ params.top_k }}\" }"),
            Key::new(
                "needs",
                Kind::OneOrMany(&Kind::Name),
                "Stages that must end first, besides those it reads from.",
            ).example("download")
            .alias("depends_on"),
            Key::new(
                "if",
                Kind::OneOf(&[Kind::Bool, Kind::Text]),
                "`${{ … }}`; if it is false, the stage is skipped, and what reads from it.",
            ).default_is("true").example("\"${{ params.plot }}\""),
            Key::new(
                "env",
                Kind::Map(KeyRule::Name, &Kind::Scalar),
                "Environment of the command, besides PATH, HOME, LANG, TMPDIR and SUNWARD_…; `X: inherit` passes X on.",
            ).example("{ PROJ_DATA: inherit }"),
            Key::new(
                "secrets",
                Kind::List(&Kind::Name),
                "Names of secrets to put into the command's environment.",
            ).example("[API_TOKEN]"),
            Key::new(
                "files",
                Kind::OneOrMany(&Kind::Text),
                "Files staged read-only into the working folder.",
            ).example("[./plot.py]"),
            Key::new(
                "python",
                Kind::Node(&PYTHON),
                "The Python environment it runs in.",
            ).example("{ packages: [matplotlib] }"),
            Key::new(
                "conda",
                CONDA,
                "The conda environment it runs in: ./environment.yml or ./pixi.lock.",
            ).example("./environment.yml"),
            Key::new(
                "container",
                CONTAINER,
                "The image of the container it runs in: NAME:TAG or NAME@sha256:… of a registry, ./FILE.sif, or ./FILE.tar.",
            ).example("\"docker.io/library/debian:13\""),
            Key::new(
                "modules",
                MODULES,
                "Modules that `module load` loads first, in this order.",
            ).example("[cdo/2.1]"),
            Key::new(
                "setup",
                Kind::Text,
                "Lines of a shell that run before the command; what they export is in its environment.",
            ).example("\"export OMP_PROC_BIND=close\""),
            Key::new("resources", Kind::Node(&RESOURCES), "What one task needs.").example("{ cpus: 4, memory: 8GiB }"),
            Key::new("retry", Kind::Node(&RETRY), "Which failures are retried.").example("{ max_attempts: 3, on: [timeout] }"),
            Key::new("timeout", Kind::Duration, "The time limit of one attempt.").example("90m"),
            Key::new(
                "checkpoint",
                Kind::Bool,
                "Keep the folder $SUNWARD_CHECKPOINT from attempt to attempt, until one succeeds.",
            ).default_is("false").example("true"),
            Key::new(
                "tolerate",
                COUNT,
                "How many failed tasks the stage tolerates.",
            ).default_is("0").example("2"),
            Key::new(
                "tolerate_rejects",
                REJECTS,
                "How many rows of an input a kernel may reject: `10%`, or a number. More rejects fail the stage; without this key, rejects never do.",
            ).example("10%"),
            Key::new(
                "max_parallel",
                POSITIVE,
                "How many of its tasks may run at once.",
            ).example("4"),
            Key::new(
                "cache",
                Kind::OneOf(&[Kind::Bool, Kind::Node(&CACHE)]),
                "Whether results are cached, and under which version.",
            ).default_is("true").example("{ version: 2 }"),
            Key::new(
                "place",
                Kind::Node(&PLACE),
                "Where and when, for this stage.",
            ).example("{ max_delay: 6h }"),
            Key::new(
                "expect",
                Kind::Node(&EXPECT),
                "What one task is expected to take.",
            ).example("{ time: 20m, power: 350W }"),
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
        )
        .example("library"),
        Key::new(
            "range",
            Kind::OneOf(&[Kind::Whole(0, i64::MAX), Kind::Text]),
            "One task per number, from 0 up to but not including this one.",
        )
        .example("100"),
        Key::new(
            "rows",
            Kind::Whole(1, i64::MAX),
            "Rows or files of the input per task.",
        )
        .example("1000"),
        Key::new(
            "by",
            Kind::Text,
            "One task per value of this column, with all rows or files that have it.",
        )
        .example("sample"),
        Key::new(
            "zip",
            Kind::List(&Kind::Name),
            "One task per pair of files: inputs whose files belong together by position, or by the values of the column in `by`.",
        )
        .example("[reads, references]"),
        Key::new(
            "share",
            Kind::Name,
            "An input under `zip` whose files may each belong to several pairs, which are found by the column in `by`.",
        )
        .example("references"),
        Key::new("parts", Kind::Bool, "One task per part of the input.")
            .default_is("false")
            .example("true"),
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
    .example("100")
    .required()],
);

static FIRST: Shape = Shape::new(
    "First",
    "Alternative sources of an input.",
    &[Key::new(
        "first",
        Kind::List(&Kind::Text),
        "The first of these whose stage was not skipped is read. A stage that failed was not skipped.",
    )
    .example("[trimmed.reads, raw.reads]")
    .required()],
);

static INPUT: Shape = Shape::new(
    "Input",
    "One input port.",
    &[
        Key::new(
            "from",
            Kind::OneOf(&[Kind::Text, Kind::List(&Kind::Text), Kind::Node(&FIRST)]),
            "Where the data comes from: one source, a list to concatenate, or `first` of a list.",
        )
        .example("merge.hits")
        .required(),
        Key::new(
            "as",
            Kind::Word(&["arrow", "parquet", "csv", "netcdf", "file", "files"]),
            "How the command gets it. `files` is a folder of the files unchanged, under their names.",
        )
        .default_is("arrow")
        .example("csv"),
        Key::new(
            "match",
            Kind::Text,
            "Splits the names of files into columns: {sample} is any text without a slash, {n:[0-9]+} what the expression matches.",
        )
        .example("\"{sample}_{lane}.fastq.gz\""),
        Key::new(
            "optional",
            Kind::Bool,
            "Whether a pattern may match no file, or a row name none.",
        )
            .default_is("false")
            .example("true"),
        Key::new(
            "columns",
            Kind::List(&Kind::Text),
            "Only these columns, in this order.",
        )
        .example("[id, score]"),
        Key::new(
            "variable",
            Kind::Text,
            "The variable of a gridded file to read.",
        )
        .example("tas"),
        Key::new(
            "rows",
            Kind::Word(&["time", "cell"]),
            "Whether a row of gridded data is a time or a cell.",
        )
        .default_is("time")
        .example("cell"),
        Key::new(
            "schema",
            Kind::Map(KeyRule::Any, &Kind::ColumnType),
            "The columns it must have: name -> type.",
        )
        .example("{ id: utf8, score: float64 }"),
        Key::new(
            "delimiter",
            Kind::Word(&[",", ";", "\t", "|", ":", " "]),
            "The separator between the cells of a text table.",
        )
        .example("\";\""),
        Key::new(
            "comment",
            Kind::Word(&["#", "%", "!", ";", "*"]),
            "Lines of a text table that begin with this character are ignored.",
        )
        .example("\"#\""),
        Key::new(
            "null",
            Kind::OneOrMany(&Kind::Scalar),
            "Cell texts that mean null, for example NA.",
        )
        .example("[NA, -999]"),
        Key::new(
            "decimal",
            Kind::Word(&[".", ","]),
            "The decimal point of a text table's numbers.",
        )
        .default_is(".")
        .example("\",\""),
    ],
);

static OUTPUT: Shape = Shape::new(
    "Output",
    "One output port of a command.",
    &[
        Key::new(
            "format",
            Kind::Word(&["arrow", "parquet", "csv", "netcdf", "file", "dir", "files"]),
            "What the command writes; arrow by default.",
        )
        .default_is("arrow")
        .example("csv"),
        Key::new(
            "schema",
            Kind::Map(KeyRule::Any, &Kind::ColumnType),
            "The columns it must have: name -> type.",
        )
        .example("{ id: utf8, score: float64 }"),
        Key::new(
            "ext",
            Kind::Suffix,
            "The file's suffix without the dot, for `format: file`.",
        )
        .example("png"),
        Key::new(
            "name",
            Kind::Text,
            "The name of the file or folder, for `format: file`, `dir` and `files`.",
        )
        .example("\"${{ item.stem }}.clim.nc\""),
        Key::new(
            "glob",
            Kind::Text,
            "Which files of the folder are the output, for `format: files`.",
        )
        .default_is("\"*\"")
        .example("\"*.csv\""),
        Key::new("match", Kind::Text, "Columns in the names of these files.")
            .example("\"{chain}.csv\""),
        Key::new(
            "optional",
            Kind::Bool,
            "Whether there may be no such file; else that is a failure of the task.",
        )
        .default_is("false")
        .example("true"),
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
        .example("./axpy.cu")
        .required(),
        Key::new(
            "entry",
            Kind::Text,
            "The kernel: extern \"C\" __global__ void ENTRY(...).",
        )
        .example("axpy")
        .required(),
        Key::new(
            "args",
            Kind::List(&Kind::Node(&CUDA_ARG)),
            "What its arguments are, in order.",
        )
        .example("[{ in: x.v }, { out: y.v, type: float32 }]")
        .required(),
        Key::new(
            "block",
            Kind::Whole(1, 1024),
            "Threads per block; 256 by default.",
        )
        .default_is("256")
        .example("128"),
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
            )
            .example("x.v"),
            Key::new(
                "out",
                Kind::Text,
                "A pointer to a column of an output, such as y.value; needs `type`.",
            )
            .example("y.v"),
            Key::new("value", Kind::Scalar, "A number; needs `type`.")
                .example("\"${{ params.a }}\""),
            Key::new(
                "rows",
                Kind::ColumnType,
                "The number of rows, passed as this type.",
            )
            .example("uint64"),
            Key::new(
                "type",
                Kind::ColumnType,
                "The type of an `out` or a `value`.",
            )
            .example("float32"),
        ],
    )
};

static EXPECT: Shape = Shape::new(
    "Expect",
    "What one task is expected to take.",
    &[
        Key::new("time", Kind::Duration, "How long.").example("20m"),
        Key::new("power", Kind::Power, "Power of all its devices together.").example("350W"),
    ],
);
