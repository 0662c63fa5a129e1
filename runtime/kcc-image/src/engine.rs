//! Images of a Docker engine. It reveals the files of an image only in an archive of
//! the whole image, whose layers are in any order, with a list of them at the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Read},
};

use futures_util::StreamExt;
use kcc_docker::{EngineImage, EngineImages};
use kcc_lock::{Digest, ImageFacts, Platform};
use kcc_plan::Error;
use serde::Deserialize;

use crate::{
    answer,
    config::Config,
    error::unreadable,
    layers::Search,
    stream::{Pieces, read_stream},
};

/// The list of layers in an archive.
const MANIFEST: &str = "manifest.json";
/// The largest list.
const MAX_MANIFEST: u64 = 1024 * 1024;
/// The most that is read of an archive.
const MAX_ARCHIVE: u64 = 16 * 1024 * 1024 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Archived {
    layers: Vec<String>,
}

/// Reads the facts about an image, if the engine has it.
pub(crate) async fn read(
    images: &EngineImages,
    reference: &str,
    directories: &BTreeSet<String>,
) -> Result<Option<ImageFacts>, Error> {
    let Some(image) = images.find(reference).await? else {
        return Ok(None);
    };
    let malformed = |error: serde_json::Error| unreadable(reference, error.to_string());
    let config: Option<Config> = serde_json::from_value(image.config.clone()).map_err(malformed)?;
    let config = config.unwrap_or_default();
    let (mut facts, question) = answer::start(&config, directories);
    if let Some(mut search) = question {
        let archive = images
            .export(reference)
            .map(|piece| piece.map_err(|error| io::Error::other(error.chain())));
        let paths = search.clone();
        let read = read_stream(archive, MAX_ARCHIVE, move |pieces| answers(pieces, &paths)).await;
        let layers = read.and_then(|read| read);
        for layer in layers.map_err(|error| unreadable(reference, error.to_string()))? {
            search.below(layer);
        }
        search.finish();
        answer::fill(&mut facts, &config, directories, &search);
    }
    facts.digest = digest(reference, &image);
    let platform = Platform::new(&image.os, &image.architecture, image.variant.as_deref());
    facts.platforms.insert(platform, None);
    Ok(Some(facts))
}

/// Returns the digest under which an image's own registry has it.
pub(crate) fn digest(reference: &str, image: &EngineImage) -> Option<Digest> {
    let own = name(reference);
    let mut digests = image.digests.iter();
    digests.find_map(|text| {
        let (name, digest) = text.split_once('@')?;
        (name == own).then(|| Digest::try_from(digest.to_owned()).ok())?
    })
}

/// Reads an archive and returns what each layer says about the paths of a search,
/// from the uppermost layer down.
fn answers(archive: Pieces, paths: &Search) -> io::Result<Vec<Search>> {
    let mut layers: BTreeMap<String, Search> = BTreeMap::new();
    let mut links: BTreeMap<String, String> = BTreeMap::new();
    let mut listed = None;
    let mut archive = tar::Archive::new(archive);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.to_string_lossy().into_owned();
        if name == MANIFEST {
            let mut text = Vec::new();
            (&mut entry).take(MAX_MANIFEST).read_to_end(&mut text)?;
            let images: Vec<Archived> = serde_json::from_slice(&text)?;
            listed = images.into_iter().next();
        } else if !name.ends_with("layer.tar") && !name.starts_with("blobs/") {
            // Something about the image, or what older engines read.
        } else if let Some(link) = entry.link_name()? {
            // A layer that occurs twice.
            let target = link.to_string_lossy();
            links.insert(name, target.trim_start_matches("../").to_owned());
        } else if entry.header().entry_type().is_file() {
            let mut layer = paths.clone();
            // Other blobs are not archives; a layer that is damaged is missing below.
            if layer.layer(&mut entry).is_ok() {
                layers.insert(name, layer);
            }
        }
    }
    let missing = || io::Error::new(io::ErrorKind::InvalidData, "its archive lacks a layer");
    let names = listed.ok_or_else(missing)?.layers;
    let layer = |name: &String| {
        let name = links.get(name).unwrap_or(name);
        layers.get(name).cloned().ok_or_else(missing)
    };
    names.iter().rev().map(layer).collect()
}

/// Returns the name of an image as engines list it, without tag and digest.
fn name(reference: &str) -> &str {
    let named = reference
        .split_once('@')
        .map_or(reference, |(name, _)| name);
    let last = named.rfind('/').map_or(0, |at| at + 1);
    let end = named[last..].find(':').map_or(named.len(), |at| last + at);
    let mut name = &named[..end];
    for implied in ["index.docker.io/", "docker.io/", "library/"] {
        name = name.strip_prefix(implied).unwrap_or(name);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_the_same_repository() {
        let hex = "a".repeat(kcc_lock::DIGEST_HEX);
        let image = EngineImage {
            digests: vec![
                format!("localhost:5000/web@sha256:{}", "b".repeat(64)),
                format!("nginx@sha256:{hex}"),
            ],
            ..EngineImage::default()
        };
        let found = |reference: &str| digest(reference, &image).map(String::from);
        let expected = Some(format!("sha256:{hex}"));
        assert_eq!(found("nginx:1.29"), expected);
        assert_eq!(found("docker.io/library/nginx"), expected);
        assert_eq!(found("acme/nginx:1.29"), None);
        assert!(found("localhost:5000/web:1").unwrap().ends_with("bb"));
    }
}
