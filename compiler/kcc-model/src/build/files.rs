//! `files`: their content, inline, read from the fragment's folder, or an output
//! of another component, which is put in its place later.

use std::collections::BTreeMap;

use kcc_diag::Code;

use super::late::{self, Late};
use super::{Cursor, Scope, component, image, volumes};
use crate::File;

/// Decodes the files of a component, and reads those that have a `source`.
pub(crate) fn files(
    scope: &Scope<'_>,
    node: &Cursor<'_>,
    late: &mut BTreeMap<String, Late>,
) -> BTreeMap<String, File> {
    let Some(all) = node.child("files") else {
        return BTreeMap::new();
    };
    all.fields()
        .filter_map(|(path, field)| {
            let path = volumes::absolute(&field, path)?;
            if field.child("from").is_some() || field.child("output").is_some() {
                late.insert(path.clone(), late::output(&field)?);
                return Some((path, File::Content(String::new())));
            }
            Some((path, File::Content(content(scope, &field)?)))
        })
        .collect()
}

fn content(scope: &Scope<'_>, node: &Cursor<'_>) -> Option<String> {
    node.only(&["content", "source"]);
    match (node.child("content"), node.child("source")) {
        (Some(content), None) => content.text(),
        (None, Some(source)) => {
            let name = image::inside(&source, &source.text()?)?;
            match (scope.referred.file)(&name) {
                Ok(content) => Some(content),
                Err(why) => {
                    let message = format!("`{}`: cannot read `{name}`: {why}", source.path);
                    let error = source.error(Code::ModelMissingFile, message, "this file");
                    let help = format!("add `{name}` as a text file, or write the path of another");
                    source.report(error.help(help));
                    None
                }
            }
        }
        (Some(content), Some(source)) => {
            let message = format!("`{}` has its content and a source", node.path);
            let error = content.error(Code::EvalConflict, message, "the content");
            let error = node.lines.also(error, &source.path, "the source");
            node.report(error.help("remove `content` or `source`"));
            None
        }
        (None, None) => {
            component::missing(
                node,
                "`content`",
                "write `content: \"…\"`, `source: \"…\"` or `{from: \"…\", output: \"…\"}`",
            );
            None
        }
    }
}
