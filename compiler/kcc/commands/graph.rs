//! `kcc graph`: the components and what they need, by team.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use clap::Args;
use kcc_model::{Kind, TargetModel, Until};
use serde::Serialize;

use super::{Context, Ended, pretty_json};
use crate::{
    cli::System,
    compile::{self, Targets},
    exit::Exit,
    failure::Failure,
};

/// Draw the components and what they need, by team
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc graph\n  kcc graph --target prod --format mermaid\n  kcc graph --format dot | dot -Tsvg > shop.svg"
)]
pub struct Graph {
    /// Only what is in that target [default: all]
    #[arg(short, long, value_name = "TARGET")]
    pub target: Option<String>,
    /// How the graph is written
    #[arg(long, default_value = "text", value_parser = ["text", "mermaid", "dot", "json"])]
    pub format: String,
    /// Where the system is.
    #[command(flatten)]
    pub system: System,
}

/// What is drawn.
#[derive(Debug, Default, Serialize)]
struct Drawing {
    components: BTreeMap<String, Drawn>,
    needs: BTreeSet<Edge>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Drawn {
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
    /// Writes the graph to stdout.
    pub fn run(self, context: &Context) -> Ended {
        let write = match self.format.as_str() {
            "text" => text,
            "mermaid" => mermaid,
            "dot" => dot,
            "json" => |drawing: &Drawing| pretty_json(drawing),
            other => {
                return Err(Failure::usage(
                    format!("a graph cannot be written as `{other}`"),
                    "write `--format text`, `mermaid`, `dot` or `json`",
                ));
            }
        };
        let targets = Targets::of(self.target.as_slice());
        let model = compile::model(context, self.system.dir.as_deref(), &targets)?;
        let drawing = draw(
            model
                .targets
                .values()
                .filter(|target| targets.contain(&target.target)),
        );
        context.printer.data(&write(&drawing));
        Ok(Exit::Done)
    }
}

fn draw<'a>(targets: impl Iterator<Item = &'a TargetModel>) -> Drawing {
    let mut drawing = Drawing::default();
    for (name, component) in targets.flat_map(|target| &target.components) {
        let kind = match &component.kind {
            Kind::Service => "service".to_owned(),
            Kind::Job(_) => "job".to_owned(),
            Kind::CronJob(_) => "cron job".to_owned(),
            Kind::Backing { kind, .. } => kind.clone(),
        };
        let drawn = Drawn {
            team: component.team.clone(),
            kind,
        };
        drawing.components.entry(name.clone()).or_insert(drawn);
        for (to, need) in &component.needs {
            drawing.needs.insert(Edge {
                from: name.clone(),
                to: to.clone(),
                until: until(need.until),
                optional: need.optional,
            });
        }
    }
    drawing
}

fn until(until: Until) -> &'static str {
    match until {
        Until::Started => "started",
        Until::Healthy => "healthy",
        Until::Completed => "completed",
    }
}

impl Drawing {
    fn teams(&self) -> BTreeMap<&str, Vec<(&str, &str)>> {
        let mut teams: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
        for (name, drawn) in &self.components {
            teams
                .entry(&drawn.team)
                .or_default()
                .push((name, &drawn.kind));
        }
        teams
    }
}

fn text(drawing: &Drawing) -> String {
    let mut out = String::new();
    for (team, components) in drawing.teams() {
        let _ = writeln!(out, "{team}");
        for (name, kind) in components {
            let needs: BTreeSet<&str> = drawing
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

fn mermaid(drawing: &Drawing) -> String {
    let mut out = "flowchart LR\n".to_owned();
    for (team, components) in drawing.teams() {
        let _ = writeln!(out, "  subgraph team-{team} [{team}]");
        for (name, kind) in components {
            // A name may be a word of the language, so ids have a prefix.
            let _ = writeln!(out, "    c-{name}[\"{name}<br/>{kind}\"]");
        }
        out += "  end\n";
    }
    for edge in &drawing.needs {
        let arrow = if edge.optional { "-.->" } else { "-->" };
        let _ = writeln!(
            out,
            "  c-{} {arrow}|{}| c-{}",
            edge.from, edge.until, edge.to
        );
    }
    out
}

fn dot(drawing: &Drawing) -> String {
    let mut out = "digraph {\n  rankdir=LR\n  node [shape=box]\n".to_owned();
    for (team, components) in drawing.teams() {
        let _ = writeln!(
            out,
            "  subgraph \"cluster_{team}\" {{\n    label=\"{team}\""
        );
        for (name, kind) in components {
            let _ = writeln!(out, "    \"{name}\" [label=\"{name}\\n{kind}\"]");
        }
        out += "  }\n";
    }
    for edge in &drawing.needs {
        let style = if edge.optional { ", style=dashed" } else { "" };
        let _ = writeln!(
            out,
            "  \"{}\" -> \"{}\" [label=\"{}\"{style}]",
            edge.from, edge.to, edge.until
        );
    }
    out + "}\n"
}
