//! What a NetCDF file holds: dimensions, attributes and variables, without their values.

/// The types of numbers in a file, and what is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Byte,
    Short,
    Int,
    Float,
    Double,
    UByte,
    UShort,
    UInt,
    Int64,
    UInt64,
    /// Characters and strings.
    Text,
    /// Compounds, lists of any length and bytes without meaning.
    Other,
}

impl Kind {
    /// The code of a type that CDF-2 has. Others are written as the type that holds them.
    pub(super) fn code(self) -> u32 {
        match self {
            Self::Byte => 1,
            Self::Text | Self::Other => 2,
            Self::Short | Self::UByte => 3,
            Self::Int | Self::UShort => 4,
            Self::Float => 5,
            Self::Double | Self::UInt | Self::Int64 | Self::UInt64 => 6,
        }
    }

    /// Bytes of one value in CDF-2.
    pub(super) fn width(self) -> usize {
        match self.code() {
            1 | 2 => 1,
            3 => 2,
            4 | 5 => 4,
            _ => 8,
        }
    }

    /// Bytes of one value in a file that has the type.
    pub(super) fn stored_bytes(self) -> u64 {
        match self {
            Self::Byte | Self::UByte | Self::Text | Self::Other => 1,
            Self::Short | Self::UShort => 2,
            Self::Int | Self::UInt | Self::Float => 4,
            Self::Int64 | Self::UInt64 | Self::Double => 8,
        }
    }

    /// Whether values are numbers.
    pub(super) fn is_number(self) -> bool {
        !matches!(self, Self::Text | Self::Other)
    }
}

/// An attribute's value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Attribute {
    Text(String),
    Numbers(Kind, Vec<f64>),
}

/// Attributes in the order of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Attributes(pub(super) Vec<(String, Attribute)>);

impl Attributes {
    pub(super) fn get(&self, name: &str) -> Option<&Attribute> {
        self.0
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value)
    }

    /// The text of an attribute; numbers are no text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Attribute::Text(text) => Some(text.as_str()),
            Attribute::Numbers(..) => None,
        }
    }

    /// The numbers of an attribute; text that is one number counts.
    pub(super) fn numbers(&self, name: &str) -> Vec<f64> {
        match self.get(name) {
            Some(Attribute::Numbers(_, values)) => values.clone(),
            Some(Attribute::Text(text)) => text.trim().parse().into_iter().collect(),
            None => Vec::new(),
        }
    }

    /// The first number of an attribute, with its type where it was stored as a number.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.numbers(name).first().copied()
    }
}

/// A dimension.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dimension {
    pub(super) name: String,
    pub(super) length: u64,
}

/// A variable.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Variable {
    /// Its name; with the groups that it is in, as `group/name`.
    pub(super) name: String,
    /// Its dimensions by number, slowest first.
    pub(super) dims: Vec<usize>,
    pub(super) attributes: Attributes,
    /// Of an enumeration: the type of its numbers.
    pub(super) kind: Kind,
    /// The names of an enumeration's numbers; empty for other types.
    pub(super) members: Vec<(String, f64)>,
}

impl Variable {
    /// Its name without groups.
    pub(super) fn own_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }
}

/// All variables of a file, those of groups included.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Header {
    pub(super) dimensions: Vec<Dimension>,
    pub(super) variables: Vec<Variable>,
    /// Of the file as a whole.
    pub(super) attributes: Attributes,
}

impl Header {
    /// The variable of this name.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        let name = name.trim_matches('/');
        self.variables.iter().position(|v| v.name == name)
    }

    /// The variable that another one means by a name: of its own group, else of the nearest group
    /// around it.
    pub(super) fn find_beside(&self, beside: &Variable, name: &str) -> Option<usize> {
        let mut group = beside.name.as_str();
        loop {
            let Some((outer, _)) = group.rsplit_once('/') else {
                return self.find(name);
            };
            group = outer;
            if let Some(found) = self.find(&format!("{group}/{name}")) {
                return Some(found);
            }
        }
    }

    /// The lengths of a variable's dimensions.
    pub(super) fn shape(&self, variable: &Variable) -> Vec<u64> {
        variable
            .dims
            .iter()
            .filter_map(|d| self.dimensions.get(*d))
            .map(|d| d.length)
            .collect()
    }
}
