//! `Refusal`: what an API server says when it does not do as asked, as a `Status` object.

use serde_json::{Value as Json, json};

use super::resource::Resource;

/// A refusal.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// HTTP status.
    pub code: u16,
    /// `NotFound`, `AlreadyExists`, `Conflict`, `Invalid` …
    pub reason: &'static str,
    /// For people.
    pub message: String,
    /// Name, group, kind and causes.
    pub details: Json,
}

/// What an answer is made of.
pub type Answer = Result<(u16, Json), Refusal>;

impl Refusal {
    /// A refusal without details.
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: Json::Null }
    }

    /// There is no such path.
    pub fn no_resource() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
    }

    /// There is no such object.
    pub fn not_found(resource: &Resource, name: &str) -> Self {
        Self::of(resource, name, 404, "NotFound", format!("{} \"{name}\" not found", resource.full()))
    }

    /// There is one already.
    pub fn exists(resource: &Resource, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", resource.full());
        Self::of(resource, name, 409, "AlreadyExists", message)
    }

    /// Somebody else was faster.
    pub fn modified(resource: &Resource, name: &str) -> Self {
        let what = resource.full();
        let message = format!(
            "Operation cannot be fulfilled on {what} \"{name}\": the object has been modified; please apply your \
             changes to the latest version and try again"
        );
        Self::of(resource, name, 409, "Conflict", message)
    }

    /// The object is not as it may be.
    pub fn invalid(resource: &Resource, name: &str, causes: Vec<Cause>) -> Self {
        let words: Vec<String> =
            causes.iter().map(|cause| format!("{}: {}", cause.field, cause.text)).collect();
        let kind = resource.full_kind();
        let list =
            if let [only] = words.as_slice() { only.clone() } else { format!("[{}]", words.join(", ")) };
        let message = format!("{kind} \"{name}\" is invalid: {list}");
        Self::of(resource, name, 422, "Invalid", message).with_causes(causes)
    }

    /// A refusal about an object.
    pub fn of(
        resource: &Resource,
        name: &str,
        code: u16,
        reason: &'static str,
        message: impl Into<String>,
    ) -> Self {
        let details = json!({ "name": name, "group": resource.group, "kind": resource.plural });
        Self { code, reason, message: message.into(), details }
    }

    /// The same with causes.
    #[must_use]
    pub fn with_causes(mut self, causes: Vec<Cause>) -> Self {
        let causes: Vec<Json> = causes
            .into_iter()
            .map(|cause| json!({ "reason": cause.reason, "message": cause.text, "field": cause.field }))
            .collect();
        self.details["causes"] = Json::Array(causes);
        self
    }

    /// As it is on the wire.
    pub fn status(&self) -> Json {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
        });
        if !self.details.is_null() {
            status["details"] = self.details.clone();
        }
        status
    }
}

/// One thing that is wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// `FieldValueInvalid`, `FieldValueRequired`, `FieldManagerConflict` …
    pub reason: &'static str,
    /// `spec.listeners[0].name`.
    pub field: String,
    /// For people.
    pub text: String,
}

impl Cause {
    /// A field has a value that it may not have.
    pub fn invalid(field: &str, text: impl Into<String>) -> Self {
        Self { reason: "FieldValueInvalid", field: field.to_owned(), text: text.into() }
    }
}
