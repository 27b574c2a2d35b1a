//! `Keys`: by what a data key is wrapped and unwrapped, as age does it: a passphrase, or recipients and identities.
//!
//! What a data key then seals is in `seal`. Where passphrases and identities come from is for `cli`.

use std::fmt;
use std::iter;

use age::scrypt;
use age::x25519::{Identity, Recipient};
use secrecy::SecretString;

/// The work of a passphrase, as a power of two: 128 MiB, and a fraction of a second, once a run.
const WORK: u8 = 17;
/// More work than this is not done for a file that asks for it.
const MOST_WORK: u8 = 20;

/// By what a data key is wrapped and unwrapped.
#[derive(Clone)]
pub enum Keys {
    /// Whoever knows it.
    Passphrase(SecretString),
    /// Whoever has an identity of one of the recipients.
    Recipients {
        /// For whom it is wrapped.
        recipients: Vec<Recipient>,
        /// By which it is unwrapped here.
        identities: Vec<Identity>,
    },
}

/// Why there is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Another passphrase, or no identity that fits.
    #[error("{0}")]
    Wrong(&'static str),
    /// It was encrypted for recipients, and nobody gave an identity.
    #[error("it takes an identity, and there is none")]
    NoIdentity,
    /// What was read as keys is none.
    #[error("{0}")]
    NoKey(String),
    /// It was not as age writes it.
    #[error("the wrapped key is damaged: {0}")]
    Damaged(String),
}

impl Keys {
    /// Of recipients as text, `age1…`, and the content of a file of identities.
    ///
    /// # Errors
    /// A line is neither.
    pub fn of_recipients(recipients: &[String], identities: &str) -> Result<Self, KeyError> {
        let recipient = |text: &String| {
            text.parse().map_err(|why| KeyError::NoKey(format!("`{text}` is no recipient of age: {why}")))
        };
        let lines = identities.lines().map(str::trim).enumerate();
        let identity = |(at, line): (usize, &str)| {
            // What is in the line stays untold: it may be most of a key.
            line.parse().map_err(|_| KeyError::NoKey(format!("line {} is no identity of age", at + 1)))
        };
        Ok(Self::Recipients {
            recipients: recipients.iter().map(recipient).collect::<Result<_, _>>()?,
            identities: lines
                .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
                .map(identity)
                .collect::<Result<_, _>>()?,
        })
    }

    /// A data key, for those who may have it.
    pub(super) fn wrap(&self, key: &[u8]) -> Result<Vec<u8>, KeyError> {
        let wrapped = match self {
            Self::Passphrase(passphrase) => {
                let mut recipient = scrypt::Recipient::new(passphrase.clone());
                recipient.set_work_factor(WORK);
                age::encrypt(&recipient, key)
            }
            Self::Recipients { recipients, .. } => wrap_for(recipients, key),
        };
        wrapped.map_err(|error| KeyError::NoKey(error.to_string()))
    }

    /// The data key that was wrapped.
    pub(super) fn unwrap(&self, wrapped: &[u8]) -> Result<Vec<u8>, KeyError> {
        let decryptor = age::Decryptor::new(wrapped).map_err(|error| KeyError::Damaged(error.to_string()))?;
        match (self, decryptor.is_scrypt()) {
            (Self::Passphrase(_), false) => {
                return Err(KeyError::Wrong("it was encrypted for recipients, and not by a passphrase"));
            }
            (Self::Recipients { .. }, true) => {
                return Err(KeyError::Wrong("it was encrypted by a passphrase, and not for recipients"));
            }
            _ => {}
        }
        let reader = match self {
            Self::Passphrase(passphrase) => {
                let mut identity = scrypt::Identity::new(passphrase.clone());
                identity.set_max_work_factor(MOST_WORK);
                decryptor.decrypt(iter::once(&identity as &dyn age::Identity))
            }
            Self::Recipients { identities, .. } => {
                decryptor.decrypt(identities.iter().map(|identity| identity as &dyn age::Identity))
            }
        };
        let mut reader = reader.map_err(|error| self.wrong(&error))?;
        let mut key = Vec::new();
        std::io::Read::read_to_end(&mut reader, &mut key)
            .map_err(|error| KeyError::Damaged(error.to_string()))?;
        Ok(key)
    }

    fn wrong(&self, error: &age::DecryptError) -> KeyError {
        use age::DecryptError::{DecryptionFailed, KeyDecryptionFailed, NoMatchingKeys};
        match (error, self) {
            (DecryptionFailed | KeyDecryptionFailed | NoMatchingKeys, Self::Passphrase(_)) => {
                KeyError::Wrong("it was encrypted by another passphrase")
            }
            (_, Self::Recipients { identities, .. }) if identities.is_empty() => KeyError::NoIdentity,
            (DecryptionFailed | KeyDecryptionFailed | NoMatchingKeys, Self::Recipients { .. }) => {
                KeyError::Wrong("no identity fits: it was encrypted for others")
            }
            _ => KeyError::Damaged(error.to_string()),
        }
    }
}

fn wrap_for(recipients: &[Recipient], key: &[u8]) -> Result<Vec<u8>, age::EncryptError> {
    let all = recipients.iter().map(|recipient| recipient as &dyn age::Recipient);
    let mut wrapped = Vec::new();
    let mut writer = age::Encryptor::with_recipients(all)?.wrap_output(&mut wrapped)?;
    std::io::Write::write_all(&mut writer, key)?;
    writer.finish()?;
    Ok(wrapped)
}

/// Keys never show themselves.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passphrase(_) => "Keys::Passphrase",
            Self::Recipients { .. } => "Keys::Recipients",
        })
    }
}
