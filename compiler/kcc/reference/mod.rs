//! The reference of all fields that fragments can set, generated from the comments
//! of kcc's schema. `kcc explain services.health` prints a part of it,
//! `docs/reference.md` is the whole.
//!
//! [`Reference`] reads the schema's table and never sees a fragment.

mod lookup;
mod page;

use kcc_tree::schema::{Definition, Schema};

pub use lookup::{ResolvedField, UnknownField};

/// The definition of a fragment's root.
const ROOT: &str = "Root";
/// The definition of the blocks that apply to the whole model.
const BLOCKS: &str = "Blocks";

/// The definitions of a schema.
#[derive(Debug, Clone, Copy)]
pub struct Reference<'a>(&'a Schema);

impl<'a> Reference<'a> {
    /// Describes a schema.
    pub fn new(schema: &'a Schema) -> Self {
        Self(schema)
    }

    /// Returns the definition with this name, without `#`.
    pub fn definition(self, name: &str) -> Option<&'a Definition> {
        self.0.definition(name)
    }

    /// Returns the definitions of values in reading order: depth first from the
    /// root, then those that nothing refers to.
    pub fn in_order(self) -> Vec<&'a Definition> {
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
        for definition in &self.0.definitions {
            if order.iter().all(|known| known.name != definition.name) {
                order.push(definition);
            }
        }
        order
    }
}
