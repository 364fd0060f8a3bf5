//! The table: who is told how a run went.

use super::kind::{Key, Kind, Shape};

/// One message.
pub(crate) static NOTIFY: Shape = Shape {
    exactly_one: &["webhook", "email", "command"],
    ..Shape::new(
        "Notify",
        "Who is told how a run went: exactly one of webhook, email and command.",
        &[
            Key::new(
                "on",
                Kind::OneOrMany(&Kind::Word(&["end", "failure", "hold"])),
                "When: at the end of the run, however it ends; if it failed; if it is held.",
            )
            .default_is("[end, hold]")
            .example("[failure, hold]"),
            Key::new(
                "webhook",
                Kind::OneOf(&[Kind::Text, Kind::Node(&WEBHOOK)]),
                "A web address to which the message is posted as JSON.",
            )
            .example("https://example.org/hook"),
            Key::new(
                "sign",
                Kind::Name,
                "The name of a secret: the header Sunward-Signature has the HMAC-SHA256 of the body.",
            )
            .example("HOOK_KEY"),
            Key::new("email", Kind::Node(&EMAIL), "An e-mail with the message.").example(
                "{ to: lab@example.org, from: sunward@example.org, server: \"smtps://sunward@mail.example.org\", password: MAIL_PASSWORD }",
            ),
            Key::new(
                "command",
                Kind::OneOf(&[Kind::Text, Kind::List(&Kind::Scalar)]),
                "A command that gets the message in its environment: text for a shell, or a list of words without one.",
            )
            .example("[./tell.sh]"),
            Key::new(
                "secrets",
                Kind::List(&Kind::Name),
                "Names of secrets to put into the command's environment.",
            )
            .example("[CHAT_TOKEN]"),
        ],
    )
};

static WEBHOOK: Shape = Shape::new(
    "Webhook",
    "A web address that is a secret itself.",
    &[Key::new(
        "secret",
        Kind::Name,
        "The name of the secret that holds the address.",
    )
    .example("CHAT_HOOK")
    .required()],
);

static EMAIL: Shape = Shape::new(
    "Email",
    "An e-mail.",
    &[
        Key::new("to", Kind::OneOrMany(&Kind::Text), "Who gets it.")
            .example("[lab@example.org]")
            .required(),
        Key::new("from", Kind::Text, "Who sends it.")
            .example("sunward@example.org")
            .required(),
        Key::new(
            "server",
            Kind::Text,
            "The mail server: smtps://user@host:port, or smtp://user@host:port with STARTTLS.",
        )
        .example("\"smtps://sunward@mail.example.org\"")
        .required(),
        Key::new(
            "password",
            Kind::Name,
            "The name of the secret that holds the user's password.",
        )
        .example("MAIL_PASSWORD"),
    ],
);
