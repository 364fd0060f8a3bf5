//! The target grid of a stage: a name such as `r72x36`, or first, step and count of both axes.

use sunward_workflows::catalog::ParamSpec;
use sunward_workflows::model::ParamType;
use sunward_workflows::value::Value;

use super::{Axis, Grid};
use crate::entry::param;
use crate::{KernelError, Params};

/// The numbers that describe a regular grid.
const NUMBERS: [&str; 6] = ["xfirst", "xinc", "xsize", "yfirst", "yinc", "ysize"];

/// The parameters that [`target`] reads.
pub(crate) fn params() -> Vec<ParamSpec> {
    let number = |name, min, max, doc| ParamSpec {
        min: Some(min),
        max: Some(max),
        unit: "degrees".to_owned(),
        ..param(name, ParamType::Float, Value::Null, doc)
    };
    let count = |name, doc| ParamSpec {
        min: Some(2.0),
        max: Some(100_000.0),
        ..param(name, ParamType::Int, Value::Null, doc)
    };
    vec![
        param(
            "grid",
            ParamType::String,
            Value::Null,
            "Target grid by name: `rNXxNY` is global and regular, as `r72x36` is 5 x 5 degrees, \
             longitudes from 0 and latitudes from the south, no cell centered on a pole.",
        ),
        number(
            "xfirst",
            -360.0,
            360.0,
            "First longitude of the target's cell centers.",
        ),
        number("xinc", -360.0, 360.0, "Step between longitudes."),
        count("xsize", "The number of longitudes."),
        number(
            "yfirst",
            -90.0,
            90.0,
            "First latitude of the target's cell centers.",
        ),
        number(
            "yinc",
            -180.0,
            180.0,
            "Step between latitudes; negative from north to south.",
        ),
        count("ysize", "The number of latitudes."),
    ]
}

/// The grid that the parameters describe; `None` if none of them is given.
pub(crate) fn target(with: &Params) -> Result<Option<Grid>, KernelError> {
    let name = with.optional_text("grid")?;
    let given: Vec<&str> = NUMBERS.into_iter().filter(|name| with.has(name)).collect();
    match (name, given.len()) {
        (None, 0) => Ok(None),
        (Some(name), 0) => named(name).map(Some).ok_or_else(|| {
            with.wrong(
                "grid",
                "`rNXxNY` with 2 to 100000 cells each way, as r72x36",
            )
        }),
        (Some(_), _) => Err(with.wrong(given[0], "left out where `grid` names the target")),
        (None, 6) => regular(with).map(Some),
        (None, _) => {
            let missing = NUMBERS
                .into_iter()
                .find(|name| !with.has(name))
                .unwrap_or("grid");
            Err(with.wrong(
                missing,
                "given: a regular target takes all of xfirst, xinc, xsize, yfirst, yinc, ysize",
            ))
        }
    }
}

fn named(name: &str) -> Option<Grid> {
    let (nx, ny) = name.strip_prefix('r')?.split_once('x')?;
    let count = |text: &str| {
        text.parse::<u32>()
            .ok()
            .filter(|n| (2..=100_000).contains(n))
    };
    let (nx, ny) = (count(nx)?, count(ny)?);
    let (dx, dy) = (360.0 / f64::from(nx), 180.0 / f64::from(ny));
    let lon = Axis::regular(0.0, dx, usize::try_from(nx).ok()?, false).ok()?;
    let lat = Axis::regular(-90.0 + dy / 2.0, dy, usize::try_from(ny).ok()?, true).ok()?;
    Some(Grid::new(lat, lon))
}

fn regular(with: &Params) -> Result<Grid, KernelError> {
    let axis = |first: &str, step: &str, size: &str, latitude: bool| {
        Axis::regular(
            with.float(first)?,
            with.float(step)?,
            with.count(size)?,
            latitude,
        )
        .map_err(|problem| with.wrong(step, &format!("a step that fits: this axis {problem}")))
    };
    let lat = axis("yfirst", "yinc", "ysize", true)?;
    Ok(Grid::new(lat, axis("xfirst", "xinc", "xsize", false)?))
}
