//! `Pins`: which official files a stack took, by their SHA-256: the text of `stacks/<name>.lock`. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;

/// The version of the text.
const FORMAT: u32 = 1;

/// The digests of files by their addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins(pub BTreeMap<String, String>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    format: u32,
    #[serde(default)]
    files: BTreeMap<String, String>,
}

impl Pins {
    /// Reads a lock file.
    ///
    /// # Errors
    /// What is wrong with it, on one line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text: Text = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| text[..span.start].lines().count().max(1));
            let line = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            format!("{line}{}", error.message().lines().next().unwrap_or_default())
        })?;
        if text.format != FORMAT {
            return Err(format!("it is of format {}, and this program knows {FORMAT}", text.format));
        }
        let mut pins = BTreeMap::new();
        for (file, digest) in text.files {
            let digits = digest.strip_prefix("sha256:").filter(|digits| {
                digits.len() == 64 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            });
            let digits =
                digits.ok_or_else(|| format!("`{digest}` is no digest, as in `sha256:` and 64 digits"))?;
            pins.insert(file, digits.to_owned());
        }
        Ok(Self(pins))
    }

    /// The text of a lock file: the same for the same pins, whatever their history.
    pub fn text(&self) -> String {
        let mut text = format!(
            "# The official files that this stack installs in clusters, each with its SHA-256. Written by `stack up`,\n\
             # checked by every run. Commit this file.\nformat = {FORMAT}\n\n[files]\n"
        );
        for (file, digest) in &self.0 {
            writeln!(text, "{} = \"sha256:{digest}\"", toml::Value::from(file.as_str()))
                .expect("a text takes all");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_sorted() {
        let digest = "0f".repeat(32);
        let pins = Pins(
            ["https://b.example.com/x", "https://a.example.com/y\""]
                .map(|file| (file.to_owned(), digest.clone()))
                .into(),
        );
        let text = pins.text();
        assert_eq!(Pins::parse(&text), Ok(pins));
        assert!(text.find("a.example.com") < text.find("b.example.com"), "{text}");
        assert_eq!(Pins::parse(&Pins::default().text()), Ok(Pins::default()));
    }

    #[test]
    fn what_is_wrong_with_a_lock_is_told_on_one_line() {
        for (text, told) in [
            ("format = 2\n", "it is of format 2"),
            ("format = 1\n[files]\n\"a\" = \"md5:1\"\n", "`md5:1` is no digest"),
            ("format = 1\n<<<<<<< HEAD\n", "line 2"),
            ("", "missing field"),
        ] {
            let error = Pins::parse(text).expect_err("it is wrong");
            assert!(error.contains(told) && !error.contains('\n'), "{error}");
        }
    }
}
