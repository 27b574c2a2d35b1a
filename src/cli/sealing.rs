//! By which keys a state is encrypted: what `[state] encryption` says, with what the environment holds.

use super::environment::Environment;
use super::error::Failure;
use crate::stack::model::Encryption;
use crate::state::keys::Keys;
use crate::state::seal::Seal;

/// What an identity of age begins with.
const IDENTITY: &str = "AGE-SECRET-KEY-";

/// How the state of a stack is encrypted.
pub(super) fn seal(by: Option<&Encryption>, environment: &Environment) -> Result<Seal, Failure> {
    let Some(encryption) = by else { return Ok(Seal::none()) };
    Ok(Seal::by(keys(encryption, environment)?))
}

fn keys(encryption: &Encryption, environment: &Environment) -> Result<Keys, Failure> {
    if let Some(name) = &encryption.passphrase_env {
        return passphrase(name, environment);
    }
    let name = encryption.identity_env();
    let identities = environment.get(name).map(|value| identities(name, value)).transpose()?;
    let recipients = encryption.recipients.clone().unwrap_or_default();
    Keys::of_recipients(&recipients, &identities.unwrap_or_default())
        .map_err(|error| Failure::refused(error.to_string()))
}

/// The passphrase in a variable of the environment.
pub(super) fn passphrase(name: &str, environment: &Environment) -> Result<Keys, Failure> {
    let text = environment.get(name).ok_or_else(|| {
        Failure::refused("the state is encrypted by a passphrase, and there is none")
            .hint(format!("put it into {name} in the environment"))
    })?;
    Ok(Keys::Passphrase(text.to_owned().into()))
}

/// Identities themselves, or the file that holds them.
pub(super) fn identities(name: &str, value: &str) -> Result<String, Failure> {
    if value.contains(IDENTITY) {
        return Ok(value.to_owned());
    }
    std::fs::read_to_string(value).map_err(|error| {
        Failure::refused(format!("the age identities of {name} cannot be read"))
            .because(format!("{value}: {error}"))
            .hint("it is the path of a file such as `age-keygen -o FILE` writes, or an identity itself")
    })
}
