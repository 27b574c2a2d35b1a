//! `Seal`: encryption of what is kept: snapshots, journal lines, and whole files such as saved plans.
//!
//! One random data key seals everything of a state, by AES-256-GCM with a random nonce each: a line costs the same
//! whatever the key is wrapped by. The data key itself is wrapped by `keys` and stands with what it seals: in every
//! file, and in the first line that a run writes to a journal.
//!
//! ```text
//! file   stack-sealed-1 LF <wrapped key> LF <nonce, content and tag> LF        each in base64
//! line   sealed-1 <wrapped key, or - for that of the line or file before> <nonce, content and tag>
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::keys::{KeyError, Keys};

const FILE: &str = "stack-sealed-1";
const LINE: &str = "sealed-1 ";
/// So begin files and lines of any version.
const ANY_FILE: &str = "stack-sealed-";
const ANY_LINE: &str = "sealed-";
/// In the place of a key that is the one before.
const SAME: &str = "-";

/// How what is kept is encrypted, if it is. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Seal {
    /// By what new data keys are wrapped; none: nothing is encrypted.
    keys: Option<Arc<Keys>>,
    /// What else opens what is there, while keys are changed.
    old: Vec<Arc<Keys>>,
    /// Data keys that were unwrapped already: a passphrase takes its time.
    known: Arc<Mutex<BTreeMap<String, DataKey>>>,
}

/// Why something cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// There is no key at all.
    #[error("it is encrypted, and the stack file has no `encryption` under [state]")]
    NoKeys,
    /// The key is another one.
    #[error("its key cannot be had")]
    Key(#[from] KeyError),
    /// Encrypted by a newer program, in a way that this one does not know.
    #[error("it was encrypted by a newer version of stack")]
    Newer,
    /// The key is right and the content is not: cut off or edited.
    #[error("it is encrypted, and damaged")]
    Damaged,
}

/// A data key, and how it is wrapped.
#[derive(Clone)]
struct DataKey {
    wrapped: Arc<str>,
    key: Arc<LessSafeKey>,
}

impl Seal {
    /// Everything is kept as it is.
    pub fn none() -> Self {
        Self::default()
    }

    /// Everything is encrypted.
    pub fn by(keys: Keys) -> Self {
        Self { keys: Some(Arc::new(keys)), ..Self::default() }
    }

    /// What was encrypted by these is opened too.
    #[must_use]
    pub fn and_old(mut self, keys: Keys) -> Self {
        self.old.push(Arc::new(keys));
        self
    }

    /// Whether what is written is encrypted.
    pub fn is_some(&self) -> bool {
        self.keys.is_some()
    }

    /// Opens what is kept of one state, its snapshot first.
    pub fn opening(&self) -> Opening {
        Opening { seal: self.clone(), current: None, was_plain: false }
    }

    /// Seals with a new data key.
    ///
    /// # Errors
    /// There is no key to wrap it by.
    pub fn sealing(&self) -> Result<Sealing, SealError> {
        let key = self.keys.as_ref().map(|keys| DataKey::new(keys)).transpose()?;
        Ok(Sealing { key, told: false })
    }

    fn data_key(&self, wrapped: &str) -> Result<DataKey, SealError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(wrapped).cloned();
        if let Some(key) = known {
            return Ok(key);
        }
        let bytes = STANDARD.decode(wrapped).map_err(|_| SealError::Damaged)?;
        let mut all = self.keys.iter().chain(&self.old);
        let first = all.next().ok_or(SealError::NoKeys)?;
        let unwrapped = all.fold(first.unwrap(&bytes), |found, keys| {
            found.or_else(|error| keys.unwrap(&bytes).map_err(|_| error))
        });
        let key = DataKey::of(wrapped, &unwrapped?)?;
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(wrapped.to_owned(), key.clone());
        Ok(key)
    }
}

/// Opens what is kept of one state.
pub struct Opening {
    seal: Seal,
    current: Option<DataKey>,
    was_plain: bool,
}

impl Opening {
    /// A whole file.
    ///
    /// # Errors
    /// It is encrypted and cannot be opened.
    pub fn file<'b>(&mut self, kept: &'b [u8]) -> Result<Cow<'b, [u8]>, SealError> {
        if !kept.starts_with(ANY_FILE.as_bytes()) {
            self.was_plain = true;
            return Ok(Cow::Borrowed(kept));
        }
        let text = std::str::from_utf8(kept).map_err(|_| SealError::Damaged)?;
        let mut lines = text.lines();
        if lines.next() != Some(FILE) {
            return Err(SealError::Newer);
        }
        let (wrapped, content) = lines.next().zip(lines.next()).ok_or(SealError::Damaged)?;
        self.open(wrapped, content, FILE).map(Cow::Owned)
    }

    /// A line of a journal, without its sum.
    ///
    /// # Errors
    /// It is encrypted and cannot be opened.
    pub fn line<'b>(&mut self, kept: &'b [u8]) -> Result<Cow<'b, [u8]>, SealError> {
        if !kept.starts_with(ANY_LINE.as_bytes()) {
            self.was_plain = true;
            return Ok(Cow::Borrowed(kept));
        }
        let rest = kept.strip_prefix(LINE.as_bytes()).ok_or(SealError::Newer)?;
        let text = std::str::from_utf8(rest).map_err(|_| SealError::Damaged)?;
        let (wrapped, content) = text.split_once(' ').ok_or(SealError::Damaged)?;
        self.open(wrapped, content, LINE).map(Cow::Owned)
    }

    fn open(&mut self, wrapped: &str, content: &str, what: &str) -> Result<Vec<u8>, SealError> {
        if !self.seal.is_some() && self.seal.old.is_empty() {
            return Err(SealError::NoKeys);
        }
        if wrapped != SAME && self.current.as_ref().is_none_or(|current| &*current.wrapped != wrapped) {
            self.current = Some(self.seal.data_key(wrapped)?);
        }
        let bytes = STANDARD.decode(content).map_err(|_| SealError::Damaged)?;
        self.current.as_ref().and_then(|key| key.open(bytes, what)).ok_or(SealError::Damaged)
    }

    /// Whether something was there that is not encrypted though it should be.
    pub fn was_plain(&self) -> bool {
        self.was_plain && self.seal.is_some()
    }

    /// Seals with the data key of what was opened, or with a new one.
    ///
    /// # Errors
    /// There is no key to wrap a new one by.
    pub fn sealing(&self) -> Result<Sealing, SealError> {
        match &self.current {
            // What only an old key opens is not sealed with it again.
            Some(key) if self.seal.opens(key) => Ok(Sealing { key: Some(key.clone()), told: false }),
            _ => self.seal.sealing(),
        }
    }
}

impl Seal {
    fn opens(&self, key: &DataKey) -> bool {
        let wrapped = STANDARD.decode(&*key.wrapped).unwrap_or_default();
        self.keys.as_ref().is_some_and(|keys| self.old.is_empty() || keys.unwrap(&wrapped).is_ok())
    }
}

/// Seals what is written of one state.
pub struct Sealing {
    key: Option<DataKey>,
    told: bool,
}

impl Sealing {
    /// A whole file, as it is kept. The lines after it begin anew.
    pub fn file(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        self.told = false;
        self.beside(bytes)
    }

    /// A file beside the snapshot and its journal.
    pub fn beside(&self, bytes: Vec<u8>) -> Vec<u8> {
        match &self.key {
            None => bytes,
            Some(key) => format!("{FILE}\n{}\n{}\n", key.wrapped, key.seal(bytes, FILE)).into_bytes(),
        }
    }

    /// A line of a journal, as it is kept.
    pub fn line(&mut self, json: Vec<u8>) -> Vec<u8> {
        let Some(key) = &self.key else { return json };
        let wrapped = if std::mem::replace(&mut self.told, true) { SAME } else { &key.wrapped };
        format!("{LINE}{wrapped} {}", key.seal(json, LINE)).into_bytes()
    }
}

impl DataKey {
    fn new(keys: &Keys) -> Result<Self, SealError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the system gives random bytes");
        Self::of(&STANDARD.encode(keys.wrap(&bytes)?), &bytes)
    }

    fn of(wrapped: &str, bytes: &[u8]) -> Result<Self, SealError> {
        let key = UnboundKey::new(&AES_256_GCM, bytes).map_err(|_| SealError::Damaged)?;
        Ok(Self { wrapped: wrapped.into(), key: Arc::new(LessSafeKey::new(key)) })
    }

    /// Nonce, content and tag in base64. `what` it is cannot be changed unnoticed.
    fn seal(&self, mut bytes: Vec<u8>, what: &str) -> String {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).expect("the system gives random bytes");
        let unique = Nonce::assume_unique_for_key(nonce);
        let sealed = self.key.seal_in_place_append_tag(unique, Aad::from(what.as_bytes()), &mut bytes);
        sealed.expect("AES-GCM seals whatever is shorter than 64 GiB");
        bytes.splice(..0, nonce);
        STANDARD.encode(&bytes)
    }

    fn open(&self, mut bytes: Vec<u8>, what: &str) -> Option<Vec<u8>> {
        if bytes.len() < NONCE_LEN {
            return None;
        }
        let mut content = bytes.split_off(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(&bytes).ok()?;
        let length = self.key.open_in_place(nonce, Aad::from(what.as_bytes()), &mut content).ok()?.len();
        content.truncate(length);
        Some(content)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (String, String) {
        let identity = age::x25519::Identity::generate();
        let text = secrecy::ExposeSecret::expose_secret(&identity.to_string()).to_owned();
        (identity.to_public().to_string(), text)
    }

    fn seal((recipient, identity): &(String, String)) -> Seal {
        Seal::by(Keys::of_recipients(std::slice::from_ref(recipient), identity).expect("they are keys"))
    }

    #[test]
    fn what_is_sealed_is_opened_and_shows_nothing() {
        let seal = seal(&pair());
        let mut sealing = seal.sealing().expect("has keys");
        let file = sealing.file(b"content".to_vec());
        let lines: Vec<Vec<u8>> = [b"one", b"two"].map(|text| sealing.line(text.to_vec())).to_vec();
        assert!(lines[1].starts_with(b"sealed-1 - ") && lines[1].len() < 100);
        for kept in lines.iter().chain([&file]) {
            let kept = String::from_utf8(kept.clone()).expect("is text");
            assert!(!kept.contains("content") && !kept.contains(&STANDARD.encode("one")));
        }
        let mut opening = seal.opening();
        assert_eq!(&*opening.file(&file).expect("opens"), b"content");
        assert_eq!(&*opening.line(&lines[0]).expect("opens"), b"one");
        assert_eq!(&*opening.line(&lines[1]).expect("opens"), b"two");
        assert!(!opening.was_plain());
    }

    #[test]
    fn a_wrong_key_none_and_damage_are_told_apart() {
        let right = pair();
        let file = seal(&right).sealing().expect("has keys").file(b"content".to_vec());
        let error =
            |seal: &Seal, file: &[u8]| seal.opening().file(file).map(Cow::into_owned).expect_err("is closed");
        assert_eq!(error(&Seal::none(), &file), SealError::NoKeys);
        let why = |error: SealError| std::error::Error::source(&error).expect("it says why").to_string();
        let others = why(error(&seal(&pair()), &file));
        assert!(others.contains("it was encrypted for others"), "{others}");
        let none = error(&seal(&(right.0.clone(), String::new())), &file);
        let none = why(none);
        assert!(none.contains("it takes an identity"), "{none}");
        let mut cut = file.clone();
        let at = cut.len() - 8;
        cut[at] = if cut[at] == b'A' { b'B' } else { b'A' };
        assert_eq!(error(&seal(&right), &cut), SealError::Damaged);
    }

    #[test]
    fn what_a_newer_version_encrypted_is_not_taken_for_plain_or_damaged() {
        for seal in [seal(&pair()), Seal::none()] {
            let mut opening = seal.opening();
            assert_eq!(opening.file(b"stack-sealed-2\nnew").map(Cow::into_owned), Err(SealError::Newer));
            assert_eq!(opening.file(b"stack-sealed-10\nnew").map(Cow::into_owned), Err(SealError::Newer));
            assert_eq!(opening.line(b"sealed-2 new").map(Cow::into_owned), Err(SealError::Newer));
        }
    }

    #[test]
    fn a_line_cannot_pass_for_a_file() {
        let seal = seal(&pair());
        let mut sealing = seal.sealing().expect("has keys");
        let line = String::from_utf8(sealing.line(b"content".to_vec())).expect("is text");
        let file = line.replacen("sealed-1 ", "stack-sealed-1\n", 1).replace(' ', "\n");
        assert_eq!(seal.opening().file(file.as_bytes()).map(Cow::into_owned), Err(SealError::Damaged));
    }

    #[test]
    fn what_is_plain_is_read_and_noticed() {
        let seal = seal(&pair());
        let mut opening = seal.opening();
        assert_eq!(&*opening.file(b"{}").expect("is plain"), b"{}");
        assert!(opening.was_plain());
        assert!(opening.sealing().expect("has keys").line(b"{}".to_vec()).starts_with(b"sealed-1 "));
        assert!(!Seal::none().opening().was_plain());
    }

    #[test]
    fn keys_are_changed_by_opening_with_the_old_ones() {
        let (old, new) = (pair(), pair());
        let kept = seal(&old).sealing().expect("has keys").file(b"content".to_vec());
        let old_keys = Keys::of_recipients(&[], &old.1).expect("they are keys");
        let both = seal(&new).and_old(old_keys);
        let mut opening = both.opening();
        assert_eq!(&*opening.file(&kept).expect("opens"), b"content");
        let again = opening.sealing().expect("has keys").file(b"content".to_vec());
        assert_eq!(&*seal(&new).opening().file(&again).expect("opens"), b"content");
        assert!(seal(&old).opening().file(&again).is_err());
    }

    #[test]
    fn a_passphrase_opens_what_it_closed() {
        let by = |text: &str| Seal::by(Keys::Passphrase(text.to_owned().into()));
        let kept = by("correct horse").sealing().expect("has keys").file(b"content".to_vec());
        assert_eq!(&*by("correct horse").opening().file(&kept).expect("opens"), b"content");
        let wrong = by("battery staple").opening().file(&kept).map(Cow::into_owned).expect_err("is closed");
        assert_eq!(wrong, SealError::Key(KeyError::Wrong("it was encrypted by another passphrase")));
    }
}
