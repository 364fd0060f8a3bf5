//! Makes the graph of a checked workflow.

use std::collections::BTreeMap;

use sunward_workflows::{
    Action, Command, Form, Reference, Scatter, Slicing, Stage, Value, Workflow,
};

use super::{Edge, GraphView, Node};
use crate::render::units::{count, plural};

impl GraphView {
    /// The stages in the order in which they are written, and their edges.
    pub(crate) fn of(workflow: &Workflow) -> Self {
        Self {
            name: workflow.name.clone(),
            nodes: workflow.stages.values().map(node).collect(),
            edges: workflow.stages.values().flat_map(edges).collect(),
        }
    }
}

impl GraphView {
    /// The same, with each file that a stage uses as one node.
    pub(crate) fn closed(workflow: &Workflow) -> Self {
        let open = Self::of(workflow);
        let outer = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
        let mut nodes: Vec<Node> = Vec::new();
        for node in open.nodes {
            let name = outer(&node.name);
            if name == node.name {
                nodes.push(node);
            } else if nodes.iter().all(|known| known.name != name) {
                nodes.push(file_node(workflow, name));
            }
        }
        let mut between: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for edge in open.edges {
            let (from, to) = (outer(&edge.from), outer(&edge.to));
            if from == to {
                continue;
            }
            let ports = between.entry((from, to)).or_default();
            for port in edge.ports {
                if !ports.contains(&port) {
                    ports.push(port);
                }
            }
        }
        let edges = between.into_iter();
        Self {
            name: open.name,
            nodes,
            edges: edges
                .map(|((from, to), ports)| Edge { from, to, ports })
                .collect(),
        }
    }
}

/// A stage that uses a file.
fn file_node(workflow: &Workflow, name: String) -> Node {
    let file = workflow.uses.get(&name).map(|used| used.file.as_str());
    let file = file.and_then(|file| file.rsplit('/').next());
    Node {
        action: format!("uses {}", file.unwrap_or_default()),
        tasks: plural(length(workflow.stages_in(&name).len()), "stage"),
        name,
        status: None,
    }
}

fn node(stage: &Stage) -> Node {
    Node {
        name: stage.name.clone(),
        action: action(stage),
        tasks: tasks(stage),
        status: None,
    }
}

/// The action of a stage in a word or two.
pub(crate) fn action(stage: &Stage) -> String {
    match &stage.action {
        Action::Kernel { name, .. } => format!("kernel {name}"),
        Action::Cuda(cuda) => format!("cuda {}", cuda.entry),
        Action::Run(Command::Shell { .. }) => "run".to_owned(),
        Action::Run(Command::Argv(words)) => words.first().map_or_else(
            || "run".to_owned(),
            |program| {
                let name = program.source.rsplit('/').next().unwrap_or_default();
                format!("run {name}")
            },
        ),
    }
}

/// The tasks of a stage, as far as its text says.
fn tasks(stage: &Stage) -> String {
    let each = each(stage);
    match &stage.repeat {
        None => each,
        Some(Value::Int(times)) => format!("{each}, {times} times each"),
        Some(_) => format!("{each}, several times each"),
    }
}

/// The tasks of a scatter, as far as its text says.
fn each(stage: &Stage) -> String {
    let row = |port: &String| {
        let form = stage.inputs.get(port).map(|input| input.form);
        match matches!(form, Some(Form::File | Form::Files)) {
            true => "file",
            false => "row",
        }
    };
    match &stage.scatter {
        Scatter::One => "1 task".to_owned(),
        Scatter::Items(Value::List(items)) => plural(length(items.len()), "task"),
        Scatter::Range(Value::Int(n)) => plural(u64::try_from(*n).unwrap_or(0), "task"),
        Scatter::Items(_) => "a task for each item".to_owned(),
        Scatter::Range(_) => "a task for each number".to_owned(),
        Scatter::Matrix(axes) => {
            let names: Vec<&str> = axes.keys().map(String::as_str).collect();
            format!("a task for each {}", names.join(" x "))
        }
        Scatter::Zip {
            ports, by: None, ..
        } => {
            format!("a task for each pair of {}", ports.join(" and "))
        }
        Scatter::Zip {
            ports,
            by: Some(column),
            share: None,
        } => format!("a task for each {column} of {}", ports.join(" and ")),
        Scatter::Zip {
            ports,
            share: Some(share),
            ..
        } => {
            let others = ports.iter().filter(|port| *port != share);
            let others: Vec<&str> = others.map(String::as_str).collect();
            format!(
                "a task for each file of {}, with {share}",
                others.join(" and ")
            )
        }
        Scatter::Input { port, slicing } => match slicing {
            Slicing::Rows(rows) => format!("a task for {} {}s of {port}", count(*rows), row(port)),
            Slicing::Parts => format!("a task for each part of {port}"),
            Slicing::By(column) => format!("a task for each {column} of {port}"),
            Slicing::Row => format!("a task for each {} of {port}", row(port)),
        },
    }
}

fn edges(stage: &Stage) -> Vec<Edge> {
    let mut flows: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for input in stage.inputs.values() {
        for source in &input.from {
            if let Reference::Port { stage: from, port } = source {
                let ports = flows.entry(from).or_default();
                if !ports.contains(port) {
                    ports.push(port.clone());
                }
            }
        }
    }
    for before in &stage.needs {
        flows.entry(before).or_default();
    }
    flows
        .into_iter()
        .map(|(from, ports)| Edge {
            from: from.to_owned(),
            to: stage.name.clone(),
            ports,
        })
        .collect()
}

fn length(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
