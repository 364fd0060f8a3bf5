//! `cargo xtask fuzz`: gives the built program damaged files of every kind that it reads.
//!
//! Each input is a seed of the corpus, changed by a generator with a fixed start. So a target's
//! inputs come in the same order in every run. The program runs as a child process with limits of
//! memory and time. A finding is a signal, a hang, an undocumented exit code, or a message about a
//! bug in Sunward. A panic of a library that the program turns into an error is not a finding.

mod bucket;
mod mutator;
mod target;
mod trial;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::shell::{answer, root, run, say};
use mutator::Mutator;
use target::{TARGETS, Target};
use trial::{ASKER, Finding, Program};

/// The default duration of a run, in seconds.
const SECONDS: u64 = 60;

/// The options of the command line.
#[derive(Debug, PartialEq, Eq)]
struct Request<'a> {
    seconds: u64,
    target: Option<&'a str>,
    /// An existing program to fuzz. Without one, the release build is made.
    program: Option<&'a str>,
}

/// Fuzzes all targets for a minute, with the release build that earlier checks have made.
pub(crate) fn briefly() -> Result<()> {
    fuzz(&[])
}

/// Fuzzes one target, or all in turn, which share the time equally.
///
/// # Errors
/// Fails if there is a finding.
pub(crate) fn fuzz(args: &[&str]) -> Result<()> {
    let request = parse(args)?;
    let targets: Vec<&Target> = TARGETS
        .iter()
        .filter(|target| request.target.is_none_or(|name| target.name == name))
        .collect();
    if targets.is_empty() {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        bail!("no such target; there are {}", names.join(", "));
    }
    let program = match request.program {
        Some(path) => Program::at(&root(), path.into())?,
        None => {
            run("cargo", &["build", "--release"], &[])?;
            let asker = ["build", "--release", "--workspace", "--example", ASKER];
            run("cargo", &asker, &[])?;
            Program::built(&root())?
        }
    };
    let share = Duration::from_secs(request.seconds) / u32::try_from(targets.len())?;
    let mut findings = Vec::new();
    for target in targets {
        let (tried, found) = one(target, &program, share)?;
        answer(&format!(
            "{:<12} {tried:>6} inputs, {} findings",
            target.name,
            found.len()
        ));
        findings.extend(found);
    }
    if findings.is_empty() {
        return Ok(());
    }
    for finding in &findings {
        say(&finding.to_string());
    }
    bail!(
        "{} findings; each names its file and the command that shows it again",
        findings.len()
    )
}

fn parse<'a>(args: &[&'a str]) -> Result<Request<'a>> {
    let mut request = Request {
        seconds: SECONDS,
        target: None,
        program: None,
    };
    let mut words = args.iter();
    while let Some(word) = words.next() {
        match *word {
            "--seconds" => {
                let number = words.next().and_then(|number| number.parse().ok());
                let Some(seconds @ 1..) = number else {
                    bail!("--seconds takes a number from 1");
                };
                request.seconds = seconds;
            }
            "--program" => {
                let Some(path) = words.next() else {
                    bail!("--program takes a path");
                };
                request.program = Some(path);
            }
            option if option.starts_with('-') => bail!("there is no option {option}"),
            target => request.target = Some(target),
        }
    }
    Ok(request)
}

/// Fuzzes one target for this duration: first each seed unchanged, then changed seeds. Returns the
/// number of inputs and the findings.
fn one(target: &Target, program: &Program, share: Duration) -> Result<(u64, Vec<Finding>)> {
    let seeds = target.seeds(&root(), Some(program))?;
    let mut mutator = Mutator::new(target.name);
    let until = Instant::now() + share;
    let mut tried = 0;
    let mut found: Vec<Finding> = Vec::new();
    for round in 0_usize.. {
        let Some(seed) = seeds.get(round % seeds.len()) else {
            break;
        };
        let input = match round < seeds.len() {
            true => seed.clone(),
            false => mutator.change(seed, &seeds),
        };
        tried += 1;
        if let Some(finding) = program.try_input(target, &input, &folder_of_findings())? {
            // One mistake may appear for many inputs. One finding of each kind is enough.
            if !found.iter().any(|known| known.what == finding.what) {
                found.push(finding);
            }
        }
        if Instant::now() >= until {
            break;
        }
    }
    Ok((tried, found))
}

fn folder_of_findings() -> PathBuf {
    root().join("target/fuzz")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_names_a_time_and_a_target() {
        assert_eq!(
            parse(&[]).unwrap(),
            Request {
                seconds: 60,
                target: None,
                program: None
            }
        );
        let request = Request {
            seconds: 5,
            target: Some("csv"),
            program: None,
        };
        assert_eq!(parse(&["csv", "--seconds", "5"]).unwrap(), request);
        assert!(parse(&["--seconds", "0"]).is_err());
        assert!(parse(&["--fast"]).is_err());
    }

    #[test]
    fn every_target_has_seeds() {
        for target in TARGETS {
            let seeds = target.seeds(&root(), None).unwrap();
            assert!(target.is_made() || !seeds.is_empty(), "{}", target.name);
        }
    }
}
