//! `Encryption`: what a stack file says of the keys of its state. How they are had and used is in `cli` and `state`.

use serde::{Deserialize, Serialize};

/// `[state] encryption`: by what the state is encrypted where it is kept. One of a passphrase and recipients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encryption {
    /// The variable of the environment that holds the passphrase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase_env: Option<String>,
    /// Who may read it: recipients of age, `age1…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipients: Option<Vec<String>>,
    /// The variable of the environment that holds an identity of one of them, or the path of a file of identities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_env: Option<String>,
}

impl Encryption {
    /// The variable of the environment where an identity is looked for.
    pub fn identity_env(&self) -> &str {
        self.identity_env.as_deref().unwrap_or("STACK_AGE_IDENTITY")
    }
}
