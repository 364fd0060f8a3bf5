//! The `sunward` binary: arguments -> request -> value -> rendering. It is the composition root: it
//! reads the user's environment once, opens what the other rooms need and connects them.
//!
//! It decides nothing about a run, which is the task of `sunward-core`, and prints only in
//! [`render`]. Read [`args`] for the command line and `verbs/` for how each verb works.

mod announced;
mod args;
mod attempts;
mod changes;
mod conduct;
mod context;
mod cuda_sources;
mod demand;
mod device;
mod doctor;
mod everywhere;
mod exit;
mod feeds;
mod fleet_file;
mod foresight;
mod forms;
mod graph;
mod grid_args;
mod grid_name;
mod home;
mod leash;
mod machine;
mod named_files;
mod network;
mod notify;
mod out_folder;
mod outside;
mod panics;
mod params;
mod patterns;
mod placement_chart;
mod placing;
mod prepare;
mod program;
mod provider_settings;
mod providers;
mod recorded;
mod remote;
mod render;
mod report;
mod restated;
mod saved;
mod settings;
mod sheet_names;
mod sheets;
mod signals;
mod simulation;
mod testing;
mod used_files;
mod verbs;
mod view;
mod which;
mod workflow_file;

use std::process::ExitCode;

fn main() -> ExitCode {
    signals::let_large_writes_fail();
    panics::guarded(program::main)
}
