//! The grammar of column types, and their compatibility.

use std::fmt;

use arrow_schema::{DataType, TimeUnit};

use crate::names::nearest;

/// A parsed column type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Every type.
    Any,
    /// A type without type arguments.
    Plain(DataType),
    /// `fixed_size_binary` of any width.
    AnyBinary,
    List(Box<Self>),
    LargeList(Box<Self>),
    FixedList(Box<Self>, i32),
    Struct(Vec<(String, Self)>),
    /// A tensor; without dimensions it is a pattern.
    Tensor(Box<Self>, Option<Vec<Dimension>>),
}

/// One dimension of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Dimension {
    Size(i32),
    /// A dimension of any size.
    Named(String),
}

/// Types that are one word.
const WORDS: &[(&str, DataType)] = &[
    ("null", DataType::Null),
    ("bool", DataType::Boolean),
    ("int8", DataType::Int8),
    ("int16", DataType::Int16),
    ("int32", DataType::Int32),
    ("int64", DataType::Int64),
    ("uint8", DataType::UInt8),
    ("uint16", DataType::UInt16),
    ("uint32", DataType::UInt32),
    ("uint64", DataType::UInt64),
    ("float16", DataType::Float16),
    ("float32", DataType::Float32),
    ("float64", DataType::Float64),
    ("utf8", DataType::Utf8),
    ("large_utf8", DataType::LargeUtf8),
    ("utf8_view", DataType::Utf8View),
    ("binary", DataType::Binary),
    ("large_binary", DataType::LargeBinary),
    ("binary_view", DataType::BinaryView),
    ("date32", DataType::Date32),
    ("date64", DataType::Date64),
];

/// Names of types in other tools.
const ALIASES: &[(&str, &str)] = &[
    ("string", "utf8"),
    ("large_string", "large_utf8"),
    ("boolean", "bool"),
    ("double", "float64"),
];

/// Words that take arguments: what they need, and an example.
const FAMILIES: &[(&str, &str, &str)] = &[
    ("any", "", "any"),
    ("timestamp", "unit", "timestamp[us]"),
    ("time32", "unit", "time32[ms]"),
    ("time64", "unit", "time64[us]"),
    ("duration", "unit", "duration[ms]"),
    ("decimal128", "precision and scale", "decimal128(12, 2)"),
    ("fixed_size_binary", "", "fixed_size_binary[16]"),
    ("list", "element type", "list<float64>"),
    ("large_list", "element type", "large_list<float64>"),
    (
        "fixed_size_list",
        "element type and length",
        "fixed_size_list<float32>[3]",
    ),
    ("struct", "fields", "struct<x: float64, y: float64>"),
    ("tensor", "element type", "tensor<float32>"),
];

/// How deep types may nest.
const DEPTH_LIMIT: usize = 16;

impl Kind {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { rest: text };
        let kind = reader.kind(0)?;
        reader.skip_space();
        if reader.rest.is_empty() {
            Ok(kind)
        } else {
            Err(format!("`{}` is unexpected after the type", reader.rest))
        }
    }

    /// Whether some type fits both.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::List(a), Self::List(b)) | (Self::LargeList(a), Self::LargeList(b)) => {
                a.overlaps(b)
            }
            (Self::FixedList(a, n), Self::FixedList(b, m)) => n == m && a.overlaps(b),
            (Self::Struct(a), Self::Struct(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .zip(b)
                        .all(|((x, a), (y, b))| x == y && a.overlaps(b))
            }
            (Self::Tensor(a, Some(n)), Self::Tensor(b, Some(m))) => {
                let equal = |(x, y): (&Dimension, &Dimension)| match (x, y) {
                    (Dimension::Size(x), Dimension::Size(y)) => x == y,
                    _ => true,
                };
                n.len() == m.len() && a.overlaps(b) && n.iter().zip(m).all(equal)
            }
            (Self::Tensor(a, _), Self::Tensor(b, _)) => a.overlaps(b),
            _ => self.accepts(other) || other.accepts(self),
        }
    }

    /// Whether every type that the other stands for fits this one.
    pub(crate) fn accepts(&self, actual: &Self) -> bool {
        match (self, actual) {
            (Self::Any, _) => true,
            (Self::AnyBinary, Self::Plain(DataType::FixedSizeBinary(_))) => true,
            (Self::List(a), Self::List(b)) | (Self::LargeList(a), Self::LargeList(b)) => {
                a.accepts(b)
            }
            (Self::FixedList(a, n), Self::FixedList(b, m)) => n == m && a.accepts(b),
            (Self::Struct(a), Self::Struct(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .zip(b)
                        .all(|((x, a), (y, b))| x == y && a.accepts(b))
            }
            (Self::Tensor(a, None), Self::Tensor(b, _)) => a.accepts(b),
            (Self::Tensor(a, Some(n)), Self::Tensor(b, Some(m))) => {
                n.len() == m.len()
                    && a.accepts(b)
                    && n.iter().zip(m).all(|(wanted, found)| {
                        matches!(wanted, Dimension::Named(_)) || wanted == found
                    })
            }
            _ => self == actual,
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, c: char) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn need(&mut self, c: char) -> Result<(), String> {
        if self.eat(c) {
            Ok(())
        } else {
            let place = if self.rest.is_empty() {
                "at the end".to_owned()
            } else {
                format!("before `{}`", self.rest)
            };
            Err(format!("expected `{c}` {place}"))
        }
    }

    /// Reads a word, up to a bracket, comma or colon.
    fn word(&mut self) -> &'a str {
        self.skip_space();
        let end = self
            .rest
            .find(['<', '>', '[', ']', '(', ')', ',', ':'])
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.trim()
    }

    fn kind(&mut self, depth: usize) -> Result<Kind, String> {
        if depth > DEPTH_LIMIT {
            return Err(format!("types may be nested at most {DEPTH_LIMIT} deep"));
        }
        let word = self.word();
        let word = ALIASES
            .iter()
            .find(|(alias, _)| *alias == word)
            .map_or(word, |(_, name)| name);
        if let Some((_, plain)) = WORDS.iter().find(|(name, _)| *name == word) {
            return Ok(Kind::Plain(plain.clone()));
        }
        let is_alone = self.rest.trim_start().is_empty();
        if let Some((_, needed, example)) = FAMILIES.iter().find(|(name, ..)| *name == word)
            && is_alone
            && !needed.is_empty()
        {
            return Err(format!("`{word}` needs its {needed}: `{example}`"));
        }
        match word {
            "any" => Ok(Kind::Any),
            "timestamp" => self.timestamp(),
            "time32" => self
                .unit(&["s", "ms"])
                .map(DataType::Time32)
                .map(Kind::Plain),
            "time64" => self
                .unit(&["us", "ns"])
                .map(DataType::Time64)
                .map(Kind::Plain),
            "duration" => {
                let unit = self.unit(&["s", "ms", "us", "ns"])?;
                Ok(Kind::Plain(DataType::Duration(unit)))
            }
            "decimal128" => self.decimal(),
            "fixed_size_binary" if !self.rest.trim_start().starts_with('[') => Ok(Kind::AnyBinary),
            "fixed_size_binary" => {
                let width = self.bracketed_size()?;
                Ok(Kind::Plain(DataType::FixedSizeBinary(width)))
            }
            "list" => Ok(Kind::List(Box::new(self.element(depth)?))),
            "large_list" => Ok(Kind::LargeList(Box::new(self.element(depth)?))),
            "fixed_size_list" => {
                let element = self.element(depth)?;
                Ok(Kind::FixedList(Box::new(element), self.bracketed_size()?))
            }
            "struct" => self.fields(depth),
            "tensor" => {
                let element = self.element(depth)?;
                Ok(Kind::Tensor(Box::new(element), self.dimensions()?))
            }
            _ => Err(unknown(word)),
        }
    }

    fn element(&mut self, depth: usize) -> Result<Kind, String> {
        self.need('<')?;
        let kind = self.kind(depth + 1)?;
        self.need('>')?;
        Ok(kind)
    }

    fn fields(&mut self, depth: usize) -> Result<Kind, String> {
        self.need('<')?;
        let mut fields = Vec::new();
        while !self.eat('>') {
            let name = self.word().to_owned();
            if name.is_empty() {
                return Err("expected struct<name: type, …>".to_owned());
            }
            self.need(':')?;
            fields.push((name, self.kind(depth + 1)?));
            if !self.eat(',') {
                self.need('>')?;
                break;
            }
        }
        Ok(Kind::Struct(fields))
    }

    fn unit(&mut self, allowed: &[&str]) -> Result<TimeUnit, String> {
        self.need('[')?;
        let unit = self.time_unit(allowed)?;
        self.need(']')?;
        Ok(unit)
    }

    fn time_unit(&mut self, allowed: &[&str]) -> Result<TimeUnit, String> {
        let word = self.word();
        match word {
            _ if !allowed.contains(&word) => Err(format!(
                "expected the unit {}, found `{word}`",
                crate::names::one_of(allowed.iter().copied())
            )),
            "s" => Ok(TimeUnit::Second),
            "ms" => Ok(TimeUnit::Millisecond),
            "us" => Ok(TimeUnit::Microsecond),
            _ => Ok(TimeUnit::Nanosecond),
        }
    }

    fn timestamp(&mut self) -> Result<Kind, String> {
        self.need('[')?;
        let unit = self.time_unit(&["s", "ms", "us", "ns"])?;
        let mut zone = None;
        if self.eat(',') {
            // A zone such as +01:00 contains a colon, so it is not a word.
            let end = self.rest.find(']').unwrap_or(self.rest.len());
            let (text, rest) = self.rest.split_at(end);
            zone = Some(text.trim().into());
            self.rest = rest;
        }
        self.need(']')?;
        Ok(Kind::Plain(DataType::Timestamp(unit, zone)))
    }

    fn decimal(&mut self) -> Result<Kind, String> {
        let expected =
            || "expected decimal128(precision, scale), such as decimal128(12, 2)".to_owned();
        self.need('(')?;
        let precision = self.word().parse().map_err(|_| expected())?;
        self.need(',')?;
        let scale = self.word().parse().map_err(|_| expected())?;
        self.need(')')?;
        if !(1..=38).contains(&precision) {
            return Err("the precision of decimal128 is 1 to 38".to_owned());
        }
        Ok(Kind::Plain(DataType::Decimal128(precision, scale)))
    }

    fn bracketed_size(&mut self) -> Result<i32, String> {
        self.need('[')?;
        let word = self.word();
        let size = word.parse().ok().filter(|size: &i32| *size > 0);
        self.need(']')?;
        size.ok_or_else(|| format!("expected a size in brackets, found `{word}`"))
    }

    fn dimensions(&mut self) -> Result<Option<Vec<Dimension>>, String> {
        if !self.eat('[') {
            return Ok(None);
        }
        let mut dimensions = Vec::new();
        loop {
            let word = self.word();
            match word.parse::<i32>() {
                Ok(size) if size > 0 => dimensions.push(Dimension::Size(size)),
                Err(_) if crate::names::is_name(word) => {
                    dimensions.push(Dimension::Named(word.to_owned()));
                }
                _ => return Err(format!("`{word}` is not a dimension of a tensor")),
            }
            if !self.eat(',') {
                break;
            }
        }
        self.need(']')?;
        Ok(Some(dimensions))
    }
}

fn unknown(word: &str) -> String {
    let known = WORDS.iter().map(|(name, _)| *name);
    let families = FAMILIES.iter();
    let near = nearest(word, known.chain(families.clone().map(|(name, ..)| *name)));
    let example = |near| {
        families
            .clone()
            .find(|(name, ..)| *name == near)
            .map(|(.., e)| *e)
    };
    match near.map(|near| example(near).unwrap_or(near)) {
        Some(near) => format!("`{word}` is not a column type; did you mean `{near}`?"),
        None => format!("`{word}` is not a column type"),
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::AnyBinary => f.write_str("fixed_size_binary"),
            Self::Plain(plain) => f.write_str(&plain_name(plain)),
            Self::List(element) => write!(f, "list<{element}>"),
            Self::LargeList(element) => write!(f, "large_list<{element}>"),
            Self::FixedList(element, size) => write!(f, "fixed_size_list<{element}>[{size}]"),
            Self::Struct(fields) => {
                let fields: Vec<String> = fields.iter().map(|(n, k)| format!("{n}: {k}")).collect();
                write!(f, "struct<{}>", fields.join(", "))
            }
            Self::Tensor(element, None) => write!(f, "tensor<{element}>"),
            Self::Tensor(element, Some(dimensions)) => {
                let words: Vec<String> = dimensions
                    .iter()
                    .map(|dimension| match dimension {
                        Dimension::Size(size) => size.to_string(),
                        Dimension::Named(name) => name.clone(),
                    })
                    .collect();
                write!(f, "tensor<{element}>[{}]", words.join(", "))
            }
        }
    }
}

/// The name of an Arrow type without type arguments; Arrow's own name if we have none.
fn plain_name(plain: &DataType) -> String {
    let unit = |unit: &TimeUnit| match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    };
    match plain {
        DataType::Timestamp(u, None) => format!("timestamp[{}]", unit(u)),
        DataType::Timestamp(u, Some(zone)) => format!("timestamp[{}, {zone}]", unit(u)),
        DataType::Time32(u) => format!("time32[{}]", unit(u)),
        DataType::Time64(u) => format!("time64[{}]", unit(u)),
        DataType::Duration(u) => format!("duration[{}]", unit(u)),
        DataType::Decimal128(precision, scale) => format!("decimal128({precision}, {scale})"),
        DataType::FixedSizeBinary(width) => format!("fixed_size_binary[{width}]"),
        other => WORDS.iter().find(|(_, known)| known == other).map_or_else(
            || other.to_string().to_lowercase(),
            |(name, _)| (*name).to_owned(),
        ),
    }
}
