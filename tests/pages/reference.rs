//! Checks the reference against the schema: every definition and field has a
//! description, every definition an example, and the document is up to date.

use kcc::reference::Reference;
use kcc_test_support::{golden, root};
use kcc_tree::schema::Schema;
use libtest_mimic::Trial;

/// The document, relative to the repository's root.
pub(crate) const DOCUMENT: &str = "docs/reference.md";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("reference/complete", || {
            is_complete(reference()).map_err(Into::into)
        }),
        Trial::test("reference/document", || {
            is_document(reference()).map_err(Into::into)
        }),
    ]
}

fn reference() -> Reference<'static> {
    Reference::new(Schema::get())
}

fn is_complete(reference: Reference<'_>) -> Result<(), String> {
    let mut missing = Vec::new();
    for definition in reference.in_order() {
        let name = &definition.name;
        if definition.text.is_empty() {
            missing.push(format!("`#{name}` has no comment"));
        }
        if definition.example.is_empty() {
            missing.push(format!(
                "`#{name}` has no example: indent a part of its comment by one tab"
            ));
        }
        for field in &definition.fields {
            if field.text.is_empty() {
                missing.push(format!("`{}` of `#{name}` has no comment", field.name));
            }
        }
    }
    if reference.in_order().len() < 40 {
        missing.push("the schema has fewer than 40 definitions".to_owned());
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(missing.join("\n"))
    }
}

fn is_document(reference: Reference<'_>) -> Result<(), String> {
    golden::check(&root().join(DOCUMENT), &reference.document())
}
