//! Lines of a shell that run before a command.

use std::ffi::OsString;

use sunward_core::Digest;
use sunward_workflows::{Action, setup_shell};

use super::error::EnvironmentError;
use super::kind::{Kind, Layer, TaskPlaces};
use super::site::Site;
use crate::fault::Fault;
use crate::process::spawn::Order;

/// `setup:` of a stage.
pub(super) struct Setup<'s> {
    pub(super) lines: &'s str,
    pub(super) action: &'s Action,
}

struct Before {
    shell: Vec<String>,
    lines: String,
}

impl Kind for Setup<'_> {
    fn ingredient(&self) -> Option<&'static str> {
        None
    }

    fn digest(&self, _site: &Site<'_>) -> Result<Digest, EnvironmentError> {
        Ok(Digest::of(self.lines.as_bytes()))
    }

    fn resolve(&self, _site: &Site<'_>) -> Result<bool, EnvironmentError> {
        Ok(false)
    }

    fn prepare(
        &self,
        _site: &Site<'_>,
        _keyed: Option<Digest>,
    ) -> Result<Box<dyn Layer>, EnvironmentError> {
        Ok(Box::new(Before {
            shell: setup_shell(self.action),
            lines: self.lines.to_owned(),
        }))
    }
}

impl Layer for Before {
    /// The shell runs the lines, and then becomes the command. The command's words are the shell's
    /// arguments, so the shell does not read them as code.
    fn wrap(&self, order: &mut Order, _task: &TaskPlaces<'_>) -> Result<(), Fault> {
        let script = format!("{}\nexec \"$@\"", self.lines);
        let before = self.shell.iter().map(OsString::from);
        let before = before.chain([OsString::from(script), OsString::from("setup")]);
        order.words = before.chain(std::mem::take(&mut order.words)).collect();
        Ok(())
    }
}
