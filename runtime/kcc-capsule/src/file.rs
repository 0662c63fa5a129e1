//! The file of a capsule: an OCI image layout in a tar.
//!
//! The artifact `capsule` has the [`Capture`] as its configuration. The revision is in the
//! same layout as in an archive, and its artifacts are layers of the capsule, so that the
//! digest of the capsule covers every byte. The same content gives the same bytes.

use std::path::Path;

use kcc_diag::Code;
use kcc_plan::{
    ArtifactStore, Blob, Descriptor, Error, Layout, MANIFEST_TYPE, Manifest, TarFile,
    archive::Archive, revision::RevisionId,
};
use serde::Deserialize;

use crate::{Capsule, Capture, capture::FORMAT};

const NAME: &str = "capsule";
const ARTIFACT: &str = "application/vnd.kcc.capsule.v1";
const CONFIG: &str = "application/vnd.kcc.capsule.v1+json";
/// The number of digits of a capsule's identity.
const DIGITS: usize = 8;

/// The part of every version of a capture.
#[derive(Deserialize)]
struct Header {
    format: u32,
}

/// Writes a capsule to a file, which it replaces. `add` adds the revision to an archive.
pub async fn write(
    path: &Path,
    shown: &str,
    capture: &Capture,
    add: impl AsyncFnOnce(&Archive<Layout>) -> Result<(), Error>,
) -> Result<(), Error> {
    let file = TarFile::create(path, shown)?;
    let layout = file.layout().clone();
    add(&Archive::new(layout.clone())).await?;
    let index = layout.index()?;
    let entries = index.entries().iter();
    let artifacts = entries.filter(|entry| entry.media_type == MANIFEST_TYPE);
    let layers =
        artifacts.map(|entry| Descriptor::new(&entry.media_type, entry.digest.clone(), entry.size));
    // A plain struct with text keys always serialises.
    let config = Blob::new(serde_json::to_vec(capture).unwrap_or_default());
    let manifest = Manifest::new(ARTIFACT, Descriptor::of(CONFIG, &config), layers.collect());
    layout.put(NAME, &manifest, &[config]).await?;
    file.save()
}

/// Reads a capsule, and compares everything in it with its digest.
pub async fn read(path: &Path, shown: &str) -> Result<Capsule, Error> {
    if !path.exists() {
        let message = format!("`{shown}` does not exist");
        return Err(Error::new(Code::StateCapsule, message)
            .help("write one with `kcc capture --target TARGET`"));
    }
    let foreign = || {
        Error::new(Code::StateCapsule, format!("`{shown}` is not a capsule"))
            .help("name a file that `kcc capture` wrote")
    };
    let file = TarFile::open(path, shown).map_err(|error| foreign().cause(error))?;
    let layout = file.layout();
    layout.check().map_err(|error| match error.code {
        Code::StateNewer => error,
        _ => foreign().cause(error),
    })?;
    let manifest = layout.artifact(NAME).await?;
    let manifest = manifest
        .filter(|manifest| manifest.artifact_type.as_deref() == Some(ARTIFACT))
        .ok_or_else(foreign)?;
    for content in &manifest.layers {
        get(layout, shown, content).await?;
    }
    let config = get(layout, shown, &manifest.config).await?;
    let header: Header = parse(shown, &config)?;
    if header.format > FORMAT {
        let message = format!(
            "`{shown}` has format {}, and this kcc reads formats up to {FORMAT}",
            header.format
        );
        return Err(Error::new(Code::StateNewer, message)
            .help("use the version of kcc that wrote it, or a later one"));
    }
    let capture: Capture = parse(shown, &config)?;
    let archive = Archive::new(layout.clone());
    let id = Some(RevisionId::Number(capture.revision));
    let found = archive.find(&capture.scope, id).await?;
    let found = found.ok_or_else(|| damaged(shown, "it has no revision"))?;
    let digest = manifest.descriptor().digest;
    Ok(Capsule {
        capture,
        revision: found.revision,
        id: digest.hex()[..DIGITS].to_owned(),
    })
}

async fn get(layout: &Layout, shown: &str, content: &Descriptor) -> Result<Blob, Error> {
    let blob = layout.get(content).await?;
    blob.ok_or_else(|| damaged(shown, &format!("`{}` is not there", content.digest)))
}

fn parse<T: for<'de> Deserialize<'de>>(shown: &str, blob: &Blob) -> Result<T, Error> {
    serde_json::from_slice(blob.bytes()).map_err(|error| damaged(shown, &error.to_string()))
}

fn damaged(shown: &str, why: &str) -> Error {
    Error::new(Code::StateDamaged, format!("`{shown}` is damaged: {why}"))
        .help("capture it again, or copy it again from where it was written")
}
