//! The `sarif` format: one SARIF 2.1.0 document per run, with one rule per code
//! that occurs and its page as the rule's help.
//!
//! A run without diagnostics yields a document, too: code hosts then close what
//! an earlier run reported.

use serde_json::{Value, json};

use super::{Style, location::Location, location::locations, plain::escaped};
use crate::{Code, Diagnostic, Diagnostics, Files};

pub(super) fn render(diagnostics: &Diagnostics, files: &Files, style: &Style) -> String {
    let mut codes: Vec<Code> = diagnostics
        .iter()
        .map(|diagnostic| diagnostic.code)
        .collect();
    codes.sort_by_key(|code| code.as_str());
    codes.dedup();
    let results: Vec<Value> = diagnostics
        .iter()
        .map(|diagnostic| result(diagnostic, files, style))
        .collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "kcc",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": codes.into_iter().map(rule).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    escaped(format!("{document:#}\n"))
}

fn rule(code: Code) -> Value {
    json!({
        "id": code.as_str(),
        "shortDescription": {"text": code.summary()},
        "help": {"text": code.page(), "markdown": code.page()},
    })
}

fn result(diagnostic: &Diagnostic, files: &Files, style: &Style) -> Value {
    let mut message = diagnostic.message.clone();
    if let Some(help) = &diagnostic.help {
        message += "\nhelp: ";
        message += help;
    }
    let mut locations = locations(diagnostic, files);
    let primary: Vec<Value> = locations
        .next()
        .map(|location| json_location(&location, style))
        .into_iter()
        .collect();
    let related: Vec<Value> = locations
        .map(|location| json_location(&location, style))
        .collect();
    json!({
        "ruleId": diagnostic.code.as_str(),
        "level": diagnostic.severity.as_str(),
        "message": {"text": message},
        "locations": primary,
        "relatedLocations": related,
        "properties": {"path": diagnostic.subject.shown(), "targets": diagnostic.targets},
    })
}

fn json_location(location: &Location<'_>, style: &Style) -> Value {
    let team = location
        .team
        .map(|team| format!("{team}: "))
        .unwrap_or_default();
    json!({
        "physicalLocation": {
            "artifactLocation": {"uri": uri(&format!("{}{}", style.root, location.file))},
            "region": {
                "startLine": location.start.line,
                "startColumn": location.start.column,
                "endLine": location.end.line,
                "endColumn": location.end.column,
            },
        },
        "message": {"text": format!("{team}{}", location.label.text)},
    })
}

/// Encodes a relative path as a URI reference.
fn uri(name: &str) -> String {
    use std::fmt::Write;
    let mut uri = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/@+".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_run_contains_rules_locations_and_related_locations() {
        let (files, diagnostics) = sample::conflict();
        let style = Style {
            root: "my shop/".into(),
            ..Style::default()
        };
        let document: Value = serde_json::from_str(&render(&diagnostics, &files, &style)).unwrap();
        let run = &document["runs"][0];
        assert_eq!(
            run["tool"]["driver"]["rules"][0]["id"],
            "kcc::eval::conflict"
        );
        let result = &run["results"][0];
        assert_eq!(result["level"], "error");
        let physical = &result["locations"][0]["physicalLocation"];
        assert_eq!(
            physical["artifactLocation"]["uri"],
            "my%20shop/teams/storefront/web.cue"
        );
        assert_eq!(
            physical["region"],
            json!({"startLine": 4, "startColumn": 12, "endLine": 4, "endColumn": 13})
        );
        assert_eq!(
            result["relatedLocations"][0]["message"]["text"],
            "platform: `platform` allows 2 and more"
        );
        assert_eq!(result["properties"]["targets"], json!(["prod"]));
    }

    /// Asserts what the SARIF 2.1.0 schema requires of the parts that kcc writes.
    fn assert_valid(text: &str) {
        let document: Value = serde_json::from_str(text).unwrap();
        assert_eq!(document["version"], "2.1.0");
        let run = &document["runs"][0];
        assert_eq!(document["runs"].as_array().unwrap().len(), 1);
        assert_eq!(run["columnKind"], "unicodeCodePoints");
        let driver = &run["tool"]["driver"];
        assert!(driver["name"].is_string() && driver["semanticVersion"].is_string());
        let rules: Vec<&str> = driver["rules"]
            .as_array()
            .unwrap()
            .iter()
            .map(|rule| {
                assert!(
                    !rule["shortDescription"]["text"]
                        .as_str()
                        .unwrap()
                        .is_empty()
                );
                assert!(rule["help"]["text"].is_string() && rule["help"]["markdown"].is_string());
                rule["id"].as_str().unwrap()
            })
            .collect();
        let mut unique = rules.clone();
        unique.dedup();
        assert_eq!(rules, unique);
        for result in run["results"].as_array().unwrap() {
            assert!(rules.contains(&result["ruleId"].as_str().unwrap()));
            assert!(["error", "warning"].contains(&result["level"].as_str().unwrap()));
            assert!(!result["message"]["text"].as_str().unwrap().is_empty());
            for key in ["locations", "relatedLocations"] {
                for location in result[key].as_array().unwrap() {
                    assert!(location["message"]["text"].is_string());
                    let physical = &location["physicalLocation"];
                    let uri = physical["artifactLocation"]["uri"].as_str().unwrap();
                    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~/@+%".contains(c);
                    assert!(!uri.is_empty() && uri.chars().all(allowed), "{uri}");
                    let number = |key: &str| physical["region"][key].as_u64().unwrap();
                    let start = (number("startLine"), number("startColumn"));
                    let end = (number("endLine"), number("endColumn"));
                    assert!((1, 1) <= start && start <= end, "{location}");
                }
            }
        }
    }

    #[test]
    fn every_document_conforms_to_the_standard() {
        let (files, conflict) = sample::conflict();
        assert_valid(&render(&conflict, &files, &Style::default()));
        let (files, hostile) = sample::hostile();
        assert_valid(&render(&hostile, &files, &Style::default()));
        let everything: Diagnostics = Code::ALL
            .iter()
            .chain(Code::ALL)
            .map(|code| Diagnostic::error(*code, "no"))
            .collect();
        let text = render(&everything, &files, &Style::default());
        assert_valid(&text);
        let document: Value = serde_json::from_str(&text).unwrap();
        let rules = document["runs"][0]["tool"]["driver"]["rules"]
            .as_array()
            .unwrap();
        assert_eq!(rules.len(), Code::ALL.len());
    }

    #[test]
    fn a_run_without_diagnostics_is_a_document() {
        let text = render(&Diagnostics::new(), &Files::new(), &Style::default());
        let document: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(document["runs"][0]["results"], json!([]));
    }
}
