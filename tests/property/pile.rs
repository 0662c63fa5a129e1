//! Lines about one field that may contradict each other, and systems without
//! some of them.

use std::collections::BTreeSet;

use crate::systems::{Random, System};

impl System {
    /// Says `replicas` of a service on several more lines, some of which may
    /// contradict others; returns its path.
    pub(crate) fn pile(&mut self, random: &mut Random) -> String {
        let service = self.services[random.below(self.services.len())].clone();
        // So that it is there, whoever else is taken away.
        let exists = format!("services: {}: replicas: int", service.name);
        let own = self.files.get_mut(&service.file);
        own.expect("a service has a file").push(exists);
        for _ in 0..2 + random.below(5) {
            let number = random.below(12);
            let said = match random.below(5) {
                0 => number.to_string(),
                1 => format!(">={number}"),
                2 => format!("<={number}"),
                3 => format!("!={number}"),
                _ => format!(">={number} & <=20"),
            };
            let (file, text) = if random.chance(20) {
                let text = format!("services: [string]: replicas?: {said}");
                ("teams/rules/rules.cue", text)
            } else {
                let text = format!("services: {}: replicas: {said}", service.name);
                let file = ["teams/rules/rules.cue", &service.file][random.below(2)];
                (file, text)
            };
            let lines = self.files.get_mut(file).expect("the file is there");
            lines.push(text);
        }
        format!("services.{}.replicas", service.name)
    }

    /// Takes lines out, counted from 1; the others keep their numbers.
    pub(crate) fn without<'a>(&self, lines: impl IntoIterator<Item = &'a (String, usize)>) -> Self {
        let mut rest = self.clone();
        for (file, line) in lines {
            rest.files.get_mut(file).expect("the file is there")[line - 1].clear();
        }
        rest
    }

    /// The lines that limit how many replicas there are, but for the policy's.
    pub(crate) fn of_replicas(&self) -> BTreeSet<(String, usize)> {
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
