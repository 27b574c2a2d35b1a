//! What is done when the state cannot be kept any more: all of it goes into a file elsewhere, and how it comes back is
//! told.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::error::Failure;
use crate::state::store::{Locked, Store, StoreError};

/// Tells that the state could not be kept, after all of it was written to a file that can be.
pub(super) fn rescue(error: StoreError, locked: &Locked, store: &Store, pushed_by: &str) -> Failure {
    if matches!(error, StoreError::Lost { .. }) {
        // Who took it over goes on from what is kept: nothing of ours may take its place.
        return Failure::from(error);
    }
    let failure = Failure::from(error).because("nothing more was begun; what was in flight has ended");
    let bytes = match locked.rescued() {
        Ok(bytes) => bytes,
        Err(error) => return failure.because(error.to_string()),
    };
    let beside = store.folder().and_then(Path::parent);
    let places = [beside.map(Path::to_owned), Some(PathBuf::new()), Some(std::env::temp_dir())];
    let mut failure = failure;
    for folder in places.into_iter().flatten() {
        match write(&folder, &locked.state().stack, &bytes) {
            Ok(path) => {
                let path = path.display();
                return failure
                    .hint(format!("all of the state is in {path}: keep that file"))
                    .hint(format!("once it can be kept again, `{pushed_by} {path}` takes it back"));
            }
            Err(error) => {
                let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { &folder };
                failure = failure.because(format!("no rescue file in {}: {error}", folder.display()));
            }
        }
    }
    failure.hint("there is no place for a rescue file: the next run looks up what has no end in the journal")
}

/// Writes a new file, for its owner only. What was written of one that does not fit is taken away again.
fn write(folder: &Path, stack: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    for number in 1..100 {
        let suffix = if number == 1 { String::new() } else { format!(".{number}") };
        let path = folder.join(format!("{stack}.rescue{suffix}.json"));
        let mut options = OpenOptions::new();
        options.create_new(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = match options.open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
        };
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        return match written {
            Ok(()) => Ok(path),
            Err(error) => {
                // It holds a part of the state at most.
                let _ = std::fs::remove_file(&path);
                Err(error)
            }
        };
    }
    Err(io::Error::other("there are a hundred rescue files already"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b28_an_earlier_rescue_file_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = write(folder.path(), "shop", b"one").expect("is written");
        let second = write(folder.path(), "shop", b"two").expect("is written");
        assert_eq!(std::fs::read(&first).expect("reads"), b"one");
        assert_eq!(second, folder.path().join("shop.rescue.2.json"));
    }

    #[cfg(unix)]
    #[test]
    fn b28_a_rescue_file_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let path = write(folder.path(), "shop", b"one").expect("is written");
        let mode = std::fs::metadata(path).expect("is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
