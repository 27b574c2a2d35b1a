//! Command scripts with expected output: every `tests/scripts/*.txt` is run through the real binary and compared.
//!
//! `--- PATH` up to `---` writes a file; `$ [NAME=VALUE…] stack …` runs a command; what follows is what it must say:
//! standard output as it is, each line of standard error after `2> `, and `[exit N]` unless it is 0. Other lines that
//! begin with `#` are for readers. A line `...` among what must be said stands for any lines, `...` at the end of a line for the rest of it. `<<< FOLDER` copies the
//! examples. With `UPDATE=1` in the environment the scripts are rewritten by what was said, where it does not fit.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::support::served::{copy_examples, program};

/// A part of a script.
enum Part {
    /// For readers.
    Text(String),
    /// A file to write: path and content.
    File(String, String),
    /// A command and what it must say.
    Command(String, String),
    /// The example stacks.
    Examples,
}

/// Stands for any lines, or none.
const ANY: &str = "...";
/// Copies the example stacks.
const EXAMPLES: &str = "<<< stacks";

fn parse(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(path) = line.strip_prefix("--- ") {
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "---").collect();
            let body: String = body.iter().map(|line| format!("{line}\n")).collect();
            parts.push(Part::File(path.to_owned(), body));
        } else if line == EXAMPLES {
            parts.push(Part::Examples);
        } else if let Some(command) = line.strip_prefix("$ ") {
            let mut said = Vec::new();
            while let Some(line) =
                lines.next_if(|line| !["$ ", "--- ", "# "].iter().any(|mark| line.starts_with(mark)))
            {
                said.push(line);
            }
            parts.push(Part::Command(command.to_owned(), said.join("\n").trim_end().to_owned()));
        } else {
            parts.push(Part::Text(line.to_owned()));
        }
    }
    parts
}

fn show(parts: &[Part]) -> String {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Text(line) => writeln!(text, "{line}"),
            Part::Examples => writeln!(text, "{EXAMPLES}"),
            Part::File(path, body) => writeln!(text, "--- {path}\n{body}---"),
            Part::Command(command, said) if said.is_empty() => writeln!(text, "$ {command}\n"),
            Part::Command(command, said) => writeln!(text, "$ {command}\n{said}\n"),
        }
        .expect("a text takes all");
    }
    text.trim_end().to_owned() + "\n"
}

/// Runs a command in a folder with an environment of its own, and tells what it said.
fn run(folder: &Path, command: &str) -> String {
    let mut words = words(command).into_iter().peekable();
    let mut program = program(folder);
    while let Some((name, value)) = words.peek().and_then(|word| word.split_once('=')) {
        program.env(name, value);
        words.next();
    }
    assert_eq!(words.next().as_deref(), Some("stack"), "only `stack` runs in a script: {command}");
    let output = program.args(words).output().expect("the binary runs");
    let mut said = String::from_utf8(output.stdout).expect("standard output is UTF-8");
    for line in String::from_utf8(output.stderr).expect("standard error is UTF-8").lines() {
        writeln!(said, "{}", format!("2> {line}").trim_end()).expect("a text takes all");
    }
    match output.status.code() {
        Some(0) => {}
        Some(code) => writeln!(said, "[exit {code}]").expect("a text takes all"),
        None => said.push_str("[killed]\n"),
    }
    same_everywhere(&said, folder).trim_end().to_owned()
}

/// Words between blanks; `'…'` is one word.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (number, piece) in command.split('\'').enumerate() {
        match number % 2 {
            0 => words.extend(piece.split_whitespace().map(str::to_owned)),
            _ => words.push(piece.to_owned()),
        }
    }
    words
}

/// Takes out what differs from run to run.
fn same_everywhere(said: &str, folder: &Path) -> String {
    let mut said = without_moments(&said.replace(&folder.display().to_string(), "[FOLDER]"));
    let mark = " of simulated time, in ";
    let mut from = 0;
    while let Some(found) = said[from..].find(mark) {
        let start = from + found + mark.len();
        let end = said[start..].find(':').map_or(said.len(), |length| start + length);
        said.replace_range(start..end, "[TIME]");
        from = start;
    }
    said
}

/// `[MOMENT]` in the place of each `2026-11-27T16:10:04Z`.
fn without_moments(said: &str) -> String {
    const LIKE: &[u8] = b"0000-00-00T00:00:00Z";
    let is_like = |(sign, like): (&u8, &u8)| if *like == b'0' { sign.is_ascii_digit() } else { sign == like };
    let (mut out, mut rest) = (String::new(), said);
    while let Some(sign) = rest.chars().next() {
        let moment = rest.as_bytes().get(..LIKE.len()).filter(|text| text.iter().zip(LIKE).all(is_like));
        let length = moment.map_or(sign.len_utf8(), <[u8]>::len);
        out.push_str(if moment.is_some() { "[MOMENT]" } else { &rest[..length] });
        rest = &rest[length..];
    }
    out
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

/// Whether lines are as expected, with any lines for each `...`.
fn fits(expected: &[&str], said: &[&str]) -> bool {
    match (expected.split_first(), said.split_first()) {
        (None, None) => true,
        (Some((&ANY, rest)), _) => (0..=said.len()).any(|skipped| fits(rest, &said[skipped..])),
        (Some((line, rest)), Some((first, more))) => {
            let same = line.strip_suffix(ANY).map_or(line == first, |begin| first.starts_with(begin));
            same && fits(rest, more)
        }
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// Says what differs, if anything.
fn check(script: &Path, update: bool) -> Result<(), String> {
    let text = std::fs::read_to_string(script).expect("the script reads");
    let folder = tempfile::tempdir().expect("a folder");
    let real = folder.path().canonicalize().expect("it is there");
    let mut parts = parse(&text);
    let mut wrong = String::new();
    for part in &mut parts {
        match part {
            Part::Text(_) => {}
            Part::Examples => copy_examples(&real),
            Part::File(path, body) => {
                let path = real.join(path);
                std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
                std::fs::write(path, body).expect("the file is written");
            }
            Part::Command(command, expected) => {
                let said = run(&real, command);
                if !fits(&lines(expected), &lines(&said)) {
                    let name = script.file_name().unwrap_or_default().to_string_lossy();
                    let diff = similar::TextDiff::from_lines(expected.as_str(), said.as_str());
                    let diff = diff.unified_diff().context_radius(3).to_string();
                    write!(wrong, "\n{name}: $ {command}\n{diff}").expect("a text takes all");
                    *expected = said;
                }
            }
        }
    }
    if update {
        std::fs::write(script, show(&parts)).expect("the script is rewritten");
        return Ok(());
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

#[test]
fn dots_stand_for_any_lines_and_for_nothing_else() {
    assert!(fits(&["a", ANY, "d"], &["a", "b", "c", "d"]));
    assert!(fits(&["a", ANY], &["a"]));
    assert!(!fits(&["a", ANY, "d"], &["a", "b"]));
    assert!(!fits(&["a"], &["a", "b"]));
    assert!(!fits(&[ANY, "b"], &["b", "c"]));
    assert!(fits(&["a...", "b"], &["a and more", "b"]));
    assert!(!fits(&["a..."], &["b"]));
}

#[test]
fn every_script_says_what_it_must() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let entries = std::fs::read_dir(folder).expect("the scripts are there").flatten();
    let scripts: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "txt"))
        .collect();
    assert!(!scripts.is_empty(), "there are no scripts");
    let update = std::env::vars_os().any(|(name, _)| name == "UPDATE");
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let running: Vec<_> =
            scripts.iter().map(|script| scope.spawn(move || check(script, update))).collect();
        running.into_iter().filter_map(|one| one.join().expect("the script runs").err()).collect()
    });
    assert!(wrong.is_empty(), "{}\n\nif this is right, run the tests again with UPDATE=1", wrong.concat());
}
