//! Checks the layers of the project: crates import only from lower layers, and the core has no
//! access to the outside.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

use crate::rust_files::rust_files;

/// The floor (layer) of each crate, from 0 at the bottom.
const FLOORS: &[(&str, u8)] = &[
    ("sunward-workflows", 0),
    ("sunward-files", 0),
    ("sunward-core", 1),
    ("sunward-protocol", 2),
    ("sunward-data", 2),
    ("sunward-grid", 2),
    ("sunward-kernels", 2),
    ("sunward-state", 2),
    ("sunward-drive", 3),
    ("sunward-sim", 3),
    ("sunward-worker", 3),
    ("sunward", 4),
];

/// Imports within one layer that are allowed.
const BESIDE: &[(&str, &str)] = &[];

/// Imports from a lower layer that are refused, and why.
const REFUSED: &[(&str, &str, &str)] = &[(
    "sunward-worker",
    "sunward-state",
    "a worker reports facts, it never journals them",
)];

/// What the core must not use: clocks, files, the network, randomness, the order of hash maps,
/// async code.
const WORLD: &[&str] = &[
    "std::time::Instant",
    "std::time::SystemTime",
    "Instant::now",
    "SystemTime::now",
    "std::fs",
    "std::net",
    "std::env",
    "std::thread",
    "std::process",
    "HashMap",
    "HashSet",
    "RandomState",
    "rand::",
    "async fn",
    ".await",
    "tokio",
];

/// Every import from the same or a higher layer, every refused import, and every use of the outside
/// by the core.
pub(crate) fn faults(root: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let floors: BTreeMap<&str, u8> = FLOORS.iter().copied().collect();
    for folder in member_folders(root)? {
        let manifest = read_manifest(&root.join(&folder))?;
        let Some(name) = manifest["package"]["name"].as_str().map(str::to_owned) else {
            continue;
        };
        let Some(&floor) = floors.get(name.as_str()) else {
            if name != "xtask" {
                faults.push(format!(
                    "{folder}: `{name}` has no floor; add it to engine/xtask/src/floors.rs"
                ));
            }
            continue;
        };
        for import in imports(&manifest) {
            if let Some(fault) = fault_of(&floors, &name, floor, &import) {
                faults.push(fault);
            }
        }
    }
    faults.extend(world_in_core(root)?);
    Ok(faults)
}

fn fault_of(floors: &BTreeMap<&str, u8>, name: &str, floor: u8, import: &str) -> Option<String> {
    let below = *floors.get(import)?;
    if let Some((_, _, why)) = REFUSED.iter().find(|(a, b, _)| *a == name && *b == import) {
        return Some(format!("{name} imports {import}: {why}"));
    }
    let beside = BESIDE.contains(&(name, import));
    (below >= floor && !beside).then(|| {
        format!("{name} (floor {floor}) imports {import} (floor {below}): imports only point down")
    })
}

fn member_folders(root: &Path) -> Result<Vec<String>> {
    let manifest = read_manifest(root)?;
    let members = manifest["workspace"]["members"].as_array().cloned();
    Ok(members
        .unwrap_or_default()
        .iter()
        .filter_map(|member| member.as_str().map(str::to_owned))
        .collect())
}

fn read_manifest(folder: &Path) -> Result<toml::Value> {
    let path = folder.join("Cargo.toml");
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("parsing {}", path.display()))
}

fn imports(manifest: &toml::Value) -> Vec<String> {
    manifest
        .get("dependencies")
        .and_then(toml::Value::as_table)
        .map(|table| table.keys().cloned().collect())
        .unwrap_or_default()
}

fn world_in_core(root: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for file in rust_files(&root.join("engine/core/src"))? {
        let text = std::fs::read_to_string(&file)?;
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for word in WORLD.iter().filter(|word| code.contains(**word)) {
                faults.push(format!(
                    "{}:{}: the core uses `{word}`; it must get everything from outside as an input",
                    file.display(),
                    number + 1
                ));
            }
        }
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn house(name: &str, import: &str, core_line: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: String| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("Cargo.toml", "[workspace]\nmembers = [\"room\"]\n".into());
        write(
            "room/Cargo.toml",
            format!("[package]\nname = \"{name}\"\n[dependencies]\n{import}.workspace = true\n"),
        );
        write(
            "engine/core/src/lib.rs",
            format!("//! Core.\n{core_line}\n"),
        );
        dir
    }

    #[test]
    fn an_import_that_points_up_is_named() {
        let dir = house("sunward-core", "sunward-drive", "");
        let faults = faults(dir.path()).unwrap();
        assert_eq!(faults.len(), 1);
        assert!(faults[0].contains("sunward-core (floor 1) imports sunward-drive (floor 3)"));
    }

    #[test]
    fn a_worker_that_sees_the_journal_is_named() {
        let dir = house("sunward-worker", "sunward-state", "");
        assert!(faults(dir.path()).unwrap()[0].contains("never journals"));
    }

    #[test]
    fn a_clock_in_the_core_is_named_and_a_comment_is_not() {
        let dir = house(
            "sunward-core",
            "sunward-workflows",
            "fn f() { Instant::now(); } // tokio",
        );
        let faults = faults(dir.path()).unwrap();
        assert_eq!(faults.len(), 1);
        assert!(faults[0].contains("lib.rs:2"));
    }

    #[test]
    fn this_house_keeps_its_floors() {
        assert_eq!(faults(&crate::shell::root()).unwrap(), Vec::<String>::new());
    }
}
