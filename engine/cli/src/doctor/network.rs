//! Checks the proxy and the certificates that the environment names.

use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use sunward_files::read_text;

use super::Finding;
use crate::network::Network;

/// The time limit for a connection to the proxy.
const PATIENCE: Duration = Duration::from_secs(3);

/// Checks that the proxy can be reached.
pub(crate) fn proxy(network: &Network) -> Finding {
    let Some(proxy) = &network.proxy else {
        return Finding::good("proxy", "none is set: connections are direct");
    };
    let Some(place) = place(proxy) else {
        return Finding::problem(
            "proxy",
            "the environment names a proxy whose address cannot be read",
            "write it as http://HOST:PORT in HTTPS_PROXY",
        );
    };
    let reached = place
        .to_socket_addrs()
        .map_err(|error| error.to_string())
        .and_then(|mut found| {
            found
                .next()
                .ok_or_else(|| "its name has no address".to_owned())
        })
        .and_then(|at| {
            TcpStream::connect_timeout(&at, PATIENCE).map_err(|error| error.to_string())
        });
    match reached {
        Ok(_) => Finding::good("proxy", format!("{place} accepts connections")),
        Err(why) => Finding::problem(
            "proxy",
            format!("{place} cannot be reached: {why}"),
            "correct HTTPS_PROXY, HTTP_PROXY or ALL_PROXY; list hosts for direct connections in NO_PROXY",
        ),
    }
}

/// Checks that the file of certificates can be used.
pub(crate) fn certificates(network: &Network) -> Finding {
    let Some(file) = &network.certificates else {
        return Finding::good("certificates", "those of the system");
    };
    let mend = "name a file of certificates in PEM in SSL_CERT_FILE, or unset it";
    match read_text(Path::new(file)) {
        Ok(text) if text.contains("BEGIN CERTIFICATE") => {
            Finding::good("certificates", format!("those of {file}"))
        }
        Ok(_) => Finding::problem(
            "certificates",
            format!("{file} contains no certificate"),
            mend,
        ),
        Err(error) => Finding::problem(
            "certificates",
            format!("{file} cannot be read: {error}"),
            mend,
        ),
    }
}

/// `HOST:PORT` of a proxy's address, without the user and password.
fn place(proxy: &str) -> Option<String> {
    let (scheme, rest) = proxy.split_once("://").unwrap_or(("http", proxy));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let place = rest.split('/').next().filter(|place| !place.is_empty())?;
    let usual = if scheme == "https" { 443 } else { 80 };
    let has_port = place
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    Some(if has_port {
        place.to_owned()
    } else {
        format!("{place}:{usual}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_named_without_its_password() {
        let cases = [
            ("http://proxy.example:3128", "proxy.example:3128"),
            ("http://me:secret@proxy.example:3128/", "proxy.example:3128"),
            ("proxy.example", "proxy.example:80"),
            ("https://proxy.example", "proxy.example:443"),
        ];
        for (given, expected) in cases {
            assert_eq!(place(given).as_deref(), Some(expected));
        }
        assert_eq!(place("http://"), None);
    }

    #[test]
    fn the_first_variable_that_is_set_counts() {
        let network = Network::read(|name| {
            [("https_proxy", "a"), ("HTTP_PROXY", "b"), ("ALL_PROXY", "")]
                .into_iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value.to_owned())
        });
        assert_eq!(network.proxy.as_deref(), Some("a"));
    }

    #[test]
    fn a_proxy_that_is_not_there_and_a_file_without_certificates_are_problems() {
        let network = Network {
            proxy: Some("http://127.0.0.1:1".to_owned()),
            certificates: Some("/dev/null".to_owned()),
        };
        assert!(proxy(&network).mend.is_some());
        assert!(certificates(&network).mend.is_some());
        assert!(proxy(&Network::default()).mend.is_none());
    }
}
