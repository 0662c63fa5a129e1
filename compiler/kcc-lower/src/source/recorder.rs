//! [`Recorder`]: records the sources of an object's fields while they are written.

use std::{cell::RefCell, rc::Rc};

use kcc_model::{Component, Kind};
use kcc_tree::Path;

use super::sources::{Recorded, Source, Sources};

/// Records the sources of the fields below one field of an object.
///
/// A field is a dotted path from there, and a path of the model is one from the part
/// of the component that the object is made of. An init step or a sidecar takes what
/// it does not declare from its component, and a backing from the recipe of its
/// kind, so that their paths follow. The component itself comes last.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    sources: Rc<RefCell<Sources>>,
    /// The field in the object.
    field: Vec<String>,
    /// The paths that declare the component, or what else the object is made of.
    owners: Vec<Path>,
    /// The parts of the owner that paths are relative to.
    parts: Vec<Vec<String>>,
}

impl Recorder {
    /// Starts the record of an object of a component.
    pub(crate) fn of(component: &Component) -> Self {
        let mut owners = vec![component.path.clone()];
        if let Kind::Backing { .. } = component.kind {
            owners.push(component.path.join("component"));
        }
        Self::with(owners)
    }

    /// Starts the record of an object that a path of the model declares.
    pub(crate) fn at(path: Path) -> Self {
        Self::with(vec![path])
    }

    fn with(owners: Vec<Path>) -> Self {
        Self {
            sources: Rc::default(),
            field: Vec::new(),
            owners,
            parts: vec![Vec::new()],
        }
    }

    /// Goes on with the record of an object, for more fields of a component.
    pub(crate) fn resume(sources: Sources, component: &Component) -> Self {
        Self {
            sources: Rc::new(RefCell::new(sources)),
            ..Self::of(component)
        }
    }

    /// Returns what is recorded for the object so far.
    pub(crate) fn finish(&self) -> Sources {
        self.sources.borrow().clone()
    }

    /// Continues below a field.
    pub(crate) fn below(&self, field: &str) -> Self {
        Self {
            field: self.name(field),
            ..self.clone()
        }
    }

    /// Continues below a single name, which may contain dots.
    pub(crate) fn entry(&self, name: &str) -> Self {
        let mut entry = self.clone();
        entry.field.push(name.to_owned());
        entry
    }

    /// Continues below an element of a list.
    pub(crate) fn element(&self, at: usize) -> Self {
        self.entry(&at.to_string())
    }

    /// Continues with the init step or sidecar that is the source.
    pub(crate) fn part(&self, group: &str, name: &str) -> Self {
        let part = vec![group.to_owned(), name.to_owned()];
        Self {
            parts: vec![part, Vec::new()],
            ..self.clone()
        }
    }

    /// Continues with a struct of the current part as the only source.
    pub(crate) fn within<const N: usize>(&self, names: [&str; N]) -> Self {
        let names = names.map(str::to_owned);
        Self {
            parts: vec![[&self.parts[0][..], &names].concat()],
            ..self.clone()
        }
    }

    /// Continues with a port of the component or of one of its sidecars.
    pub(crate) fn port(&self, component: &Component, name: &str) -> Self {
        let of = self.component();
        match component
            .ports
            .get(name)
            .and_then(|port| port.sidecar.as_ref())
        {
            Some(sidecar) => of.within(["sidecars", sidecar, "ports", name]),
            None => of.within(["ports", name]),
        }
    }

    /// Records a variable: its declaration, or the need that provides it.
    pub(crate) fn variable(&self, component: &Component, name: &str) {
        let own = Self {
            parts: self.parts[..1].to_vec(),
            ..self.clone()
        };
        let names = |names: [&str; 2]| names.map(str::to_owned).to_vec();
        let mut paths = own.resolve(&[names(["env", name])]);
        if let Some(need) = component.need_providing(name) {
            paths.extend(self.component().resolve(&[names(["needs", need])]));
        }
        self.paths("", paths);
    }

    /// Records that a field follows one of these model paths, or else one of others
    /// in another part.
    pub(crate) fn model_or(&self, field: &str, paths: &[&str], other: &Self, others: &[&str]) {
        let mut all = self.resolve(&split(paths));
        all.extend(other.resolve(&split(others)));
        self.paths(field, all);
    }

    /// Continues with the component as the source, whatever the current part.
    pub(crate) fn component(&self) -> Self {
        Self {
            parts: vec![Vec::new()],
            ..self.clone()
        }
    }

    /// Continues with another path of the model as the source.
    pub(crate) fn instead(&self, path: Path) -> Self {
        Self {
            owners: vec![path],
            parts: vec![Vec::new()],
            ..self.clone()
        }
    }

    /// Records that a field follows the first of these model paths that is declared.
    pub(crate) fn model(&self, field: &str, paths: &[&str]) {
        self.paths(field, self.resolve(&split(paths)));
    }

    /// Records that a field follows the model path with these names.
    pub(crate) fn named<const N: usize>(&self, field: &str, names: [&str; N]) {
        self.paths(field, self.resolve(&[names.map(str::to_owned).to_vec()]));
    }

    /// Records that a field follows the first of these absolute paths.
    pub(crate) fn paths(&self, field: &str, mut paths: Vec<Path>) {
        paths.extend(self.owners.first().cloned());
        self.insert(field, Recorded::Whole(Source::Model(paths)));
    }

    /// Records that a field has the fields of a path of the model.
    pub(crate) fn alike(&self, field: &str, path: &str) {
        let paths = self.resolve(&[names(path)]);
        let otherwise = paths.iter().chain(self.owners.first());
        let otherwise = otherwise.cloned().collect();
        self.insert(field, Recorded::Alike(paths, otherwise));
    }

    /// Records why kcc sets a field.
    pub(crate) fn kcc(&self, field: &str, why: &'static str) {
        self.insert(field, Recorded::Whole(Source::Kcc(why.into())));
    }

    /// Restores what an earlier record of the object says about a field.
    pub(crate) fn restore(&self, earlier: &Sources) {
        self.sources.borrow_mut().restore(&self.field, earlier);
    }

    /// Returns the absolute paths of names in the current part.
    pub(crate) fn resolve(&self, names: &[Vec<String>]) -> Vec<Path> {
        let mut paths = Vec::new();
        for part in &self.parts {
            for names in names {
                for owner in &self.owners {
                    paths.push(Path([&owner.0[..], part, names].concat()));
                }
            }
        }
        paths
    }

    fn insert(&self, field: &str, recorded: Recorded) {
        self.sources.borrow_mut().insert(self.name(field), recorded);
    }

    fn name(&self, field: &str) -> Vec<String> {
        let mut path = self.field.clone();
        path.extend(names(field));
        path
    }
}

fn split(paths: &[&str]) -> Vec<Vec<String>> {
    paths.iter().map(|path| names(path)).collect()
}

/// Splits a dotted path; an empty one has no names.
fn names(path: &str) -> Vec<String> {
    path.split('.')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Path {
        Path(names(text))
    }

    fn web() -> Recorder {
        Recorder::at(path("services.web"))
    }

    fn source(sources: &Sources, field: &str) -> String {
        match sources.of(&path(field)) {
            Some(Source::Model(paths)) => {
                let paths: Vec<_> = paths.iter().map(ToString::to_string).collect();
                paths.join(" | ")
            }
            Some(Source::Kcc(why)) => format!("kcc: {why}"),
            None => "none".to_owned(),
        }
    }

    #[test]
    fn a_field_has_the_source_of_the_nearest_one_above() {
        let record = web();
        record.model("spec", &["replicas", "scale.min"]);
        record.kcc("spec.paused", "a reason");
        let sources = record.finish();
        assert_eq!(
            source(&sources, "spec.a.b"),
            "services.web.replicas | services.web.scale.min | services.web"
        );
        assert_eq!(source(&sources, "spec.paused"), "kcc: a reason");
        assert_eq!(source(&sources, "kind"), "none");
    }

    #[test]
    fn a_later_record_replaces_what_is_below() {
        let record = web();
        record.kcc("spec.a", "a reason");
        record.named("spec", ["env", "A.B"]);
        assert_eq!(
            source(&record.finish(), "spec.a"),
            "services.web.env.\"A.B\" | services.web"
        );
    }

    #[test]
    fn a_part_takes_the_rest_from_its_component() {
        let record = web().part("sidecars", "proxy");
        record.model("image", &["image"]);
        record.within(["health", "startup"]).model("port", &["tcp"]);
        let sources = record.finish();
        assert_eq!(
            source(&sources, "image"),
            "services.web.sidecars.proxy.image | services.web.image | services.web"
        );
        assert_eq!(
            source(&sources, "port"),
            "services.web.sidecars.proxy.health.startup.tcp | services.web"
        );
    }

    #[test]
    fn fields_alike_keep_their_names() {
        let record = web();
        record.below("metadata").alike("labels", "labels");
        record
            .below("metadata.labels")
            .entry("acme.example/part")
            .kcc("", "a reason");
        let sources = record.finish();
        assert_eq!(
            source(&sources, "metadata.labels.part"),
            "services.web.labels.part | services.web.labels | services.web"
        );
        let own = Path::of(["metadata", "labels", "acme.example/part"]);
        assert_eq!(sources.of(&own), Some(Source::Kcc("a reason".into())));
    }

    #[test]
    fn an_earlier_record_can_be_restored() {
        let record = web();
        record.alike("labels", "labels");
        record.below("labels").kcc("own", "a reason");
        let before = record.finish();
        record.named("labels", ["kubernetes"]);
        record.below("labels").entry("own").restore(&before);
        let sources = record.finish();
        assert_eq!(source(&sources, "labels.own"), "kcc: a reason");
        assert_eq!(
            source(&sources, "labels.other"),
            "services.web.kubernetes | services.web"
        );
    }
}
