//! `Downloads`: official files, each fetched once a run, held to the digest that was pinned.
//!
//! They come from their own hosts, from a mirror or from a folder; what came from its host is kept in a cache, for
//! runs without a network. How a file is fetched over HTTPS is in `kube`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{Cloud, CloudError, CloudResult, ErrorSort};

/// The code of an error that says that a file is not the one that was pinned.
pub const OTHER_DIGEST: &str = "OtherDigest";

/// Where official files come from, and what of them is known. Clones share what they know.
#[derive(Clone, Default)]
pub struct Downloads {
    /// In the place of their own hosts.
    mirror: Option<String>,
    /// A folder with `host/path` in the place of the network.
    folder: Option<PathBuf>,
    /// A folder for what was fetched.
    cache: Option<PathBuf>,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    pins: BTreeMap<String, String>,
    files: BTreeMap<String, Bytes>,
}

impl Downloads {
    /// From their own hosts; what was fetched is kept in a folder, if there is one.
    pub fn cached(cache: Option<PathBuf>) -> Self {
        Self { cache, ..Self::default() }
    }

    /// From a mirror: `https://host/path` is asked as `<mirror>/host/path`.
    pub fn from_mirror(mirror: &str) -> Self {
        Self { mirror: Some(mirror.to_owned()), ..Self::default() }
    }

    /// From a folder that has them as `host/path`.
    pub fn from_folder(folder: PathBuf) -> Self {
        Self { folder: Some(folder), ..Self::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds files, by address, to digests.
    pub fn pin(&self, pins: &BTreeMap<String, String>) {
        self.known().pins.extend(pins.clone());
    }

    /// Where a file is asked for.
    pub(super) fn mirrored(&self, url: &str) -> String {
        match (&self.mirror, url.strip_prefix("https://")) {
            (Some(mirror), Some(rest)) => format!("{}/{rest}", mirror.trim_end_matches('/')),
            _ => url.to_owned(),
        }
    }

    fn judge(&self, url: &str, bytes: &Bytes) -> CloudResult<()> {
        let is = sha256(bytes);
        let Some(pinned) = self.known().pins.get(url).filter(|pinned| **pinned != is).cloned() else {
            return Ok(());
        };
        let words = format!("its SHA-256 is {is}, and {pinned} is pinned");
        let mut error = CloudError::new(ErrorSort::Invalid, format!("GET {url}"), words);
        error.code = OTHER_DIGEST.to_owned();
        Err(error)
    }
}

/// SHA-256 in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `host/path` of an address, under a folder; none if it would lead out of it.
fn place(folder: &Path, url: &str) -> Option<PathBuf> {
    let rest = url.strip_prefix("https://")?;
    let sound = rest.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    sound.then(|| folder.join(rest))
}

/// Keeps a file. That it cannot be kept is no reason to stop: it is fetched again.
fn keep(at: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = at.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(at).map(drop).map_err(|error| error.error)
}

impl Cloud {
    /// An official file: once a run, and only as it was pinned.
    pub async fn download(&self, url: &str) -> CloudResult<Bytes> {
        let downloads = self.downloads();
        if let Some(bytes) = downloads.known().files.get(url) {
            return Ok(bytes.clone());
        }
        let bytes = self.found(url).await?;
        downloads.known().files.insert(url.to_owned(), bytes.clone());
        Ok(bytes)
    }

    async fn found(&self, url: &str) -> CloudResult<Bytes> {
        let downloads = self.downloads();
        if let Some(folder) = &downloads.folder {
            let bytes = from_folder(folder, url)?;
            return downloads.judge(url, &bytes).map(|()| bytes);
        }
        let cached = downloads.cache.as_ref().and_then(|cache| place(cache, url));
        let held = cached.as_ref().and_then(|at| std::fs::read(at).ok()).map(Bytes::from);
        let pinned = downloads.known().pins.contains_key(url);
        // What is pinned needs no network where the very file is at hand.
        if let Some(bytes) = held.as_ref().filter(|bytes| pinned && downloads.judge(url, bytes).is_ok()) {
            return Ok(bytes.clone());
        }
        match (self.fetched(url).await, held) {
            (Ok(bytes), _) => {
                downloads.judge(url, &bytes)?;
                if let Some(at) = cached {
                    keep(&at, &bytes).ok();
                }
                Ok(bytes)
            }
            (Err(error), Some(bytes)) if error.sort == ErrorSort::Unreachable && !pinned => Ok(bytes),
            (Err(error), _) => Err(error),
        }
    }
}

fn from_folder(folder: &Path, url: &str) -> CloudResult<Bytes> {
    let fail = |words: String| CloudError::new(ErrorSort::NotFound, format!("GET {url}"), words);
    let at = place(folder, url).ok_or_else(|| fail("it has no place in a folder".to_owned()))?;
    std::fs::read(&at).map(Bytes::from).map_err(|error| fail(format!("{}: {error}", at.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::{Access, Settings};
    use crate::kind::conformance::Ground;

    const URL: &str =
        "https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.6.1/standard-install.yaml";

    fn cloud(ground: &Ground, downloads: Downloads) -> Cloud {
        let through =
            Settings::through(ground.sandbox.door(), ground.sandbox.clock(), "us-west-2", Access::Read);
        Cloud::new(Settings { downloads, ..through })
    }

    fn pinned(digest: &str) -> Downloads {
        let downloads = Downloads::default();
        downloads.pin(&BTreeMap::from([(URL.to_owned(), digest.to_owned())]));
        downloads
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_is_fetched_once_and_refused_if_it_is_another_one() {
        let ground = Ground::new();
        let plain = cloud(&ground, Downloads::default());
        let digest = sha256(&plain.download(URL).await.expect("it is there"));
        plain.download(URL).await.expect("it is at hand");
        assert_eq!(plain.calls().total(), 1);
        cloud(&ground, pinned(&digest)).download(URL).await.expect("it is the very one");
        let other = "0".repeat(64);
        let error = cloud(&ground, pinned(&other)).download(URL).await.expect_err("it is another one");
        assert_eq!(error.code, OTHER_DIGEST);
        assert!(error.message.contains(&digest) && error.message.contains(&other), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_network_it_comes_from_the_cache_or_a_folder() {
        let ground = Ground::new();
        let home = tempfile::tempdir().expect("a folder");
        let cached = |downloads: Downloads| Downloads { cache: Some(home.path().to_owned()), ..downloads };
        let bytes = cloud(&ground, cached(Downloads::default())).download(URL).await.expect("it is there");
        let digest = sha256(&bytes);
        let offline = cloud(&ground, cached(pinned(&digest)));
        assert_eq!(offline.download(URL).await, Ok(bytes.clone()));
        assert_eq!(offline.calls().total(), 0, "nothing was asked");
        let given = Downloads { folder: Some(home.path().to_owned()), ..pinned(&digest) };
        let given = cloud(&ground, given);
        assert_eq!((given.download(URL).await, given.calls().total()), (Ok(bytes), 0));
        let at = place(home.path(), URL).expect("it has a place");
        std::fs::write(&at, "other").expect("is written");
        cloud(&ground, cached(pinned(&digest))).download(URL).await.expect("the cache is not trusted");
        std::fs::write(&at, "other").expect("is written");
        let given = Downloads { folder: Some(home.path().to_owned()), ..pinned(&digest) };
        assert_eq!(cloud(&ground, given).download(URL).await.expect_err("refused").code, OTHER_DIGEST);
        let error = from_folder(home.path(), "https://a.example.com/../x").expect_err("it leads out");
        assert_eq!(error.sort, ErrorSort::NotFound);
    }
}
