//! `World`: all content of the embedded cloud, as documents by key, and what is due to happen to them.
//!
//! A document is what the service would tell of a thing, in the service's own words. Fields that begin with `_` are
//! the sandbox's and never told. Times are RFC 3339 texts; the wire turns them into what the protocol wants.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::faults::Faults;

/// What is known of a thing.
pub type Doc = Json;

/// The account of a fresh sandbox.
pub const ACCOUNT: &str = "111122223333";
/// The region of things that have none, such as roles and zones.
pub const GLOBAL: &str = "global";

/// Where a document is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// Twelve digits.
    pub account: String,
    /// Such as `us-west-2`, or `global`.
    pub region: String,
    /// `ec2/vpc`, `eks/cluster`, `kube/<cluster id>/<group>/<plural>`.
    pub table: String,
    /// Unique in its table: `vpc-0a…`, a name, `<namespace>/<name>`.
    pub id: String,
}

/// What happens to a document when its time has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Its fields are replaced by these (JSON merge patch).
    Merge(Json),
    /// It is gone.
    Remove,
    /// The hook of this name runs for it: see `super::aws::HOOKS`.
    Hook(String),
}

/// One change of the content, as it is logged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// A document was written.
    Put(Key, Doc),
    /// A document was removed.
    Gone(Key),
    /// Something became due: at, number, key, event.
    Due(i64, u64, Key, Event),
    /// Something due has happened or was called off.
    Undue(i64, u64),
    /// So many ids were drawn.
    Drawn(u64),
}

/// All content.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Shared between a world and its copies.
    docs: BTreeMap<Key, Arc<Doc>>,
    /// When what may not be seen yet was made.
    young: BTreeMap<Key, i64>,
    due: BTreeMap<(i64, u64), (Key, Event)>,
    now: i64,
    wall: i64,
    drawn: u64,
    changes: Vec<Entry>,
    hooks: Hooks,
    /// What goes wrong on purpose.
    pub faults: Faults,
    /// `http://127.0.0.1:port` where it is served on loopback.
    pub base_url: Option<String>,
    /// Counts every change of a document; watches wait for it.
    pub revision: u64,
}

/// The functions that due hooks name.
pub type Hook = fn(&mut World, &Key);

#[derive(Clone, Debug, Default)]
struct Hooks(&'static [(&'static str, Hook)]);

impl World {
    /// An empty world at a time in milliseconds since 1970.
    pub fn new(now: i64) -> Self {
        Self { now, wall: now, hooks: Hooks(super::aws::HOOKS), ..Self::default() }
    }

    /// The time in milliseconds since 1970.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// The time by which signatures and tokens are judged: that of the machine, which `now` leaves behind where
    /// durations are divided.
    pub fn wall(&self) -> i64 {
        self.wall
    }

    /// Sets the time by which signatures are judged.
    pub fn set_wall(&mut self, wall: i64) {
        self.wall = wall;
    }

    /// The time as documents hold it.
    pub fn timestamp(&self) -> String {
        timestamp(self.now)
    }

    /// A document.
    pub fn get(&self, key: &Key) -> Option<&Doc> {
        self.docs.get(key).map(AsRef::as_ref)
    }

    /// Writes a document.
    pub fn put(&mut self, key: Key, doc: Doc) {
        self.changes.push(Entry::Put(key.clone(), doc.clone()));
        self.revision += 1;
        if self.faults.unseen > 0 && !self.docs.contains_key(&key) {
            self.young.insert(key.clone(), self.now);
        }
        self.docs.insert(key, Arc::new(doc));
    }

    /// Changes a document in place; nothing if it is not there.
    pub fn change(&mut self, key: &Key, how: impl FnOnce(&mut Doc)) -> bool {
        let Some(mut doc) = self.get(key).cloned() else { return false };
        how(&mut doc);
        self.put(key.clone(), doc);
        true
    }

    /// Removes a document and what was due for it.
    pub fn remove(&mut self, key: &Key) -> Option<Doc> {
        let doc = self.docs.remove(key)?;
        self.call_off(key);
        self.revision += 1;
        self.changes.push(Entry::Gone(key.clone()));
        Some(Arc::unwrap_or_clone(doc))
    }

    /// Lets a reader look at the tables whose names begin with `tables` as they are told a moment after a change:
    /// what was just made is not seen yet.
    pub fn seen_late<T>(&mut self, tables: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let since = self.now - self.faults.unseen;
        self.young.retain(|_, made| *made > since);
        let young = self.young.keys().filter(|key| key.table.starts_with(tables));
        let hidden: Vec<(Key, Arc<Doc>)> =
            young.filter_map(|key| Some((key.clone(), self.docs.get(key)?.clone()))).collect();
        for (key, _) in &hidden {
            self.docs.remove(key);
        }
        let answer = read(self);
        self.docs.extend(hidden);
        answer
    }

    /// The documents of a table in one account and region, by id.
    pub fn table<'a>(
        &'a self,
        account: &'a str,
        region: &'a str,
        table: &'a str,
    ) -> impl Iterator<Item = (&'a Key, &'a Doc)> {
        let first = Key {
            account: account.to_owned(),
            region: region.to_owned(),
            table: table.to_owned(),
            id: String::new(),
        };
        let within = move |key: &Key| key.account == account && key.region == region && key.table == table;
        self.docs.range(first..).take_while(move |(key, _)| within(key)).map(|(key, doc)| (key, &**doc))
    }

    /// The documents of one account and region in all tables whose names begin with `prefix`, by table and id.
    pub fn under<'a>(
        &'a self,
        account: &'a str,
        region: &'a str,
        prefix: String,
    ) -> impl Iterator<Item = (&'a Key, &'a Doc)> {
        let first = Key {
            account: account.to_owned(),
            region: region.to_owned(),
            table: prefix.clone(),
            id: String::new(),
        };
        let within =
            move |key: &Key| key.account == account && key.region == region && key.table.starts_with(&prefix);
        self.docs.range(first..).take_while(move |(key, _)| within(key)).map(|(key, doc)| (key, &**doc))
    }

    /// Every document.
    pub fn all(&self) -> impl Iterator<Item = (&Key, &Doc)> {
        self.docs.iter().map(|(key, doc)| (key, &**doc))
    }

    /// The documents of the table of `first` whose ids begin with the id of `first`.
    pub fn beginning<'a>(&'a self, first: &'a Key) -> impl Iterator<Item = (&'a Key, &'a Doc)> {
        let within = |key: &Key| {
            (&key.account, &key.region, &key.table) == (&first.account, &first.region, &first.table)
                && key.id.starts_with(&first.id)
        };
        self.docs
            .range(first.clone()..)
            .take_while(move |(key, _)| within(key))
            .map(|(key, doc)| (key, &**doc))
    }

    /// The documents of a table in every account and region.
    pub fn everywhere<'a>(&'a self, table: &'a str) -> impl Iterator<Item = (&'a Key, &'a Doc)> {
        let mut places = Vec::new();
        let mut next = self.docs.keys().next();
        while let Some(key) = next {
            places.push((key.account.as_str(), key.region.as_str()));
            let region = format!("{}\0", key.region);
            let past = Key { region, table: String::new(), id: String::new(), ..key.clone() };
            next = self.docs.range(past..).next().map(|(key, _)| key);
        }
        places.into_iter().flat_map(move |(account, region)| self.table(account, region, table))
    }

    /// Makes `event` happen to `key` after `millis`.
    pub fn after(&mut self, millis: i64, key: &Key, event: Event) {
        self.drawn += 1;
        let at = (self.now + millis, self.drawn);
        self.changes.push(Entry::Due(at.0, at.1, key.clone(), event.clone()));
        self.due.insert(at, (key.clone(), event));
    }

    /// Calls off everything that is due for `key`.
    pub fn call_off(&mut self, key: &Key) {
        let off: Vec<_> = self.due.iter().filter(|(_, (k, _))| k == key).map(|(at, _)| *at).collect();
        for at in off {
            self.due.remove(&at);
            self.changes.push(Entry::Undue(at.0, at.1));
        }
    }

    /// Whether this hook is due for `key`.
    pub fn awaits(&self, key: &Key, hook: &str) -> bool {
        self.due.values().any(|(k, event)| k == key && *event == Event::Hook(hook.to_owned()))
    }

    /// When something happens next.
    pub fn next_due(&self) -> Option<i64> {
        self.due.keys().next().map(|(at, _)| *at)
    }

    /// Lets everything happen that is due by `now`, in order.
    pub fn advance(&mut self, now: i64) {
        while let Some(entry) = self.due.first_entry() {
            let at = *entry.key();
            if at.0 > now {
                break;
            }
            let (key, event) = entry.remove();
            self.changes.push(Entry::Undue(at.0, at.1));
            self.now = self.now.max(at.0);
            self.happen(&key, event);
        }
        self.now = self.now.max(now);
    }

    fn happen(&mut self, key: &Key, event: Event) {
        match event {
            Event::Merge(patch) => {
                self.change(key, |doc| merge(doc, &patch));
            }
            Event::Remove => {
                self.remove(key);
            }
            Event::Hook(name) => {
                let hook = self.hooks.0.iter().find(|(known, _)| *known == name);
                if let Some((_, hook)) = hook {
                    hook(self, key);
                }
            }
        }
    }

    /// An id that was never given before: `prefix` and `digits` hexadecimal digits.
    pub fn draw(&mut self, prefix: &str, digits: usize) -> String {
        self.drawn += 1;
        self.changes.push(Entry::Drawn(self.drawn));
        let mut text = String::new();
        let mut round = self.drawn;
        while text.len() < digits {
            round = scramble(round);
            text.push_str(&format!("{round:016x}"));
        }
        format!("{prefix}{}", &text[..digits])
    }

    /// Takes the changes since the last time, to be logged.
    pub fn take_changes(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.changes)
    }

    /// All content as changes that make it from nothing.
    pub fn content(&self) -> Vec<Entry> {
        let docs = self.docs.iter().map(|(key, doc)| Entry::Put(key.clone(), Doc::clone(doc)));
        let due =
            self.due.iter().map(|(at, (key, event))| Entry::Due(at.0, at.1, key.clone(), event.clone()));
        docs.chain(due).chain([Entry::Drawn(self.drawn)]).collect()
    }

    /// Sets the time, without letting anything happen.
    pub fn set_now(&mut self, now: i64) {
        self.now = now;
    }

    /// Moves the time, everything due and every time that documents hold: see `super::times`.
    pub fn shift(&mut self, millis: i64) {
        self.now += millis;
        let due = std::mem::take(&mut self.due);
        self.due = due.into_iter().map(|((at, number), what)| ((at + millis, number), what)).collect();
        for (key, doc) in &mut self.docs {
            super::times::shift(&key.table, Arc::make_mut(doc), millis);
        }
    }

    /// Does again what was logged.
    pub fn replay(&mut self, entry: Entry) {
        match entry {
            Entry::Put(key, doc) => drop(self.docs.insert(key, Arc::new(doc))),
            Entry::Gone(key) => drop(self.docs.remove(&key)),
            Entry::Due(at, number, key, event) => {
                self.drawn = self.drawn.max(number);
                self.due.insert((at, number), (key, event));
            }
            Entry::Undue(at, number) => drop(self.due.remove(&(at, number))),
            Entry::Drawn(number) => self.drawn = self.drawn.max(number),
        }
    }
}

/// One step of a well-mixed sequence (splitmix64).
fn scramble(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Milliseconds since 1970 as RFC 3339, to the second.
pub fn timestamp(millis: i64) -> String {
    let at = jiff::Timestamp::from_second(millis.div_euclid(1000)).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.to_string()
}

/// JSON merge patch (RFC 7386).
pub fn merge(doc: &mut Json, patch: &Json) {
    let Json::Object(patch) = patch else {
        *doc = patch.clone();
        return;
    };
    if !doc.is_object() {
        *doc = Json::Object(serde_json::Map::new());
    }
    let Json::Object(doc) = doc else { return };
    for (key, value) in patch {
        if value.is_null() {
            doc.remove(key);
        } else {
            merge(doc.entry(key.clone()).or_insert(Json::Null), value);
        }
    }
}

/// The part of the world that one call works in: an account and a region of it.
pub struct Here<'a> {
    /// All of it.
    pub world: &'a mut World,
    /// The account of the caller's credentials.
    pub account: String,
    /// The region the call was signed for.
    pub region: String,
    /// The ARN of the caller.
    pub principal: String,
}

impl Here<'_> {
    /// The key of something here. Tables of services without regions live in `global`.
    pub fn key(&self, table: &str, id: &str) -> Key {
        let global = ["cloudfront/", "iam/", "route53/"].iter().any(|one| table.starts_with(one));
        let region = if global { GLOBAL } else { &self.region };
        Key {
            account: self.account.clone(),
            region: region.to_owned(),
            table: table.to_owned(),
            id: id.to_owned(),
        }
    }

    /// A document here.
    pub fn get(&self, table: &str, id: &str) -> Option<&Doc> {
        self.world.get(&self.key(table, id))
    }

    /// Writes a document here.
    pub fn put(&mut self, table: &str, id: &str, doc: Doc) {
        let key = self.key(table, id);
        self.world.put(key, doc);
    }

    /// Changes a document here; says whether it is there.
    pub fn change(&mut self, table: &str, id: &str, how: impl FnOnce(&mut Doc)) -> bool {
        let key = self.key(table, id);
        self.world.change(&key, how)
    }

    /// Removes a document here.
    pub fn remove(&mut self, table: &str, id: &str) -> Option<Doc> {
        let key = self.key(table, id);
        self.world.remove(&key)
    }

    /// Copies of all documents of a table here, by id.
    pub fn list(&self, table: &str) -> Vec<Doc> {
        let key = self.key(table, "");
        self.world.table(&key.account, &key.region, table).map(|(_, doc)| doc.clone()).collect()
    }

    /// Makes something happen to a document here after a while.
    pub fn after(&mut self, seconds: i64, table: &str, id: &str, event: Event) {
        let key = self.key(table, id);
        self.world.after(seconds * 1000, &key, event);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(id: &str) -> Key {
        Key { account: ACCOUNT.into(), region: "us-west-2".into(), table: "t/a".into(), id: id.into() }
    }

    #[test]
    fn what_is_due_happens_in_order_and_once() {
        let mut world = World::new(1_000);
        world.put(key("a"), json!({"status": "CREATING"}));
        world.after(60_000, &key("a"), Event::Merge(json!({"status": "ACTIVE"})));
        world.advance(60_999);
        assert_eq!(world.get(&key("a")), Some(&json!({"status": "CREATING"})));
        world.advance(61_000);
        assert_eq!(world.get(&key("a")), Some(&json!({"status": "ACTIVE"})));
        assert_eq!(world.next_due(), None);
    }

    #[test]
    fn replaying_the_log_gives_the_same_world() {
        let mut world = World::new(0);
        world.put(key("a"), json!({"n": 1}));
        let id = world.draw("vpc-", 17);
        world.after(5, &key("a"), Event::Remove);
        world.put(key("b"), json!({}));
        world.remove(&key("b"));
        let mut copy = World::new(0);
        world.take_changes().into_iter().for_each(|entry| copy.replay(entry));
        assert_eq!(copy.docs, world.docs);
        assert_eq!(copy.due, world.due);
        assert_ne!(copy.draw("vpc-", 17), id);
    }

    #[test]
    fn a_table_is_found_in_every_account_and_region() {
        let mut world = World::new(0);
        for (account, region, table) in
            [("1", "a", "t/a"), ("1", "b", "t/a"), ("2", "a", "t/b"), ("3", "a", "t/a")]
        {
            let key =
                Key { account: account.into(), region: region.into(), table: table.into(), id: "x".into() };
            world.put(key, json!({}));
        }
        let found: Vec<_> =
            world.everywhere("t/a").map(|(key, _)| (key.account.as_str(), key.region.as_str())).collect();
        assert_eq!(found, [("1", "a"), ("1", "b"), ("3", "a")]);
    }

    #[test]
    fn ids_are_found_by_how_they_begin() {
        let mut world = World::new(0);
        for id in ["a/1", "a/2", "ab/1", "b/1"] {
            world.put(key(id), json!({}));
        }
        assert_eq!(world.beginning(&key("a/")).count(), 2);
    }

    #[test]
    fn a_table_ends_where_the_next_begins() {
        let mut world = World::new(0);
        world.put(key("a"), json!({}));
        world.put(Key { table: "t/b".into(), ..key("x") }, json!({}));
        assert_eq!(world.table(ACCOUNT, "us-west-2", "t/a").count(), 1);
    }
}
