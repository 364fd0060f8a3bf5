//! Launchers of parallel programs: MPI's, and those of schedulers.

use super::super::shell::base_name;
use super::verdict::MARK;

/// The options of a launcher that take words, without the dashes before them, and how many.
struct Launcher {
    one: &'static [&'static str],
    two: &'static [&'static str],
    /// The letters of short options that take a word, which may be attached: `-n4`.
    letters: &'static str,
}

/// Open MPI, MPICH, Intel MPI and PRRTE. Their long options have one dash or two.
const MPI: Launcher = Launcher {
    one: &[
        "n",
        "np",
        "c",
        "N",
        "H",
        "x",
        "f",
        "s",
        "l",
        "ppn",
        "perhost",
        "host",
        "hosts",
        "hostfile",
        "machinefile",
        "default-hostfile",
        "wdir",
        "wd",
        "path",
        "map-by",
        "rank-by",
        "bind-to",
        "npernode",
        "npersocket",
        "ntasks-per-node",
        "tune",
        "am",
        "prefix",
        "output-filename",
        "output",
        "stdin",
        "timeout",
        "launcher",
        "bootstrap",
        "rmk",
        "iface",
        "envlist",
        "genvlist",
        "genvexcl",
        "configfile",
        "app",
        "gpus-per-proc",
        "cpu-set",
        "cpu-list",
        "rankfile",
        "rf",
        "runtime-options",
        "display",
        "personality",
        "pmixmca-file",
        "bind",
        "umask",
        "soft",
        "arch",
        "errfile-pattern",
        "outfile-pattern",
    ],
    two: &["mca", "gmca", "omca", "pmixmca", "prtemca", "env", "genv"],
    letters: "",
};

/// Slurm.
const SLURM: Launcher = Launcher {
    one: &[
        "account",
        "accel-bind",
        "bcast",
        "begin",
        "chdir",
        "cluster-constraint",
        "clusters",
        "comment",
        "constraint",
        "container",
        "core-spec",
        "cores-per-socket",
        "cpu-bind",
        "cpu-freq",
        "cpus-per-gpu",
        "cpus-per-task",
        "dependency",
        "distribution",
        "error",
        "exclude",
        "export",
        "export-file",
        "extra-node-info",
        "gid",
        "gpu-bind",
        "gpu-freq",
        "gpus",
        "gpus-per-node",
        "gpus-per-socket",
        "gpus-per-task",
        "gres",
        "gres-flags",
        "hint",
        "input",
        "job-name",
        "jobid",
        "kill-on-bad-exit",
        "licenses",
        "mail-type",
        "mail-user",
        "mem",
        "mem-bind",
        "mem-per-cpu",
        "mem-per-gpu",
        "mincpus",
        "mpi",
        "msg-timeout",
        "network",
        "nodefile",
        "nodelist",
        "nodes",
        "ntasks",
        "ntasks-per-core",
        "ntasks-per-gpu",
        "ntasks-per-node",
        "ntasks-per-socket",
        "open-mode",
        "output",
        "partition",
        "power",
        "prefer",
        "priority",
        "profile",
        "prolog",
        "epilog",
        "qos",
        "relative",
        "reservation",
        "signal",
        "slurmd-debug",
        "sockets-per-node",
        "switches",
        "task-epilog",
        "task-prolog",
        "thread-spec",
        "threads",
        "threads-per-core",
        "time",
        "time-min",
        "tmp",
        "tree-width",
        "uid",
        "wait",
        "wckey",
    ],
    two: &[],
    letters: "ABcCDdeGiJLmMnNopPqrRStTwWx",
};

/// Cray's and IBM's.
const OTHERS: Launcher = Launcher {
    one: &[
        "pes",
        "pes-per-node",
        "cpus-per-pe",
        "cpu-binding",
        "node-list",
        "nrs",
        "np",
        "tasks_per_rs",
        "cpu_per_rs",
        "gpu_per_rs",
        "rs_per_host",
        "bind",
        "launch_distribution",
        "smpiargs",
        "env",
        "env_no_propagate",
        "chdir",
        "stdio_stdout",
        "stdio_stderr",
        "latency_priority",
    ],
    two: &[],
    letters: "nNdSjLcgarblMEFDekopt",
};

/// The index of the program that a launcher starts, or of the word that may be one and holds a value;
/// `None` if the command is no launcher, or starts nothing.
pub(super) fn launched(words: &[String]) -> Option<usize> {
    let launcher = match base_name(words.first()?) {
        "mpirun" | "mpiexec" | "mpiexec.hydra" | "orterun" | "prun" => MPI,
        "srun" | "salloc" => SLURM,
        "aprun" | "jsrun" | "ibrun" => OTHERS,
        _ => return None,
    };
    let mut first = None;
    let mut at = 1;
    loop {
        let program = launcher.program(words, at);
        // Several programs are divided by `:`.
        let Some(program) = program else {
            return first;
        };
        if words[program].contains(MARK) {
            return Some(program);
        }
        first.get_or_insert(program);
        match (program..words.len()).find(|at| words[*at] == ":") {
            Some(colon) => at = colon + 1,
            None => return first,
        }
    }
}

impl Launcher {
    /// The first word from `at` on that is neither an option nor the word of one. A word that holds a
    /// value after an unknown option may be either, and counts.
    fn program(&self, words: &[String], mut at: usize) -> Option<usize> {
        loop {
            let word = words.get(at)?;
            if word == "--" {
                return words.get(at + 1).map(|_| at + 1);
            }
            let name = word.trim_start_matches('-');
            if name.len() == word.len() || name.is_empty() {
                return Some(at);
            }
            let letter = !word.starts_with("--") && name.starts_with(|c| self.letters.contains(c));
            at += if name.contains('=') {
                1
            } else if self.two.contains(&name) {
                3
            } else if self.one.contains(&name) || letter && name.len() == 1 {
                2
            } else if letter {
                1
            } else if words.get(at + 1).is_some_and(|next| next.contains(MARK)) {
                return Some(at + 1);
            } else {
                1
            };
        }
    }
}
