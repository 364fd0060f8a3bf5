//! The table of a pool's keys.

use crate::syntax::{Key, Kind, Shape};

/// A pool.
pub(super) const POOL_KIND: Kind = Kind::Node(&POOL);

/// The most devices or cores of one pool.
const MOST: i64 = 10_000_000;

static POOL: Shape = Shape::new(
    "Pool",
    "What one host provides in one place, and its rules.",
    &[
        Key::new("pool", Kind::LooseName, "Its name.").required(),
        Key::new("region", Kind::LooseName, "The region it is in; its zone by default."),
        Key::new("zone", Kind::Text, "Its grid zone, as named by Electricity Maps.").required(),
        Key::new("timezone", Kind::Text, "The IANA time zone of its windows; UTC by default."),
        Key::new("store", Kind::Text, "The store of its region."),
        Key::new("pue", Kind::Number(1.0), "Power usage effectiveness; 1 by default."),
        Key::new("gpu", Kind::Node(&GPU), "Its devices."),
        Key::new(
            "capacity",
            Kind::OneOf(&[
                Kind::Whole(0, MOST),
                Kind::List(&Kind::Node(&WINDOW)),
                Kind::Node(&PLAIN),
            ]),
            "The open capacity: windows, of which the first that fits applies, or a number of devices at all times.",
        )
        .required(),
        Key::new("idle", Kind::Node(&IDLE), "Also provide devices that are idle now."),
        Key::new("limits", Kind::Node(&LIMITS), "What its tasks may take."),
        Key::new("price", Kind::Node(&PRICE), "What its devices cost."),
        Key::new(
            "openadr",
            Kind::Node(&OPENADR),
            "The OpenADR server of the grid operator of its site. Plans follow what it has announced.",
        ),
        Key::new("allow", Kind::Node(&ALLOW), "Who may use it."),
        Key::new("trusted", Kind::Bool, "Whether commands run unconfined."),
        Key::new("slurm", Kind::Node(&SLURM), "Nodes are requested from Slurm."),
    ],
);

static GPU: Shape = Shape::new(
    "PoolGpu",
    "A pool's devices.",
    &[
        Key::new("model", Kind::Text, "Their model."),
        Key::new("count", Kind::Whole(0, MOST), "How many there are."),
        Key::new(
            "power_watts",
            Kind::Number(0.0),
            "The power of one under load.",
        ),
        Key::new(
            "idle_watts",
            Kind::Number(0.0),
            "The power of one when idle.",
        ),
        Key::new(
            "embodied_kg",
            Kind::Number(0.0),
            "Emissions of making one, in kg CO2e.",
        ),
    ],
);

static WINDOW: Shape = Shape::new(
    "PoolWindow",
    "What is open at some time.",
    &[
        Key::new(
            "when",
            Kind::Text,
            "For example `mon-fri 20:00-07:00`, or `otherwise`.",
        )
        .required(),
        Key::new("gpus", Kind::Whole(0, MOST), "Devices."),
        Key::new("cpus", Kind::Whole(0, MOST), "Cores."),
        Key::new(
            "notice",
            Kind::Duration,
            "How long running tasks may stay when it begins.",
        ),
    ],
);

static PLAIN: Shape = Shape::new(
    "PoolCapacity",
    "What is open at all times.",
    &[
        Key::new("gpus", Kind::Whole(0, MOST), "Devices."),
        Key::new("cpus", Kind::Whole(0, MOST), "Cores."),
    ],
);

static IDLE: Shape = Shape::new(
    "PoolIdle",
    "Also provide devices that are idle now.",
    &[
        Key::new(
            "gpu_below",
            Kind::Scalar,
            "Devices used less than this are idle.",
        ),
        Key::new("for", Kind::Duration, "How long they must be idle."),
    ],
);

static LIMITS: Shape = Shape::new(
    "PoolLimits",
    "What its tasks may take.",
    &[
        Key::new(
            "power_watts",
            Kind::Number(0.0),
            "The most power they may draw together.",
        ),
        Key::new(
            "task_time",
            Kind::Duration,
            "The longest that one task may take.",
        ),
        Key::new("scratch", Kind::Text, "Where scratch space is."),
        Key::new(
            "scratch_size",
            Kind::Size,
            "How much scratch space there is.",
        ),
        Key::new("egress", Kind::Text, "How much data may leave."),
    ],
);

static PRICE: Shape = Shape::new(
    "PoolPrice",
    "What its devices cost.",
    &[
        Key::new("gpu_hour", Kind::Number(0.0), "An hour of one device.").required(),
        Key::new("currency", Kind::Text, "The currency, such as EUR."),
    ],
);

static OPENADR: Shape = Shape::new(
    "PoolOpenAdr",
    "The OpenADR server of a pool's site.",
    &[
        Key::new(
            "url",
            Kind::Text,
            "Its address, such as https://vtn.example.org/openadr3/3.1.0.",
        )
        .required(),
        Key::new(
            "program",
            Kind::Text,
            "The program whose events count; all by default.",
        ),
        Key::new("ven", Kind::Text, "The name of the site's client."),
        Key::new(
            "targets",
            Kind::List(&Kind::Text),
            "Further names of the site and of the groups that it is in.",
        ),
        Key::new(
            "ghg",
            Kind::Word(&["marginal", "average"]),
            "What GHG events count; marginal by default.",
        ),
    ],
);

static ALLOW: Shape = Shape::new(
    "PoolAllow",
    "Who may use it.",
    &[
        Key::new(
            "projects",
            Kind::List(&Kind::Text),
            "Projects, or patterns such as climate-*.",
        ),
        Key::new("images", Kind::List(&Kind::Text), "Container images."),
    ],
);

static SLURM: Shape = Shape::new(
    "PoolSlurm",
    "Nodes are requested from Slurm.",
    &[
        Key::new("partition", Kind::Text, "The partition."),
        Key::new(
            "max_nodes",
            Kind::Whole(1, MOST),
            "The most nodes at a time.",
        ),
        Key::new("time", Kind::Duration, "The time limit of a node."),
    ],
);
