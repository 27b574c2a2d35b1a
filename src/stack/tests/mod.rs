//! What a stack file may say, and what is said about one that is wrong.

mod mistakes;
mod never_panics;
mod right;

use std::collections::BTreeMap;

use super::{Diagnostic, Source, Stack, Variables, parse, render};

/// The whole architecture, each section once at least.
const SHOP: &str = include_str!("shop.toml");

/// A head that is right, for files whose mistake is elsewhere.
const HEAD: &str = "[stack]\nname = \"s\"\nregion = \"us-west-2\"\n";

fn source(text: &str) -> Source {
    Source { path: "s.toml".into(), text: text.into() }
}

fn given(pairs: &[(&str, &str)]) -> Variables {
    let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Variables { given: pairs.collect::<BTreeMap<_, _>>(), ..Variables::default() }
}

fn right(text: &str, variables: &Variables) -> Stack {
    let source = source(text);
    parse(source.clone(), variables).unwrap_or_else(|found| panic!("{}", render(&found, &source, false)))
}

/// What is drawn for a file behind a right head.
fn wrong(text: &str) -> String {
    wrong_whole(&format!("{HEAD}{text}"), &Variables::default())
}

fn wrong_whole(text: &str, variables: &Variables) -> String {
    let source = source(text);
    let found = parse(source.clone(), variables).expect_err("has a mistake");
    assert!(!found.is_empty());
    render(&found, &source, false)
}

/// What is wrong with a file behind a right head, and where: `the underlined text: message`.
fn messages(text: &str) -> Vec<String> {
    let text = format!("{HEAD}{text}");
    let found: Vec<Diagnostic> = parse(source(&text), &Variables::default()).err().unwrap_or_default();
    lines(&text, &found)
}

/// `the underlined text: message`, of each.
fn lines(text: &str, found: &[Diagnostic]) -> Vec<String> {
    let line = |diagnostic: &Diagnostic| {
        assert!(diagnostic.hint.is_some(), "{} has no hint", diagnostic.message);
        let place = diagnostic.span.clone().and_then(|span| text.get(span)).unwrap_or_default();
        format!("{place}: {}", diagnostic.message)
    };
    found.iter().map(line).collect()
}
