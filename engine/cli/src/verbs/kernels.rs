//! `sunward kernels [NAME]`: lists the library's kernels, or documents one of them.

use clap::Args;
use serde::Serialize;
use sunward_kernels::Kernel;
use sunward_workflows::{KernelEntry, ParamSpec, PortSpec};

use crate::context::Context;
use crate::exit::{Exit, wrong_input};
use crate::render::table::{Table, Tone};
use crate::render::{self, Page, View};

/// List the kernels, or document one: ports, parameters, units, tolerance, reference
#[derive(Args)]
#[command(after_help = "Example:\n  sunward kernels\n  sunward kernels eof")]
pub(crate) struct Kernels {
    /// The kernel
    name: Option<String>,
}

/// A kernel, and the devices that it can run on.
#[derive(Serialize)]
struct Described<'a> {
    #[serde(flatten)]
    entry: &'a KernelEntry,
    devices: &'static [&'static str],
}

impl<'a> Described<'a> {
    fn of(kernel: &'a dyn Kernel) -> Self {
        Self {
            entry: kernel.entry(),
            devices: match kernel.sources().is_empty() {
                true => &["cpu"],
                false => &["cpu", "gpu"],
            },
        }
    }
}

/// The list of all kernels.
#[derive(Serialize)]
#[serde(transparent)]
struct Library<'a>(Vec<Described<'a>>);

impl View for Library<'_> {
    fn page(&self, page: &mut Page) {
        let mut table = Table::new(&["kernel", ">version", "runs on", "what it does"]);
        for Described { entry, devices } in &self.0 {
            let version = entry.version.to_string();
            table.row([&entry.name, &version, &devices.join(", "), &entry.summary]);
        }
        page.table(&table);
        page.gap();
        page.line("`sunward kernels NAME` documents one");
    }
}

/// The page of one kernel.
#[derive(Serialize)]
#[serde(transparent)]
struct KernelPage<'a>(Described<'a>);

impl View for KernelPage<'_> {
    fn page(&self, page: &mut Page) {
        let Described { entry, devices } = &self.0;
        let title = format!("{}, version {}", entry.name, entry.version);
        page.line(page.style.strong(&title));
        page.line(&entry.summary);
        page.gap();
        page.line(entry.description.trim_end());
        page.heading("Inputs");
        entry.inputs.iter().for_each(|port| port_lines(page, port));
        page.heading("Outputs");
        entry.outputs.iter().for_each(|port| port_lines(page, port));
        if !entry.params.is_empty() {
            page.heading("Parameters (with:)");
            let mut table =
                Table::new(&["name", "type", "default", "bounds", "unit", "meaning"]).indented(2);
            for param in &entry.params {
                table.row(param_cells(param));
            }
            page.table(&table);
        }
        page.heading("Devices");
        if devices.contains(&"gpu") {
            page.indented(
                2,
                "A GPU, for stages with `resources: { gpus: 1 }`; else the CPU.",
            );
        } else {
            page.indented(2, "The CPU.");
        }
        page.heading("Agreement between devices");
        let exact = if entry.exact {
            "Exact: the same bits on every device and however the work is divided."
        } else {
            "Within a tolerance."
        };
        page.indented(2, exact);
        page.indented(2, entry.tolerance.trim_end());
        page.heading("Reference");
        page.indented(2, entry.reference.trim_end());
        page.heading("Example");
        page.indented(2, entry.example.trim_end());
    }
}

fn port_lines(page: &mut Page, port: &PortSpec) {
    let optional = if port.optional { " (optional)" } else { "" };
    page.line(format!(
        "  {}{optional}: {}",
        page.style.strong(&port.name),
        port.doc
    ));
    let mut table = Table::new(&["", "", ""]).indented(4);
    for column in &port.columns {
        table.toned([
            (column.name.as_str(), Tone::Plain),
            (column.column_type.0.as_str(), Tone::Plain),
            (column.doc.as_str(), Tone::Faint),
        ]);
    }
    page.table(&table);
    if let Some(like) = &port.like {
        page.line(format!("    and all other columns of {like}"));
    }
}

fn param_cells(param: &ParamSpec) -> [String; 6] {
    let default = param.default.as_ref().map_or_else(
        || "required".to_owned(),
        |value| value.to_json().to_string(),
    );
    let bounds = match (param.min, param.max) {
        _ if !param.choices.is_empty() => param.choices.join(" | "),
        (None, None) => String::new(),
        (Some(min), None) => format!(">= {min}"),
        (None, Some(max)) => format!("<= {max}"),
        (Some(min), Some(max)) => format!("{min} to {max}"),
    };
    [
        param.name.clone(),
        format!("{:?}", param.kind).to_lowercase(),
        default,
        bounds,
        param.unit.clone(),
        param.doc.clone(),
    ]
}

impl Kernels {
    pub(crate) fn perform(&self, context: &Context) -> anyhow::Result<Exit> {
        let library = sunward_kernels::library();
        let Some(name) = &self.name else {
            let all = library.iter().map(Described::of);
            render::answer(context, &Library(all.collect()))?;
            return Ok(Exit::Done);
        };
        let Some(kernel) = library.get(name) else {
            let known: Vec<_> = library
                .iter()
                .map(|kernel| kernel.entry().name.as_str())
                .collect();
            return Err(wrong_input(format!(
                "`{name}` is not a kernel; the kernels are {}",
                known.join(", ")
            )));
        };
        render::answer(context, &KernelPage(Described::of(kernel)))?;
        Ok(Exit::Done)
    }
}
