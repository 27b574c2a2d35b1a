//! The files that a stack file names: Kubernetes YAML by pattern, policies as JSON. Opened through `Files` only.

use std::collections::BTreeSet;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use super::diagnostic::Diagnostic;
use super::model::{Policy, Stack};

/// Where files are looked up.
pub(super) trait Files {
    /// The names of what is in a folder.
    fn names(&self, folder: &Path) -> io::Result<Vec<String>>;
    /// The content of a file.
    fn bytes(&self, path: &Path) -> io::Result<Vec<u8>>;
}

/// Files on the disk.
pub(super) struct Disk;

impl Files for Disk {
    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        std::fs::read_dir(folder)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }

    fn bytes(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }
}

/// Reads all files that a stack names: fills `objects` of its manifests, and puts policies in place of their paths.
pub(super) fn fill(stack: &mut Stack, files: &dyn Files, found: &mut Vec<Diagnostic>) {
    let folder = stack.source.path.parent().map(Path::to_owned).unwrap_or_default();
    for (name, manifests) in &mut stack.manifests {
        let mut seen = BTreeSet::new();
        for (i, pattern) in manifests.files.iter().enumerate() {
            let span = stack.spans.of(&format!("manifests.{name}.files.{i}"));
            for path in matching(&folder, pattern, span.clone(), files, found) {
                let objects = objects(&path, span.clone(), files, found);
                for object in objects {
                    if !seen.insert(identity(&object)) {
                        let message = format!("{}: {} is there twice", path.display(), words(&object));
                        found.push(Diagnostic::new(message, span.clone()).hint("keep one of them"));
                    }
                    manifests.objects.push(object);
                }
            }
        }
    }
    for (name, network) in &mut stack.service_networks {
        if let Some(Policy::File(file)) = &network.policy {
            let span = stack.spans.of(&format!("service_networks.{name}.policy"));
            match policy(&folder.join(file), files) {
                Ok(table) => network.policy = Some(Policy::Table(table)),
                Err(message) => found.push(
                    Diagnostic::new(message, span).hint("a JSON file beside the stack file, or a table"),
                ),
            }
        }
    }
}

/// The texts in the Kubernetes Secrets of a stack, as they are and decoded.
pub(super) fn secrets(stack: &Stack) -> Vec<String> {
    let objects = stack.manifests.values().flat_map(|manifests| &manifests.objects);
    let mut texts = Vec::new();
    for object in objects.filter(|object| object["kind"] == "Secret" && object["apiVersion"] == "v1") {
        let inside = |name: &str| object[name].as_object().into_iter().flat_map(serde_json::Map::values);
        texts.extend(inside("stringData").filter_map(Json::as_str).map(str::to_owned));
        for code in inside("data").filter_map(Json::as_str) {
            let decoded = STANDARD.decode(code).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            texts.extend(decoded.into_iter().chain([code.to_owned()]));
        }
    }
    texts
}

fn policy(path: &Path, files: &dyn Files) -> Result<toml::Table, String> {
    let bytes = files.bytes(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| format!("{} is not a policy in JSON: {error}", path.display()))
}

/// The files that a pattern means, sorted. `*` stands for any characters in the last component.
fn matching(
    folder: &Path,
    pattern: &str,
    span: Option<Range<usize>>,
    files: &dyn Files,
    found: &mut Vec<Diagnostic>,
) -> Vec<PathBuf> {
    let whole = folder.join(pattern);
    let (parent, last) = match pattern.rsplit_once('/') {
        Some((parent, last)) => (folder.join(parent), last),
        None => (folder.to_owned(), pattern),
    };
    if !pattern.contains('*') {
        return vec![whole];
    }
    let mut fail = |message: String| {
        found.push(
            Diagnostic::new(message, span.clone())
                .hint("patterns are relative to the stack file, as in `apps/shop/*.yaml`"),
        );
        Vec::new()
    };
    if parent.to_string_lossy().contains('*') {
        return fail(format!("`{pattern}` has a `*` in the name of a folder"));
    }
    let names = match files.names(&parent) {
        Ok(names) => names,
        Err(error) => return fail(format!("cannot list {}: {error}", parent.display())),
    };
    let mut paths: Vec<PathBuf> =
        names.iter().filter(|name| fits(last, name)).map(|name| parent.join(name)).collect();
    if paths.is_empty() {
        return fail(format!("no file matches `{pattern}` in {}", folder.display()));
    }
    paths.sort();
    paths
}

/// Whether a name fits a pattern with `*`. Hidden files fit only what begins with a dot.
fn fits(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let mut pieces = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(pieces.next().unwrap_or_default()) else {
        return false;
    };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else {
        return rest.is_empty();
    };
    for piece in pieces {
        let Some(at) = rest.find(piece) else {
            return false;
        };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

fn objects(
    path: &Path,
    span: Option<Range<usize>>,
    files: &dyn Files,
    found: &mut Vec<Diagnostic>,
) -> Vec<Json> {
    let mut fail = |message: String, hint: &str| {
        found.push(Diagnostic::new(message, span.clone()).hint(hint));
    };
    let shown = path.display();
    let text = match files.bytes(path).map(String::from_utf8) {
        Ok(Ok(text)) => text,
        Ok(Err(_)) => {
            fail(format!("{shown} is not UTF-8"), "Kubernetes objects are YAML in UTF-8");
            return Vec::new();
        }
        Err(error) => {
            fail(format!("cannot read {shown}: {error}"), "patterns are relative to the stack file");
            return Vec::new();
        }
    };
    let documents: Vec<Json> = match serde_saphyr::from_multiple(&text) {
        Ok(documents) => documents,
        Err(error) => {
            let place =
                error.location().map(|at| format!(":{}:{}", at.line(), at.column())).unwrap_or_default();
            let text = error.without_snippet().to_string();
            let first = text.lines().next().unwrap_or_default();
            fail(format!("{shown}{place} is not YAML: {first}"), "correct the file");
            return Vec::new();
        }
    };
    let objects: Vec<Json> = documents.into_iter().flat_map(unlisted).collect();
    for object in objects.iter().filter(|object| lacks(object).is_some()) {
        let lacking = lacks(object).unwrap_or_default();
        fail(
            format!("{shown}: an object has no `{lacking}`"),
            "each has `apiVersion`, `kind` and `metadata.name`",
        );
    }
    objects.into_iter().filter(|object| lacks(object).is_none()).collect()
}

/// The objects of a `List`.
fn unlisted(mut object: Json) -> Vec<Json> {
    let list = object["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
    match object.get_mut("items").map(Json::take) {
        Some(Json::Array(items)) if list => items,
        Some(items) => {
            object["items"] = items;
            vec![object]
        }
        None => vec![object],
    }
}

fn lacks(object: &Json) -> Option<&'static str> {
    let text =
        |pointer: &str| object.pointer(pointer).and_then(Json::as_str).is_some_and(|text| !text.is_empty());
    [("/apiVersion", "apiVersion"), ("/kind", "kind"), ("/metadata/name", "metadata.name")]
        .into_iter()
        .find(|(pointer, _)| !text(pointer))
        .map(|(_, key)| key)
}

fn identity(object: &Json) -> String {
    let group = object["apiVersion"]
        .as_str()
        .and_then(|version| version.split_once('/'))
        .map_or("", |(group, _)| group);
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
    format!("{group}/{}/{namespace}/{}", object["kind"], object["metadata"]["name"])
}

fn words(object: &Json) -> String {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    format!("{} `{}`", text(&object["kind"]), text(&object["metadata"]["name"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters_but_not_for_a_hidden_file() {
        assert!(fits("*.yaml", "a.yaml") && fits("a*b*c", "aXbYc") && fits("*", "x") && fits("a*", "a"));
        assert!(
            !fits("*.yaml", "a.yml")
                && !fits("a*a", "a")
                && !fits("*.yaml", ".yaml")
                && !fits("a*b*c", "acb")
        );
    }

    #[test]
    fn a_list_is_its_items() {
        let list = serde_json::json!({ "kind": "List", "items": [{ "kind": "A" }, { "kind": "B" }] });
        assert_eq!(unlisted(list).len(), 2);
    }
}
