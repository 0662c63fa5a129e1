//! Checks that each team sets only paths it may set: a team sets its own
//! components, `owns` reserves paths, `governs` allows a team to set and constrain
//! the components of others.
//!
//! Checked is every line that takes part in a leaf of the model, and every struct
//! that adds a key merely by being declared. A struct that only contains other
//! checked lines is not checked itself.

use std::collections::BTreeMap;

use kcc_diag::{Code, Diagnostic, Diagnostics, Span, field_label};
use kcc_tree::{Node, Origin, OriginKind, Path, Value};

use super::view::View;
use crate::owners::Owner;
use crate::pattern::{covers, narrowest};
use crate::{Name, Team};
use kcc_tree::schema::{component_fields, declared_fields};

pub(super) fn authority(view: &View<'_>, diagnostics: &mut Diagnostics) {
    let mut check = Check {
        view,
        reported: BTreeMap::new(),
    };
    for kind in component_fields().iter().chain(declared_fields()) {
        let Some(all) = view.tree.get(&view.target.target, &Path::of([kind])) else {
            continue;
        };
        check.check_root_field(kind, all);
        let Value::Struct(fields) = &all.value else {
            continue;
        };
        for (name, node) in fields {
            let path = Path::of([kind, name]);
            // An unclear owner has a rule of its own.
            if let Some(owner) = view.owners.get(&path)
                && !owner.unclaimed
                && owner.rivals.is_empty()
            {
                check.walk(&path, node, owner);
            }
        }
    }
    diagnostics.extend(check.reported.into_values());
}

struct Check<'a> {
    view: &'a View<'a>,
    /// Diagnostics by line: one line with a pattern may concern many paths, and
    /// is reported only for the first.
    reported: BTreeMap<(Span, Code), Diagnostic>,
}

impl Check<'_> {
    fn walk(&mut self, path: &Path, node: &Node, owner: &Owner) {
        if is_recipe(path) {
            return;
        }
        if let Value::Struct(fields) = &node.value {
            for origin in &node.origins {
                if !contains_descendant(origin, fields.values()) {
                    self.check_origin(path, origin, owner);
                }
            }
            for (name, field) in fields {
                self.walk(&path.join(name), field, owner);
            }
        } else {
            for origin in &node.origins {
                self.check_origin(path, origin, owner);
            }
        }
    }

    /// Checks the lines that constrain a root field as a whole, which constrain
    /// the components of every team.
    fn check_root_field(&mut self, kind: &str, all: &Node) {
        for origin in &all.origins {
            let file = self.view.tree.files.get(origin.by);
            let Some(author) = file.and_then(kcc_diag::SourceFile::team) else {
                continue;
            };
            let governs = self.view.model.teams.get(author).is_some_and(|team| {
                let mut patterns = team.governs.iter();
                patterns.any(|pattern| covers(pattern, &[kind.to_owned()]))
            });
            if governs || origin.kind != OriginKind::Constraint {
                continue;
            }
            let message =
                format!("`{author}` constrains all of `{kind}`, which it does not govern");
            let error = Diagnostic::error(Code::OwnForeignConstraint, message)
                .at(Path::of([kind]))
                .target(&self.view.target.target)
                .primary(origin.span, format!("constraint of `{author}`"))
                .help(format!(
                    "constrain only the components of `{author}`, or let it govern: `system: teams: {author}: governs: [{kind:?}]`"
                ));
            self.reported
                .entry((origin.span, Code::OwnForeignConstraint))
                .or_insert(error);
        }
    }

    fn check_origin(&mut self, path: &Path, origin: &Origin, owner: &Owner) {
        let file = self.view.tree.files.get(origin.by);
        let Some(author) = file.and_then(kcc_diag::SourceFile::team) else {
            return;
        };
        let teams = &self.view.model.teams;
        let covers_path = |patterns: fn(&Team) -> &Vec<String>, team: &Name| {
            teams.get(team).is_some_and(|team| {
                patterns(team)
                    .iter()
                    .any(|pattern| covers(pattern, &path.0))
            })
        };
        let own = owner.team.as_deref() == Some(author);
        let governs = covers_path(|team| &team.governs, &author.to_owned());
        let reserving: Vec<&Name> = teams
            .keys()
            .filter(|team| covers_path(|team| &team.owns, team))
            .collect();
        let reserves = reserving.iter().any(|team| *team == author);
        let foreign_reserver = reserving.iter().find(|team| **team != author).copied();
        let allowed = match origin.kind {
            OriginKind::Schema => true,
            OriginKind::Value | OriginKind::CueDefault => {
                reserves || foreign_reserver.is_none() && (own || governs)
            }
            OriginKind::Default | OriginKind::Constraint => own || governs || reserves,
        };
        if allowed {
            return;
        }
        let code = match origin.kind {
            OriginKind::Constraint => Code::OwnForeignConstraint,
            _ => Code::OwnForeignValue,
        };
        let diagnostic = self.diagnostic(code, path, origin, author, owner, foreign_reserver);
        self.reported
            .entry((origin.span, code))
            .or_insert(diagnostic);
    }

    fn diagnostic(
        &self,
        code: Code,
        path: &Path,
        origin: &Origin,
        author: &str,
        owner: &Owner,
        reserver: Option<&Name>,
    ) -> Diagnostic {
        let system = self.view.reporter.system_name();
        let holder = reserver
            .or(owner.team.as_ref())
            .map_or(system, String::as_str);
        let (action, noun) = match (code, origin.kind) {
            (Code::OwnForeignConstraint, _) => ("constrains", "constraint"),
            (_, OriginKind::Default) => ("sets a default for", "default"),
            _ => ("sets", "value"),
        };
        let belongs = match reserver {
            Some(_) => format!("which `{holder}` reserves"),
            None => format!("which belongs to `{holder}`"),
        };
        let message = format!("`{author}` {action} `{path}`, {belongs}");
        let mut error = Diagnostic::error(code, message)
            .at(path)
            .target(&self.view.target.target)
            .primary(origin.span, format!("{noun} of `{author}`"));
        if let Some(line) = owner.line {
            let team = owner.team.as_deref().unwrap_or(system);
            error = error.secondary(line, format!("`{team}` owns it"));
        }
        let narrowest = narrowest(&path.0);
        error.help(match reserver {
            Some(_) => format!("ask `{holder}` to set it: `owns` in `kcc.cue` reserves the path"),
            None => format!(
                "ask `{holder}` to set it, or let `{author}` govern it: `system: teams: {}: governs: [{narrowest:?}]`",
                field_label(author)
            ),
        })
    }
}

/// Returns true for the parts of a backing that its recipe produces: their lines
/// belong to the author of the kind.
fn is_recipe(path: &Path) -> bool {
    matches!(&path.0[..], [kind, _, part] if kind == "backing" && (part == "component" || part == "outputs"))
}

/// Returns true if a struct's line contains the line of a descendant. The span of a
/// struct is only its field's label, so any descendant that comes later in the same
/// file counts as contained.
fn contains_descendant<'n>(origin: &Origin, fields: impl Iterator<Item = &'n Node>) -> bool {
    fn any(node: &Node, inside: &impl Fn(&Origin) -> bool) -> bool {
        node.origins.iter().any(inside)
            || match &node.value {
                Value::Struct(fields) => fields.values().any(|node| any(node, inside)),
                Value::List(items) => items.iter().any(|node| any(node, inside)),
                _ => false,
            }
    }
    let inside = |other: &Origin| {
        other.span.file == origin.span.file && origin.span.start <= other.span.start
    };
    let mut fields = fields;
    fields.any(|node| any(node, &inside))
}
