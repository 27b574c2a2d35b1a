//! For tests only: reads the controllers' official files from a folder beside the project, where there is one.

use std::path::PathBuf;

use serde_json::Value as Json;

/// The official files, if they are there. Says so on standard error if not: the test that asked is skipped.
#[expect(clippy::print_stderr, reason = "a test that is skipped must say so")]
fn root() -> Option<PathBuf> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let found =
        ["../shared/data", "../../shared/data"].map(|at| here.join(at)).into_iter().find(|at| at.is_dir());
    if found.is_none() {
        eprintln!("skipped: the controllers' official files are not beside the project");
    }
    found
}

/// The text of one file.
pub(super) fn text(path: &str) -> Option<String> {
    let path = root()?.join(path);
    Some(std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// All Kubernetes objects in some YAML files, or in all of a folder.
pub(super) fn objects(paths: &[&str]) -> Option<Vec<Json>> {
    let root = root()?;
    let mut objects = Vec::new();
    for path in paths.iter().map(|path| root.join(path)) {
        let files = if path.is_dir() {
            std::fs::read_dir(&path).expect("readable").map(|entry| entry.expect("readable").path()).collect()
        } else {
            vec![path]
        };
        for file in files {
            let text = std::fs::read_to_string(&file).expect("readable");
            for part in text.split("\n---") {
                if part.lines().any(|line| line.starts_with("kind:")) {
                    let part = part.strip_prefix("---").unwrap_or(part);
                    objects.push(
                        serde_saphyr::from_str(part).unwrap_or_else(|e| panic!("{}: {e}", file.display())),
                    );
                }
            }
        }
    }
    Some(objects)
}
