//! Commands that change how a program runs, or watch it: their options.

use super::confined::CONFINED;
use super::option_table::OptionTable;

/// The commands, each with its options.
///
/// They are read from `--help` of coreutils 9.1, util-linux 2.38.1, findutils 4.9.0, GNU time 1.9, sudo
/// 1.9.13, opendoas 6.8.2, numactl 2.0.16, strace 6.1, ltrace 0.7.3, systemd 252, fakeroot 1.31, xvfb-run
/// 21.1.7, moreutils 0.67 and expect 5.45. `perf`, `valgrind` and `dbus-run-session` are from their
/// manuals.
const WRAPPERS: &[(&[&str], OptionTable)] = &[
    (
        &[
            "builtin",
            "nohup",
            "coproc",
            "busybox",
            "eatmydata",
            "catchsegv",
            "pkexec",
            "firejail",
            "ld.so",
            "ld-linux.so.2",
            "ld-linux-x86-64.so.2",
            "ld-linux-aarch64.so.1",
        ],
        OptionTable::NONE,
    ),
    (
        &["command"],
        OptionTable {
            flags: "p",
            ..OptionTable::NONE
        },
    ),
    (
        &["exec"],
        OptionTable {
            valued: "a",
            flags: "cl",
            ..OptionTable::NONE
        },
    ),
    (
        &["nice"],
        OptionTable {
            valued: "n",
            flags: "0123456789",
            words: &["adjustment"],
            ..OptionTable::NONE
        },
    ),
    (
        &["ionice"],
        OptionTable {
            valued: "cnpPu",
            flags: "t",
            words: &["class", "classdata", "pid", "pgid", "uid"],
            alone: &["ignore"],
            ..OptionTable::NONE
        },
    ),
    (
        &["stdbuf"],
        OptionTable {
            valued: "ioe",
            words: &["input", "output", "error"],
            ..OptionTable::NONE
        },
    ),
    (
        &["timeout"],
        OptionTable {
            valued: "ks",
            flags: "v",
            words: &["kill-after", "signal"],
            alone: &["preserve-status", "foreground", "verbose"],
            operands: 1,
            ..OptionTable::NONE
        },
    ),
    (
        &["env"],
        OptionTable {
            valued: "uCS",
            flags: "i0v",
            words: &["unset", "chdir", "split-string"],
            alone: &[
                "ignore-environment",
                "null",
                "debug",
                "block-signal",
                "default-signal",
                "ignore-signal",
                "list-signal-handling",
            ],
            assigns: true,
            ..OptionTable::NONE
        },
    ),
    (
        &["chroot"],
        OptionTable {
            words: &["groups", "userspec"],
            alone: &["skip-chdir"],
            operands: 1,
            ..OptionTable::NONE
        },
    ),
    (
        &["setsid"],
        OptionTable {
            flags: "cfw",
            alone: &["ctty", "fork", "wait"],
            ..OptionTable::NONE
        },
    ),
    (
        &["taskset"],
        OptionTable {
            flags: "apc",
            alone: &["all-tasks", "pid", "cpu-list"],
            operands: 1,
            ..OptionTable::NONE
        },
    ),
    (
        &["chrt"],
        OptionTable {
            valued: "TPD",
            flags: "bdfiorRampv",
            words: &["sched-runtime", "sched-period", "sched-deadline"],
            alone: &[
                "batch",
                "deadline",
                "fifo",
                "idle",
                "other",
                "rr",
                "reset-on-fork",
                "all-tasks",
                "max",
                "pid",
                "verbose",
            ],
            operands: 1,
            ..OptionTable::NONE
        },
    ),
    (
        &["flock"],
        OptionTable {
            valued: "wEc",
            flags: "sexunoF",
            words: &["timeout", "wait", "conflict-exit-code", "command"],
            alone: &[
                "shared",
                "exclusive",
                "unlock",
                "nonblock",
                "nb",
                "close",
                "no-fork",
                "verbose",
            ],
            operands: 1,
            ..OptionTable::NONE
        },
    ),
    (
        &["prlimit"],
        OptionTable {
            valued: "po",
            flags: "cdefilmnqrstuvxy",
            words: &["pid", "output"],
            alone: &["noheadings", "raw", "verbose"],
            ..OptionTable::NONE
        },
    ),
    (
        &["unshare"],
        OptionTable {
            valued: "RwSG",
            flags: "muinpUCTfrc",
            words: &[
                "map-user",
                "map-group",
                "map-users",
                "map-groups",
                "propagation",
                "setgroups",
                "root",
                "wd",
                "setuid",
                "setgid",
                "monotonic",
                "boottime",
            ],
            alone: &[
                "mount",
                "uts",
                "ipc",
                "net",
                "pid",
                "user",
                "cgroup",
                "time",
                "fork",
                "map-root-user",
                "map-current-user",
                "map-auto",
                "kill-child",
                "mount-proc",
                "keep-caps",
            ],
            ..OptionTable::NONE
        },
    ),
    (
        &["nsenter"],
        OptionTable {
            valued: "tSGW",
            flags: "amuinpCUTrwFZ",
            words: &["target", "setuid", "setgid", "wdns"],
            alone: &[
                "all",
                "mount",
                "uts",
                "ipc",
                "net",
                "pid",
                "cgroup",
                "user",
                "time",
                "preserve-credentials",
                "root",
                "wd",
                "no-fork",
                "follow-context",
            ],
            ..OptionTable::NONE
        },
    ),
    (
        &["setpriv"],
        OptionTable {
            flags: "d",
            words: &[
                "ambient-caps",
                "inh-caps",
                "bounding-set",
                "ruid",
                "euid",
                "rgid",
                "egid",
                "reuid",
                "regid",
                "groups",
                "securebits",
                "pdeathsig",
                "selinux-label",
                "apparmor-profile",
            ],
            alone: &[
                "dump",
                "nnp",
                "no-new-privs",
                "clear-groups",
                "keep-groups",
                "init-groups",
                "reset-env",
            ],
            ..OptionTable::NONE
        },
    ),
    (
        &["numactl"],
        OptionTable {
            valued: "iPpCNmLoMISf",
            flags: "ablsHtuTdD",
            words: &[
                "interleave",
                "preferred",
                "preferred-many",
                "physcpubind",
                "cpunodebind",
                "cpubind",
                "membind",
                "length",
                "offset",
                "shmmode",
                "shmid",
                "shm",
                "file",
            ],
            alone: &[
                "all",
                "balancing",
                "localalloc",
                "show",
                "hardware",
                "strict",
                "huge",
                "touch",
                "dump",
                "dump-nodes",
            ],
            ..OptionTable::NONE
        },
    ),
    (
        &["sudo"],
        OptionTable {
            valued: "CDghpRrTtUu",
            flags: "AbBEeHiKklnPSsvV",
            words: &[
                "close-from",
                "chdir",
                "group",
                "host",
                "prompt",
                "chroot",
                "role",
                "type",
                "command-timeout",
                "other-user",
                "user",
            ],
            alone: &[
                "askpass",
                "background",
                "bell",
                "preserve-env",
                "edit",
                "set-home",
                "login",
                "remove-timestamp",
                "reset-timestamp",
                "list",
                "non-interactive",
                "preserve-groups",
                "stdin",
                "shell",
                "validate",
            ],
            assigns: true,
            ..OptionTable::NONE
        },
    ),
    (
        &["doas"],
        OptionTable {
            valued: "Cu",
            flags: "Lns",
            ..OptionTable::NONE
        },
    ),
    (
        &["systemd-run"],
        OptionTable {
            valued: "HMupE",
            flags: "rdtPqGS",
            words: &[
                "host",
                "machine",
                "unit",
                "property",
                "description",
                "slice",
                "service-type",
                "uid",
                "gid",
                "nice",
                "working-directory",
                "setenv",
                "path-property",
                "socket-property",
                "on-active",
                "on-boot",
                "on-startup",
                "on-unit-active",
                "on-unit-inactive",
                "on-calendar",
                "timer-property",
            ],
            alone: &[
                "no-ask-password",
                "user",
                "scope",
                "slice-inherit",
                "no-block",
                "remain-after-exit",
                "wait",
                "send-sighup",
                "same-dir",
                "pty",
                "pipe",
                "quiet",
                "collect",
                "shell",
                "on-timezone-change",
                "on-clock-change",
            ],
            ..OptionTable::NONE
        },
    ),
    (
        &["fakeroot"],
        OptionTable {
            valued: "lfisb",
            flags: "u",
            words: &["lib", "faked", "fd-base"],
            alone: &["unknown-is-real"],
            ..OptionTable::NONE
        },
    ),
    (
        &["time"],
        OptionTable {
            valued: "fo",
            flags: "apqv",
            words: &["format", "output"],
            alone: &["append", "portability", "quiet", "verbose"],
            ..OptionTable::NONE
        },
    ),
    // With BSD's `-J`, `-R` and `-S`. An optional word stands after `=`: `--max-lines=2`.
    (
        &["xargs"],
        OptionTable {
            valued: "aEdILnPsJRS",
            flags: "0eiloprtx",
            words: &[
                "arg-file",
                "delimiter",
                "max-args",
                "max-procs",
                "max-chars",
                "process-slot-var",
            ],
            alone: &[
                "null",
                "eof",
                "replace",
                "max-lines",
                "open-tty",
                "interactive",
                "no-run-if-empty",
                "show-limits",
                "verbose",
                "exit",
            ],
            ..OptionTable::NONE
        },
    ),
    (
        &["strace"],
        OptionTable {
            valued: "abeEIoOpPsSuUX",
            flags: "ACcdDfFhiknqrtTvVwxyYzZ",
            words: &[
                "env",
                "attach",
                "user",
                "detach-on",
                "interruptible",
                "trace",
                "trace-path",
                "columns",
                "output",
                "string-limit",
            ],
            alone: &[
                "follow-forks",
                "output-separately",
                "summary",
                "summary-only",
                "debug",
                "no-abbrev",
            ],
            ..OptionTable::NONE
        },
    ),
    (
        &["ltrace"],
        OptionTable {
            valued: "aADeFlnopsux",
            flags: "bcCfiLrStT",
            words: &["align", "debug", "config", "library", "indent", "output"],
            alone: &["no-signals", "demangle"],
            ..OptionTable::NONE
        },
    ),
    // The first operand is what `perf` does.
    (
        &["perf"],
        OptionTable {
            valued: "eopFc",
            flags: "agv",
            operands: 1,
            ..OptionTable::NONE
        },
    ),
    // All its options are one word, such as `--tool=massif`.
    (
        &["valgrind"],
        OptionTable {
            flags: "hvqsd",
            alone: &[
                "verbose",
                "quiet",
                "tool",
                "leak-check",
                "track-origins",
                "trace-children",
            ],
            ..OptionTable::NONE
        },
    ),
    (
        &["unbuffer"],
        OptionTable {
            flags: "p",
            ..OptionTable::NONE
        },
    ),
    (
        &["chronic"],
        OptionTable {
            flags: "ve",
            ..OptionTable::NONE
        },
    ),
    (
        &["xvfb-run"],
        OptionTable {
            valued: "efnps",
            flags: "al",
            words: &[
                "error-file",
                "auth-file",
                "server-num",
                "xauth-protocol",
                "server-args",
            ],
            alone: &["auto-servernum", "listen-tcp"],
            ..OptionTable::NONE
        },
    ),
    (
        &["dbus-run-session"],
        OptionTable {
            words: &["config-file", "dbus-daemon"],
            ..OptionTable::NONE
        },
    ),
    (
        &["setarch", "linux32", "linux64", "i386", "x86_64", "uname26"],
        OptionTable {
            flags: "BFILRSTXZ3v",
            alone: &[
                "32bit",
                "fdpic-funcptrs",
                "short-inode",
                "addr-compat-layout",
                "addr-no-randomize",
                "whole-seconds",
                "sticky-timeouts",
                "read-implies-exec",
                "mmap-page-zero",
                "3gb",
                "4gb",
                "uname-2.6",
                "verbose",
                "list",
            ],
            ..OptionTable::NONE
        },
    ),
];

/// The options of such a command, by its name.
pub(super) fn wrapper(name: &str) -> Option<OptionTable> {
    let mut all = WRAPPERS.iter().chain(CONFINED);
    all.find(|(names, _)| names.contains(&name))
        .map(|(_, table)| *table)
}
