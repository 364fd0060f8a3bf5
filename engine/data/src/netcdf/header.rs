//! The header of a NetCDF file: dimensions, attributes and variables, without their values.

/// The type of the values of a variable or attribute.
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
    /// Compounds, lists of variable length and opaque bytes.
    Other,
}

impl Kind {
    /// The code of the type in CDF-2. A type that CDF-2 lacks gets the code of a type that can hold
    /// it.
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

    /// The bytes of a value in CDF-2.
    pub(super) fn width(self) -> usize {
        match self.code() {
            1 | 2 => 1,
            3 => 2,
            4 | 5 => 4,
            _ => 8,
        }
    }

    /// The bytes of a value in a file whose format has the type.
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

/// Attributes, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Attributes(pub(super) Vec<(String, Attribute)>);

impl Attributes {
    /// Creates attributes from names and texts.
    pub(super) fn of_texts(texts: &[(&str, &str)]) -> Self {
        let text = |(name, text): &(&str, &str)| {
            let text = Attribute::Text((*text).to_owned());
            ((*name).to_owned(), text)
        };
        Self(texts.iter().map(text).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&Attribute> {
        self.0
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value)
    }

    /// The text of an attribute. `None` if it holds numbers.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Attribute::Text(text) => Some(text.as_str()),
            Attribute::Numbers(..) => None,
        }
    }

    /// The numbers of an attribute. A text that is a number counts as one.
    pub(super) fn numbers(&self, name: &str) -> Vec<f64> {
        match self.get(name) {
            Some(Attribute::Numbers(_, values)) => values.clone(),
            Some(Attribute::Text(text)) => text.trim().parse().into_iter().collect(),
            None => Vec::new(),
        }
    }

    /// The first number of an attribute.
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
    /// The name, with the groups that contain the variable, as in `group/name`.
    pub(super) name: String,
    /// The indices of the dimensions, in row-major order.
    pub(super) dims: Vec<usize>,
    pub(super) attributes: Attributes,
    /// The type of the values. For an enumeration, it is the type of its numbers.
    pub(super) kind: Kind,
    /// The names and numbers of an enumeration. Empty for other types.
    pub(super) members: Vec<(String, f64)>,
}

impl Variable {
    /// The name without the groups.
    pub(super) fn own_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }
}

/// The header of a file. It includes the variables of all groups.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Header {
    pub(super) dimensions: Vec<Dimension>,
    pub(super) variables: Vec<Variable>,
    /// The attributes of the file.
    pub(super) attributes: Attributes,
}

impl Header {
    /// The index of the variable with this name.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        let name = name.trim_matches('/');
        self.variables.iter().position(|v| v.name == name)
    }

    /// The index of the variable to which another variable refers by a name. It is searched in the
    /// group of that variable, and then in each enclosing group.
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
