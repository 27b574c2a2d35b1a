//! `Shape`: all that pure code may know of a kind, as plain data. How a kind talks to a cloud is in `kind`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value as Json;

/// What sort of thing a kind is to the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Made, changed and deleted.
    Managed,
    /// Only looked up: exists outside of the stack. Never a step; its absence is an error of the plan.
    Lookup,
    /// Lives in the state alone; there is no cloud behind it.
    Local,
}

/// How an open create is recovered after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// The call takes an idempotency token: send it again with the same token.
    Token,
    /// The name is unique: create again; "exists" counts as found after the ownership check.
    Name,
    /// Neither: look for the ownership tags until the settle time has passed, then create.
    Tags,
}

/// The times of a kind. They are shown while waiting, and bound it.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// How long a create usually takes, until ready.
    pub usual: Duration,
    /// Between two looks while waiting.
    pub poll: Duration,
    /// After which a create is given up.
    pub create: Duration,
    /// After which an update is given up.
    pub update: Duration,
    /// After which a delete is given up.
    pub delete: Duration,
}

impl Timing {
    /// For what is ready within seconds.
    pub const QUICK: Self = Self::of(2, 2, 5);
    /// For what takes a minute or two.
    pub const MINUTES: Self = Self::of(90, 5, 15);
    /// For what takes ten minutes or more.
    pub const LONG: Self = Self::of(600, 10, 40);

    /// From the usual seconds of a create, seconds between looks, and minutes until anything is given up.
    pub const fn of(usual_s: u64, poll_s: u64, limit_min: u64) -> Self {
        let limit = Duration::from_secs(limit_min * 60);
        Self {
            usual: Duration::from_secs(usual_s),
            poll: Duration::from_secs(poll_s),
            create: limit,
            update: limit,
            delete: limit,
        }
    }
}

/// What pure code knows of a kind. Fields are dotted paths in the spec.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// The name, as in state and plan: `eks_cluster`.
    pub kind: &'static str,
    /// For people: `EKS cluster`.
    pub title: &'static str,
    /// What bounds its concurrency: `eks`, `ec2`, `kubernetes` …
    pub service: &'static str,
    /// What it is to the engine.
    pub role: Role,
    /// How an open create is recovered.
    pub recovery: Recovery,
    /// Fields that force a replacement.
    pub fixed: &'static [&'static str],
    /// Fields that force a replacement where another one says of what sort the thing is: that field, what it says,
    /// and the fixed ones. Only for what the cloud could not be asked about.
    pub fixed_where: &'static [(&'static str, &'static str, &'static [&'static str])],
    /// Lists that force a replacement when nothing is left of them.
    pub never_emptied: &'static [&'static str],
    /// Lists whose order means nothing.
    pub sets: &'static [&'static str],
    /// Fields compared only as far as the file speaks of them, inside of lists too (Kubernetes manifests).
    pub open: &'static [&'static str],
    /// Fields that change by themselves: not compared by `drift`.
    pub volatile: &'static [&'static str],
    /// Versions, such as `1.35`, that go up by one minor version at a time and never back.
    pub climbs: &'static [&'static str],
    /// Fields that are never shown.
    pub sensitive: &'static [&'static str],
    /// Optional fields that keep their value when they leave the file; all others go back to the default.
    pub keep: &'static [&'static str],
    /// Whether a replacement may exist beside the old one: if so, it is created first.
    pub create_first: bool,
    /// Whether the cloud tells what would come of an update.
    pub tries: bool,
    /// The field with a name that gets a number where a replacement is to exist beside the old one.
    pub twin: Option<&'static str>,
    /// Whether a controller makes more of it than the object, which is looked for after the object is gone.
    pub leaves: bool,
    /// The same where fields say of what sort the thing is: all of one of these lists.
    pub leaves_where: &'static [&'static [(&'static str, &'static str)]],
    /// The times of the kind.
    pub timing: Timing,
}

impl Shape {
    /// A managed kind with nothing special about it. Kinds write `Shape { fixed: &[..], ..Shape::managed(..) }`.
    pub const fn managed(kind: &'static str, title: &'static str, service: &'static str) -> Self {
        Self {
            kind,
            title,
            service,
            role: Role::Managed,
            recovery: Recovery::Name,
            fixed: &[],
            fixed_where: &[],
            never_emptied: &[],
            sets: &[],
            open: &[],
            volatile: &[],
            climbs: &[],
            sensitive: &[],
            keep: &[],
            create_first: false,
            tries: false,
            twin: None,
            leaves: false,
            leaves_where: &[],
            timing: Timing::QUICK,
        }
    }

    /// A kind that is only looked up.
    pub const fn lookup(kind: &'static str, title: &'static str, service: &'static str) -> Self {
        Self { role: Role::Lookup, ..Self::managed(kind, title, service) }
    }

    /// Whether a controller makes more of this very one than the object.
    pub fn leaves_of(&self, spec: &Json) -> bool {
        let says = |(path, value): &(&str, &str)| {
            spec.pointer(&format!("/{}", path.replace('.', "/"))).is_some_and(|told| told == value)
        };
        self.leaves || self.leaves_where.iter().any(|all| all.iter().all(says))
    }
}

/// The shapes of all kinds by name.
pub type Shapes = BTreeMap<&'static str, Shape>;
