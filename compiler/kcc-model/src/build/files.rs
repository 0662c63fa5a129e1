//! Decodes `files`: inline content, content read from a file beside the fragment,
//! or an output of another component, which is filled in later.

use std::collections::BTreeMap;

use kcc_diag::Code;

use super::output_refs::{self, OutputRef};
use super::{Cursor, TargetContext, image, mode, volumes};
use crate::{File, FileAccess, FileContent};

/// Decodes the files of a component and reads those with a `source`.
pub(crate) fn files(
    cx: &TargetContext<'_>,
    node: &Cursor<'_>,
    output_files: &mut BTreeMap<String, OutputRef>,
) -> BTreeMap<String, File> {
    let Some(all) = node.child("files") else {
        return BTreeMap::new();
    };
    all.fields()
        .filter_map(|(path, field)| {
            let path = volumes::container_path(&field, path)?;
            let owner = field.child("owner").and_then(|field| mode::owner(&field));
            let declared = field.child("mode").and_then(|field| mode::of_file(&field));
            let file = |text: String, executable: bool| File {
                content: FileContent::Content(text),
                access: FileAccess {
                    mode: declared.or(executable.then_some(0o755)),
                    owner,
                },
            };
            if field.child("from").is_some() || field.child("output").is_some() {
                output_files.insert(path.clone(), output_refs::decode(&field)?);
                return Some((path, file(String::new(), false)));
            }
            let (text, executable) = content(cx, &field)?;
            Some((path, file(text, executable)))
        })
        .collect()
}

/// Returns the content of a file, and true if it is executable.
fn content(cx: &TargetContext<'_>, node: &Cursor<'_>) -> Option<(String, bool)> {
    match (node.child("content"), node.child("source")) {
        (Some(content), None) => Some((content.text()?, false)),
        (None, Some(source)) => {
            let name = image::relative_to_root(&source, &source.text()?)?;
            match (cx.files.read)(&name) {
                Ok(found) => Some((found.text, found.executable)),
                Err(_) if (cx.files.check_exists)(&format!("{name}/")).is_ok() => {
                    let message = format!(
                        "`{}`: expected a file, found directory `{name}`",
                        source.path
                    );
                    let error = source.error(Code::ModelMissingFile, message, "a directory");
                    let inside = node.path.0.last().map_or("", String::as_str);
                    let declared = source.text()?;
                    let declared = declared.trim_end_matches('/');
                    source.report(error.help(format!(
                        "write one entry per file: `files: \"{}/NAME\": source: \"{declared}/NAME\"`",
                        inside.trim_end_matches('/')
                    )));
                    None
                }
                Err(why) => {
                    let message = format!("`{}`: cannot read `{name}`: {why}", source.path);
                    let error =
                        source.error(Code::ModelMissingFile, message, "cannot read this file");
                    let help = format!("add `{name}` as a text file, or write another path");
                    source.report(error.help(help));
                    None
                }
            }
        }
        (Some(content), Some(source)) => {
            let message = format!("`{}` has both `content` and `source`", node.path);
            let error = content.error(Code::EvalConflict, message, "inline content");
            let error = node
                .reporter
                .add_label(error, &source.path, "content from a file");
            node.report(error.help("remove `content` or `source`"));
            None
        }
        (None, None) => {
            node.report_missing(
                "`content`",
                "write `content: \"…\"`, `source: \"…\"` or `{from: \"…\", output: \"…\"}`",
            );
            None
        }
    }
}
