//! The command line: the verbs, and the options that all of them take.

use clap::{Parser, Subcommand};

use crate::everywhere::Everywhere;
use crate::verbs;

/// Run science pipelines: YAML in, Arrow results out, resumable at any time.
#[derive(Parser)]
#[command(
    name = "sunward",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    after_help = "Example:\n  sunward init first\n  sunward run first/workflow.yaml\n  sunward show sum.pi --home first/.sunward\n\n\
        Exit codes: 0 success, 1 the run failed, 2 the input is wrong, 3 a problem with the machine, or the run is held over its budget, 130 interrupted."
)]
pub(crate) struct Cli {
    /// The verb.
    #[command(subcommand)]
    pub(crate) verb: Verb,
    #[command(flatten)]
    pub(crate) everywhere: Everywhere,
}

/// The verbs. Each has a file of its own in `verbs/`.
#[derive(Subcommand)]
pub(crate) enum Verb {
    Run(Box<verbs::run::Run>),
    Check(verbs::check::Check),
    Test(verbs::test::Test),
    Plan(verbs::plan::Plan),
    Graph(verbs::graph::Graph),
    Grid(verbs::grid::GridVerb),
    Status(verbs::status::Status),
    Logs(verbs::logs::Logs),
    Show(verbs::show::Show),
    Explain(verbs::explain::Explain),
    Report(verbs::report::Report),
    Retry(verbs::retry::Retry),
    Cancel(verbs::cancel::Cancel),
    Cache(verbs::cache::Cache),
    Simulate(Box<verbs::simulate::Simulate>),
    Docs(verbs::docs::Docs),
    Kernels(verbs::kernels::Kernels),
    Schema(verbs::schema::Schema),
    Init(verbs::init::Init),
    Doctor(verbs::doctor::Doctor),
    Completions(verbs::completions::Completions),
    Man(verbs::man::Man),
    #[command(hide = true)]
    DeviceTask(verbs::device_task::DeviceTask),
    #[command(hide = true)]
    Supervise(verbs::supervise::Supervise),
}
