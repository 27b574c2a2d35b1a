//! Which file a word on the command line means, and how it is read with the values of its variables.

use std::path::{Path, PathBuf};

use super::args::OfStack;
use super::environment::Environment;
use super::error::Failure;
use crate::stack::{self, Stack, Variables};

/// Where stack files are.
const FOLDER: &str = "stacks";

/// The file that is meant: a path if it looks like one, else `stacks/<name>.toml`.
pub(super) fn path_of(word: &str) -> PathBuf {
    let is_path = word.contains(['/', '\\']) || word.ends_with(".toml") || word == "." || word == "..";
    if is_path { PathBuf::from(word) } else { Path::new(FOLDER).join(format!("{word}.toml")) }
}

/// The word by which a file is meant.
pub(super) fn word_of(path: &Path) -> String {
    let name = path.strip_prefix(FOLDER).ok().and_then(|name| name.to_str()?.strip_suffix(".toml"));
    name.filter(|name| path_of(name) == path).map_or_else(|| path.display().to_string(), str::to_owned)
}

/// Reads a stack file with its variables. With `lenient` no more than its head must be right.
pub(super) fn read(of: &OfStack, environment: &Environment, lenient: bool) -> Result<Stack, Failure> {
    let path = path_of(&of.stack);
    let mut variables = Variables {
        given: of.vars.iter().cloned().collect(),
        environment: environment.stack_variables(),
        lenient,
        ..Variables::default()
    };
    let beside = path.with_extension("vars.toml");
    let beside = beside.is_file().then_some(beside);
    for file in beside.iter().chain(&of.var_files) {
        let source = stack::open(file).map_err(|found| unread(&found))?;
        variables.add_file(&source).map_err(|found| Failure::of_file(&found, &source))?;
    }
    stack::read(&path, &variables).map_err(|found| match stack::open(&path) {
        Ok(source) => Failure::of_file(&found, &source),
        Err(found) => unread(&found),
    })
}

/// A file that cannot be read has no places to point at.
fn unread(found: &stack::Diagnostic) -> Failure {
    let failure = Failure::refused(found.message.clone());
    match &found.hint {
        Some(hint) => failure.hint(hint.clone()),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_a_name_and_anything_else_a_path() {
        assert_eq!(path_of("shop"), Path::new("stacks/shop.toml"));
        assert_eq!(path_of("shop.toml"), Path::new("shop.toml"));
        assert_eq!(path_of("../shop"), Path::new("../shop"));
        for word in ["shop", "./shop.toml", "stacks/more/shop.toml", "stacks/x.toml.toml"] {
            assert_eq!(path_of(&word_of(&path_of(word))), path_of(word));
        }
        assert_eq!(word_of(Path::new("stacks/shop.toml")), "shop");
    }
}
