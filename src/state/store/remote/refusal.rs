//! `Refusal`: what an object store answered instead of what was asked, in short, and whether that may pass.

use std::error::Error as _;
use std::fmt;

use object_store::Error;

/// Why an object store did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What sort of reason it is.
    pub sort: RefusalSort,
    /// The store's own words.
    pub words: String,
}

/// Sorts of reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalSort {
    /// The bucket or container does not exist.
    NoBucket,
    /// The object does not exist.
    Absent,
    /// The credentials may not do this.
    Denied,
    /// The credentials are not known, or have expired.
    Unknown,
    /// The bucket is in another region.
    WrongRegion,
    /// The store cannot do it: it is too old.
    Unable,
    /// The store will not do it as it was asked.
    Refused,
    /// The store or the network did not do its part; it may pass.
    Passing,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    /// Of an error of the library.
    pub(super) fn of(error: &Error) -> Self {
        let text = innermost(error);
        let code = between(&text, "<Code>", "</Code>");
        let sort = match (code.as_deref(), error) {
            (Some("NoSuchBucket" | "ContainerNotFound"), _) => RefusalSort::NoBucket,
            (Some("ExpiredToken" | "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken"), _) => {
                RefusalSort::Unknown
            }
            (
                Some(
                    "AuthorizationHeaderMalformed"
                    | "PermanentRedirect"
                    | "IllegalLocationConstraintException",
                ),
                _,
            ) => RefusalSort::WrongRegion,
            _ if text.contains("incorrectly configured region") => RefusalSort::WrongRegion,
            (_, Error::NotFound { .. }) if text.to_lowercase().contains("bucket") => RefusalSort::NoBucket,
            (_, Error::NotFound { .. }) => RefusalSort::Absent,
            (_, Error::PermissionDenied { .. }) => RefusalSort::Denied,
            (_, Error::Unauthenticated { .. }) => RefusalSort::Unknown,
            (_, Error::NotImplemented { .. } | Error::NotSupported { .. }) => RefusalSort::Unable,
            (Some("NotImplemented"), _) => RefusalSort::Unable,
            (code, _) if text.contains("status code: 4") && !code.is_some_and(passes) => RefusalSort::Refused,
            _ => RefusalSort::Passing,
        };
        let words = match (&code, between(&text, "<Message>", "</Message>")) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.clone(),
            _ => text.lines().next().unwrap_or_default().trim().to_owned(),
        };
        Self { sort, words }
    }

    /// Whether an error only says that an object is not there.
    pub(super) fn is_absence(error: &Error) -> bool {
        Self::of(error).sort == RefusalSort::Absent
    }

    /// Whether trying again may help.
    pub(super) fn passes(&self) -> bool {
        self.sort == RefusalSort::Passing
    }
}

/// Whether asking again may help, though the store says that the request is wrong.
fn passes(code: &str) -> bool {
    ["SlowDown", "Throttl", "Timeout", "TooMany", "Conflict", "OperationAborted"]
        .iter()
        .any(|word| code.contains(word))
}

/// What the cause of all causes says.
fn innermost(error: &Error) -> String {
    let mut at: &dyn std::error::Error = error;
    while let Some(source) = at.source() {
        at = source;
    }
    let outer = error.source().map(ToString::to_string).unwrap_or_default();
    let inner = at.to_string();
    // An answer that was read is told by a middle one.
    if outer.contains("<Code>") { outer } else { inner }
}

fn between(text: &str, from: &str, to: &str) -> Option<String> {
    let rest = &text[text.find(from)? + from.len()..];
    let inside = &rest[..rest.find(to)?];
    Some(quick_xml::escape::unescape(inside).map_or_else(|_| inside.to_owned(), |text| text.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: &str, code: &str) -> Refusal {
        let body = format!("<Error><Code>{code}</Code><Message>a &apos;b&apos;</Message></Error>");
        let source = format!("Server returned non-2xx status code: {status}: {body}").into();
        Refusal::of(&Error::Generic { store: "S3", source })
    }

    #[test]
    fn what_may_pass_is_told_from_what_will_not() {
        assert_eq!(answer("503 Service Unavailable", "SlowDown").sort, RefusalSort::Passing);
        assert_eq!(answer("500 Internal Server Error", "InternalError").sort, RefusalSort::Passing);
        assert_eq!(answer("400 Bad Request", "RequestTimeout").sort, RefusalSort::Passing);
        assert_eq!(answer("400 Bad Request", "KMS.NotFoundException").sort, RefusalSort::Refused);
        assert_eq!(answer("404 Not Found", "NoSuchBucket").sort, RefusalSort::NoBucket);
        assert_eq!(answer("403 Forbidden", "ExpiredToken").sort, RefusalSort::Unknown);
        let refusal = answer("400 Bad Request", "AuthorizationHeaderMalformed");
        assert_eq!(
            (refusal.sort, refusal.words.as_str()),
            (RefusalSort::WrongRegion, "AuthorizationHeaderMalformed: a 'b'")
        );
    }
}
