//! What the environment may say of an object store, and what is refused.

use std::os::unix::ffi::OsStringExt as _;

use super::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG";

fn with(name: &str, value: impl Into<OsString>) -> Result<AmazonS3Builder, String> {
    let keys = [
        ("AWS_ACCESS_KEY_ID", "key".into()),
        ("AWS_SECRET_ACCESS_KEY", SECRET.into()),
        (name, value.into()),
    ];
    let all = keys.map(|(name, value): (&str, OsString)| (name.into(), value));
    settings(all).map_err(|error| {
        assert_eq!(error.blame(), sunward_core::Blame::User, "{error}");
        error.to_string()
    })
}

#[test]
fn what_the_client_cannot_use_is_refused_by_name_before_it_is_used() {
    crate::remote::client::install_provider();
    let addresses = [
        "localhost:9000",
        "notaurl",
        "http://",
        "https://",
        "http://a b",
        "http://h:99999",
        "http://h:0",
        "http://h:",
        "http://h:x",
        "http://h:+80",
        "",
        " ",
        " http://h",
        "http://h ",
        "http://ü",
        "http://h/ü",
        "/x",
        "//h",
        "ftp://h",
        "http:/h",
        "http://h\n",
        "http://[::1",
        "http://[x]",
        "http://..",
        "http://h/a?b",
        "http://h/a#b",
        "http://h/{}",
        "http://me:pw@h",
    ];
    for name in [
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT",
        "AWS_ENDPOINT_URL_S3",
        "AWS_ENDPOINT_URL_STS",
    ] {
        for value in addresses {
            let error = with(name, value).unwrap_err();
            assert!(error.starts_with(name), "{value}: {error}");
            let remedy = ["http://localhost:9000", "correct or unset it"];
            assert!(
                remedy.iter().any(|text| error.contains(text)),
                "{value}: {error}"
            );
            assert!(!error.contains("pw"), "{error}");
        }
    }
    let others = [
        ("AWS_REGION", "eu west"),
        ("AWS_DEFAULT_REGION", "eu/west"),
        ("AWS_REGION", ""),
        ("AWS_ALLOW_HTTP", "perhaps"),
        ("AWS_TIMEOUT", "soon"),
        ("AWS_CONNECT_TIMEOUT", "soon"),
        ("AWS_USER_AGENT", "a\nb"),
        ("AWS_CONDITIONAL_PUT", "x"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "x y"),
        ("AWS_PROXY_URL", "nowhere"),
    ];
    for (name, value) in others {
        let error = with(name, value).unwrap_err();
        assert!(error.starts_with(name), "{error}");
    }
    let bytes = OsString::from_vec(vec![0xff]);
    assert!(with("AWS_REGION", bytes).unwrap_err().contains("UTF-8"));
}

#[test]
fn a_secret_is_never_told() {
    crate::remote::client::install_provider();
    for name in [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    ] {
        for value in [
            format!("{SECRET}\n"),
            format!("{SECRET}\nx"),
            format!("{SECRET} x"),
            format!("{SECRET}ü"),
        ] {
            let error = with(name, value).unwrap_err();
            assert!(
                error.starts_with(name) && !error.contains(SECRET),
                "{error}"
            );
        }
    }
    let alone = [("AWS_ACCESS_KEY_ID".into(), SECRET.into())];
    let error = settings(alone).unwrap_err().to_string();
    assert!(
        error.contains("AWS_SECRET_ACCESS_KEY is not set"),
        "{error}"
    );
}

#[test]
fn what_services_ask_for_is_taken() {
    crate::remote::client::install_provider();
    let good = [
        ("AWS_ENDPOINT_URL", "http://localhost:9000"),
        (
            "AWS_ENDPOINT_URL",
            "HTTPS://s3.eu-central-003.backblazeb2.com/",
        ),
        ("AWS_ENDPOINT_URL", "http://minio_1:9000/s3/"),
        ("AWS_ENDPOINT_URL", "http://[::1]:9000"),
        ("AWS_REGION", "auto"),
        ("AWS_SESSION_TOKEN", ""),
        ("AWS_TIMEOUT", "90 seconds"),
        ("AWS_PROFILE", "a b ü"),
        ("AWS_PROXY_URL", "http://me:pw@proxy:3128"),
        ("AWS_UNKNOWN", "\n"),
        ("HOME", "\n"),
    ];
    for (name, value) in good {
        assert!(with(name, value).is_ok(), "{name}={value}");
    }
}

#[test]
fn a_bucket_has_a_name() {
    for bucket in ["", "a b", "ü", "a\nb", "a%20b", "..:"] {
        assert!(check_bucket("s3://…", bucket).is_err(), "{bucket}");
    }
    for bucket in ["b", "my-data.2024", "Old_Bucket"] {
        assert!(check_bucket("s3://…", bucket).is_ok(), "{bucket}");
    }
}
