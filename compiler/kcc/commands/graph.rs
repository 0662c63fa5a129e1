//! `kcc graph`: prints the graph of components and their needs, grouped by team.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use clap::Args;
use kcc_model::{Kind, TargetModel, Until};
use serde::Serialize;

use super::{CommandResult, pretty_json};
use crate::{
    args::System,
    context::Context,
    exit::Exit,
    failure::Failure,
    pipeline::{self, Targets},
};

/// Print the graph of components and their needs, by team
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc graph\n  kcc graph --target prod --format mermaid\n  kcc graph --format dot | dot -Tsvg > shop.svg"
)]
pub struct Graph {
    /// Show only components in TARGET [default: all targets]
    #[arg(short, long, value_name = "TARGET", add = crate::completion::targets())]
    pub target: Option<String>,
    /// Output format of the graph
    #[arg(long, default_value = "text", value_parser = ["text", "mermaid", "dot", "json"])]
    pub format: String,
    /// The system to work on.
    #[command(flatten)]
    pub system: System,
}

/// The graph, merged over targets; also its JSON output.
#[derive(Debug, Default, Serialize)]
struct NeedGraph {
    components: BTreeMap<String, Node>,
    needs: BTreeSet<Edge>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Node {
    team: String,
    kind: String,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Edge {
    from: String,
    to: String,
    until: &'static str,
    optional: bool,
}

impl Graph {
    /// Prints the graph to stdout.
    pub fn run(self, context: &Context) -> CommandResult {
        let write = match self.format.as_str() {
            "text" => text,
            "mermaid" => mermaid,
            "dot" => dot,
            "json" => |graph: &NeedGraph| pretty_json(graph),
            other => {
                return Err(Failure::usage(
                    format!("unknown graph format `{other}`"),
                    "use `--format text`, `mermaid`, `dot` or `json`",
                ));
            }
        };
        let targets = Targets::of(self.target.as_slice());
        let model = pipeline::model(context, self.system.dir.as_deref(), &targets)?;
        let graph = collect(
            model
                .targets
                .values()
                .filter(|target| targets.contain(&target.target)),
        );
        context.printer.data(&write(&graph));
        Ok(Exit::Done)
    }
}

fn collect<'a>(targets: impl Iterator<Item = &'a TargetModel>) -> NeedGraph {
    let mut graph = NeedGraph::default();
    for (name, component) in targets.flat_map(|target| &target.components) {
        let kind = match &component.kind {
            Kind::Service => "service".to_owned(),
            Kind::Job(_) => "job".to_owned(),
            Kind::CronJob(_) => "cron job".to_owned(),
            Kind::Backing { kind, .. } => kind.clone(),
        };
        let node = Node {
            team: component.team.clone(),
            kind,
        };
        graph.components.entry(name.clone()).or_insert(node);
        for (to, need) in &component.needs {
            graph.needs.insert(Edge {
                from: name.clone(),
                to: to.clone(),
                until: until(need.until),
                optional: need.optional,
            });
        }
    }
    graph
}

fn until(until: Until) -> &'static str {
    match until {
        Until::Started => "started",
        Until::Healthy => "healthy",
        Until::Completed => "completed",
    }
}

impl NeedGraph {
    fn teams(&self) -> BTreeMap<&str, Vec<(&str, &str)>> {
        let mut teams: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
        for (name, node) in &self.components {
            teams
                .entry(&node.team)
                .or_default()
                .push((name, &node.kind));
        }
        teams
    }
}

fn text(graph: &NeedGraph) -> String {
    let mut out = String::new();
    for (team, components) in graph.teams() {
        let _ = writeln!(out, "{team}");
        for (name, kind) in components {
            let needs: BTreeSet<&str> = graph
                .needs
                .iter()
                .filter(|edge| edge.from == name)
                .map(|edge| edge.to.as_str())
                .collect();
            let needs: Vec<&str> = needs.into_iter().collect();
            let arrow = if needs.is_empty() {
                String::new()
            } else {
                format!(" → {}", needs.join(", "))
            };
            let _ = writeln!(out, "  {name} ({kind}){arrow}");
        }
    }
    out
}

fn mermaid(graph: &NeedGraph) -> String {
    let mut out = "flowchart LR\n".to_owned();
    for (team, components) in graph.teams() {
        let _ = writeln!(out, "  subgraph team-{team} [{team}]");
        for (name, kind) in components {
            // A name may be a keyword of Mermaid, so ids have a prefix.
            let _ = writeln!(out, "    c-{name}[\"{name}<br/>{kind}\"]");
        }
        out += "  end\n";
    }
    for edge in &graph.needs {
        let arrow = if edge.optional { "-.->" } else { "-->" };
        let _ = writeln!(
            out,
            "  c-{} {arrow}|{}| c-{}",
            edge.from, edge.until, edge.to
        );
    }
    out
}

fn dot(graph: &NeedGraph) -> String {
    let mut out = "digraph {\n  rankdir=LR\n  node [shape=box]\n".to_owned();
    for (team, components) in graph.teams() {
        let _ = writeln!(
            out,
            "  subgraph \"cluster_{team}\" {{\n    label=\"{team}\""
        );
        for (name, kind) in components {
            let _ = writeln!(out, "    \"{name}\" [label=\"{name}\\n{kind}\"]");
        }
        out += "  }\n";
    }
    for edge in &graph.needs {
        let style = if edge.optional { ", style=dashed" } else { "" };
        let _ = writeln!(
            out,
            "  \"{}\" -> \"{}\" [label=\"{}\"{style}]",
            edge.from, edge.to, edge.until
        );
    }
    out + "}\n"
}
