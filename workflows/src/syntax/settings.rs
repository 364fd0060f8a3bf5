//! The table: settings that a stage has, and that `defaults` or the workflow also have.

use super::kind::{Key, KeyRule, Kind, Shape};

/// A number from 0.
pub(super) const COUNT: Kind = Kind::Whole(0, u32::MAX as i64);
/// How many rows may be rejected: a number, or a share.
pub(super) const REJECTS: Kind = Kind::OneOf(&[Kind::Whole(0, i64::MAX), Kind::Percent]);
/// A number from 1.
pub(super) const POSITIVE: Kind = Kind::Whole(1, u32::MAX as i64);

const PREFERENCES: &Kind = &Kind::Word(&["carbon", "surplus", "idle", "time", "cost"]);

/// What one task needs.
pub(super) static RESOURCES: Shape = Shape::new(
    "Resources",
    "What one task needs.",
    &[
        Key::new("cpus", POSITIVE, "Cores per task.")
            .default_is("1")
            .example("4"),
        Key::new("memory", Kind::Size, "Memory per task.").example("4GiB"),
        Key::new(
            "gpus",
            Kind::OneOf(&[Kind::Whole(0, 1024), Kind::Text, Kind::Node(&ANY_OF)]),
            "GPUs: a number, a model such as H100:2, or any_of several.",
        )
        .default_is("0")
        .example("\"H100:2\""),
        Key::new("gpu_memory", Kind::Size, "Memory of each GPU.").example("40GiB"),
        Key::new("disk", Kind::Size, "Disk space per task.").example("10GB"),
        Key::new(
            "shared",
            Kind::Map(KeyRule::Name, &POSITIVE),
            "Units of what all tasks share, per task; each name has a limit under `limits`.",
        )
        .example("{ file_server: 1 }"),
        Key::new(
            "optional",
            Kind::Bool,
            "Whether it also runs without the GPU.",
        )
        .default_is("false")
        .example("true"),
    ],
);

static ANY_OF: Shape = Shape::new(
    "AnyOf",
    "The first of these that is available.",
    &[Key::new(
        "any_of",
        Kind::List(&Kind::OneOf(&[Kind::Whole(1, 1024), Kind::Text])),
        "Numbers or models.",
    )
    .example("[\"H100\", \"A100:2\"]")
    .required()],
);

/// Retries.
pub(super) static RETRY: Shape = Shape::new(
    "Retry",
    "Which failures are retried, how often and when.",
    &[
        Key::new(
            "max_attempts",
            Kind::Whole(1, 1000),
            "Attempts in all, the first included.",
        )
        .default_is("1")
        .example("3"),
        Key::new(
            "backoff",
            Kind::Duration,
            "Wait before the second attempt, doubled each time.",
        )
        .default_is("0s")
        .example("10s"),
        Key::new(
            "on",
            Kind::OneOrMany(&Kind::OneOf(&[
                Kind::Word(&["infrastructure", "timeout", "memory", "any"]),
                Kind::Node(&EXIT),
            ])),
            "Which failures are retried.",
        )
        .default_is("infrastructure")
        .example("[infrastructure, timeout, { exit: [75] }]"),
        Key::new("scale", Kind::Node(&SCALE), "What grows with each attempt.")
            .example("{ memory: 2 }"),
    ],
);

static EXIT: Shape = Shape::new(
    "Exit",
    "Which exit codes are retried.",
    &[
        Key::new("exit", Kind::OneOrMany(&Kind::Whole(0, 255)), "The codes.")
            .example("[75, 111]")
            .required(),
    ],
);

static SCALE: Shape = Shape::new(
    "Scale",
    "What grows with each attempt.",
    &[Key::new("memory", Kind::Number(1.0), "The factor.")
        .example("2")
        .required()],
);

/// Sharing of results.
pub(super) static CACHE: Shape = Shape::new(
    "Cache",
    "How results are cached.",
    &[Key::new(
        "version",
        Kind::Scalar,
        "Change it to discard earlier results.",
    )
    .example("2")
    .required()],
);

/// A Python environment.
pub(super) static PYTHON: Shape = Shape::new(
    "Python",
    "A Python environment, resolved once into a lock file.",
    &[
        Key::new("version", Kind::Scalar, "The version, for example 3.11.")
            .default_is("that of python3 on the PATH")
            .example("\"3.11\""),
        Key::new(
            "packages",
            Kind::List(&Kind::Requirement),
            "Requirements in pip's syntax; options are not allowed.",
        )
        .example("[numpy, \"pandas==2.2.2\"]"),
        Key::new(
            "requirements",
            Kind::OneOrMany(&Kind::Text),
            "Files with further requirements: pip's requirements.txt, or pyproject.toml for what its `[project]` needs.",
        )
        .example("./requirements.txt"),
        Key::new(
            "lock",
            Kind::Text,
            "The lock file; sunward.lock by default.",
        )
        .default_is("sunward.lock")
        .example("analysis.lock"),
    ],
);

/// A file of a conda environment, with or without options.
pub(super) const CONDA: Kind = Kind::OneOf(&[Kind::Text, Kind::Node(&CONDA_SHAPE)]);

/// A conda environment.
static CONDA_SHAPE: Shape = Shape::new(
    "Conda",
    "A conda environment, resolved once into the lock file.",
    &[
        Key::new("file", Kind::Text, "An environment.yml, or a pixi.lock.")
            .example("./environment.yml")
            .required(),
        Key::new(
            "environment",
            Kind::Text,
            "The environment in a pixi.lock that has several.",
        )
        .default_is("default")
        .example("analysis"),
    ],
);

/// An image, with or without options.
pub(super) const CONTAINER: Kind = Kind::OneOf(&[Kind::Text, Kind::Node(&CONTAINER_SHAPE)]);

/// Names of modules.
pub(super) const MODULES: Kind = Kind::OneOrMany(&Kind::Text);

/// A container.
static CONTAINER_SHAPE: Shape = Shape::new(
    "Container",
    "A container that it runs in.",
    &[
        Key::new(
            "image",
            Kind::Text,
            "The image: NAME:TAG or NAME@sha256:… of a registry, ./FILE.sif, or ./FILE.tar.",
        )
        .example("\"quay.io/biocontainers/samtools:1.21--h50ea8bc_0\"")
        .required(),
        Key::new(
            "mounts",
            Kind::List(&Kind::Text),
            "Folders of the machine that it sees, read-only, under their own paths. Their content does not count in keys.",
        )
        .example("[/data/reference]"),
    ],
);

/// Where and when, for a run or a stage.
pub(super) static PLACE: Shape = Shape::new(
    "Place",
    "Where and when.",
    &[
        Key::new(
            "prefer",
            Kind::OneOrMany(PREFERENCES),
            "What to prefer. In a list, a later entry decides among placements within 5% of the best.",
        ).default_is("carbon").example("[carbon, time]"),
        Key::new(
            "deadline",
            Kind::Duration,
            "The time from submission to the end of the run.",
        ).example("24h"),
        Key::new(
            "deadline_risk",
            Kind::Percent,
            "The accepted chance of ending after the deadline, because work takes longer than expected; 10% by default. Before a command has run, a stated `expect: time` is taken at its word, unless this is stated too.",
        ).default_is("10%").example("5%"),
        Key::new(
            "max_delay",
            Kind::Duration,
            "How long a stage may wait for cleaner power.",
        ).example("6h"),
        Key::new(
            "home",
            Kind::LooseName,
            "The zone with which savings are compared.",
        ).default_is("the first region, else your settings' zone").example("DE"),
        Key::new(
            "regions",
            Kind::List(&Kind::LooseName),
            "The regions where stages may run.",
        ).default_is("all").example("[eu-north, ca-east]"),
        Key::new(
            "data_regions",
            Kind::List(&Kind::LooseName),
            "Regions where parts may be stored.",
        ).default_is("all").example("[eu-north]"),
    ],
);
