//! `files`: their content, inline, read from the fragment's folder, or an output
//! of another component, which is put in its place later.

use std::collections::BTreeMap;

use kcc_diag::Code;

use super::late::{self, Late};
use super::{Cursor, Scope, component, image, mode, volumes};
use crate::{File, FileContent};

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
            let owner = field.child("owner").and_then(|field| mode::owner(&field));
            let written = field.child("mode").and_then(|field| mode::mode(&field));
            let file = |text: String, executable: bool| File {
                content: FileContent::Content(text),
                mode: written.or(executable.then_some(0o755)),
                owner,
            };
            if field.child("from").is_some() || field.child("output").is_some() {
                late.insert(path.clone(), late::output(&field)?);
                return Some((path, file(String::new(), false)));
            }
            let (text, executable) = content(scope, &field)?;
            Some((path, file(text, executable)))
        })
        .collect()
}

/// The content of a file, and whether it is a program.
fn content(scope: &Scope<'_>, node: &Cursor<'_>) -> Option<(String, bool)> {
    node.only(&["content", "source", "mode", "owner"]);
    match (node.child("content"), node.child("source")) {
        (Some(content), None) => Some((content.text()?, false)),
        (None, Some(source)) => {
            let name = image::inside(&source, &source.text()?)?;
            match (scope.referred.file)(&name) {
                Ok(found) => Some((found.text, found.executable)),
                Err(_) if (scope.referred.there)(&format!("{name}/")).is_ok() => {
                    let message = format!(
                        "`{}`: `{name}` is a directory, and a file has one content",
                        source.path
                    );
                    let error = source.error(Code::ModelMissingFile, message, "a directory");
                    let inside = node.path.0.last().map_or("", String::as_str);
                    let written = source.text()?;
                    let written = written.trim_end_matches('/');
                    source.report(error.help(format!(
                        "write one entry for each file in it: `files: \"{}/NAME\": source: \"{written}/NAME\"`",
                        inside.trim_end_matches('/')
                    )));
                    None
                }
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
