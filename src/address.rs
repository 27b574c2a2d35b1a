//! `Address`: the identity of a resource, `section.name[@cluster][/part…]`.
//!
//! `cluster.edge`, `cluster.edge/nodes.default`, `gateway.core@apps-a`, `controller.lattice@edge/role`.
//! A shorter address means all its parts (`covers`). What a resource is made of is not here: see `shape` and `kind`.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The identity of one resource. It never changes while the resource lives; names and ids in the cloud may.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(Arc<str>);

/// Why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an address: {why}")]
pub struct AddressError {
    text: String,
    why: &'static str,
}

impl Address {
    /// The address of a section's main resource. `section` and `name` come from a parsed stack file.
    pub fn new(section: &str, name: &str) -> Self {
        Self(format!("{section}.{name}").into())
    }

    /// Reads what a user typed or a state file holds.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let fail = |why| AddressError { text: text.to_owned(), why };
        let head = text.split('/').next().unwrap_or_default();
        let Some((section, rest)) = head.split_once('.') else {
            return Err(fail("it has no `.` between section and name, as in `cluster.edge`"));
        };
        let name = rest.split('@').next().unwrap_or_default();
        if section.is_empty() || name.is_empty() {
            return Err(fail("section and name must not be empty, as in `cluster.edge`"));
        }
        if rest.split_once('@').is_some_and(|(_, cluster)| cluster.is_empty() || cluster.contains('@')) {
            return Err(fail("one cluster name follows `@`, as in `gateway.core@edge`"));
        }
        if text.split('/').skip(1).any(str::is_empty) {
            return Err(fail("a part after `/` must not be empty"));
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(fail("it holds white space"));
        }
        Ok(Self(text.into()))
    }

    /// The same section in one of its clusters. Only for an address without cluster and parts.
    pub fn at(&self, cluster: &str) -> Self {
        debug_assert!(self.cluster().is_none() && !self.0.contains('/'));
        Self(format!("{}@{cluster}", self.0).into())
    }

    /// A part of this: `cluster.edge` and `role` give `cluster.edge/role`.
    pub fn part(&self, part: &str) -> Self {
        Self(format!("{}/{part}", self.0).into())
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `cluster` of `cluster.edge/role`.
    pub fn section(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }

    /// `edge` of `cluster.edge/role`.
    pub fn name(&self) -> &str {
        let after = self.0.split_once('.').map_or("", |(_, rest)| rest);
        after.split(['@', '/']).next().unwrap_or_default()
    }

    /// `apps-a` of `gateway.core@apps-a`.
    pub fn cluster(&self) -> Option<&str> {
        let head = self.0.split('/').next().unwrap_or_default();
        head.split_once('@').map(|(_, cluster)| cluster)
    }

    /// `["nodes.default"]` of `cluster.edge/nodes.default`.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').skip(1)
    }

    /// The address without its parts: `cluster.edge` of `cluster.edge/role`.
    pub fn whole(&self) -> Self {
        Self(self.0.split('/').next().unwrap_or_default().into())
    }

    /// Whether `other` is this or one of its parts. `gateway.core` covers `gateway.core@edge` too.
    pub fn covers(&self, other: &Self) -> bool {
        match other.0.strip_prefix(&*self.0) {
            None => false,
            Some("") => true,
            Some(rest) => rest.starts_with('/') || (rest.starts_with('@') && !self.0.contains(['@', '/'])),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_its_parts() {
        let address = Address::parse("gateway.core@apps-a/dns/record.cart").expect("well formed");
        assert_eq!(address.section(), "gateway");
        assert_eq!(address.name(), "core");
        assert_eq!(address.cluster(), Some("apps-a"));
        assert_eq!(address.parts().collect::<Vec<_>>(), ["dns", "record.cart"]);
        assert_eq!(address.whole().as_str(), "gateway.core@apps-a");
    }

    #[test]
    fn built_and_parsed_are_equal() {
        let built = Address::new("controller", "lattice").at("edge").part("role");
        assert_eq!(Address::parse("controller.lattice@edge/role"), Ok(built));
    }

    #[test]
    fn a_shorter_address_covers_its_parts_and_clusters_only() {
        let parse = |text| Address::parse(text).expect("well formed");
        assert!(parse("gateway.core").covers(&parse("gateway.core@edge/dns")));
        assert!(parse("gateway.core@edge").covers(&parse("gateway.core@edge/dns")));
        assert!(!parse("gateway.core").covers(&parse("gateway.core2")));
        assert!(!parse("cluster.edge/role").covers(&parse("cluster.edge")));
    }

    #[test]
    fn refuses_what_is_no_address() {
        for text in
            ["", "edge", ".edge", "cluster.", "cluster.a@", "cluster.a@b@c", "cluster.a/", "cluster.a b"]
        {
            assert!(Address::parse(text).is_err(), "{text:?} was taken");
        }
    }
}
