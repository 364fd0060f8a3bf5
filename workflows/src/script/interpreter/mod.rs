//! Decides which words of a command are evaluated, by the command's name.
//!
//! A command is given as its literal words, with a mark for each value. The question is always: may
//! word number `at` contain text? `table` says what kind of command it is, `command` applies the
//! rules of that kind, and `input` tells who reads a program from its standard input.

mod command;
mod condition;
mod confined;
mod filter;
mod input;
mod language;
mod launcher;
mod lines;
mod option_table;
mod parallel;
mod runner;
mod scan;
mod sed;
mod table;
mod unknown;
mod variable;
mod verdict;
mod wrapper;

pub(super) use command::{takes_lists, verdict};
pub(super) use condition::of_test;
pub(super) use input::{
    expands_environment, found_files, interprets, interprets_as_shell, interprets_pipe,
    program_files, programs, script,
};
pub(super) use lines::{dashes_input, list_files};
pub(super) use parallel::is_parallel;
pub(super) use runner::{started, takes_options};
pub(super) use scan::{runs_argument, runs_environment};
pub(super) use table::{is_program, is_unknown};
pub(crate) use variable::is_evaluated;
pub(super) use variable::{EVALUATED, NUMBERS};
pub(super) use verdict::{MARK, Verdict};
