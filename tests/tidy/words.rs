//! Words that do not belong into the tree: paths of one machine, hosts of registries, work left undone.
//! The needles are put together at run time, so that this file is not its own finding.

use std::fs;
use std::path::Path;

/// Folders that hold no source of ours.
const SKIPPED_FOLDERS: &[&str] = &[".git", "target", "node_modules", ".holdpoint", "__pycache__", "data"];
/// Lock files name where packages come from; that is their purpose.
const SKIPPED_FILES: &[&str] = &["Cargo.lock", "package-lock.json"];

/// Needle and why it is one.
fn needles() -> Vec<(String, &'static str)> {
    let paths = [["/ho", "me/"], ["/ro", "ot/"], ["/wo", "rk/"], ["/var/t", "mp/"], ["/User", "s/"], ["bash_", "jobs"]];
    let hosts = [["crates", ".io"], ["pypi", ".org"], ["npmjs", ".org"], ["debian", ".org"], ["maven", ".org"]];
    let undone = [["TO", "DO"], ["FIX", "ME"], ["XX", "X:"], ["unimple", "mented!"]];
    let joined = |pairs: &[[&str; 2]], why| pairs.iter().map(|pair| (pair.concat(), why)).collect::<Vec<_>>();
    [
        joined(&paths, "a path of one machine"),
        joined(&hosts, "the host of a registry: its own client knows it"),
        joined(&undone, "work left undone"),
    ]
    .concat()
}

/// Findings in one text.
pub fn text_faults(name: &str, text: &str) -> Vec<String> {
    let needles = needles();
    let mut faults = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for (needle, why) in &needles {
            if line.contains(needle.as_str()) {
                faults.push(format!("{name}:{}: `{needle}`: {why}", number + 1));
            }
        }
    }
    faults
}

/// Findings in every text file below a folder.
pub fn tree_faults(root: &Path) -> Vec<String> {
    let mut faults = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if path.is_symlink() {
                continue;
            }
            if path.is_dir() {
                if !SKIPPED_FOLDERS.contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if name != ".git" && !SKIPPED_FILES.contains(&name.as_str()) {
                let shown = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
                // Binary files are no text of ours.
                if let Ok(text) = fs::read_to_string(&path) {
                    faults.extend(text_faults(&shown, &text));
                }
            }
        }
    }
    faults.sort();
    faults
}

#[test]
fn planted_words_are_found_with_their_line() {
    let planted = format!("fine\nsee {}me/x\n// {}DO later\n", "/ho", "TO");
    let faults = text_faults("a.md", &planted);
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].starts_with("a.md:2:") && faults[1].starts_with("a.md:3:"), "{faults:?}");
}
