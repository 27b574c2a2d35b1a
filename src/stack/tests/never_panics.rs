//! Whatever a file holds, it is read or refused, and what is wrong can be drawn.

use proptest::prelude::*;

use super::*;

/// Reads a text, and draws what is wrong with it.
fn take(text: &str) {
    let source = source(text);
    for lenient in [false, true] {
        let variables = Variables { lenient, ..Variables::default() };
        if let Err(found) = parse(source.clone(), &variables) {
            assert!(!found.is_empty(), "refused without a word");
            assert!(!render(&found, &source, lenient).is_empty());
        }
    }
}

/// Puts something in place of a part of a text, on the borders of characters.
fn mutated(text: &str, at: usize, length: usize, with: &str) -> String {
    let start = text.floor_char_boundary(at % (text.len() + 1));
    let end = text.ceil_char_boundary((start + length).min(text.len()));
    format!("{}{with}{}", &text[..start], &text[end..])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn on_any_text(text in "\\PC*") {
        take(&text);
    }

    #[test]
    fn on_tokens_of_toml(tokens in prop::collection::vec("[a-c]|\\[|\\]|\\{|\\}|=|\\.|,|\"|'|\n|1|-|#|\\$\\{|é|\"\"\"", 0..60)) {
        take(&tokens.concat());
    }

    #[test]
    fn on_a_changed_file(at in any::<usize>(), length in 0_usize..40, with in "[\\[\\]{}=\".,\n$a-z0-9-]{0,6}") {
        take(&mutated(SHOP, at, length, &with));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn on_a_value_of_any_type_in_any_place(line in any::<prop::sample::Index>(), value in prop::sample::select(vec![
        "1", "-1", "0", "99999999999999999999", "nan", "true", "\"\"", "\"é\"", "\"-\"", "[]", "[1]", "{}", "{ a = {} }", "1979-05-27",
        "\"${value.release.id}\"", "\"${var.domain}\"", "\"${var.\"", "[[[]]]", "\"0.0.0.0/0\"", "\"a.b\"", "\"*.\"",
    ])) {
        let lines: Vec<&str> = SHOP.lines().collect();
        let chosen = line.index(lines.len());
        let changed = |line: &str| match line.split_once('=') {
            Some((key, _)) => format!("{key}= {value}"),
            None => line.to_owned(),
        };
        let text: Vec<String> =
            lines.iter().enumerate().map(|(i, line)| if i == chosen { changed(line) } else { (*line).to_owned() }).collect();
        take(&text.join("\n"));
    }
}

#[test]
fn on_what_is_deep_long_or_chained() {
    let chain = |i: usize| format!("v{i}.input = \"${{value.v{}.id}}\"\n", i + 1);
    let values: String = (0..2000).map(chain).collect();
    let moves: String = (0..2000).map(|i| format!("\"cluster.v{i}\" = \"cluster.v{}\"\n", i + 1)).collect();
    take(&"[".repeat(50_000));
    take(&format!("a = {}", "[".repeat(50_000)));
    take(&format!("a = {}", "{a=".repeat(50_000)));
    take(&format!("a = {}", "é".repeat(50_000)));
    take(&format!("{HEAD}[values]\n{values}"));
    take(&format!("{HEAD}[moved]\n{moves}"));
    take(&format!("{HEAD}[outputs]\na = \"{}\"", "${var.x}".repeat(5000)));
    take(&"a = 1\n".repeat(2000));
}
