//! A stack file on the disk: opened, and read with all files that it names. What is in it is for `parse`.

use std::io::Read as _;
use std::path::Path;

use super::diagnostic::Diagnostic;
use super::manifests::Disk;
use super::model::Stack;
use super::parse::parse_with;
use super::source::Source;
use super::suggest;
use super::variables::Variables;

/// A larger file is not read: no stack is that large.
const LARGEST: usize = 4 * 1024 * 1024;

/// Reads a stack file, the manifests and the policies that it names.
///
/// # Errors
/// All that is wrong. If the file itself cannot be read, that alone.
pub fn read(path: &Path, variables: &Variables) -> Result<Stack, Vec<Diagnostic>> {
    let source = open(path).map_err(|diagnostic| vec![diagnostic])?;
    parse_with(source, variables, Some(&Disk))
}

/// Opens a TOML file: not a folder, UTF-8, 4 MiB at most.
///
/// # Errors
/// Why it cannot be read. It has no place in a text.
pub fn open(path: &Path) -> Result<Source, Diagnostic> {
    let shown = path.display();
    let fail = |message: String, hint: &str| Diagnostic::new(message, None).hint(hint);
    if path.is_dir() {
        return Err(fail(format!("{shown} is a folder"), "name a file in it, as in `stacks/shop.toml`"));
    }
    if !path.exists() {
        return Err(fail(format!("there is no file {shown}"), &neighbours(path)));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LARGEST as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| {
            fail(format!("cannot read {shown}: {error}"), "is it a file, and may you read it?")
        })?;
    if bytes.len() > LARGEST {
        return Err(fail(format!("{shown} is larger than 4 MiB"), "is this a stack file?"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        fail(
            format!("{shown} is not UTF-8: byte {at} does not belong to it"),
            "save it as UTF-8; is this a stack file?",
        )
    })?;
    Ok(Source { path: path.to_owned(), text: text.into() })
}

/// What stack files there are instead.
fn neighbours(path: &Path) -> String {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let stem =
        |name: &std::ffi::OsStr| Path::new(name).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let is_stack = |name: &std::ffi::OsStr| {
        let name = name.to_string_lossy();
        name.ends_with(".toml") && !name.ends_with(".vars.toml")
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name())
        .filter(|name| is_stack(name))
        .filter_map(|name| stem(&name))
        .collect();
    names.sort();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let wanted = path.file_name().and_then(stem).unwrap_or_default();
    match suggest::nearest(&wanted, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? there are: {}", suggest::quoted(&names)),
        None if names.is_empty() => format!("there is no stack file in {}", folder.display()),
        None => format!("there are: {}", suggest::quoted(&names)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(path: &Path) -> String {
        let found = read(path, &Variables::default()).expect_err("is refused");
        assert_eq!(found.len(), 1);
        format!("{} ({})", found[0].message, found[0].hint.clone().unwrap_or_default())
    }

    #[test]
    fn what_is_no_stack_file_is_refused_in_one_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("shop.toml"), "").expect("written");
        std::fs::write(at("latin.toml"), b"[stack]\nname = \"caf\xe9\"").expect("written");
        std::fs::write(at("large.toml"), vec![b'#'; 10 * 1024 * 1024]).expect("written");
        assert!(message(folder.path()).contains("is a folder"));
        assert!(message(&at("shopp.toml")).contains("did you mean `shop`?"));
        assert!(message(&at("latin.toml")).contains("is not UTF-8: byte 19"));
        assert!(message(&at("large.toml")).contains("larger than 4 MiB"));
        assert!(message(&at("shop.toml")).contains("the file is empty"));
    }

    #[test]
    fn manifests_and_policies_are_read_beside_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        let object = |name: &str| format!("apiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\n");
        write("b.yaml", &object("b"));
        write("a.yaml", &format!("# first\n---\n{}---\n{}", object("a1"), object("a2")));
        write("policy.json", r#"{ "Version": "2012-10-17", "Statement": [] }"#);
        write(
            "s.toml",
            "[stack]\nname = \"s\"\nregion = \"us-west-2\"\n[clusters.a]\nexisting = { eks = \"a\" }\n\
             [manifests.m]\ncluster = \"a\"\nfiles = [\"*.yaml\"]\n\
             [service_networks.core]\nauth = \"iam\"\npolicy = \"policy.json\"\n",
        );
        let stack = read(&folder.path().join("s.toml"), &Variables::default()).expect("is right");
        let names: Vec<&str> = stack.manifests["m"]
            .objects
            .iter()
            .filter_map(|object| object["metadata"]["name"].as_str())
            .collect();
        assert_eq!(names, ["a1", "a2", "b"]);
        assert!(matches!(
            &stack.service_networks["core"].policy,
            Some(super::super::model::Policy::Table(_))
        ));
    }

    #[test]
    fn what_is_wrong_with_manifests_is_found_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        write("broken.yaml", "a: [1\nb: 2\n");
        write("kindless.yaml", "metadata:\n  name: x\n");
        write(
            "s.toml",
            "[stack]\nname = \"s\"\nregion = \"us-west-2\"\n[clusters.a]\nexisting = { eks = \"a\" }\n\
             [manifests.m]\ncluster = \"a\"\nfiles = [\"broken.yaml\", \"kindless.yaml\", \"none/*.yaml\", \"*.json\"]\n",
        );
        let found = read(&folder.path().join("s.toml"), &Variables::default()).expect_err("is refused");
        let messages: Vec<&str> = found.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
        assert_eq!(messages.len(), 4, "{messages:?}");
        assert!(messages[0].contains("is not YAML"), "{messages:?}");
        assert!(messages[1].contains("has no `apiVersion`"), "{messages:?}");
    }
}
