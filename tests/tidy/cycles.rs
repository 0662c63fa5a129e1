//! Modules of a crate import each other in one direction only.
//!
//! An edge leads from the file that names something to the file that defines it,
//! found through re-exports. Re-exports themselves do not count, and neither
//! does anything that only tests compile. Paths are read from `use` declarations and
//! from code (`crate::…`, `super::…`, `self::…`, and names of child modules);
//! types that a file only gets from a function it calls are not seen.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    slice,
};

use crate::{
    assert_none,
    source::{Source, sources},
};

/// The folders that hold crates, and where the modules of the command line are.
const FOLDERS: [&str; 2] = ["compiler", "runtime"];
const COMMAND_LINE: &str = "compiler/kcc/";

/// A program of the build, in a workspace of its own.
const BUILDER: &str = "compiler/kcc-cue/builder/";

/// Words that begin a definition.
const DEFINITIONS: [&str; 8] = [
    "const",
    "enum",
    "fn",
    "macro_rules",
    "static",
    "struct",
    "trait",
    "type",
];

/// The names from the root of a crate to a module.
type Module = Vec<String>;

/// A path as it is written.
type Names = Vec<String>;

/// The imports, re-exports and definitions of a file.
#[derive(Debug, Default)]
struct File {
    imports: Vec<Names>,
    exports: Vec<Export>,
    defines: BTreeSet<String>,
}

#[derive(Debug)]
struct Export {
    /// The name that it gets; `*` for all.
    name: String,
    path: Names,
}

type Crate = BTreeMap<Module, File>;

/// Returns the crate of a source file and its module there.
fn module_of(name: &str) -> Option<(&str, Module)> {
    if name.starts_with(BUILDER) {
        return None;
    }
    let (krate, file) = if let Some(file) = name.strip_prefix(COMMAND_LINE) {
        ("kcc", file)
    } else {
        let (folder, file) = name.split_once("/src/")?;
        (folder.rsplit('/').next()?, file)
    };
    let mut module: Module = file
        .strip_suffix(".rs")?
        .split('/')
        .map(str::to_owned)
        .collect();
    if matches!(module.last()?.as_str(), "lib" | "main" | "mod") {
        module.pop();
    }
    (!module.iter().any(|name| name == "tests")).then_some((krate, module))
}

/// Splits code into words and punctuation, without comments and literals.
fn tokens(text: &str) -> Vec<&str> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = raw_string(rest) {
            length
        } else if first == '"' {
            string(rest)
        } else if first == '\'' {
            character(rest)
        } else if word(first) {
            let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
            tokens.push(&rest[..end]);
            end
        } else if rest.starts_with("::") {
            tokens.push("::");
            2
        } else {
            if !first.is_whitespace() {
                tokens.push(&rest[..first.len_utf8()]);
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

/// Returns the length of a string literal.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            _ => escaped = c == '\\' && !escaped,
        }
    }
    text.len()
}

/// Returns the length of a raw string literal, if there is one.
fn raw_string(text: &str) -> Option<usize> {
    let rest = text.strip_prefix('r')?;
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    rest[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let opened = 1 + hashes + 1;
    let closed = text[opened..].find(&end);
    Some(closed.map_or(text.len(), |at| opened + at + end.len()))
}

/// Returns the length of a character literal; of a lifetime only the quote.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => text[2..]
            .char_indices()
            .skip(1)
            .find(|(_, c)| *c == '\'')
            .map_or(1, |(at, _)| at + 3),
        Some((at, c)) if text[at + c.len_utf8()..].starts_with('\'') => at + c.len_utf8() + 1,
        _ => 1,
    }
}

fn parse(text: &str) -> File {
    let untested = text.split("#[cfg(test)]").next().unwrap_or_default();
    let tokens = tokens(untested);
    let mut file = File::default();
    let mut at = 0;
    while at < tokens.len() {
        let before = at.checked_sub(1).map_or("", |before| tokens[before]);
        if tokens[at] == "use" {
            let end = (at..tokens.len())
                .find(|end| tokens[*end] == ";")
                .unwrap_or(tokens.len());
            let paths = tree(&tokens[at + 1..end], &[]);
            // What stands between a `)` and `use` is the end of `pub(crate)`.
            if matches!(before, "pub" | ")") {
                file.exports.extend(paths);
            } else {
                file.imports
                    .extend(paths.into_iter().map(|export| export.path));
            }
            at = end;
        } else if DEFINITIONS.contains(&tokens[at]) {
            let skipped = usize::from(tokens.get(at + 1) == Some(&"!"));
            file.defines
                .extend(tokens.get(at + 1 + skipped).map(|name| (*name).to_owned()));
            at += 1;
        } else if tokens.get(at + 1) == Some(&"::") && !matches!(before, "::" | ".") {
            let mut path = vec![tokens[at].to_owned()];
            while tokens.get(at + 1) == Some(&"::")
                && tokens.get(at + 2).is_some_and(|next| is_name(next))
            {
                path.push(tokens[at + 2].to_owned());
                at += 2;
            }
            file.imports.push(path);
            at += 1;
        } else {
            at += 1;
        }
    }
    file
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Returns the paths of a `use` tree, each with the name that it gets.
fn tree(tokens: &[&str], above: &[String]) -> Vec<Export> {
    let mut found = Vec::new();
    let mut path = above.to_vec();
    let mut alias = None;
    let mut at = 0;
    let finish = |path: &mut Names, alias: &mut Option<String>, found: &mut Vec<Export>| {
        if path.len() > above.len() {
            if path.last().is_some_and(|name| name == "self") {
                path.pop();
            }
            let name = alias
                .take()
                .or_else(|| path.last().cloned())
                .unwrap_or_default();
            found.push(Export {
                name,
                path: path.clone(),
            });
        }
        *path = above.to_vec();
    };
    while at < tokens.len() {
        match tokens[at] {
            "{" => {
                let mut depth = 0;
                let close = (at..tokens.len())
                    .find(|close| {
                        depth +=
                            i32::from(tokens[*close] == "{") - i32::from(tokens[*close] == "}");
                        depth == 0
                    })
                    .unwrap_or(tokens.len());
                found.extend(tree(&tokens[at + 1..close], &path));
                path = above.to_vec();
                at = close;
            }
            "," => finish(&mut path, &mut alias, &mut found),
            "as" => {
                alias = tokens.get(at + 1).map(|name| (*name).to_owned());
                at += 1;
            }
            "::" => {}
            name => path.push(name.to_owned()),
        }
        at += 1;
    }
    finish(&mut path, &mut alias, &mut found);
    found
}

/// Returns the module that a path leads into, seen from another one; none if it
/// leads out of the crate.
fn resolve(krate: &Crate, from: &Module, path: &[String], depth: usize) -> Option<Module> {
    let first = path.first()?;
    let mut module = match first.as_str() {
        "crate" => Module::new(),
        "self" | "super" => from.clone(),
        name => {
            let child = [from.as_slice(), &[name.to_owned()]].concat();
            krate.contains_key(&child).then(|| from.clone())?
        }
    };
    for (at, name) in path.iter().enumerate() {
        match name.as_str() {
            "crate" | "self" => continue,
            "super" => {
                module.pop();
                continue;
            }
            _ => {}
        }
        let child = [&module[..], slice::from_ref(name)].concat();
        if krate.contains_key(&child) {
            module = child;
            continue;
        }
        let file = krate.get(&module)?;
        // Re-exports that lead back to themselves end here.
        if file.defines.contains(name) || depth == 0 {
            return Some(module);
        }
        let rest = &path[at + 1..];
        let exported = file.exports.iter().find_map(|export| {
            let through = if export.name == *name {
                export.path.clone()
            } else if export.name == "*" {
                let (_, above) = export.path.split_last()?;
                let owner = resolve(krate, &module, above, depth - 1)?;
                krate.get(&owner)?.defines.contains(name).then_some(())?;
                [above, slice::from_ref(name)].concat()
            } else {
                return None;
            };
            resolve(
                krate,
                &module,
                &[through, rest.to_vec()].concat(),
                depth - 1,
            )
        });
        return Some(exported.unwrap_or(module));
    }
    Some(module)
}

type Graph = BTreeMap<Module, BTreeSet<Module>>;

fn graph(krate: &Crate) -> Graph {
    const DEPTH: usize = 8;
    krate
        .iter()
        .map(|(module, file)| {
            let paths = file.imports.iter();
            let targets = paths.filter_map(|path| resolve(krate, module, path, DEPTH));
            (
                module.clone(),
                targets.filter(|target| target != module).collect(),
            )
        })
        .collect()
}

/// Returns a shortest way from a module back to itself.
fn cycle(graph: &Graph, start: &Module) -> Option<Vec<Module>> {
    let mut ways = VecDeque::from([vec![start.clone()]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for next in graph.get(way.last()?)? {
            if next == start {
                return Some(way);
            }
            if seen.insert(next) {
                ways.push_back([&way[..], slice::from_ref(next)].concat());
            }
        }
    }
    None
}

fn cycles(sources: &[Source]) -> Vec<String> {
    let mut crates: BTreeMap<&str, Crate> = BTreeMap::new();
    for source in sources {
        if let Some((krate, module)) = module_of(&source.name) {
            let file = parse(&source.text);
            crates.entry(krate).or_default().insert(module, file);
        }
    }
    let mut complaints = Vec::new();
    for (name, krate) in &crates {
        let graph = graph(krate);
        let mut told: BTreeSet<Module> = BTreeSet::new();
        for module in graph.keys() {
            let Some(way) =
                cycle(&graph, module).filter(|way| !way.iter().any(|one| told.contains(one)))
            else {
                continue;
            };
            let shown = |module: &Module| match module.as_slice() {
                [] => "lib".to_owned(),
                names => names.join("::"),
            };
            let names: Vec<String> = way.iter().chain([module]).map(shown).collect();
            complaints.push(format!("{name}: {}", names.join(" → ")));
            told.extend(way);
        }
    }
    complaints
}

#[test]
fn modules_import_each_other_in_one_direction() {
    assert_none(&cycles(&sources(&FOLDERS)));
}

#[test]
fn an_import_cycle_is_found() {
    let source = |name: &str, text: &str| Source {
        name: format!("compiler/kcc-x/src/{name}.rs"),
        text: text.to_owned(),
    };
    let sources = [
        source(
            "lib",
            "mod a;\nmod b;\nmod c;\npub use c::C;\npub use d::*;\n",
        ),
        source(
            "a",
            "use crate::{b::{self, B}, C};\nfn a(_: &'static str) { b::b('\"') }",
        ),
        source(
            "b",
            "pub struct B;\npub fn b() { super::a::a(\"use crate::c;\") }",
        ),
        source("c/mod", "mod one;\npub struct C;\nfn c() { one::one() }"),
        source("c/one", "use super::C as See;\n// use crate::a;\n"),
        source(
            "d",
            "pub struct D;\n#[cfg(test)]\nmod tests { use crate::e; }",
        ),
        source("e", "use crate::D; use std::a;"),
        source("f/tests", "use crate::f;"),
        source("f/mod", "use self::tests; let _ = r#\"crate::g\"#;"),
        source("g", "use crate::f;"),
    ];
    assert_eq!(
        cycles(&sources),
        ["kcc-x: a → b → a", "kcc-x: c → c::one → c"]
    );
}
