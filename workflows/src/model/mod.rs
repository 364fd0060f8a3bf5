//! A checked workflow: the types that all other rooms use. Read [`Workflow`] first, then [`Stage`].

mod action;
mod conda;
mod container;
mod cuda;
mod input;
mod notify;
mod output;
mod param;
mod place;
mod policy;
mod python;
mod reference;
mod resources;
mod scatter;
mod stage;
mod template;
mod used;
mod workflow;

pub use action::{Action, Command};
pub use conda::Conda;
pub use container::{Container, Image};
pub use cuda::{Cuda, CudaArg};
pub use input::{CsvOptions, FILE_COLUMNS, Form, GridRows, Input};
pub use notify::{Notify, NotifyBy, NotifyOn, WebAddress};
pub use output::{Output, OutputFormat};
pub use param::{Param, ParamType};
pub use place::{Budget, Expect, Place};
pub use policy::{Cache, RejectLimit, Retry, RetryOn};
pub use python::Python;
pub use reference::{Reference, is_in_bucket, names_objects};
pub use resources::{Gpus, Resources};
pub use scatter::{Scatter, Slicing};
pub use stage::Stage;
pub use template::Template;
pub use used::{
    OuterCondition, Used, enclosing, full_name, is_inside, own_name, params_of, path_from, path_in,
};
pub use workflow::Workflow;
