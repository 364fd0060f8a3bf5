//! Variables of the environment that shells and programs evaluate.

/// True for a variable whose value a shell or program evaluates.
pub(crate) fn is_evaluated(name: &str) -> bool {
    matches!(
        name,
        "BASH_ENV"
            | "ENV"
            | "PS0"
            | "PS1"
            | "PS2"
            | "PS4"
            | "PROMPT_COMMAND"
            | "SHELLOPTS"
            | "BASHOPTS"
            | "PERL5OPT"
            | "RUBYOPT"
            | "NODE_OPTIONS"
            | "PYTHONSTARTUP"
            | "LESSOPEN"
            | "GIT_SSH_COMMAND"
            | "MAKEFLAGS"
            | "PERL5DB"
            | "PAGER"
            | "GIT_PAGER"
            | "EDITOR"
            | "VISUAL"
            | "GIT_EDITOR"
            | "RSYNC_RSH"
            | "TAR_OPTIONS"
            | "JAVA_TOOL_OPTIONS"
            | "_JAVA_OPTIONS"
    ) || name.starts_with("BASH_FUNC_")
}
