//! Adds lines about one field that may contradict each other, and removes lines.

use std::collections::BTreeSet;

use proptest::{bool::weighted, collection::vec, prelude::*, sample::Index};

use crate::systems::System;

/// A line for the replicas of a service.
#[derive(Debug, Clone)]
pub(crate) struct ReplicaLine {
    value: String,
    /// True if the line is for all services.
    for_all: bool,
    /// True if the team with the rules writes it.
    in_rules: bool,
}

/// Generates lines for the replicas of one service, some of which may contradict others.
pub(crate) fn replica_lines() -> impl Strategy<Value = (Index, Vec<ReplicaLine>)> {
    let value = (0..5, 0..12_usize).prop_map(|(form, number)| match form {
        0 => number.to_string(),
        1 => format!(">={number}"),
        2 => format!("<={number}"),
        3 => format!("!={number}"),
        _ => format!(">={number} & <=20"),
    });
    let line = (value, weighted(0.2), any::<bool>());
    let line = line.prop_map(|(value, for_all, in_rules)| ReplicaLine {
        value,
        for_all,
        in_rules,
    });
    (any::<Index>(), vec(line, 2..7))
}

impl System {
    /// Adds lines for the replicas of a service; returns the path of the field.
    pub(crate) fn contradict(&mut self, service: Index, lines: &[ReplicaLine]) -> String {
        let service = service.get(&self.services).clone();
        // Keeps the field when other lines are removed.
        let exists = format!("services: {}: replicas: int", service.name);
        let own = self.files.get_mut(&service.file);
        own.expect("a service has a file").push(exists);
        for line in lines {
            let value = &line.value;
            let (in_rules, text) = if line.for_all {
                (true, format!("services: [string]: replicas?: {value}"))
            } else {
                let text = format!("services: {}: replicas: {value}", service.name);
                (line.in_rules, text)
            };
            let file = if in_rules {
                "teams/rules/rules.cue"
            } else {
                &service.file
            };
            let lines = self.files.get_mut(file).expect("the file exists");
            lines.push(text);
        }
        format!("services.{}.replicas", service.name)
    }

    /// Removes lines, counted from 1; the others keep their numbers.
    pub(crate) fn without<'a>(&self, lines: impl IntoIterator<Item = &'a (String, usize)>) -> Self {
        let mut rest = self.clone();
        for (file, line) in lines {
            rest.files.get_mut(file).expect("the file exists")[line - 1].clear();
        }
        rest
    }

    /// Returns the lines that limit the number of replicas, except the policy's.
    pub(crate) fn replica_lines(&self) -> BTreeSet<(String, usize)> {
        let mut found = BTreeSet::new();
        for (name, lines) in &self.files {
            for (at, line) in lines.iter().enumerate() {
                if line.contains("replicas")
                    && !line.starts_with("policies")
                    && !line.ends_with(": int")
                {
                    found.insert((name.clone(), at + 1));
                }
            }
        }
        found
    }
}
