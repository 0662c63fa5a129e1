//! [`FragmentRecord`]: the content of a revision, from the fragments of a target.

use std::{collections::BTreeSet, path::Path as FilePath, sync::Arc};

use kcc_lower::{
    Lowered,
    parity::{self, Verdict},
};
use kcc_model::{CheckedModel, Name, TargetModel};
use kcc_plan::revision::{
    Content, ContentHash, DeclaredLine, DeclaredValue, Fragments, Parity, RecordedComponent,
    RecordedPolicy, Repository, RevisionSource, Role, Shared,
};
use kcc_tree::{ConfigTree, Node, Origin, OriginKind, Path, Value};

use super::{
    git,
    line::{Effect, Line, LineKind},
    value::{self, all_origins},
};
use crate::load::Root;

/// The fields of the root whose values belong to no component.
const SHARED: [&str; 6] = [
    "configs", "grants", "kinds", "objects", "secrets", "volumes",
];

/// The content of a revision, made when it is written.
pub struct FragmentRecord {
    root: Root,
    tree: Arc<ConfigTree>,
    model: Arc<CheckedModel>,
    lowered: Arc<Lowered>,
}

impl FragmentRecord {
    /// Creates the content of a compiled target.
    pub fn new(
        root: Root,
        tree: Arc<ConfigTree>,
        model: Arc<CheckedModel>,
        lowered: Arc<Lowered>,
    ) -> Self {
        Self {
            root,
            tree,
            model,
            lowered,
        }
    }

    fn target(&self) -> &TargetModel {
        // A target without a model is not lowered.
        &self.model.targets[&self.lowered.desired.target]
    }

    fn fragments(&self) -> Fragments {
        let files = self.tree.files.iter().map(|(_, file)| file);
        let own = files.filter(|file| is_fragment(file.name()));
        own.map(|file| {
            let hash = ContentHash::of(file.text().as_bytes());
            (file.name().to_owned(), hash)
        })
        .collect()
    }

    /// Finds the repositories of the fragments: the one that the root is in, and any
    /// below it, such as the submodules of teams.
    fn repositories(&self, fragments: &Fragments) -> Vec<Repository> {
        let root = self.root.path();
        let mut directories = BTreeSet::from([""]);
        for name in fragments.keys() {
            let above = FilePath::new(name).ancestors().skip(1);
            let texts = above.filter_map(FilePath::to_str);
            directories.extend(texts);
        }
        let repositories = directories.into_iter();
        repositories
            .filter(|directory| directory.is_empty() || root.join(directory).join(".git").exists())
            .filter_map(|directory| git::repository(root, directory))
            .collect()
    }

    /// Returns what fragments declare at and below a path.
    fn declared(&self, path: &Path) -> Vec<DeclaredValue> {
        let target = &self.lowered.desired.target;
        let mut values = Vec::new();
        if let Some(node) = value::node(&self.tree, target, path) {
            self.collect(node, path, &mut values);
        }
        values
    }

    fn collect(&self, node: &Node, path: &Path, values: &mut Vec<DeclaredValue>) {
        let (value, origins) = match &node.value {
            Value::Struct(fields) => {
                for (name, field) in fields {
                    self.collect(field, &path.join(name), values);
                }
                (None, node.origins.clone())
            }
            _ => (
                (node.value != Value::Absent).then(|| node.to_json()),
                all_origins(node),
            ),
        };
        let lines = self.lines(&origins, value.as_ref());
        if !lines.is_empty() {
            values.push(DeclaredValue {
                path: path.clone(),
                value,
                lines,
            });
        }
    }

    /// Returns the lines of fragments among origins, each once.
    fn lines(&self, origins: &[Origin], value: Option<&serde_json::Value>) -> Vec<DeclaredLine> {
        let mut lines = Vec::new();
        for origin in origins {
            let role = match origin.kind {
                OriginKind::Value => Role::Value,
                OriginKind::CueDefault => Role::CueDefault,
                OriginKind::Default => Role::Default,
                OriginKind::Constraint => Role::Constraint,
                OriginKind::Schema => continue,
            };
            let line = self.line(origin, role, value);
            lines.extend(line.filter(|line| !lines.contains(line)));
        }
        lines
    }

    fn line(
        &self,
        origin: &Origin,
        role: Role,
        value: Option<&serde_json::Value>,
    ) -> Option<DeclaredLine> {
        let files = &self.tree.files;
        if !is_fragment(files.get(origin.span.file)?.name()) {
            return None;
        }
        let line = Line::of(files, origin, Effect::Decides, LineKind::Value);
        let excerpt = line.excerpt();
        let dense = |text: &str| text.split_whitespace().collect::<String>();
        let is_value = value.is_some_and(|value| dense(&value.to_string()) == dense(&excerpt));
        Some(DeclaredLine {
            role,
            team: line.team.clone().or_else(|| self.only_team()),
            text: (!is_value && value.is_some()).then_some(excerpt),
            file: line.file,
            line: line.line,
            column: line.column,
            through: line.through,
        })
    }

    /// Returns the team that is named after the system, if no teams are declared.
    fn only_team(&self) -> Option<Name> {
        let declares = self.tree.system.child("teams").is_some();
        (!declares).then(|| self.model.name.clone())
    }

    /// Returns the lines that declare a component.
    fn declaration(&self, path: &Path) -> Option<DeclaredValue> {
        let target = &self.lowered.desired.target;
        let declarations = self.tree.declarations.get(target)?;
        let declaration = declarations.iter().find(|one| one.path == *path)?;
        let spans = match &declaration.owners[..] {
            [] => &declaration.others,
            owners => owners,
        };
        let lines = spans.iter().filter_map(|span| {
            let origin = Origin {
                span: *span,
                kind: OriginKind::Value,
                by: span.file,
            };
            self.line(&origin, Role::Value, None)
        });
        Some(DeclaredValue {
            path: path.clone(),
            value: None,
            lines: lines.collect(),
        })
    }

    fn policies(&self) -> Vec<RecordedPolicy> {
        let target = &self.lowered.desired.target;
        let policies = self.tree.policies.get(target).into_iter().flatten();
        policies
            .filter_map(|policy| {
                let origin = Origin {
                    span: policy.label,
                    kind: OriginKind::Constraint,
                    by: policy.by,
                };
                Some(RecordedPolicy {
                    name: policy.name.clone(),
                    message: policy.message.clone(),
                    line: self.line(&origin, Role::Constraint, None)?,
                })
            })
            .collect()
    }
}

impl RevisionSource for FragmentRecord {
    fn fragments(&self) -> Fragments {
        Self::fragments(self)
    }

    fn content(&self) -> Content {
        let target = self.target();
        let (shared, mut parts) = self.lowered.split();
        let empty = shared.without_objects();
        let mut ledger = parity::ledger(target);
        ledger.retain(|entry| entry.verdict != Verdict::Honoured);
        let parity = |is_own: &dyn Fn(&Path) -> bool| -> Vec<Parity> {
            let own = ledger.iter().filter(|entry| is_own(&entry.path));
            own.map(|entry| Parity {
                path: entry.path.clone(),
                verdict: entry.verdict.as_str().to_owned(),
                because: entry.verdict.because().map(str::to_owned),
                accepted: entry.accepted.clone(),
            })
            .collect()
        };
        let components = target.components.iter().map(|(name, model)| {
            let path = &model.path;
            let mut values = self.declared(path);
            values.retain(|value| value.path != *path);
            values.extend(self.declaration(path));
            let recorded = RecordedComponent {
                model: model.clone(),
                lowered: parts.remove(name).unwrap_or_else(|| empty.clone()),
                values,
                parity: parity(&|of| of.is_within(path)),
            };
            (name.clone(), recorded)
        });
        let components = components.collect();
        let of_component = |of: &Path| {
            let mut components = target.components.values();
            components.any(|component| of.is_within(&component.path))
        };
        let mut values = self.declared(&Path::of(["system"]));
        for field in SHARED {
            values.extend(self.declared(&Path::of([field])));
        }
        let fragments = self.fragments();
        Content {
            repositories: self.repositories(&fragments),
            shared: Shared {
                teams: self.model.teams.clone(),
                policies: self.policies(),
                model: target.without_components(),
                lowered: shared,
                values,
                parity: parity(&|of| !of_component(of)),
            },
            components,
            fragments,
        }
    }
}

fn is_fragment(file: &str) -> bool {
    !file.starts_with("schema/")
}
