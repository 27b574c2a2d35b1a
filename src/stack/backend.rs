//! `Backend`: where `[state]` says that the state is: a folder, or a bucket and a prefix in it.

use std::path::PathBuf;

/// Where a state is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket, or a container.
    Bucket {
        /// Whose.
        store: Cloud,
        /// Its name.
        bucket: String,
        /// What the names of all objects begin with; may be empty.
        prefix: String,
    },
}

/// Kinds of object stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud {
    /// Amazon S3, and what speaks like it.
    S3,
    /// Google Cloud Storage.
    Google,
    /// Azure Blob Storage.
    Azure,
}

/// The schemes of URLs.
pub const SCHEMES: [&str; 4] = ["s3", "gs", "az", "file"];

impl Place {
    /// Reads `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`, `file:///folder`, or a path.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return if text.is_empty() {
                Err("it is empty".to_owned())
            } else {
                Ok(Self::Folder(text.into()))
            };
        };
        let store = match scheme {
            "s3" => Cloud::S3,
            "gs" => Cloud::Google,
            "az" => Cloud::Azure,
            "file" if rest.starts_with('/') => return Ok(Self::Folder(rest.into())),
            "file" => {
                return Err("a `file://` URL has an absolute path, as in `file:///srv/states`".to_owned());
            }
            other => return Err(format!("`{other}` is not a kind of store")),
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let sound = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
        if bucket.len() < 3 || bucket.len() > 222 || !bucket.bytes().all(sound) {
            return Err(format!("`{bucket}` is no name of a bucket"));
        }
        let prefix = prefix.trim_end_matches('/');
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/.-_=+".contains(&byte);
        let parts = || prefix.split('/').any(|part| part.is_empty() || part == "." || part == "..");
        if !prefix.bytes().all(plain) || (!prefix.is_empty() && parts()) {
            return Err(format!(
                "`{prefix}` is no prefix: write letters, digits and `-_.=+`, in parts between `/`"
            ));
        }
        Ok(Self::Bucket { store, bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_paths_are_told_apart() {
        let bucket = |store, bucket: &str, prefix: &str| {
            Ok(Place::Bucket { store, bucket: bucket.into(), prefix: prefix.into() })
        };
        assert_eq!(Place::parse("s3://states/team/a/"), bucket(Cloud::S3, "states", "team/a"));
        assert_eq!(Place::parse("gs://states"), bucket(Cloud::Google, "states", ""));
        assert_eq!(Place::parse("az://states/a"), bucket(Cloud::Azure, "states", "a"));
        assert_eq!(Place::parse("file:///srv/a"), Ok(Place::Folder("/srv/a".into())));
        assert_eq!(Place::parse("../states"), Ok(Place::Folder("../states".into())));
        for wrong in [
            "",
            "s4://a-b",
            "s3://",
            "s3:///a",
            "s3://Big/a",
            "s3://abc/a//b",
            "s3://abc/../b",
            "s3://abc/a b",
            "file://a",
        ] {
            assert!(Place::parse(wrong).is_err(), "{wrong}");
        }
    }
}
