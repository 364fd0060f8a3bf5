//! Fields of type `arrow.fixed_shape_tensor`. Other implementations store them with a nullable
//! child. The type in the Arrow library refuses that, so the metadata is written and read here.

use std::sync::Arc;

use arrow_schema::extension::{EXTENSION_TYPE_METADATA_KEY, EXTENSION_TYPE_NAME_KEY};
use arrow_schema::{ArrowError, DataType, Field};
use serde::{Deserialize, Serialize};

const NAME: &str = "arrow.fixed_shape_tensor";

/// The metadata of the type, as specified by Arrow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tensor {
    pub(super) shape: Vec<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) dim_names: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    permutation: Option<Vec<usize>>,
}

impl Tensor {
    pub(super) fn new(shape: Vec<usize>, dim_names: Vec<String>) -> Self {
        Self {
            shape,
            dim_names: Some(dim_names),
            permutation: None,
        }
    }

    /// The tensor type of a field of fixed-size lists. `None` for a plain list, and for a tensor
    /// with permuted storage.
    pub(super) fn of(field: &Field) -> Option<Self> {
        let metadata = field.metadata();
        if metadata.get(EXTENSION_TYPE_NAME_KEY)? != NAME {
            return None;
        }
        let tensor: Self = serde_json::from_str(metadata.get(EXTENSION_TYPE_METADATA_KEY)?).ok()?;
        let DataType::FixedSizeList(_, length) = field.data_type() else {
            return None;
        };
        let size = tensor
            .shape
            .iter()
            .try_fold(1_usize, |n, d| n.checked_mul(*d))?;
        let names = tensor
            .dim_names
            .as_ref()
            .map_or(tensor.shape.len(), Vec::len);
        let is_in_order = tensor.permutation.as_ref().is_none_or(|p| p.is_sorted());
        let fits = usize::try_from(*length) == Ok(size) && names == tensor.shape.len();
        (fits && is_in_order).then_some(tensor)
    }

    /// A nullable field of this tensor type.
    pub(super) fn field(&self, name: &str, number: DataType) -> Result<Field, ArrowError> {
        let length = self
            .shape
            .iter()
            .try_fold(1_usize, |n, d| n.checked_mul(*d))
            .and_then(|n| i32::try_from(n).ok())
            .ok_or_else(|| {
                ArrowError::InvalidArgumentError("a row is too long for a tensor".to_owned())
            })?;
        let item = Arc::new(Field::new_list_field(number, true));
        let metadata =
            serde_json::to_string(self).map_err(|e| ArrowError::ExternalError(Box::new(e)))?;
        let mut field = Field::new(name, DataType::FixedSizeList(item, length), true);
        field
            .metadata_mut()
            .insert(EXTENSION_TYPE_NAME_KEY.to_owned(), NAME.to_owned());
        field
            .metadata_mut()
            .insert(EXTENSION_TYPE_METADATA_KEY.to_owned(), metadata);
        Ok(field)
    }
}
