//! `CloudError`: what a cloud answered when it did not do as asked, with operation, code and request id as fields.

use std::error::Error;
use std::fmt;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use serde::{Deserialize, Serialize};

use crate::secret::Secrets;

/// The result of a call.
pub type CloudResult<T> = Result<T, CloudError>;

/// What an error means to the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorSort {
    /// There is no such thing.
    NotFound,
    /// There is one already.
    Exists,
    /// Something else still uses it: wait and try again.
    InUse,
    /// What it needs is not there yet, or not visible yet: wait and try again.
    NotYet,
    /// Too many calls: wait and try again.
    Throttled,
    /// The credentials may not do this, or are none.
    Denied,
    /// A limit of the account is reached.
    Quota,
    /// The request is wrong.
    Invalid,
    /// No answer came.
    Unreachable,
    /// The run was told to stop while it waited.
    Interrupted,
    /// A read-only run was about to write, or a kind broke its contract: a mistake in this program.
    Bug,
    /// Anything else.
    Other,
}

/// What a cloud answered when it did not do as asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudError {
    /// What it means.
    pub sort: ErrorSort,
    /// `EKS.CreateCluster`, or `PATCH deployments/shop` of a cluster.
    pub operation: String,
    /// The cloud's own code, `ResourceInUseException`.
    pub code: String,
    /// The cloud's own words.
    pub message: String,
    /// By which the cloud's support finds the call.
    pub request_id: Option<String>,
    /// What is wrong with the request, where the cloud says it field by field. The message has it too.
    #[serde(default, skip_serializing)]
    pub wrong: Box<[Wrong]>,
}

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrong {
    /// The path of the field, `spec.ports[0].name`.
    pub field: String,
    /// The cloud's own words.
    pub words: String,
}

impl CloudError {
    /// An error of ours in the place of a call.
    pub fn new(sort: ErrorSort, operation: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            sort,
            operation: operation.into(),
            code: String::new(),
            message: message.into(),
            request_id: None,
            wrong: Box::default(),
        }
    }

    /// A kind did not keep its contract.
    pub fn broken_contract(kind: &str, what: impl fmt::Display) -> Self {
        Self::new(ErrorSort::Bug, format!("kind {kind}"), format!("the kind broke its contract: {what}"))
    }

    /// An answer with a code; what it means is decided by the code.
    pub fn answered(
        operation: impl Into<String>,
        code: &str,
        message: impl Into<String>,
        request_id: Option<String>,
    ) -> Self {
        let message = message.into();
        let sort = classify(code, &message);
        let wrong = Box::default();
        Self { sort, operation: operation.into(), code: code.to_owned(), message, request_id, wrong }
    }

    /// The same with secrets hidden: clouds repeat what they were sent.
    #[must_use]
    pub fn hiding(mut self, secrets: &Secrets) -> Self {
        for text in [&mut self.operation, &mut self.message] {
            *text = secrets.hide(text).into_owned();
        }
        self
    }

    /// The same with another meaning: for codes that mean different things in different calls.
    #[must_use]
    pub fn meaning(mut self, sort: ErrorSort) -> Self {
        self.sort = sort;
        self
    }
}

impl fmt::Display for CloudError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.operation)?;
        if !self.code.is_empty() {
            write!(f, "{}: ", self.code)?;
        }
        f.write_str(&self.message)?;
        if let Some(id) = &self.request_id {
            write!(f, " (request {id})")?;
        }
        Ok(())
    }
}

impl Error for CloudError {}

/// Gives an SDK error the name of its operation.
pub trait Named<T> {
    /// `operation` as `EKS.CreateCluster`.
    fn named(self, operation: &'static str) -> CloudResult<T>;
}

impl<T, E, R> Named<T> for Result<T, SdkError<E, R>>
where
    E: ProvideErrorMetadata + Error + 'static,
    R: fmt::Debug + 'static,
    SdkError<E, R>: RequestId,
{
    fn named(self, operation: &'static str) -> CloudResult<T> {
        self.map_err(|error| from_sdk(operation, &error))
    }
}

pub(super) fn from_sdk<E, R>(operation: &str, error: &SdkError<E, R>) -> CloudError
where
    E: ProvideErrorMetadata + Error + 'static,
    R: fmt::Debug + 'static,
    SdkError<E, R>: RequestId,
{
    let request_id = error.request_id().map(str::to_owned);
    if let Some(service) = error.as_service_error() {
        let code = service.code().unwrap_or_default();
        let message = service.message().map_or_else(|| in_words(service), str::to_owned);
        return CloudError::answered(operation, code, message, request_id);
    }
    let words = in_words(error);
    let sort = match error {
        SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) | SdkError::ResponseError(_) => {
            ErrorSort::Unreachable
        }
        _ if words.contains("this command only reads") => ErrorSort::Bug,
        _ if words.contains("was held back") => ErrorSort::Interrupted,
        SdkError::ConstructionFailure(_) => ErrorSort::Invalid,
        _ => ErrorSort::Other,
    };
    CloudError { request_id, ..CloudError::new(sort, operation, words) }
}

/// An error and what caused it, each once: clients like to repeat the words of their cause.
fn in_words(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut at = error.source();
    while let Some(cause) = at {
        let more = cause.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        at = cause.source();
    }
    words
}

/// What a code means, by the words the services share.
fn classify(code: &str, message: &str) -> ErrorSort {
    let has = |words: &[&str]| words.iter().any(|word| code.contains(word));
    if has(&["NotFound", "NoSuch", "NotExist"]) {
        ErrorSort::NotFound
    } else if has(&[
        "Throttl",
        "TooManyRequests",
        "RequestLimitExceeded",
        "PriorRequestNotComplete",
        "SlowDown",
    ]) {
        ErrorSort::Throttled
    } else if has(&["LimitExceeded", "QuotaExceeded", "TooMany"]) {
        ErrorSort::Quota
    } else if has(&["DependencyViolation", "DeleteConflict", "ResourceInUse", "HostedZoneNotEmpty", "InUse"])
    {
        // EKS says ResourceInUse for "exists already" too.
        if message.contains("already exists") { ErrorSort::Exists } else { ErrorSort::InUse }
    } else if has(&["AlreadyExists", "Duplicate", "AlreadyAssociated", "ConflictingDomainExists"]) {
        ErrorSort::Exists
    } else if has(&["Conflict"]) {
        if message.contains("already exists") { ErrorSort::Exists } else { ErrorSort::InUse }
    } else if has(&[
        "AccessDenied",
        "UnauthorizedOperation",
        "AuthFailure",
        "ExpiredToken",
        "InvalidClientTokenId",
    ]) || has(&["UnrecognizedClient", "SignatureDoesNotMatch", "Forbidden", "Unauthorized"])
    {
        ErrorSort::Denied
    } else if has(&["InternalError", "InternalFailure", "InternalServer", "ServerInternal", "Unavailable"])
        || has(&["ServerException", "ServiceException"])
    {
        // Nobody knows whether it was done.
        ErrorSort::Unreachable
    } else if has(&["Invalid", "Validation", "Malformed", "MissingParameter", "BadRequest", "Unsupported"]) {
        ErrorSort::Invalid
    } else {
        ErrorSort::Other
    }
}

/// Absence as `None`.
pub trait Absent<T> {
    /// `Ok(None)` for an error that says there is no such thing.
    fn or_absent(self) -> CloudResult<Option<T>>;
}

impl<T> Absent<T> for CloudResult<T> {
    fn or_absent(self) -> CloudResult<Option<T>> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.sort == ErrorSort::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b26_what_a_cloud_repeats_of_a_secret_is_hidden() {
        let said = CloudError::answered("EC2.CreateTags", "Invalid", "the value hunter22 is no good", None);
        let hidden = said.hiding(&Secrets::new(["hunter22"]));
        assert_eq!(hidden.to_string(), "EC2.CreateTags: Invalid: the value (sensitive) is no good");
    }

    fn sort(code: &str, message: &str) -> ErrorSort {
        CloudError::answered("EKS.CreateCluster", code, message, None).sort
    }

    #[test]
    fn codes_are_told_apart() {
        assert_eq!(sort("ResourceNotFoundException", ""), ErrorSort::NotFound);
        assert_eq!(sort("InvalidVpcID.NotFound", ""), ErrorSort::NotFound);
        assert_eq!(sort("ResourceInUseException", "Cluster already exists with name: a"), ErrorSort::Exists);
        assert_eq!(sort("ResourceInUseException", "Cluster has nodegroups attached"), ErrorSort::InUse);
        assert_eq!(sort("InvalidPermission.Duplicate", ""), ErrorSort::Exists);
        assert_eq!(sort("DependencyViolation", ""), ErrorSort::InUse);
        assert_eq!(sort("RequestLimitExceeded", ""), ErrorSort::Throttled);
        assert_eq!(sort("VpcLimitExceeded", ""), ErrorSort::Quota);
        assert_eq!(sort("ExpiredTokenException", ""), ErrorSort::Denied);
        assert_eq!(sort("ServiceUnavailableException", ""), ErrorSort::Unreachable);
        assert_eq!(sort("InternalServerException", ""), ErrorSort::Unreachable);
    }

    #[test]
    fn shows_operation_code_words_and_request() {
        let error = CloudError::answered(
            "EC2.DeleteVpc",
            "DependencyViolation",
            "it has dependencies",
            Some("r-1".into()),
        );
        assert_eq!(
            error.to_string(),
            "EC2.DeleteVpc: DependencyViolation: it has dependencies (request r-1)"
        );
    }
}
