//! `Environment`: what the process was given beside its arguments. The only place that reads environment variables.
//!
//! How a real cloud is reached with it is in `reach`.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::Failure;

const ENDPOINT: &str = "AWS_ENDPOINT_URL";
const IGNORE: &str = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS";
/// Says where official files are downloaded from instead of their own hosts: a mirror, or a folder as `file://…`.
pub const RELEASES_URL: &str = "STACK_RELEASES_URL";
/// What a folder in the place of a host begins with.
pub const FILE: &str = "file://";
const VARIABLE: &str = "STACK_VAR_";

/// The environment variables of the process that are text.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Reads them.
    pub fn of_process() -> Self {
        let texts =
            std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        Self(texts.collect())
    }

    /// These.
    #[cfg(test)]
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    }

    /// One of them; none if it is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Those whose names begin with `prefix`, and are not empty.
    pub fn beginning_with(&self, prefix: &str) -> impl Iterator<Item = (&str, &str)> {
        let ours = self.0.iter().filter(move |(name, value)| name.starts_with(prefix) && !value.is_empty());
        ours.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Values of variables of a stack file, `STACK_VAR_<name>`.
    pub fn stack_variables(&self) -> BTreeMap<String, String> {
        let ours = self.0.iter().filter_map(|(key, value)| Some((key.strip_prefix(VARIABLE)?, value)));
        ours.map(|(key, value)| (key.to_owned(), value.clone())).collect()
    }

    /// The same, with these values of variables of a stack file instead of its own.
    pub fn with_variables(&self, variables: &BTreeMap<String, String>) -> Self {
        let others = self.0.iter().filter(|(key, _)| !key.starts_with(VARIABLE));
        let others = others.map(|(key, value)| (key.clone(), value.clone()));
        let given = variables.iter().map(|(name, value)| (format!("{VARIABLE}{name}"), value.clone()));
        Self(others.chain(given).collect())
    }

    /// Columns of the terminal, 80 if nobody says; never less than 40.
    pub fn columns(&self) -> usize {
        self.get("COLUMNS").and_then(|text| text.parse().ok()).unwrap_or(80_usize).max(40)
    }

    /// By how much waits are divided: `STACK_SPEED`, which a served sandbox sets.
    ///
    /// # Errors
    /// It is no number of 1 or more.
    pub fn speed(&self) -> Result<u32, Failure> {
        let Some(text) = self.get("STACK_SPEED") else { return Ok(1) };
        text.parse().ok().filter(|speed| *speed >= 1).ok_or_else(|| {
            Failure::refused(format!("STACK_SPEED is `{text}`, which is no whole number of 1 or more"))
                .hint("unset it, unless you use `stack sandbox serve`")
        })
    }

    /// Looks at every variable that says where AWS is, before anything is sent anywhere.
    ///
    /// # Errors
    /// One is empty or malformed, or they are all to be ignored.
    pub fn check_endpoints(&self) -> Result<(), Failure> {
        let is_endpoint = |name: &str| name == ENDPOINT || name.starts_with("AWS_ENDPOINT_URL_");
        let endpoints: Vec<_> = self.0.iter().filter(|(name, _)| is_endpoint(name)).collect();
        for (name, url) in &endpoints {
            check_endpoint(name, url)?;
        }
        if let Some(url) = self.0.get(RELEASES_URL) {
            match url.strip_prefix(FILE) {
                Some(folder) => check_folder(url, Path::new(folder))?,
                None => check_endpoint(RELEASES_URL, url)?,
            }
        }
        let ignored = self.get(IGNORE).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        match endpoints.first() {
            Some((name, _)) if ignored => Err(Failure::refused(format!(
                "{name} is set, and {IGNORE}=true would ignore it: this run would go to AWS itself"
            ))
            .hint(format!("unset {IGNORE} to use the endpoint, or {name} to use AWS"))),
            _ => Ok(()),
        }
    }
}

fn check_folder(url: &str, folder: &Path) -> Result<(), Failure> {
    if folder.is_dir() {
        return Ok(());
    }
    Err(Failure::refused(format!("{RELEASES_URL} is `{url}`, and there is no such folder"))
        .hint("the path is absolute, as in `file:///srv/releases`"))
}

fn check_endpoint(name: &str, url: &str) -> Result<(), Failure> {
    let hint = "an endpoint looks like `http://127.0.0.1:4566`; unset it to use AWS itself";
    if url.trim().is_empty() {
        return Err(Failure::refused(format!("{name} is set and empty")).hint(hint));
    }
    let sound = url.parse::<http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    });
    if sound {
        return Ok(());
    }
    Err(Failure::refused(format!("{name} is `{url}`, which is no URL of http or https")).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(pairs: &[(&str, &str)]) -> String {
        let failure = Environment::of(pairs.iter().copied()).check_endpoints().expect_err("is refused");
        assert_eq!(failure.exit, super::super::error::Exit::Refused);
        failure.error
    }

    #[test]
    fn a_wrong_endpoint_is_one_clear_line() {
        assert_eq!(refused(&[("AWS_ENDPOINT_URL", "")]), "AWS_ENDPOINT_URL is set and empty");
        for wrong in ["localhost:5556", "http//x", "ftp://x", "http://", "127.0.0.1"] {
            assert!(
                refused(&[("AWS_ENDPOINT_URL_EKS", wrong)]).starts_with("AWS_ENDPOINT_URL_EKS is"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn ignored_endpoints_are_said() {
        let ignored = [("AWS_ENDPOINT_URL", "http://127.0.0.1:1"), (IGNORE, "true")];
        assert!(refused(&ignored).contains("would go to AWS itself"));
        let sound = Environment::of([("AWS_ENDPOINT_URL", "http://127.0.0.1:1"), (IGNORE, "false")]);
        assert_eq!(sound.check_endpoints(), Ok(()));
        assert_eq!(Environment::of([(IGNORE, "true")]).check_endpoints(), Ok(()));
    }

    #[test]
    fn a_speed_is_a_whole_number() {
        assert_eq!(Environment::of([]).speed(), Ok(1));
        assert_eq!(Environment::of([("STACK_SPEED", "60")]).speed(), Ok(60));
        for wrong in ["0", "fast", "-1", "1.5"] {
            assert!(Environment::of([("STACK_SPEED", wrong)]).speed().is_err(), "{wrong}");
        }
    }

    #[test]
    fn variables_of_the_stack_file_lose_their_prefix() {
        let environment = Environment::of([("STACK_VAR_domain", "a"), ("OTHER", "b")]);
        assert_eq!(environment.stack_variables(), BTreeMap::from([("domain".to_owned(), "a".to_owned())]));
    }
}
