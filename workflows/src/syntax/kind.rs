//! The kinds of values in a file.

/// A map with known keys.
#[derive(Debug)]
pub(crate) struct Shape {
    /// Its name in the JSON Schema.
    pub(crate) name: &'static str,
    /// What it describes.
    pub(crate) doc: &'static str,
    /// Its keys.
    pub(crate) keys: &'static [Key],
    /// Keys of which exactly one is required.
    pub(crate) exactly_one: &'static [&'static str],
    /// Keys with this prefix are free for the author's anchors.
    pub(crate) free_prefix: Option<&'static str>,
}

/// One key of a [`Shape`].
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// Another name of the key.
    pub(crate) alias: Option<&'static str>,
    pub(crate) kind: Kind,
    pub(crate) doc: &'static str,
    /// The value without it, in words.
    pub(crate) default: Option<&'static str>,
    /// A value, as written in a file.
    pub(crate) example: &'static str,
    /// The version of Sunward that first had it.
    pub(crate) since: &'static str,
    pub(crate) required: bool,
}

/// The kind of a value.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Text.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// `[A-Za-z_][A-Za-z0-9_]{0,63}`.
    Name,
    /// A name that may also contain `-` and `.`.
    LooseName,
    /// A file suffix, with or without the dot.
    Suffix,
    /// A Python requirement in pip's syntax.
    Requirement,
    /// Any scalar, as written.
    Scalar,
    /// An integer within bounds.
    Whole(i64, i64),
    /// A number not below this.
    Number(f64),
    /// Any number.
    AnyNumber,
    /// `true` or `false`.
    Bool,
    /// `90s`, `15m`, `2h`, `1d`.
    Duration,
    /// `512MiB`, `10GB`.
    Size,
    /// `350W`.
    Power,
    /// `5%`, from 0 to 100.
    Percent,
    /// An Arrow type.
    ColumnType,
    /// Anything.
    Any,
    /// Nothing, as in `port:`.
    Nothing,
    /// A list.
    List(&'static Self),
    /// A value, or a list of them.
    OneOrMany(&'static Self),
    /// A map whose keys the author names.
    Map(KeyRule, &'static Self),
    /// A map with known keys.
    Node(&'static Shape),
    /// The first of these that fits.
    OneOf(&'static [Self]),
}

/// The keys that a map may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyRule {
    /// Names of stages, ports or parameters.
    Name,
    /// Anything, for example names of columns.
    Any,
}

impl Key {
    pub(crate) const fn new(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            name,
            alias: None,
            kind,
            doc,
            default: None,
            example: "",
            since: "0.1",
            required: false,
        }
    }

    pub(crate) const fn default_is(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    pub(crate) const fn example(mut self, example: &'static str) -> Self {
        self.example = example;
        self
    }

    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub(crate) const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }
}

impl Shape {
    pub(crate) const fn new(name: &'static str, doc: &'static str, keys: &'static [Key]) -> Self {
        Self {
            name,
            doc,
            keys,
            exactly_one: &[],
            free_prefix: None,
        }
    }

    /// The key with that name or alias.
    pub(crate) fn key(&self, name: &str) -> Option<&Key> {
        self.keys
            .iter()
            .find(|key| key.name == name || key.alias == Some(name))
    }
}

impl Kind {
    /// Adds the shapes of this kind that are not there yet.
    pub(crate) fn shapes(&'static self, found: &mut Vec<&'static Shape>) {
        match self {
            Self::Node(shape) if found.iter().any(|one| one.name == shape.name) => {}
            Self::Node(shape) => found.push(shape),
            Self::List(inner) | Self::OneOrMany(inner) | Self::Map(_, inner) => {
                inner.shapes(found);
            }
            Self::OneOf(kinds) => kinds.iter().for_each(|kind| kind.shapes(found)),
            _ => {}
        }
    }

    /// The kind's description in messages.
    pub(crate) fn expected(&self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Word(words) => {
                let is_plain = |word: &&&str| word.contains(char::is_alphanumeric);
                let shown = words.iter().map(|word| match is_plain(&word) {
                    true => (*word).to_owned(),
                    false => crate::quoted(word).to_string(),
                });
                let shown: Vec<String> = shown.collect();
                crate::names::one_of(shown.iter().map(String::as_str))
            }
            Self::Name => "a name of letters, digits and _".to_owned(),
            Self::LooseName => "a name of letters, digits, _, - and .".to_owned(),
            Self::Suffix => "a file suffix of letters and digits, such as csv or nii.gz".to_owned(),
            Self::Requirement => {
                "a package's name, with an optional version, such as numpy==2.1.0".to_owned()
            }
            Self::Scalar => "text or a number".to_owned(),
            Self::Whole(min, max) if *max >= i64::from(i32::MAX) => {
                format!("a whole number, {min} or more")
            }
            Self::Whole(min, max) => format!("a whole number from {min} to {max}"),
            Self::Number(min) => format!("a number, {min} or more"),
            Self::AnyNumber => "a number".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Duration => "a duration such as 90s, 15m, 2h or 1d".to_owned(),
            Self::Size => "a size such as 512MiB, 4GiB or 10GB".to_owned(),
            Self::Percent => "a percentage from 0% to 100%".to_owned(),
            Self::Power => "a power such as 350W or 1.2kW".to_owned(),
            Self::ColumnType => "a column type such as int64, utf8 or list<float64>".to_owned(),
            Self::Any => "anything".to_owned(),
            Self::Nothing => "nothing".to_owned(),
            Self::List(Self::Any) => "a list".to_owned(),
            Self::List(kind) => format!("a list, each item {}", kind.expected()),
            Self::OneOrMany(kind) => format!("{}, or a list of these", kind.expected()),
            Self::Map(..) => "a map".to_owned(),
            Self::Node(shape) => {
                let keys = shape.keys.iter().map(|key| key.name);
                format!("a map with {}", crate::names::one_of(keys))
            }
            Self::OneOf(kinds) => {
                let words: Vec<String> = kinds.iter().map(Self::expected).collect();
                words.join(", or ")
            }
        }
    }
}
