//! Commands that start a program as another user, in another root, or as the first process: their
//! options.

use super::option_table::OptionTable;

/// The commands, each with its options: `choom` and `runuser` from `--help` of util-linux 2.38.1, the
/// others from their manuals.
pub(super) const CONFINED: &[(&[&str], OptionTable)] = &[
    (
        &["choom"],
        OptionTable {
            valued: "np",
            words: &["adjust", "pid"],
            ..OptionTable::NONE
        },
    ),
    (
        &["runuser"],
        OptionTable {
            valued: "ucgGsw",
            flags: "lmpfP",
            words: &[
                "user",
                "command",
                "group",
                "supp-group",
                "shell",
                "session-command",
            ],
            alone: &["login", "preserve-environment", "fast", "pty"],
            ..OptionTable::NONE
        },
    ),
    (
        &["gosu", "su-exec", "faketime", "ch-run"],
        OptionTable {
            operands: 1,
            ..OptionTable::NONE
        },
    ),
    (
        &["tini", "dumb-init"],
        OptionTable {
            valued: "per",
            flags: "svwglcV",
            words: &["rewrite"],
            alone: &["verbose", "single-child"],
            ..OptionTable::NONE
        },
    ),
    (
        &["bwrap", "proot", "cgexec"],
        OptionTable {
            valued: "rbwqg",
            words: &[
                "dev", "proc", "tmpfs", "dir", "chdir", "unsetenv", "hostname", "uid", "gid",
            ],
            pairs: &[
                "bind",
                "ro-bind",
                "dev-bind",
                "bind-try",
                "ro-bind-try",
                "symlink",
                "setenv",
            ],
            alone: &[
                "unshare-all",
                "unshare-net",
                "unshare-pid",
                "unshare-user",
                "share-net",
                "die-with-parent",
                "new-session",
                "clearenv",
            ],
            ..OptionTable::NONE
        },
    ),
];
