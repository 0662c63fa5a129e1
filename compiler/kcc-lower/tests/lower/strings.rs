//! Checks that every awkward string is read back unchanged, as a key and as a value,
//! by three readers that share no code with the writer: `serde_yaml`, `PyYAML` (YAML
//! 1.1) and kubectl.

use std::collections::BTreeMap;

use crate::support::{kubectl, run, skip};
use kcc_lower::emit::Yaml;

/// Strings that some reader parses as something else if they are not quoted.
const STRINGS: &[&str] = &[
    // Booleans and nulls in YAML 1.1.
    "no",
    "No",
    "NO",
    "yes",
    "Yes",
    "YES",
    "on",
    "On",
    "ON",
    "off",
    "Off",
    "OFF",
    "y",
    "Y",
    "n",
    "N",
    "true",
    "True",
    "TRUE",
    "false",
    "False",
    "FALSE",
    "null",
    "Null",
    "NULL",
    "~",
    "",
    // Numbers in every base and notation.
    "0",
    "-0",
    "+1",
    "10",
    "010",
    "0o7",
    "0o17",
    "0x1F",
    "0xdeadbeef",
    "0b101",
    "1_000",
    "1e3",
    "1E3",
    "1e+3",
    "-1.5e-3",
    "1.",
    ".5",
    "1.0",
    "12345678901234567890",
    ".inf",
    "-.inf",
    "+.INF",
    ".nan",
    ".NaN",
    "1:30",
    "190:20:30",
    "1:30.5",
    "0777",
    "08",
    "1__0",
    "_1",
    "0x",
    "1e",
    "+",
    "-",
    "6e7",
    "1.2.3",
    "127.0.0.1",
    "NaN",
    "Infinity",
    "inf",
    // Dates.
    "2024-01-01",
    "2001-12-14t21:59:43.10-05:00",
    "2001-12-14 21:59:43.10 -5",
    "12:30:45",
    // Indicators.
    "=",
    "<<",
    "-",
    "--",
    "---",
    "...",
    "--- a",
    "- x",
    "-x",
    "?",
    "? x",
    ":",
    ": x",
    "x: y",
    "x:",
    ":x",
    "a:b",
    "http://cart:8080",
    "#",
    "# x",
    "x # y",
    "x#y",
    "&a",
    "*a",
    "!tag",
    "!!str x",
    "!",
    "|",
    "|-",
    ">",
    ">+",
    "%",
    "%YAML 1.2",
    "@",
    "@x",
    "`",
    "`x`",
    "'",
    "''",
    "'x'",
    "\"",
    "\"x\"",
    "it's",
    "say \"no\"",
    "[",
    "]",
    "[a]",
    "[]",
    "{",
    "}",
    "{a: b}",
    "{}",
    ",",
    "a, b",
    "a,b",
    "{{ x }}",
    "${X}",
    "$(X)",
    "$$",
    "$",
    // Whitespace.
    " ",
    "  ",
    " x",
    "x ",
    " x ",
    "\t",
    "\tx",
    "x\t",
    "a\tb",
    "a  b",
    "\n",
    "\n\n",
    "\nx",
    "x\n",
    "x\n\n",
    "\n x",
    " \nx",
    "x \n",
    "a\nb",
    "a\nb\n",
    "a\n\nb",
    "a\n b\n  c\n",
    " a\nb",
    "a \nb",
    "a\n\tb\n",
    "a\n#b\n",
    "a\n---\nb\n",
    "a\n...\n",
    "---\na\n",
    "- a\n- b\n",
    "a: b\nc: no\n",
    "\r",
    "a\rb",
    "a\r\nb",
    "\r\n",
    "# a\nb\n",
    "  indented\nnot\n",
    "%TAG\nx\n",
    "a\n\n\n",
    "no\n",
    // Escapes and control characters.
    "\\",
    "\\n",
    "a\\b",
    "C:\\temp",
    "\0",
    "\u{1}",
    "\u{7}",
    "\u{8}",
    "\u{b}",
    "\u{c}",
    "\u{1b}[0m",
    "\u{7f}",
    "\u{80}",
    "\u{9f}",
    // Unicode, including line breaks and byte order marks.
    "ä",
    "日本語",
    "😀",
    "a😀b",
    "👩‍👩‍👧",
    "é",
    "e\u{301}",
    "\u{85}",
    "a\u{85}b",
    "\u{a0}",
    "a\u{a0}",
    "\u{2028}",
    "a\u{2028}b",
    "\u{2029}",
    "\u{feff}",
    "\u{feff}x",
    "x\u{feff}y",
    "\u{200b}",
    "\u{202e}x",
    "\u{fffd}",
    "\u{fffe}",
    "\u{ffff}",
    "\u{e000}",
    "\u{10ffff}",
    "ä\nö\n",
    "日本\n語",
    "a\u{85}\nb\n",
    "a\u{feff}\nb\n",
    "\u{d7ff}",
    // Realistic values.
    "password",
    "key with spaces",
    "a=b",
    "a&b",
    "a|b",
    "a;b",
    "*",
    "**",
    "*.example.com",
    "!important",
    "@acme/web",
    "/etc/app.toml",
    "acme/web:1.4.2",
    "8080:80",
    "80",
    "1.4.2",
    "v1",
    "100%",
    "50m",
    "64Mi",
    "~/x",
    "-Xmx64m",
    "--flag=no",
    "?query=1",
    "key: |",
    "a: [b]",
    "0.0.0.0/0",
    "::1",
    "[::1]:80",
];

fn strings() -> Vec<String> {
    let mut strings: Vec<String> = STRINGS.iter().map(|text| (*text).to_owned()).collect();
    strings.extend([
        "x".repeat(79),
        "x".repeat(200),
        "word ".repeat(40),
        "word ".repeat(40).trim_end().to_owned(),
        format!("{}\n{}", "a".repeat(120), "b ".repeat(80)),
        format!("{} # {}", "x".repeat(100), "y".repeat(100)),
        "ä".repeat(150),
    ]);
    strings.sort();
    strings.dedup();
    strings
}

/// Returns values that are too long for keys: readers stop looking for the `:` after
/// 1,024 characters.
fn long_values() -> Vec<String> {
    vec![
        "x".repeat(5000),
        "word ".repeat(2000),
        "no\n".repeat(1000),
        "\u{85}".repeat(2000),
    ]
}

/// Renders a ConfigMap in which every string is a key and its own value.
fn document() -> String {
    let mut data: Vec<(String, String)> = strings()
        .into_iter()
        .map(|text| (text.clone(), text))
        .collect();
    data.extend(
        long_values()
            .into_iter()
            .enumerate()
            .map(|(at, text)| (format!("long-{at}"), text)),
    );
    let map = Yaml::Map(vec![
        ("apiVersion".to_owned(), Yaml::text("v1")),
        ("kind".to_owned(), Yaml::text("ConfigMap")),
        ("metadata".to_owned(), Yaml::text_map([("name", "strings")])),
        ("data".to_owned(), Yaml::text_map(data)),
        ("list".to_owned(), Yaml::texts(strings())),
    ]);
    map.write().expect("a document")
}

fn assert_same(reader: &str, data: &BTreeMap<String, String>, list: &[String]) {
    for text in strings() {
        assert_eq!(data.get(&text), Some(&text), "{reader} misreads {text:?}");
    }
    for (at, text) in long_values().into_iter().enumerate() {
        assert_eq!(
            data.get(&format!("long-{at}")),
            Some(&text),
            "{reader} misreads a long text"
        );
    }
    assert_eq!(
        data.len(),
        strings().len() + long_values().len(),
        "{reader} reads other keys"
    );
    assert_eq!(list, strings(), "{reader} misreads a list");
}

fn data(json: &str) -> (BTreeMap<String, String>, Vec<String>) {
    #[derive(serde::Deserialize)]
    struct Document {
        data: BTreeMap<String, String>,
        #[serde(default)]
        list: Vec<String>,
    }
    let document: Document = serde_json::from_str(json).expect("texts only");
    (document.data, document.list)
}

#[test]
fn there_are_enough_of_them() {
    assert!(strings().len() >= 200, "{}", strings().len());
}

#[test]
fn serde_yaml_reads_the_same() {
    let text = document();
    let value: serde_yaml::Value = serde_yaml::from_str(&text).expect("one document");
    let texts = |value: &serde_yaml::Value| value.as_str().map(str::to_owned).expect("a text");
    let read = value["data"].as_mapping().expect("a map");
    let read = read
        .iter()
        .map(|(key, value)| (texts(key), texts(value)))
        .collect();
    let list: Vec<_> = value["list"]
        .as_sequence()
        .expect("a list")
        .iter()
        .map(texts)
        .collect();
    assert_same("serde_yaml", &read, &list);
}

#[test]
fn kcc_itself_reads_the_same() {
    #[derive(serde::Deserialize)]
    struct Document {
        data: BTreeMap<String, String>,
        list: Vec<String>,
    }
    let document: Document = serde_saphyr::from_str(&document()).expect("one document");
    assert_same("serde-saphyr", &document.data, &document.list);
}

#[test]
fn pyyaml_reads_the_same() {
    const READ: &str = "import sys, json, yaml; \
        json.dump(yaml.safe_load(sys.stdin.buffer), sys.stdout)";
    if run("python3", &["-c", "import yaml"], "").is_err() {
        return skip(
            "the strings are not read by PyYAML",
            "install python3 with the module yaml",
        );
    }
    let json = run("python3", &["-c", READ], &document()).expect("PyYAML reads it");
    let (data, list) = data(&json);
    assert_same("PyYAML", &data, &list);
}

#[test]
fn kubectl_reads_the_same() {
    let Some(kubectl) = kubectl() else {
        return skip(
            "the strings are not read by kubectl",
            "set KCC_KUBECTL to its path",
        );
    };
    // An empty patch of a local file does not need a server.
    let args = [
        "patch", "--local", "--type", "merge", "-p", "{}", "-o", "json", "-f", "-",
    ];
    let json = run(&kubectl, &args, &document()).expect("kubectl reads it");
    let (data, _) = data(&json);
    assert_same("kubectl", &data, &strings());
}
