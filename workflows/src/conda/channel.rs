//! Names and addresses of channels and packages.

/// Checks a channel: a name such as `conda-forge` or `conda-forge/label/dev`, or an address.
///
/// # Errors
/// Says what is wrong, and what to write.
pub(super) fn check(text: &str) -> Result<(), String> {
    if text.contains("://") {
        return check_address(text);
    }
    let step = |step: &str| {
        step.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && step
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
    };
    match text.split('/').all(step) {
        true => Ok(()),
        false => Err(format!(
            "`{text}` is not a channel: expected a name such as conda-forge, or an address with https:// or file://"
        )),
    }
}

/// Checks the address of a package's archive.
///
/// # Errors
/// Says what is wrong with it.
pub fn check_package_address(text: &str) -> Result<(), String> {
    check_address(text)?;
    match text.ends_with(".conda") || text.ends_with(".tar.bz2") {
        true => Ok(()),
        false => Err(format!("`{text}` is not a .conda or .tar.bz2 archive")),
    }
}

fn check_address(text: &str) -> Result<(), String> {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("file:///"));
    let Some(rest) = rest else {
        return Err(format!(
            "`{}` is not an address with https:// or file:///",
            without_secrets(text)
        ));
    };
    let host = rest.split('/').next().unwrap_or_default();
    if text.starts_with("https") && host.contains('@') || text.contains("/t/") {
        return Err(format!(
            "`{}` has a password or a token in it; keep it with your machine's settings (`conda config`, `mamba auth`, `pixi auth login`)",
            without_secrets(text)
        ));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+!~%:@=,".contains(c);
    match !rest.is_empty() && rest.chars().all(plain) && !rest.starts_with('-') {
        true => Ok(()),
        false => Err(format!(
            "`{}` is not a plain address: other characters than letters, digits and /._-+!~%:=, are written as %20",
            text.escape_debug()
        )),
    }
}

/// An address without what is before an `@` in its host, and without a token.
fn without_secrets(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let (host, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let host = host.rsplit('@').next().unwrap_or(host);
    let path = match path.split_once("/t/") {
        Some((before, token)) => {
            let after = token.find('/').map_or("", |at| &token[at..]);
            format!("{before}/t/…{after}")
        }
        None => path.to_owned(),
    };
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::{check, check_package_address};

    #[test]
    fn channels_are_names_or_addresses() {
        for good in [
            "conda-forge",
            "conda-forge/label/dev",
            "bioconda",
            "https://repo.prefix.dev/conda-forge",
            "https://host:8443/a_b/c",
            "file:///data/channel",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, says) in [
            ("", "not a channel"),
            ("-c", "not a channel"),
            ("--override-channels", "not a channel"),
            ("../channel", "not a channel"),
            ("a b", "not a channel"),
            ("a/../b", "not a channel"),
            ("$(id)", "not a channel"),
            ("http://host/x", "https:// or file:///"),
            ("file://host/x", "https:// or file:///"),
            ("https://u:secret@host/x", "`https://host/x` has a password"),
            (
                "https://host/t/secret/x",
                "`https://host/t/…/x` has a password",
            ),
            (
                "http://u:secret@host/x",
                "`http://host/x` is not an address",
            ),
            ("https://host/a b", "not a plain address"),
            ("https://host/a\nb", "not a plain address"),
            ("https://host/a#b", "not a plain address"),
            ("https://", "not a plain address"),
            ("https://-x", "not a plain address"),
        ] {
            let why = check(bad).unwrap_err();
            assert!(
                why.contains(says) && !why.contains("secret"),
                "{bad}: {why}"
            );
        }
    }

    #[test]
    fn archives_have_their_suffix() {
        let of = |text: &str| check_package_address(text);
        assert_eq!(of("https://c.org/x/linux-64/a-1!2-h_0.conda"), Ok(()));
        assert!(of("https://c.org/x/linux-64/").is_err());
        assert!(of("https://c.org/x/a-1-0.conda#md5").is_err());
    }
}
