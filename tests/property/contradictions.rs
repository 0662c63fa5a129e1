//! Adds lines about one field that may contradict each other, and removes lines.

use std::collections::BTreeSet;

use crate::systems::{Random, System};

impl System {
    /// Adds several lines for `replicas` of a service, some of which may contradict others; returns
    /// its path.
    pub(crate) fn contradict(&mut self, random: &mut Random) -> String {
        let service = self.services[random.below(self.services.len())].clone();
        // Keeps the field when other lines are removed.
        let exists = format!("services: {}: replicas: int", service.name);
        let own = self.files.get_mut(&service.file);
        own.expect("a service has a file").push(exists);
        for _ in 0..2 + random.below(5) {
            let number = random.below(12);
            let value = match random.below(5) {
                0 => number.to_string(),
                1 => format!(">={number}"),
                2 => format!("<={number}"),
                3 => format!("!={number}"),
                _ => format!(">={number} & <=20"),
            };
            let (file, text) = if random.chance(20) {
                let text = format!("services: [string]: replicas?: {value}");
                ("teams/rules/rules.cue", text)
            } else {
                let text = format!("services: {}: replicas: {value}", service.name);
                let file = ["teams/rules/rules.cue", &service.file][random.below(2)];
                (file, text)
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
