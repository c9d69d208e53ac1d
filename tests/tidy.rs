//! The shape of the source, held by a test: who may use whom, what stays pure, how large things may grow, how they are named.
//! Every finding names the file, the line, the edge or limit, and why it is so. Standard library only.

#![allow(clippy::indexing_slicing, clippy::expect_used, clippy::panic, reason = "a test crate: a panic is a finding")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/words.rs"]
mod words;

use source::{blank, crate_paths, functions, line_of, without_tests};

/// Leaves that hold plain values; everybody may use them.
const LEAVES: &[&str] = &["clock"];

/// Who may use whom: a module, and the modules it may name. In reading order, every module only after those it uses.
const TABLE: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("identity", &[]),
    ("catalog", &[]),
    ("statement", &["catalog"]),
    ("policy", &["statement", "catalog", "identity"]),
    ("masking", &["policy", "statement", "catalog"]),
    ("audit", &["policy", "identity"]),
    ("gate", &["policy", "audit", "statement", "identity"]),
    ("config", &["policy", "identity"]),
    ("notify", &["gate", "audit", "config", "identity", "policy", "statement"]),
    ("pg", &["gate", "masking", "statement", "catalog", "identity", "policy"]),
    ("mysql", &["gate", "masking", "statement", "catalog", "identity", "policy"]),
    ("session", &["pg", "mysql", "gate", "masking", "audit", "policy", "statement", "catalog", "identity", "config"]),
    ("store", &["gate", "audit", "identity", "notify"]),
    ("api", &["gate", "audit", "config", "identity", "notify", "policy", "statement", "catalog"]),
    (
        "app",
        &[
            "api",
            "audit",
            "catalog",
            "config",
            "gate",
            "identity",
            "masking",
            "mysql",
            "notify",
            "pg",
            "policy",
            "session",
            "statement",
            "store",
        ],
    ),
    (
        "cli",
        &[
            "app",
            "api",
            "audit",
            "catalog",
            "config",
            "gate",
            "identity",
            "masking",
            "notify",
            "policy",
            "statement",
            "store",
        ],
    ),
];

/// Folders and files that compute from values: no runtime, socket, file or system clock; time is an argument.
const PURE: &[&str] = &["statement", "policy", "masking", "catalog", "pg", "mysql", "gate", "identity", "audit"];

/// What a part that waits may name of tokio, its clock for deadlines (`tokio::time::Instant`) included.
const WAITS: &[&str] = &["tokio::sync", "tokio::time", "tokio::select!"];

/// The async parts of pure modules, each with what it may name of tokio: the desk waits for people; the audit log is a task
/// of its own that pushes checkpoints to a file. Nothing else impure is allowed there either.
const WAITING: &[(&str, &[&str])] = &[
    ("gate/desk", WAITS),
    ("audit/log", &["tokio::sync", "tokio::spawn", "tokio::task"]),
    ("audit/writer", &["tokio::sync", "tokio::time", "tokio::select!", "tokio::fs", "tokio::io"]),
];

/// What a pure file may not name.
const IMPURE: &[&str] = &[
    "tokio",
    "std::net",
    "std::fs",
    "std::thread",
    "std::env",
    "std::process",
    "SystemTime",
    "Instant",
    "SystemClock",
];

/// A library that stays behind one module, so that it can be exchanged.
const BEHIND: &[(&str, &str)] = &[("rocksdb", "store"), ("axum", "api"), ("pg_query", "statement")];

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
const FOLDER_FILES_MAX: usize = 12;
/// The modules of the design's map, MySQL and the notifiers among them.
const MODULES_MAX: usize = 17;
const HEADER_LINES_MAX: usize = 6;
const FORBIDDEN_NAMES: &[&str] = &["common", "ext", "helper", "helpers", "misc", "prelude", "types", "util", "utils"];

/// A source file as the checks see it.
struct File {
    /// Path from `src/`, with forward slashes.
    path: String,
    text: String,
    /// Without comments, literals and test code.
    code: String,
}

impl File {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_string(), text: text.to_string(), code: without_tests(&blank(text)) }
    }

    /// The top-level module it belongs to; `None` for `lib.rs` and `main.rs`.
    fn module(&self) -> Option<&str> {
        let first = self.path.split('/').next()?;
        let name = first.strip_suffix(".rs").unwrap_or(first);
        (name != "lib" && name != "main").then_some(name)
    }

    fn is_test(&self) -> bool {
        self.path.split('/').any(|part| part == "tests" || part == "tests.rs" || part.ends_with("_tests.rs"))
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<File> {
    let base = root().join("src");
    let read = |path: &PathBuf| {
        let name = path.strip_prefix(&base).expect("below src").to_string_lossy().replace('\\', "/");
        File::new(&name, &fs::read_to_string(path).expect("readable source"))
    };
    rust_files(&base).iter().map(read).collect()
}

fn may_use(from: &str, to: &str) -> bool {
    let listed = |name: &str| TABLE.iter().find(|(module, _)| *module == name).map(|(_, uses)| *uses);
    from == to || LEAVES.contains(&to) || listed(from).is_some_and(|uses| uses.contains(&to))
}

/// Wrong edges, each with its file and line.
fn edge_faults(files: &[File]) -> Vec<String> {
    let known = |name: &str| TABLE.iter().any(|(module, _)| *module == name);
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| !file.is_test()) {
        let Some(from) = file.module() else { continue };
        if !known(from) {
            faults.push(format!("src/{}: module `{from}` is not in the table of tests/tidy.rs", file.path));
        }
        for (to, line) in crate_paths(&file.code) {
            if !known(&to) {
                faults.push(format!("src/{}:{line}: `crate::{to}` is no module of the table", file.path));
            } else if !may_use(from, &to) {
                let uses = TABLE.iter().find(|(module, _)| *module == from).map_or(&[][..], |(_, uses)| uses);
                let allowed = if uses.is_empty() { "no other module".to_string() } else { uses.join(", ") };
                faults.push(format!(
                    "src/{}:{line}: edge {from} -> {to} is forbidden: {from} may use {allowed}",
                    file.path
                ));
            }
        }
    }
    faults
}

/// The modules on a cycle, if there is one.
fn cycle_fault(files: &[File]) -> Option<String> {
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files.iter().filter(|file| !file.is_test()) {
        let Some(from) = file.module() else { continue };
        let targets = crate_paths(&file.code).into_iter().map(|(to, _)| to).filter(|to| to != from);
        edges.entry(from.to_string()).or_default().extend(targets);
    }
    // Modules that use nothing but finished ones are finished; what remains when nothing moves is a cycle or leads to one.
    let mut finished: BTreeSet<&str> = BTreeSet::new();
    loop {
        let open: Vec<&String> = edges.keys().filter(|name| !finished.contains(name.as_str())).collect();
        let done =
            |name: &&&String| edges[**name].iter().all(|to| finished.contains(to.as_str()) || !edges.contains_key(to));
        let next: Vec<&str> = open.iter().filter(done).map(|name| name.as_str()).collect();
        if open.is_empty() {
            return None;
        }
        if next.is_empty() {
            let names: Vec<&str> = open.iter().map(|name| name.as_str()).collect();
            return Some(format!("modules depend on each other in a circle: {}", names.join(", ")));
        }
        finished.extend(next);
    }
}

/// Every `Instant` of this file is tokio's, which tests can pause: imported as such, and none of std's beside it.
fn is_tokio_instant(code: &str) -> bool {
    code.contains("use tokio::time::Instant;") && !code.contains("std::time::Instant") && !code.contains("std::time::{")
}

fn purity_faults(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| !file.is_test()) {
        let inside = |place: &&&str| {
            file.path == **place || file.path == format!("{place}.rs") || file.path.starts_with(&format!("{place}/"))
        };
        let Some(place) = PURE.iter().find(inside) else { continue };
        let waits = WAITING.iter().find(|(start, _)| inside(&start)).map_or(&[][..], |(_, allowed)| *allowed);
        for needle in IMPURE {
            for at in source::words(&file.code, needle) {
                let rest = &file.code[at..];
                let deadline = *needle == "Instant" && waits.contains(&"tokio::time") && is_tokio_instant(&file.code);
                let allowed = deadline || waits.iter().any(|start| rest.starts_with(start));
                if !allowed {
                    let line = line_of(&file.code, at);
                    faults.push(format!(
                        "src/{}:{line}: `{needle}` in `{place}`, which is pure: pass it in as a value",
                        file.path
                    ));
                }
            }
        }
    }
    faults
}

fn library_faults(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| !file.is_test()) {
        for (library, home) in BEHIND.iter().filter(|(_, home)| file.module() != Some(home)) {
            for at in source::words(&file.code, library) {
                let line = line_of(&file.code, at);
                faults.push(format!("src/{}:{line}: `{library}` belongs behind `{home}`", file.path));
            }
        }
    }
    faults
}

fn path_faults(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files {
        let squeezed = file.code.replace(' ', "");
        if squeezed.contains("super::super::") {
            faults.push(format!("src/{}: `super::super::` hides who uses whom; write `crate::…`", file.path));
        }
        let top = !file.path.contains('/') && file.module().is_some();
        if top && source::words(&file.code, "super").next().is_some() {
            faults.push(format!("src/{}: `super` is the crate root here; write `crate::…`", file.path));
        }
        if file.path == "lib.rs" && squeezed.contains("pubuse") {
            faults.push("src/lib.rs: `pub use` at the crate root hides who uses whom".to_string());
        }
    }
    faults
}

fn size_faults(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| !file.is_test()) {
        let kept = without_test_lines(file);
        if kept > FILE_LINES_MAX {
            faults.push(format!("src/{}: {kept} lines without tests, at most {FILE_LINES_MAX}", file.path));
        }
        for function in functions(&file.code) {
            if function.lines > FUNCTION_LINES_MAX && !function.excused {
                let (line, name, lines) = (function.line, function.name, function.lines);
                faults.push(format!(
                    "src/{}:{line}: fn {name} has {lines} lines, at most {FUNCTION_LINES_MAX}",
                    file.path
                ));
            }
        }
    }
    faults
}

/// Lines of a file, those of its test items not counted.
fn without_test_lines(file: &File) -> usize {
    let blanked = blank(&file.text);
    let cut = blanked.lines().zip(file.code.lines()).filter(|(all, kept)| all != kept).count();
    file.text.lines().count() - cut
}

fn folder_faults(files: &[File]) -> Vec<String> {
    let mut folders: BTreeMap<&str, usize> = BTreeMap::new();
    for file in files.iter().filter(|file| !file.is_test()) {
        if let Some((folder, _)) = file.path.rsplit_once('/') {
            *folders.entry(folder).or_default() += 1;
        }
    }
    let too_full = folders.iter().filter(|(_, count)| **count > FOLDER_FILES_MAX);
    let mut faults: Vec<String> =
        too_full.map(|(folder, count)| format!("src/{folder}: {count} files, at most {FOLDER_FILES_MAX}")).collect();
    let modules: BTreeSet<&str> = files.iter().filter_map(File::module).collect();
    if modules.len() > MODULES_MAX {
        faults.push(format!("{} top-level modules, at most {MODULES_MAX}", modules.len()));
    }
    faults
}

fn name_faults(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files {
        for part in file.path.split('/').map(|part| part.strip_suffix(".rs").unwrap_or(part)) {
            if FORBIDDEN_NAMES.contains(&part) {
                faults.push(format!("src/{}: a module called `{part}` says nothing about what is in it", file.path));
            }
        }
    }
    faults
}

fn header_faults(path: &str, text: &str) -> Option<String> {
    let lines = text.lines().take_while(|line| line.starts_with("//!")).count();
    let map = path.ends_with("src/lib.rs");
    match lines {
        0 => Some(format!("{path}: does not start with a `//!` header")),
        _ if lines > HEADER_LINES_MAX && !map => {
            Some(format!("{path}: header of {lines} lines, at most {HEADER_LINES_MAX}"))
        }
        _ => None,
    }
}

fn none(what: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{what}:\n  {}", faults.join("\n  "));
}

#[test]
fn modules_use_only_whom_the_table_allows() {
    let files = sources();
    none("wrong edges", &edge_faults(&files));
    assert_eq!(cycle_fault(&files), None);
}

#[test]
fn the_table_itself_is_in_reading_order_and_so_has_no_cycle() {
    for (place, (module, uses)) in TABLE.iter().enumerate() {
        for used in *uses {
            let earlier = TABLE[..place].iter().any(|(name, _)| name == used);
            assert!(earlier, "`{module}` may use `{used}`, which stands later in the table");
        }
    }
}

#[test]
fn pure_modules_name_no_runtime_socket_file_or_clock() {
    none("impure", &purity_faults(&sources()));
}

#[test]
fn libraries_stay_behind_their_module() {
    none("library leaks", &library_faults(&sources()));
}

#[test]
fn paths_show_who_uses_whom() {
    none("paths", &path_faults(&sources()));
}

#[test]
fn files_functions_and_folders_stay_small() {
    let files = sources();
    none("too large", &size_faults(&files));
    none("too many", &folder_faults(&files));
}

#[test]
fn names_say_something() {
    none("names", &name_faults(&sources()));
}

#[test]
fn every_file_says_what_it_answers_for() {
    let folders = ["src", "tests", "benches"];
    let files = folders.iter().flat_map(|folder| rust_files(&root().join(folder)));
    let fault = |path: PathBuf| {
        let name = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
        header_faults(&name, &fs::read_to_string(&path).expect("readable source"))
    };
    none("headers", &files.filter_map(fault).collect::<Vec<_>>());
}

#[test]
fn the_tree_names_no_machine_and_leaves_nothing_undone() {
    none("words", &words::tree_faults(&root()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planted(path: &str, text: &str) -> Vec<File> {
        vec![File::new(path, text)]
    }

    #[test]
    fn a_wrong_edge_is_named_with_its_line() {
        let faults = edge_faults(&planted("policy/judge.rs", "//! x\n\nuse crate::gate::desk::Desk;\n"));
        assert_eq!(
            faults,
            ["src/policy/judge.rs:3: edge policy -> gate is forbidden: policy may use statement, catalog, identity"]
        );
    }

    #[test]
    fn a_wrong_edge_inside_a_group_or_an_expression_is_seen() {
        let group = "use crate::{statement::Statement, store::{Rocks, columns}};\nfn f() { crate :: api::serve(); }";
        let faults = edge_faults(&planted("policy.rs", group));
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].contains("edge policy -> store") && faults[1].contains("edge policy -> api"), "{faults:?}");
    }

    #[test]
    fn comments_strings_and_tests_make_no_edge() {
        let text = r##"
            /// See [`crate::session`]. /* crate::store */
            const A: &str = "crate::store"; const B: &str = r#"crate::"api""#; const C: char = '"'; // crate::api
            /* crate::api /* nested crate::app */ crate::store */
            fn keeps<'a>(text: &'a str) -> char { '\'' }
            #[cfg(test)]
            mod tests { use crate::store::Memory; fn f() { let x = "}"; } }
        "##;
        assert_eq!(edge_faults(&planted("catalog.rs", text)), Vec::<String>::new());
    }

    #[test]
    fn an_edge_after_the_tests_is_still_seen() {
        let text = "#[cfg(test)]\nmod tests { fn f() {} }\nuse crate::api::Router;\n";
        assert_eq!(edge_faults(&planted("catalog.rs", text)).len(), 1);
    }

    #[test]
    fn a_circle_is_named() {
        let files = [
            File::new("api.rs", "use crate::app::A;"),
            File::new("app.rs", "use crate::api::B;"),
            File::new("clock.rs", ""),
        ];
        assert_eq!(cycle_fault(&files), Some("modules depend on each other in a circle: api, app".to_string()));
        assert_eq!(cycle_fault(&files[..1]), None);
    }

    #[test]
    fn an_impure_word_is_found_and_a_longer_word_is_not() {
        let text = "fn f() { let t = std::time::Instant::now(); let instantly = InstantNoodles; }\n// tokio";
        let faults = purity_faults(&planted("statement/read.rs", text));
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].contains("`Instant`"));
    }

    #[test]
    fn only_waiting_parts_may_use_tokio_and_only_what_they_wait_with() {
        let text = "use tokio::sync::oneshot;\nuse tokio::net::TcpStream;\nuse tokio::fs::File;";
        assert_eq!(purity_faults(&planted("gate/desk.rs", text)).len(), 2);
        assert_eq!(purity_faults(&planted("gate/desk/board.rs", text)).len(), 2);
        assert_eq!(purity_faults(&planted("gate/approval.rs", text)).len(), 3);
        assert_eq!(purity_faults(&planted("audit/writer.rs", text)).len(), 1);
        assert_eq!(purity_faults(&planted("audit/chain.rs", text)).len(), 3);
        assert_eq!(purity_faults(&planted("session/relay.rs", text)).len(), 0);
    }

    #[test]
    fn waiting_parts_tell_time_by_tokio_alone() {
        let tokio = "use tokio::time::Instant;\nfn f() { let at = Instant::now(); }";
        assert_eq!(purity_faults(&planted("gate/desk/board.rs", tokio)), Vec::<String>::new());
        let std = "use std::time::Instant;\nfn f() { let at = Instant::now(); }";
        assert_eq!(purity_faults(&planted("gate/desk/board.rs", std)).len(), 2);
        assert_eq!(purity_faults(&planted("audit/log.rs", tokio)).len(), 3, "the log itself has no deadlines");
        assert_eq!(purity_faults(&planted("gate/life.rs", tokio)).len(), 3);
    }

    #[test]
    fn a_library_outside_its_module_is_found() {
        assert_eq!(library_faults(&planted("gate/desk.rs", "use rocksdb::DB;")).len(), 1);
        assert_eq!(library_faults(&planted("store/rocks.rs", "use rocksdb::DB;")).len(), 0);
    }

    #[test]
    fn long_files_and_functions_are_found_and_tests_do_not_count() {
        let body = "    step();\n".repeat(71);
        let function = format!("fn long() {{\n{body}}}\n");
        assert_eq!(
            size_faults(&planted("pg/rows.rs", &function)),
            ["src/pg/rows.rs:1: fn long has 71 lines, at most 70"]
        );
        let excused = format!("#[expect(clippy::too_many_lines, reason = \"one flat table\")]\n{function}");
        assert_eq!(size_faults(&planted("pg/rows.rs", &excused)), Vec::<String>::new());
        let tested = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "// a line\nfn f() {}\n".repeat(300));
        assert_eq!(size_faults(&planted("pg/rows.rs", &tested)), Vec::<String>::new());
        assert_eq!(size_faults(&planted("pg/rows.rs", &"const A: u8 = 1;\n".repeat(401))).len(), 1);
    }

    #[test]
    fn full_folders_and_empty_names_are_found() {
        let files: Vec<File> = (0..13).map(|n| File::new(&format!("pg/part{n}.rs"), "//! x")).collect();
        assert_eq!(folder_faults(&files), ["src/pg: 13 files, at most 12"]);
        assert_eq!(name_faults(&planted("pg/helpers.rs", "")).len(), 1);
        assert_eq!(name_faults(&planted("types/x.rs", "")).len(), 1);
    }

    #[test]
    fn hidden_paths_are_found() {
        assert_eq!(path_faults(&planted("pg/rows.rs", "use super::super::gate;")).len(), 1);
        assert_eq!(path_faults(&planted("pg.rs", "use super::gate;")).len(), 1);
        assert_eq!(path_faults(&planted("lib.rs", "pub use gate::Release;")).len(), 1);
        assert_eq!(path_faults(&planted("pg/rows.rs", "use super::frame;")).len(), 0);
    }

    #[test]
    fn a_missing_or_overlong_header_is_found() {
        assert!(header_faults("src/pg.rs", "use x;").is_some());
        assert!(header_faults("src/pg.rs", &"//! line\n".repeat(7)).is_some());
        assert!(header_faults("src/lib.rs", &"//! line\n".repeat(40)).is_none());
    }
}
