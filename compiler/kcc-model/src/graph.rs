//! The graph of needs: start order, cycles and transitive dependencies.
//! Components are identified by name; petgraph does not appear in the interface.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use petgraph::Direction;
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use serde::Serialize;

use crate::{Kind, Name, SystemModel, TargetModel, Until};

/// The start order of one target: an edge leads from a component to one that has
/// to be up first. Optional needs, and needs on components that do not run in
/// the target, are not edges.
#[derive(Debug, Clone)]
pub struct NeedGraph {
    graph: DiGraph<Name, ()>,
    nodes: BTreeMap<Name, NodeIndex>,
}

impl NeedGraph {
    /// Builds the graph of a target.
    pub fn of(model: &TargetModel) -> Self {
        Self::from_edges(
            model.components.keys().map(String::as_str),
            model.components.keys().flat_map(|from| {
                model
                    .start_after(from)
                    .into_iter()
                    .map(move |to| (from.as_str(), to))
            }),
        )
    }

    /// Builds a graph of names; ignores edges to unknown names.
    pub fn from_edges<'a>(
        names: impl IntoIterator<Item = &'a str>,
        edges: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let mut graph = DiGraph::new();
        let mut nodes = BTreeMap::new();
        for name in names {
            nodes
                .entry(name.to_owned())
                .or_insert_with(|| graph.add_node(name.to_owned()));
        }
        for (from, to) in edges {
            if let (Some(from), Some(to)) = (nodes.get(from), nodes.get(to)) {
                graph.update_edge(*from, *to, ());
            }
        }
        Self { graph, nodes }
    }

    /// Returns the dependency cycles: for each strongly connected group a
    /// shortest cycle, starting at its alphabetically first name. Each name
    /// needs the next, the last needs the first.
    pub fn cycles(&self) -> Vec<Vec<Name>> {
        let mut cycles: Vec<Vec<Name>> = tarjan_scc(&self.graph)
            .into_iter()
            .filter_map(|group| self.shortest_cycle(&group.into_iter().collect()))
            .collect();
        cycles.sort();
        cycles
    }

    /// Returns the names in start order: each level needs only earlier ones.
    /// Members of a cycle, and whatever needs them, are in no level.
    pub fn levels(&self) -> Vec<Vec<Name>> {
        let mut waiting: BTreeMap<NodeIndex, usize> = self
            .nodes
            .values()
            .map(|node| (*node, self.graph.neighbors(*node).count()))
            .collect();
        let mut ready: Vec<NodeIndex> = waiting
            .iter()
            .filter(|(_, count)| **count == 0)
            .map(|(node, _)| *node)
            .collect();
        let mut levels = Vec::new();
        while !ready.is_empty() {
            let mut next = Vec::new();
            for node in &ready {
                for dependent in self.graph.neighbors_directed(*node, Direction::Incoming) {
                    if let Some(count) = waiting.get_mut(&dependent) {
                        *count -= 1;
                        if *count == 0 {
                            next.push(dependent);
                        }
                    }
                }
            }
            let mut level: Vec<Name> = ready.iter().map(|node| self.graph[*node].clone()).collect();
            level.sort();
            levels.push(level);
            ready = next;
        }
        levels
    }

    /// Returns a component with everything it needs, directly or transitively;
    /// empty if there is no such component.
    pub fn closure(&self, name: &str) -> BTreeSet<Name> {
        let mut found = BTreeSet::new();
        let mut open: Vec<NodeIndex> = self.nodes.get(name).copied().into_iter().collect();
        while let Some(node) = open.pop() {
            if found.insert(self.graph[node].clone()) {
                open.extend(self.graph.neighbors(node));
            }
        }
        found
    }

    /// Returns a shortest cycle of a strongly connected group.
    fn shortest_cycle(&self, group: &BTreeSet<NodeIndex>) -> Option<Vec<Name>> {
        let cycle = group
            .iter()
            .filter_map(|start| self.cycle_through(*start, group))
            .min_by_key(|cycle| (cycle.len(), cycle.clone()))?;
        let first = cycle.iter().enumerate().min_by_key(|(_, name)| *name)?.0;
        Some([&cycle[first..], &cycle[..first]].concat())
    }

    /// Returns the shortest path from a node back to itself inside a group.
    fn cycle_through(&self, start: NodeIndex, group: &BTreeSet<NodeIndex>) -> Option<Vec<Name>> {
        let mut from: BTreeMap<NodeIndex, NodeIndex> = BTreeMap::new();
        let mut open = VecDeque::from([start]);
        while let Some(node) = open.pop_front() {
            let mut next: Vec<_> = self.graph.neighbors(node).collect();
            next.sort_by_key(|node| &self.graph[*node]);
            for other in next {
                if other == start {
                    let mut way = vec![self.graph[node].clone()];
                    let mut at = node;
                    while at != start {
                        at = *from.get(&at)?;
                        way.push(self.graph[at].clone());
                    }
                    way.reverse();
                    return Some(way);
                }
                if group.contains(&other) && !from.contains_key(&other) {
                    from.insert(other, node);
                    open.push_back(other);
                }
            }
        }
        None
    }
}

/// The components and needs of all targets, as `kcc graph` shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GraphView {
    /// `system.name`.
    pub system: Name,
    /// The components by name.
    pub components: BTreeMap<Name, GraphNode>,
    /// The needs, by both names.
    pub needs: Vec<GraphEdge>,
}

/// A component in a [`GraphView`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GraphNode {
    /// Its path in the model.
    pub path: String,
    /// `service`, `job`, or the kind of a backing.
    pub kind: String,
    /// The team that owns it.
    pub team: Name,
    /// The targets that it runs in.
    pub targets: BTreeSet<Name>,
}

/// A need in a [`GraphView`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GraphEdge {
    /// Who needs.
    pub from: Name,
    /// What is needed.
    pub to: Name,
    /// What is waited for.
    pub until: Until,
    /// Whether it is left out of the start order.
    pub optional: bool,
    /// The targets that it holds in.
    pub targets: BTreeSet<Name>,
}

impl GraphView {
    /// The view of a model; a need that differs by target appears once for
    /// each way in which it is written.
    pub fn of(model: &SystemModel) -> Self {
        let mut components: BTreeMap<Name, GraphNode> = BTreeMap::new();
        let mut needs: BTreeMap<(Name, Name, Until, bool), BTreeSet<Name>> = BTreeMap::new();
        for (target, model) in &model.targets {
            for (name, component) in &model.components {
                let node = components.entry(name.clone()).or_insert_with(|| GraphNode {
                    path: component.path.to_string(),
                    kind: match &component.kind {
                        Kind::Service => "service".to_owned(),
                        Kind::Job(_) => "job".to_owned(),
                        Kind::CronJob(_) => "cron job".to_owned(),
                        Kind::Backing { kind, .. } => kind.clone(),
                    },
                    team: component.team.clone(),
                    targets: BTreeSet::new(),
                });
                node.targets.insert(target.clone());
                let runs = |other: &Name| model.components.contains_key(other);
                for (other, need) in component.needs.iter().filter(|(other, _)| runs(other)) {
                    let key = (name.clone(), other.clone(), need.until, need.optional);
                    needs.entry(key).or_default().insert(target.clone());
                }
            }
        }
        let needs = needs
            .into_iter()
            .map(|((from, to, until, optional), targets)| GraphEdge {
                from,
                to,
                until,
                optional,
                targets,
            })
            .collect();
        Self {
            system: model.name.clone(),
            components,
            needs,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn graph(edges: &[(&'static str, &'static str)]) -> NeedGraph {
        let names: BTreeSet<_> = edges.iter().flat_map(|(from, to)| [*from, *to]).collect();
        NeedGraph::from_edges(names, edges.iter().copied())
    }

    #[test]
    fn levels_follow_the_needs() {
        let shop = graph(&[
            ("web", "cart"),
            ("cart", "carts"),
            ("cart", "checkout"),
            ("web", "carts"),
        ]);
        let levels = [vec!["carts", "checkout"], vec!["cart"], vec!["web"]];
        assert_eq!(shop.levels(), levels);
        assert!(shop.cycles().is_empty());
    }

    #[test]
    fn closure_contains_exactly_the_transitive_needs() {
        let shop = graph(&[("web", "cart"), ("cart", "carts"), ("admin", "web")]);
        assert_eq!(
            shop.closure("web"),
            ["cart", "carts", "web"].map(str::to_owned).into()
        );
        assert!(shop.closure("nope").is_empty());
    }

    #[test]
    fn reports_a_shortest_cycle_from_its_first_name() {
        let graph = graph(&[
            ("d", "b"),
            ("b", "c"),
            ("c", "d"),
            ("c", "b"),
            ("x", "x"),
            ("y", "b"),
        ]);
        assert_eq!(graph.cycles(), [vec!["b", "c"], vec!["x"]]);
    }

    proptest! {
        /// On random graphs every reported cycle exists and has distinct names;
        /// without a cycle every name has a level after all its needs.
        #[test]
        fn cycles_exist_in_the_graph(edges in prop::collection::vec((0_u8..12, 0_u8..12), 0..30)) {
            let names: Vec<String> = (0_u8..12).map(|at| format!("n{at:02}")).collect();
            let edges: BTreeSet<(&str, &str)> = edges
                .iter()
                .map(|(from, to)| (names[*from as usize].as_str(), names[*to as usize].as_str()))
                .collect();
            let graph = NeedGraph::from_edges(names.iter().map(String::as_str), edges.clone());
            let cycles = graph.cycles();
            for cycle in &cycles {
                let distinct: BTreeSet<_> = cycle.iter().collect();
                prop_assert_eq!(distinct.len(), cycle.len());
                for (at, from) in cycle.iter().enumerate() {
                    let to = &cycle[(at + 1) % cycle.len()];
                    prop_assert!(edges.contains(&(from.as_str(), to.as_str())));
                }
            }
            let levels = graph.levels();
            let placed: BTreeMap<&str, usize> = levels
                .iter()
                .enumerate()
                .flat_map(|(at, level)| level.iter().map(move |name| (name.as_str(), at)))
                .collect();
            prop_assert_eq!(cycles.is_empty(), placed.len() == names.len());
            for (from, to) in &edges {
                if let Some(at) = placed.get(from) {
                    prop_assert!(placed.get(to).is_some_and(|before| before < at));
                }
            }
        }
    }
}
