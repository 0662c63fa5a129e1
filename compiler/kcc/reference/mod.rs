//! The reference of all fields that fragments can set, generated from the comments
//! of kcc's schema. `kcc explain services.health` prints a part of it,
//! `docs/reference.md` is the whole.
//!
//! [`Reference::read`] takes the schema's files and never sees a fragment.

mod definition;
mod lookup;
mod page;

use std::collections::BTreeMap;

pub use definition::{Definition, Field, Mark};
pub use lookup::{ResolvedField, UnknownField};

/// The definition of a fragment's root.
const ROOT: &str = "Root";
/// The definition of the blocks that apply to the whole model.
const BLOCKS: &str = "Blocks";

/// The definitions of the schema.
#[derive(Debug)]
pub struct Reference {
    definitions: BTreeMap<String, Definition>,
}

impl Reference {
    /// Parses the files of the schema.
    pub fn read<'a>(files: impl IntoIterator<Item = &'a str>) -> Self {
        let definitions = files
            .into_iter()
            .flat_map(definition::definitions)
            .map(|definition| (definition.name.clone(), definition))
            .collect();
        Self { definitions }
    }

    /// Returns the definition with this name, without `#`.
    pub fn definition(&self, name: &str) -> Option<&Definition> {
        self.definitions.get(name)
    }

    /// Returns all definitions in reading order: depth first from the root, then
    /// those that no field refers to.
    pub fn in_order(&self) -> Vec<&Definition> {
        let mut order: Vec<&Definition> = Vec::new();
        let mut stack: Vec<&str> = vec![ROOT, BLOCKS];
        stack.reverse();
        while let Some(name) = stack.pop() {
            let Some(definition) = self.definition(name) else {
                continue;
            };
            if order.iter().any(|known| known.name == name) {
                continue;
            }
            order.push(definition);
            stack.extend(definition.references().into_iter().rev());
        }
        for definition in self.definitions.values() {
            if order.iter().all(|known| known.name != definition.name) {
                order.push(definition);
            }
        }
        order
    }
}
