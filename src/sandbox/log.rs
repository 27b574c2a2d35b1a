//! `Log`: the content of an embedded cloud on disk, as an append-only list of changes. One process at a time holds it.
//!
//! A line is eight hexadecimal digits of CRC-32, a blank and JSON; a line cut short at the end was never answered and
//! is dropped. Each line carries the cloud's time. When a log is opened, the content is moved to the time it is opened
//! at; when it is much longer than its content, it is written anew.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::World;
use super::world::Entry;

/// A log this long or shorter is never written anew.
const SHORT: u64 = 1 << 20;

/// Why a kept cloud cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process holds it.
    #[error("the embedded cloud in {} is held by another process{holder}", folder.display())]
    Held {
        /// Where it is kept.
        folder: PathBuf,
        /// ` (12345)`, if it left its number.
        holder: String,
    },
    /// A line in the middle is not what was written.
    #[error("the log of the embedded cloud is damaged: {}, line {line}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// The disk refuses.
    #[error("cannot keep the embedded cloud in {}", folder.display())]
    Disk {
        /// Where.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// The first one.
    Format(u32),
    /// What one request, or time, has changed.
    Changed { at: i64, revision: u64, changes: Vec<Entry> },
    /// Time was moved by so many milliseconds.
    Shifted(i64),
}

/// An open log. The lock goes with it.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    /// What a write that failed left out.
    unwritten: Vec<u8>,
    _lock: File,
}

impl Log {
    /// Opens the log in a folder, which is made if needed. The world is none if there was nothing yet.
    pub(super) fn open(folder: &Path, now: i64) -> Result<(Self, Option<World>), OpenError> {
        let disk = |source| OpenError::Disk { folder: folder.to_owned(), source };
        std::fs::create_dir_all(folder).map_err(disk)?;
        let lock = hold(folder)?;
        let path = folder.join("log");
        let mut file = append_to(&path).map_err(disk)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(disk)?;
        let (lines, sound) = read(&bytes).map_err(|line| OpenError::Damaged { path: path.clone(), line })?;
        file.set_len(sound as u64).map_err(disk)?;
        file.seek(io::SeekFrom::End(0)).map_err(disk)?;
        let mut log = Self { file, unwritten: Vec::new(), _lock: lock };
        let Some(mut world) = replay(lines) else {
            log.write(&Line::Format(1)).map_err(disk)?;
            return Ok((log, None));
        };
        // Documents hold whole seconds: to move them by less would round them each time.
        let by = (now - world.now()).div_euclid(1_000) * 1_000;
        if by != 0 {
            world.shift(by);
            log.write(&Line::Shifted(by)).map_err(disk)?;
        }
        log.compact(&path, sound as u64, &world).map_err(disk)?;
        Ok((log, Some(world)))
    }

    /// Writes what has changed by a time.
    pub(super) fn append(&mut self, at: i64, revision: u64, changes: Vec<Entry>) -> io::Result<()> {
        self.write(&Line::Changed { at, revision, changes })
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        self.unwritten.extend(encode(line)?);
        let end = self.file.stream_position()?;
        if let Err(error) = self.file.write_all(&self.unwritten) {
            // What was half written must not stand before the next line.
            self.file.set_len(end)?;
            self.file.seek(io::SeekFrom::Start(end))?;
            return Err(error);
        }
        self.unwritten.clear();
        Ok(())
    }

    /// Writes the log anew if that makes it much shorter.
    fn compact(&mut self, path: &Path, length: u64, world: &World) -> io::Result<()> {
        if length < SHORT {
            return Ok(());
        }
        let all = Line::Changed { at: world.now(), revision: world.revision, changes: world.content() };
        let mut bytes = encode(&Line::Format(1))?;
        bytes.extend(encode(&all)?);
        if bytes.len() as u64 * 3 > length {
            return Ok(());
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut fresh = tempfile::NamedTempFile::new_in(folder)?;
        fresh.write_all(&bytes)?;
        fresh.as_file().sync_all()?;
        fresh.persist(path).map_err(|error| error.error)?;
        self.file = append_to(path)?;
        self.file.seek(io::SeekFrom::End(0)).map(drop)
    }
}

/// Removes a kept cloud, unless another process holds it.
///
/// # Errors
/// It is held, or the disk refuses.
pub fn reset(folder: &Path) -> Result<(), OpenError> {
    if !folder.exists() {
        return Ok(());
    }
    let lock = hold(folder)?;
    let gone = std::fs::remove_dir_all(folder);
    drop(lock);
    gone.map_err(|source| OpenError::Disk { folder: folder.to_owned(), source })
}

fn append_to(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    // It holds keys of certificates, if only of this cloud.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Takes the lock and leaves the number of this process in it, for people.
fn hold(folder: &Path) -> Result<File, OpenError> {
    let disk = |source| OpenError::Disk { folder: folder.to_owned(), source };
    let path = folder.join("lock");
    let mut lock = append_to(&path).map_err(disk)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let number = std::fs::read_to_string(&path).unwrap_or_default();
            let holder =
                if number.trim().is_empty() { String::new() } else { format!(" ({})", number.trim()) };
            return Err(OpenError::Held { folder: folder.to_owned(), holder });
        }
        Err(TryLockError::Error(source)) => return Err(disk(source)),
    }
    lock.set_len(0).map_err(disk)?;
    lock.write_all(std::process::id().to_string().as_bytes()).map_err(disk)?;
    Ok(lock)
}

fn encode(line: &Line) -> io::Result<Vec<u8>> {
    let json = serde_json::to_string(line)?;
    Ok(format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes())).into_bytes())
}

fn decode(line: &[u8]) -> Option<Line> {
    let text = std::str::from_utf8(line).ok()?;
    let (sum, json) = text.split_once(' ')?;
    let sum = u32::from_str_radix(sum, 16).ok()?;
    (sum == crc32fast::hash(json.as_bytes())).then(|| serde_json::from_str(json).ok())?
}

/// The lines, and how many bytes are sound. `Err` is the number of a line that is damaged and not the last.
fn read(bytes: &[u8]) -> Result<(Vec<Line>, usize), usize> {
    let (mut lines, mut sound) = (Vec::new(), 0);
    for (number, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let decoded = line.strip_suffix(b"\n").and_then(decode);
        match decoded {
            Some(decoded) => lines.push(decoded),
            None if sound + line.len() == bytes.len() => break,
            None => return Err(number + 1),
        }
        sound += line.len();
    }
    Ok((lines, sound))
}

/// The world that the lines make; none if nothing was ever made.
fn replay(lines: Vec<Line>) -> Option<World> {
    let mut world = None;
    for line in lines {
        match line {
            Line::Format(_) => {}
            Line::Changed { at, revision, changes } => {
                let world = world.get_or_insert_with(|| World::new(at));
                changes.into_iter().for_each(|entry| world.replay(entry));
                world.set_now(at);
                world.revision = revision;
            }
            Line::Shifted(by) => {
                if let Some(world) = &mut world {
                    world.shift(by);
                }
            }
        }
    }
    world
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use serde_json::json;

    use super::*;
    use crate::clock::Clock;
    use crate::sandbox::Sandbox;
    use crate::sandbox::world::{ACCOUNT, Event, Key};

    fn key(id: &str) -> Key {
        Key { account: ACCOUNT.into(), region: "us-west-2".into(), table: "t/a".into(), id: id.into() }
    }

    fn clock(seconds: u64) -> Clock {
        Clock::starting_at(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds), 1)
    }

    fn put(sandbox: &Sandbox, id: &str) {
        let mut world = sandbox.world();
        let since = world.timestamp();
        world.put(key(id), json!({ "since": since }));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_kept_goes_on_at_the_time_it_is_opened() {
        let folder = tempfile::tempdir().expect("a folder");
        let sandbox = Sandbox::open(folder.path(), clock(1_000)).expect("opens");
        put(&sandbox, "a");
        sandbox.world().after(60_000, &key("a"), Event::Merge(json!({ "done": true })));
        sandbox.settle().expect("is written");
        let revision = sandbox.world().revision;
        drop(sandbox);
        let sandbox = Sandbox::open(folder.path(), clock(5_000)).expect("opens again");
        assert_eq!(sandbox.world().get(&key("a")).expect("is there")["since"], "1970-01-01T01:23:20Z");
        assert_eq!(sandbox.world().next_due(), Some(5_060_000));
        assert_eq!(sandbox.world().revision, revision);
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_one_is_told_who_holds_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let sandbox = Sandbox::open(folder.path(), clock(0)).expect("opens");
        let refused = Sandbox::open(folder.path(), clock(0)).err().expect("is held").to_string();
        assert!(refused.contains(&format!("({})", std::process::id())), "{refused}");
        assert!(reset(folder.path()).is_err());
        drop(sandbox);
        reset(folder.path()).expect("is free");
        assert!(!folder.path().exists());
    }

    #[tokio::test(start_paused = true)]
    async fn a_torn_tail_is_dropped_and_a_hole_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        for id in ["a", "b"] {
            let sandbox = Sandbox::open(folder.path(), clock(0)).expect("opens");
            put(&sandbox, id);
            sandbox.settle().expect("is written");
        }
        let whole = std::fs::read(&path).expect("is there");
        let cuts = (1..whole.len()).step_by(whole.len() / 40 + 1);
        for cut in cuts.chain(whole.len() - 20..whole.len()) {
            std::fs::write(&path, &whole[..cut]).expect("is cut");
            let sandbox = Sandbox::open(folder.path(), clock(0)).expect("opens with a torn tail");
            put(&sandbox, "c");
            sandbox.settle().expect("is written");
            drop(sandbox);
            let sandbox = Sandbox::open(folder.path(), clock(0)).expect("opens again");
            assert!(sandbox.world().get(&key("c")).is_some(), "cut at {cut}");
        }
        let mut damaged = whole.clone();
        damaged[12] ^= 1;
        std::fs::write(&path, damaged).expect("is damaged");
        let refused = Sandbox::open(folder.path(), clock(0)).err().expect("is damaged");
        assert!(matches!(refused, OpenError::Damaged { line: 1, .. }), "{refused}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_log_much_longer_than_its_content_is_written_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let sandbox = Sandbox::open(folder.path(), clock(0)).expect("opens");
        for _ in 0..300 {
            sandbox.world().put(key("a"), json!({ "text": "x".repeat(5_000) }));
            sandbox.settle().expect("is written");
        }
        let revision = sandbox.world().revision;
        drop(sandbox);
        let length = || std::fs::metadata(folder.path().join("log")).expect("is there").len();
        assert!(length() > SHORT);
        let sandbox = Sandbox::open(folder.path(), clock(0)).expect("opens");
        put(&sandbox, "b");
        sandbox.settle().expect("is written");
        assert!(length() < SHORT / 10);
        drop(sandbox);
        let sandbox = Sandbox::open(folder.path(), clock(0)).expect("opens again");
        assert!(sandbox.world().get(&key("a")).is_some());
        assert!(sandbox.world().get(&key("b")).is_some());
        assert_eq!(sandbox.world().revision, revision + 1);
    }
}
