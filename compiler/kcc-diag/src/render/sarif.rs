//! One SARIF 2.1.0 document: a run of kcc, with the page of every code that
//! occurs as the help of its rule. There is a document even when nothing was
//! found: code hosts close what an earlier run reported.

use serde_json::{Value, json};

use super::{Style, place::Place, place::places};
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
    format!("{document:#}\n")
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
    let mut places = places(diagnostic, files);
    let first: Vec<Value> = places
        .next()
        .map(|place| location(&place, style))
        .into_iter()
        .collect();
    let related: Vec<Value> = places.map(|place| location(&place, style)).collect();
    json!({
        "ruleId": diagnostic.code.as_str(),
        "level": diagnostic.severity.as_str(),
        "message": {"text": message},
        "locations": first,
        "relatedLocations": related,
        "properties": {"path": diagnostic.path, "targets": diagnostic.targets},
    })
}

fn location(place: &Place<'_>, style: &Style) -> Value {
    let team = place
        .team
        .map(|team| format!("{team}: "))
        .unwrap_or_default();
    json!({
        "physicalLocation": {
            "artifactLocation": {"uri": uri(&format!("{}{}", style.folder, place.file))},
            "region": {
                "startLine": place.start.line,
                "startColumn": place.start.column,
                "endLine": place.end.line,
                "endColumn": place.end.column,
            },
        },
        "message": {"text": format!("{team}{}", place.label.text)},
    })
}

/// A relative file name as a URI reference.
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
    fn a_run_names_rules_places_and_related_places() {
        let (files, diagnostics) = sample::conflict();
        let style = Style {
            folder: "my shop/".into(),
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
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(
            place["artifactLocation"]["uri"],
            "my%20shop/teams/storefront/web.cue"
        );
        assert_eq!(
            place["region"],
            json!({"startLine": 4, "startColumn": 12, "endLine": 4, "endColumn": 13})
        );
        assert_eq!(
            result["relatedLocations"][0]["message"]["text"],
            "platform: `platform` allows 2 and more"
        );
        assert_eq!(result["properties"]["targets"], json!(["prod"]));
    }

    #[test]
    fn a_run_without_findings_is_a_document_too() {
        let text = render(&Diagnostics::new(), &Files::new(), &Style::default());
        let document: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(document["runs"][0]["results"], json!([]));
    }
}
