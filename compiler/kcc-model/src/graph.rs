//! The graph of needs: start order and dependency cycles.
//! Components are identified by name; petgraph does not appear in the interface.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use petgraph::Direction;
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::{Name, TargetModel};

/// The start order of one target: an edge leads from a component to one that has
/// to be up first. Optional needs, and needs on components that do not run in
/// the target, are not edges.
#[derive(Debug, Clone)]
pub(crate) struct NeedGraph {
    graph: DiGraph<Name, ()>,
    nodes: BTreeMap<Name, NodeIndex>,
}

impl NeedGraph {
    /// Builds the graph of a target.
    pub(crate) fn of(model: &TargetModel) -> Self {
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
    pub(crate) fn from_edges<'a>(
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
    pub(crate) fn cycles(&self) -> Vec<Vec<Name>> {
        let mut cycles: Vec<Vec<Name>> = tarjan_scc(&self.graph)
            .into_iter()
            .filter_map(|group| self.shortest_cycle(&group.into_iter().collect()))
            .collect();
        cycles.sort();
        cycles
    }

    /// Returns the names in start order: each level needs only earlier ones.
    /// Members of a cycle, and whatever needs them, are in no level.
    pub(crate) fn levels(&self) -> Vec<Vec<Name>> {
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
