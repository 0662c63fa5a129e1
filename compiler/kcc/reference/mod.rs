//! The reference: every field that fragments may write, as the comments of
//! kcc's schema tell it. `kcc explain services.health` shows a part of it,
//! `docs/reference.md` is all of it.
//!
//! [`Reference::read`] takes the schema's files; nothing here knows a fragment.

mod definition;
mod find;
mod page;

use std::collections::BTreeMap;

pub use definition::{Definition, Field, Mark};
pub use find::{Found, Unknown};

/// The definition of all that fragments may say.
const ROOT: &str = "Root";
/// The definition of what speaks about the whole model.
const BLOCKS: &str = "Blocks";

/// All definitions of the schema.
#[derive(Debug)]
pub struct Reference {
    definitions: BTreeMap<String, Definition>,
}

impl Reference {
    /// Reads the files of the schema.
    pub fn read<'a>(files: impl IntoIterator<Item = &'a str>) -> Self {
        let definitions = files
            .into_iter()
            .flat_map(definition::definitions)
            .map(|definition| (definition.name.clone(), definition))
            .collect();
        Self { definitions }
    }

    /// A definition by its name, without `#`.
    pub fn definition(&self, name: &str) -> Option<&Definition> {
        self.definitions.get(name)
    }

    /// All definitions in the order in which a reader meets them: the root
    /// first, then what its fields lead to, one after the other, at the end those
    /// that no field leads to.
    pub fn in_order(&self) -> Vec<&Definition> {
        let mut order: Vec<&Definition> = Vec::new();
        let mut open: Vec<&str> = vec![ROOT, BLOCKS];
        open.reverse();
        while let Some(name) = open.pop() {
            let Some(definition) = self.definition(name) else {
                continue;
            };
            if order.iter().any(|known| known.name == name) {
                continue;
            }
            order.push(definition);
            open.extend(definition.references().into_iter().rev());
        }
        for definition in self.definitions.values() {
            if order.iter().all(|known| known.name != definition.name) {
                order.push(definition);
            }
        }
        order
    }
}
