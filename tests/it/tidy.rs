//! What holds of the source itself: layers, module docs, registered kinds, sizes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The layer of each room. A room imports its own layer and lower ones only.
const LAYERS: &[(&str, u32)] = &[
    ("address", 0),
    ("value", 0),
    ("secret", 0),
    ("clock", 0),
    ("door", 0),
    ("stack", 1),
    ("recipe", 1),
    ("compose", 1),
    ("shape", 1),
    ("graph", 1),
    ("change", 1),
    ("diff", 1),
    ("live", 1),
    ("state", 1),
    ("plan", 2),
    ("cloud", 3),
    ("kind", 4),
    ("sweep", 4),
    ("observe", 5),
    ("execute", 5),
    ("drift", 6),
    ("rehearse", 6),
    ("cli", 7),
];

/// The embedded cloud stands beside the rooms: it knows only the words.
const BESIDE: &str = "sandbox";

fn sources(under: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(under)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).expect("the folder reads").flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn room(path: &Path) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let inside = path.strip_prefix(root).expect("it is under src");
    let first = inside.components().next().expect("it has a name").as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// The text before the tests of a file: tests may reach wherever they like.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text)
}

#[test]
fn nobody_imports_upwards() {
    let layers: BTreeMap<&str, u32> = LAYERS.iter().copied().collect();
    let mut wrong = Vec::new();
    for path in sources("src") {
        let room = room(&path);
        if matches!(room.as_str(), "lib" | "main")
            || path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "conformance")
        {
            continue;
        }
        if path.file_name().is_some_and(|name| name == "tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("it reads");
        for used in imports(without_tests(&text)) {
            let own = layers.get(room.as_str());
            let allowed = match (room.as_str(), layers.get(used)) {
                _ if used == room => true,
                (BESIDE, Some(theirs)) => *theirs == 0,
                (_, Some(theirs)) => own.is_some_and(|own| theirs <= own),
                // The face opens the embedded cloud, a rehearsal makes its copy in one.
                ("cli" | "rehearse", None) => true,
                (_, None) => false,
            };
            if !allowed {
                wrong.push(format!("{} imports {used}", path.display()));
            }
        }
        if own_layer_is_missing(&room, &layers) {
            wrong.push(format!("{room} has no layer"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn own_layer_is_missing(room: &str, layers: &BTreeMap<&str, u32>) -> bool {
    room != BESIDE && !layers.contains_key(room)
}

/// The rooms that a text names by `crate::`.
fn imports(text: &str) -> impl Iterator<Item = &str> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split("crate::").skip(1)).filter_map(|rest| {
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        (end > 0).then(|| &rest[..end])
    })
}

#[test]
fn every_file_says_what_it_is() {
    let silent = |path: &PathBuf| {
        let text = fs::read_to_string(path).expect("it reads");
        !text.lines().take(3).any(|line| line.starts_with("//!"))
    };
    let all = sources("src").into_iter().chain(sources("tests"));
    let wrong: Vec<String> = all.filter(silent).map(|path| path.display().to_string()).collect();
    assert!(wrong.is_empty(), "these files do not open with //!:\n{}", wrong.join("\n"));
}

#[test]
fn no_file_is_too_long() {
    let lines = |path: &PathBuf| fs::read_to_string(path).expect("it reads").lines().count();
    let all = sources("src").into_iter().chain(sources("tests"));
    let wrong: Vec<String> = all
        .filter(|path| lines(path) > 600)
        .map(|path| format!("{}: {}", path.display(), lines(&path)))
        .collect();
    assert!(wrong.is_empty(), "these files hold two subjects:\n{}", wrong.join("\n"));
}

#[test]
fn every_kind_is_registered_and_named_once() {
    let names: Vec<&str> = stack::kind::ALL.iter().map(|kind| kind.shape().kind).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), names.len(), "a kind is listed twice: {names:?}");
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kind/mod.rs")).expect("it reads");
    for path in sources("src/kind") {
        let source = fs::read_to_string(&path).expect("it reads");
        if !source.contains("impl Kind for") {
            continue;
        }
        let module = path.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(text.contains(&format!("Erased({module}::")), "{module} has a kind that is not in ALL");
    }
}

#[test]
fn every_kind_of_a_cloud_passes_the_harness() {
    // What is only ever deleted has nothing to go through; behind a value there is no cloud.
    let others = ["balanced_object", "value"];
    for path in sources("src/kind") {
        let source = fs::read_to_string(&path).expect("it reads");
        let module = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let managed = source.contains("impl Kind for") && source.contains("Shape::managed(");
        assert!(
            !managed || source.contains("conforms(&") || others.contains(&module.as_str()),
            "{module} does not go through `conforms`"
        );
    }
}

#[test]
fn nothing_speaks_of_unfinished_work() {
    let words = ["todo!(", "unimplemented!(", "FIXME", "XXX"];
    let mut wrong = Vec::new();
    for path in sources("src") {
        let text = fs::read_to_string(&path).expect("it reads");
        wrong.extend(
            words
                .iter()
                .filter(|word| text.contains(**word))
                .map(|word| format!("{}: {word}", path.display())),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
