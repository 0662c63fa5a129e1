//! Decodes `files`: inline content, content of a file or directory beside the
//! fragment, or an output of another component, which is filled in later.

use std::collections::BTreeMap;

use kcc_diag::Code;

use super::output_refs::{self, OutputRef};
use super::{Cursor, TargetContext, image, mode, volumes};
use crate::{Binary, File, FileAccess, FileContent, FileData};

/// The most files of a directory. What has more belongs into an image.
const MAX_FILES: usize = 500;

/// Decodes the files of a component and reads those with a `source`. A file below a
/// directory of `files` that is declared itself takes precedence.
pub(crate) fn files(
    cx: &TargetContext<'_>,
    node: &Cursor<'_>,
    output_files: &mut BTreeMap<String, OutputRef>,
) -> BTreeMap<String, File> {
    let Some(all) = node.child("files") else {
        return BTreeMap::new();
    };
    let mut files = BTreeMap::new();
    // In the order of their names: a path comes after the directories above it.
    for (name, field) in all.fields() {
        if let Some(path) = volumes::container_path(&field, name) {
            add(cx, &field, name, path, output_files, &mut files);
        }
    }
    files
}

/// Adds what one entry of `files` declares.
fn add(
    cx: &TargetContext<'_>,
    node: &Cursor<'_>,
    name: &str,
    path: String,
    output_files: &mut BTreeMap<String, OutputRef>,
    files: &mut BTreeMap<String, File>,
) {
    let owner = node.child("owner").and_then(|field| mode::owner(&field));
    let declared = node.child("mode").and_then(|field| mode::of_file(&field));
    let file = |content: FileContent, executable: bool| File {
        content,
        access: FileAccess {
            mode: declared.or(executable.then_some(0o755)),
            owner,
        },
        directory: None,
    };
    if node.child("from").is_some() || node.child("output").is_some() {
        if let Some(output) = output_refs::decode(node) {
            output_files.insert(path.clone(), output);
            files.insert(path, file(FileContent::Content(String::new()), false));
        }
        return;
    }
    match content(cx, node) {
        Some(Found::Text(text)) => {
            files.insert(path, file(FileContent::Content(text), false));
        }
        Some(Found::File(data)) => {
            let executable = data.executable;
            files.insert(path, file(content_of(data), executable));
        }
        Some(Found::Directory(all)) => {
            for (below, data) in all {
                let executable = data.executable;
                let file = File {
                    directory: Some(name.to_owned()),
                    ..file(content_of(data), executable)
                };
                files.insert(format!("{path}/{below}"), file);
            }
        }
        None => {}
    }
}

/// The content that an entry of `files` declares.
enum Found {
    Text(String),
    File(FileData),
    /// All files below a directory, by their paths in it.
    Directory(Vec<(String, FileData)>),
}

/// Returns text as such, and anything else as bytes.
fn content_of(data: FileData) -> FileContent {
    match String::from_utf8(data.bytes) {
        Ok(text) if !text.contains('\0') => FileContent::Content(text),
        Ok(text) => FileContent::Binary(Binary(text.into_bytes())),
        Err(error) => FileContent::Binary(Binary(error.into_bytes())),
    }
}

fn content(cx: &TargetContext<'_>, node: &Cursor<'_>) -> Option<Found> {
    match (node.child("content"), node.child("source")) {
        (Some(content), None) => content.text().map(Found::Text),
        (None, Some(source)) => {
            let name = image::relative_to_root(&source, &source.text()?)?;
            match (cx.files.read)(&name) {
                Ok(found) => Some(Found::File(found)),
                Err(_) if (cx.files.check_exists)(&format!("{name}/")).is_ok() => {
                    directory(cx, &source, &name).map(Found::Directory)
                }
                Err(why) => {
                    report_unreadable(&source, &name, &why);
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

/// Reads all files below a directory.
fn directory(
    cx: &TargetContext<'_>,
    source: &Cursor<'_>,
    name: &str,
) -> Option<Vec<(String, FileData)>> {
    let all = match (cx.files.list)(name) {
        Ok(all) => all,
        Err(why) => {
            report_unreadable(source, name, &why);
            return None;
        }
    };
    let wrong = match all.len() {
        0 => Some((
            "no files".to_owned(),
            "empty",
            "add a file to it, or remove the entry",
        )),
        count if count > MAX_FILES => Some((
            format!("{count} files, more than {MAX_FILES}"),
            "too many files",
            "copy them into the image, or keep them in a volume",
        )),
        _ => None,
    };
    if let Some((contains, label, help)) = wrong {
        let message = format!("`{}`: directory `{name}` contains {contains}", source.path);
        let error = source.error(Code::ModelMissingFile, message, label);
        source.report(error.help(help));
        return None;
    }
    let mut found = Vec::new();
    for below in all {
        let name = match name {
            "." => below.clone(),
            name => format!("{name}/{below}"),
        };
        match (cx.files.read)(&name) {
            Ok(data) => found.push((below, data)),
            Err(why) => report_unreadable(source, &name, &why),
        }
    }
    Some(found)
}

fn report_unreadable(source: &Cursor<'_>, name: &str, why: &str) {
    let message = format!("`{}`: cannot read `{name}`: {why}", source.path);
    let error = source.error(Code::ModelMissingFile, message, "cannot read this file");
    let help = format!("add the file `{name}`, or write another path");
    source.report(error.help(help));
}
