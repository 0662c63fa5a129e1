//! Who may say what: a team writes its own components; `owns` reserves paths,
//! `governs` lets a team speak about others'.
//!
//! Judged is every line of a fragment that decides a leaf of the model, and
//! every struct that adds a key by being there. A struct that only leads to
//! other lines says nothing itself.

use std::collections::BTreeMap;

use kcc_diag::{Code, Diagnostic, Diagnostics, Span, field_label};
use kcc_tree::{Node, Origin, OriginKind, Path, Value};

use super::View;
use crate::owners::{COMPONENTS, DECLARED, Owner};
use crate::pattern::{covers, narrowest};
use crate::{Name, Team};

pub(super) fn authority(view: &View<'_>, found: &mut Diagnostics) {
    let mut judge = Judge {
        view,
        said: BTreeMap::new(),
    };
    for kind in COMPONENTS.iter().chain(&DECLARED) {
        let Some(all) = view.tree.get(&view.target.target, &Path::of([kind])) else {
            continue;
        };
        judge.together(kind, all);
        let Value::Struct(fields) = &all.value else {
            continue;
        };
        for (name, node) in fields {
            let path = Path::of([kind, name]);
            // Where it is not clear whose it is, that is the mistake.
            if let Some(owner) = view.owners.get(&path)
                && !owner.unclaimed
                && owner.rivals.is_empty()
            {
                judge.walk(&path, node, owner);
            }
        }
    }
    found.extend(judge.said.into_values());
}

struct Judge<'a> {
    view: &'a View<'a>,
    /// What was said, by line: the pattern of one line may touch many paths, and
    /// is reported for the first.
    said: BTreeMap<(Span, Code), Diagnostic>,
}

impl Judge<'_> {
    fn walk(&mut self, path: &Path, node: &Node, owner: &Owner) {
        if is_recipe(path) {
            return;
        }
        if let Value::Struct(fields) = &node.value {
            for origin in &node.origins {
                if !leads_below(origin, fields.values()) {
                    self.judge(path, origin, owner);
                }
            }
            for (name, field) in fields {
                self.walk(&path.join(name), field, owner);
            }
        } else {
            for origin in &node.origins {
                self.judge(path, origin, owner);
            }
        }
    }

    /// Judges the lines that limit all of a field together: they constrain
    /// everybody.
    fn together(&mut self, kind: &str, all: &Node) {
        for origin in &all.origins {
            let file = self.view.tree.files.get(origin.by);
            let Some(speaker) = file.and_then(kcc_diag::SourceFile::team) else {
                continue;
            };
            let governs = self.view.model.teams.get(speaker).is_some_and(|team| {
                let mut patterns = team.governs.iter();
                patterns.any(|pattern| covers(pattern, &[kind.to_owned()]))
            });
            if governs || origin.kind != OriginKind::Constraint {
                continue;
            }
            let message =
                format!("`{speaker}` constrains all of `{kind}`, which it does not govern");
            let error = Diagnostic::error(Code::OwnForeignConstraint, message)
                .at(kind)
                .target(&self.view.target.target)
                .primary(origin.span, format!("`{speaker}` constrains"))
                .help(format!(
                    "write the components of `{speaker}` alone, or let it govern: `system: teams: {speaker}: governs: [{kind:?}]`"
                ));
            self.said
                .entry((origin.span, Code::OwnForeignConstraint))
                .or_insert(error);
        }
    }

    fn judge(&mut self, path: &Path, origin: &Origin, owner: &Owner) {
        let file = self.view.tree.files.get(origin.by);
        let Some(speaker) = file.and_then(kcc_diag::SourceFile::team) else {
            return;
        };
        let teams = &self.view.model.teams;
        let speaks_for = |patterns: fn(&Team) -> &Vec<String>, team: &Name| {
            teams.get(team).is_some_and(|team| {
                patterns(team)
                    .iter()
                    .any(|pattern| covers(pattern, &path.0))
            })
        };
        let own = owner.team.as_deref() == Some(speaker);
        let governs = speaks_for(|team| &team.governs, &speaker.to_owned());
        let with_reserve: Vec<&Name> = teams
            .keys()
            .filter(|team| speaks_for(|team| &team.owns, team))
            .collect();
        let reserves = with_reserve.iter().any(|team| *team == speaker);
        let foreign_reserve = with_reserve.iter().find(|team| **team != speaker).copied();
        let may = match origin.kind {
            OriginKind::Schema => true,
            OriginKind::Value | OriginKind::CueDefault => {
                reserves || foreign_reserve.is_none() && (own || governs)
            }
            OriginKind::Default | OriginKind::Constraint => own || governs || reserves,
        };
        if may {
            return;
        }
        let code = match origin.kind {
            OriginKind::Constraint => Code::OwnForeignConstraint,
            _ => Code::OwnForeignValue,
        };
        let diagnostic = self.diagnostic(code, path, origin, speaker, owner, foreign_reserve);
        self.said.entry((origin.span, code)).or_insert(diagnostic);
    }

    fn diagnostic(
        &self,
        code: Code,
        path: &Path,
        origin: &Origin,
        speaker: &str,
        owner: &Owner,
        reserver: Option<&Name>,
    ) -> Diagnostic {
        let system = self.view.lines.system_name();
        let whose = reserver
            .or(owner.team.as_ref())
            .map_or(system, String::as_str);
        let does = match (code, origin.kind) {
            (Code::OwnForeignConstraint, _) => "constrains",
            (_, OriginKind::Default) => "gives a default to",
            _ => "gives a value to",
        };
        let belongs = match reserver {
            Some(_) => format!("which `{whose}` reserves"),
            None => format!("which belongs to `{whose}`"),
        };
        let message = format!("`{speaker}` {does} `{path}`, {belongs}");
        let short = does.trim_end_matches(" to");
        let mut error = Diagnostic::error(code, message)
            .at(path.to_string())
            .target(&self.view.target.target)
            .primary(origin.span, format!("`{speaker}` {short}"));
        if let Some(line) = owner.line {
            let team = owner.team.as_deref().unwrap_or(system);
            error = error.secondary(line, format!("`{team}` owns it"));
        }
        let narrowest = narrowest(&path.0);
        error.help(match reserver {
            Some(_) => format!("ask `{whose}` to write it: `owns` in `kcc.cue` reserves the path"),
            None => format!(
                "let `{whose}` write it, or let `{speaker}` govern it: `system: teams: {}: governs: [{narrowest:?}]`",
                field_label(speaker)
            ),
        })
    }
}

/// Whether a path leads to what the recipe of a kind made of a backing: its
/// lines are those of whoever wrote the kind.
fn is_recipe(path: &Path) -> bool {
    matches!(&path.0[..], [kind, _, part] if kind == "backing" && (part == "component" || part == "outputs"))
}

/// Whether a struct's line leads to a line of something below it. The line of a
/// struct is the label of its field, so what stands after it in the same file
/// and lies below it is taken to stand inside.
fn leads_below<'n>(origin: &Origin, fields: impl Iterator<Item = &'n Node>) -> bool {
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
