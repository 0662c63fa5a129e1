//! Reads and writes the files of `kcc plan -o`.

use std::{fs, path::Path};

use kcc_plan::PlanFile;

use crate::{context::Context, failure::Failure, output_file};

/// Writes a plan, and says how to apply it.
pub(crate) fn write(context: &Context, path: &Path, plan: &PlanFile) -> Result<(), Failure> {
    let shown = path.display();
    let full = context.settings.working_dir.join(path);
    output_file::replace_durably(&full, plan.to_text().as_bytes())
        .map_err(|error| Failure::io(format!("cannot write `{shown}`"), error))?;
    let note = format!("wrote the plan; perform it with `kcc apply {shown}`");
    context.printer.note(&note);
    Ok(())
}

/// Reads a plan, if the path is that of a file.
pub(crate) fn read(context: &Context, path: &Path) -> Result<Option<PlanFile>, Failure> {
    let full = context.settings.working_dir.join(path);
    if !full.is_file() {
        return Ok(None);
    }
    let shown = path.display();
    let text = fs::read_to_string(full)
        .map_err(|error| Failure::io(format!("cannot read `{shown}`"), error))?;
    PlanFile::parse(&text).map(Some).map_err(|why| {
        Failure::usage(
            format!("`{shown}` is not a plan: {why}"),
            "name a file that `kcc plan -o FILE` of this version wrote, or a directory",
        )
    })
}
