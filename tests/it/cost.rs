//! What a run writes does not grow with the stack: so many bytes a step, whatever was made before. CPU time is for
//! `cargo bench`.

#![cfg(target_os = "linux")]

use std::fmt::Write as _;
use std::process::Command;

use crate::support::served::program;

/// All bytes that an `up` of so many values writes, to whatever file, for each value.
fn bytes_for_each(values: usize) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let mut text = "[stack]\nname = \"many\"\nregion = \"us-west-2\"\n".to_owned();
    for number in 0..values {
        writeln!(text, "[values.v{number:05}]\ninput = \"{number:05}\"").expect("a text takes all");
    }
    std::fs::create_dir_all(folder.path().join("stacks")).expect("the folder is made");
    std::fs::write(folder.path().join("stacks/many.toml"), &text).expect("the stack is written");
    let inner = program(folder.path());
    let mut shell = Command::new("sh");
    shell.current_dir(folder.path()).env_clear();
    shell.envs(inner.get_envs().filter_map(|(key, value)| Some((key, value?))));
    // What a child has written counts for its parent once it has ended.
    let script =
        format!("'{}' up many --sandbox --yes -q >said && cat /proc/$$/io", env!("CARGO_BIN_EXE_stack"));
    let output = shell.args(["-c", &script]).output().expect("the shell runs");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = std::fs::read_to_string(folder.path().join("said")).expect("it said something");
    assert!(said.contains(&format!("{values} created")), "{said}");
    let count = told.lines().find_map(|line| line.strip_prefix("wchar: "));
    let written: f64 = count.and_then(|count| count.parse().ok()).expect("the system counts");
    written / values as f64
}

#[test]
fn an_up_of_10_000_values_writes_no_more_for_each_than_one_of_1_000() {
    let (small, large) = (bytes_for_each(1_000), bytes_for_each(10_000));
    assert!(small > 500.0, "{small} bytes: not all was counted");
    assert!(large < small * 1.05, "{small:.0} bytes for each of 1,000, {large:.0} for each of 10,000");
}
