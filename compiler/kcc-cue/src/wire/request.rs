//! Requests to the guest.

use kcc_tree::Engine;
use serde::Serialize;

use super::{Absence, VERSION};

/// A request.
#[derive(Debug, Serialize)]
pub(crate) struct Request<'a> {
    version: u32,
    op: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    target: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    engine: Option<Engine>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    targets: &'a [String],
    #[serde(skip_serializing_if = "<[Team]>::is_empty")]
    teams: &'a [Team<'a>],
    #[serde(skip_serializing_if = "<[File]>::is_empty")]
    files: &'a [File<'a>],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    explain: bool,
    #[serde(skip_serializing_if = "<[Package]>::is_empty")]
    packages: &'a [Package<'a>],
    #[serde(skip_serializing_if = "<[MissingPackage]>::is_empty")]
    missing: &'a [MissingPackage],
}

/// A package that fragments import.
#[derive(Debug, Serialize)]
pub(crate) struct Package<'a> {
    pub(crate) paths: &'a [String],
    /// Indexes of the request's files.
    pub(crate) files: Vec<usize>,
}

/// An import that resolves to no package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissingPackage {
    /// The import path.
    pub path: String,
    /// The reason.
    pub reason: Absence,
    /// Similar paths or names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<String>,
    /// The directory or name that the reason is about.
    pub name: String,
}

/// A team with the paths it owns and governs.
#[derive(Debug, Serialize)]
pub(crate) struct Team<'a> {
    pub(crate) name: &'a str,
    pub(crate) owns: Vec<&'a str>,
    pub(crate) governs: Vec<&'a str>,
}

/// A fragment; the system's own files have no team.
#[derive(Debug, Serialize)]
pub(crate) struct File<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) team: Option<&'a str>,
    /// Declarations that the text lacks because the evaluation stops at them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) omitted: Vec<&'a str>,
}

impl<'a> File<'a> {
    /// Returns the file with another text, which lacks some declarations.
    pub(crate) fn with_text(&self, text: &'a str, omitted: Vec<&'a str>) -> Self {
        Self {
            name: self.name,
            text,
            team: self.team,
            omitted,
        }
    }
}

impl<'a> Request<'a> {
    /// Requests the files of kcc's schema.
    pub(crate) fn schema() -> Self {
        Self {
            version: VERSION,
            op: "schema",
            target: "",
            engine: None,
            targets: &[],
            teams: &[],
            files: &[],
            explain: false,
            packages: &[],
            missing: &[],
        }
    }

    /// Requests the files as `cue fmt` writes them.
    pub(crate) fn format(files: &'a [File<'a>]) -> Self {
        Self {
            op: "format",
            files,
            ..Self::schema()
        }
    }

    /// Requests the field `system`.
    pub(crate) fn system(files: &'a [File<'a>]) -> Self {
        Self {
            op: "system",
            files,
            ..Self::schema()
        }
    }

    /// Requests the root of one target, with the defaults of its engine.
    pub(crate) fn model(
        target: &'a str,
        engine: Engine,
        targets: &'a [String],
        teams: &'a [Team<'a>],
        files: &'a [File<'a>],
    ) -> Self {
        Self {
            op: "model",
            target,
            engine: Some(engine),
            targets,
            teams,
            files,
            ..Self::schema()
        }
    }

    /// Also requests the blame of each path.
    pub(crate) fn explain(self, explain: bool) -> Self {
        Self { explain, ..self }
    }

    /// Adds the packages that the fragments import.
    pub(crate) fn importing(
        self,
        packages: &'a [Package<'a>],
        missing: &'a [MissingPackage],
    ) -> Self {
        Self {
            packages,
            missing,
            ..self
        }
    }

    /// Encodes the request.
    pub(crate) fn text(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("text and lists have a JSON form")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn omits_empty_fields() {
        let schema = String::from_utf8(Request::schema().text()).unwrap();
        assert_eq!(schema, r#"{"version":1,"op":"schema"}"#);
        let targets = ["dev".to_owned()];
        let teams = [Team {
            name: "web",
            owns: vec![],
            governs: vec!["services"],
        }];
        let files = [
            File {
                name: "kcc.cue",
                text: "package a\n",
                team: None,
                omitted: Vec::new(),
            },
            File {
                name: "web/a.cue",
                text: "",
                team: Some("web"),
                omitted: vec!["_x: 1"],
            },
        ];
        let model = || Request::model("dev", Engine::Docker, &targets, &teams, &files);
        let explained = String::from_utf8(model().explain(true).text()).unwrap();
        assert!(explained.ends_with(r#","explain":true}"#), "{explained}");
        let model = model().explain(false).text();
        assert_eq!(
            String::from_utf8(model).unwrap(),
            concat!(
                r#"{"version":1,"op":"model","target":"dev","engine":"docker","targets":["dev"],"#,
                r#""teams":[{"name":"web","owns":[],"governs":["services"]}],"#,
                r#""files":[{"name":"kcc.cue","text":"package a\n"},"#,
                r#"{"name":"web/a.cue","text":"","team":"web","omitted":["_x: 1"]}]}"#
            )
        );
    }
}
