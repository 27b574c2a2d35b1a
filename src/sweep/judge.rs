//! Whose a thing is, and why it is taken for a leftover. Pure: no cloud is asked.
//!
//! A thing is ours by its ownership tags, a controller's by the tags that controllers set and the cluster they name, a
//! cluster's by the tags of Kubernetes, or in a VPC that this stack made. What goes with a leftover is one too.

use std::collections::BTreeSet;

use serde::Serialize;

use super::hold;
use super::object::object;
use super::scope::{Cluster, Scope};
use super::sort::Sort;
use super::thing::Thing;
use crate::cloud::{ADDRESS, LINEAGE};

/// The tag of the AWS Load Balancer Controller that names its cluster.
pub const LBC: &str = "elbv2.k8s.aws/cluster";
/// The tag of the Lattice controller: account, cluster and VPC.
pub const LATTICE: &str = "application-networking.k8s.aws/ManagedBy";
/// How the AWS Load Balancer Controller describes the rules that it opens nodes with, and closes again.
pub const OPENED: &str = "elbv2.k8s.aws/targetGroupBinding=shared";
/// The tag of the VPC CNI that names its cluster.
const CNI: &str = "cluster.k8s.amazonaws.com/name";
/// The tags whose value is the name of the cluster: of EKS Auto Mode and Karpenter, of EKS for nodes and their groups,
/// of Karpenter.
const NAMES: &[&str] =
    &["eks:eks-cluster-name", "aws:eks:cluster-name", "eks:cluster-name", "karpenter.k8s.aws/cluster"];
/// The same by eksctl. It puts it on networks too, which others may use: there it does not count.
const EKSCTL: &str = "alpha.eksctl.io/cluster-name";
/// The tags of what lives in no region that say in which one its cluster is: of Karpenter and the AWS Load Balancer
/// Controller.
const REGIONS: &[&str] = &["topology.kubernetes.io/region", "elbv2.k8s.aws/cluster-region"];

/// Whose a leftover is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum Whose {
    /// This stack's, by its ownership tags.
    Tag {
        /// The address in them.
        address: String,
    },
    /// A controller's, by its tags.
    Controller {
        /// The cluster that they name.
        cluster: String,
    },
    /// A cluster's, by the tags of Kubernetes or by its name.
    Cluster {
        /// Its name.
        cluster: String,
    },
    /// In a VPC that this stack made.
    Vpc {
        /// Its id.
        vpc: String,
    },
    /// By what the state remembers alone: it cannot carry tags.
    State,
    /// It goes with another leftover.
    With {
        /// The id of that.
        leftover: String,
    },
}

impl Whose {
    /// Whether a sweep of this cluster may remove it.
    pub fn is_of_cluster(&self) -> bool {
        matches!(self, Self::Controller { .. } | Self::Cluster { .. } | Self::With { .. })
    }
}

/// A thing that should not be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// What is there.
    pub thing: Thing,
    /// Whose it is.
    pub whose: Whose,
    /// Why it is taken for a leftover, for people.
    pub why: String,
}

/// The leftovers among things, in the order of removal.
pub fn leftovers(scope: &Scope, things: &[Thing]) -> Vec<Leftover> {
    let own = things.iter().filter_map(|thing| {
        let (whose, why) = own(scope, thing)?;
        Some(Leftover { thing: thing.clone(), whose, why })
    });
    let mut found: Vec<Leftover> = own.filter(|one| !scope.kept.contains(&one.thing.id)).collect();
    let ids: BTreeSet<String> = found.iter().map(|one| one.thing.id.clone()).collect();
    // A rule of a group goes with it.
    found.retain(|one| one.thing.sort != Sort::SecurityGroupRule || !goes_with_its_group(&one.thing, &ids));
    let known: BTreeSet<String> = found.iter().map(|one| one.thing.id.clone()).collect();
    found.extend(things.iter().filter(|thing| !known.contains(&thing.id)).filter_map(|thing| {
        let leftover = needed(thing, &ids)?.to_owned();
        let why = with(thing, &leftover);
        Some(Leftover { thing: thing.clone(), whose: Whose::With { leftover }, why })
    }));
    hold::by_services(&mut found, things);
    hold::by_rules(&mut found, &ids);
    found.sort_by(|a, b| {
        let key = |one: &Leftover| (one.thing.sort, one.thing.place.clone(), one.thing.id.clone());
        key(a).cmp(&key(b))
    });
    found
}

pub(super) fn goes_with_its_group(rule: &Thing, ids: &BTreeSet<String>) -> bool {
    rule.of.first().is_some_and(|group| ids.contains(group))
}

/// The leftover that a thing goes with.
fn needed<'a>(thing: &'a Thing, ids: &BTreeSet<String>) -> Option<&'a str> {
    let of = match thing.sort {
        // The one that it lets in is to go, and cannot before this is gone.
        Sort::SecurityGroupRule => thing.of.get(1).filter(|named| thing.of.first() != Some(*named))?,
        Sort::Listener
        | Sort::LatticeListener
        | Sort::LatticeLogs
        | Sort::LatticeServiceAssociation
        | Sort::NodeGroup
        | Sort::PodIdentity => thing.of.first()?,
        _ => return None,
    };
    ids.contains(of).then_some(of.as_str())
}

fn with(thing: &Thing, leftover: &str) -> String {
    match thing.sort {
        Sort::SecurityGroupRule => format!("it refers to {leftover}, which cannot go before it"),
        _ => format!("it goes with {}", short(leftover)),
    }
}

/// The last parts of an ARN.
pub fn short(id: &str) -> &str {
    id.strip_prefix("arn:").map_or(id, |arn| arn.splitn(5, ':').nth(4).unwrap_or(id))
}

/// Whose a thing is by what it carries itself, if it is left over.
pub fn own(scope: &Scope, thing: &Thing) -> Option<(Whose, String)> {
    by_tag(scope, thing)
        .or_else(|| by_cluster(scope, thing))
        .or_else(|| by_vpc(scope, thing))
        .or_else(|| by_state(scope, thing))
}

fn by_tag(scope: &Scope, thing: &Thing) -> Option<(Whose, String)> {
    let lineage = scope.lineage.as_deref()?;
    if thing.tag(LINEAGE) != Some(lineage) {
        return None;
    }
    let address = thing.tag(ADDRESS).unwrap_or_default().to_owned();
    let why = match scope.recorded.get(&address) {
        Some(recorded) if recorded.open || recorded.ids.contains(&thing.id) => return None,
        Some(_) => format!("its tags say {address}, which is another one by the state"),
        None if address.is_empty() => "its tags say that this stack made it".to_owned(),
        None => format!("its tags say {address} of this stack, which the state does not have"),
    };
    Some((Whose::Tag { address }, why))
}

fn by_cluster(scope: &Scope, thing: &Thing) -> Option<(Whose, String)> {
    let here = scope.clusters.iter().filter(|cluster| is_in_place(cluster, thing));
    // What tells no region may be of any cluster of the name: then all of them must be gone.
    let other = |cluster: &Cluster| {
        let same = |one: &&Cluster| one.name == cluster.name && one.place.account == cluster.place.account;
        region_of(thing).is_none() && scope.clusters.iter().filter(same).any(|one| one.lives)
    };
    here.filter(|cluster| !thing.sort.is_global() || !other(cluster))
        .find_map(|cluster| of_cluster(cluster, thing))
}

/// Things without a region are judged by the account, and by the region that their tags name.
fn is_in_place(cluster: &Cluster, thing: &Thing) -> bool {
    match thing.sort.is_global() {
        true => {
            let region = region_of(thing).is_none_or(|region| region == cluster.place.region);
            cluster.place.account == thing.place.account && region
        }
        false => cluster.place == thing.place,
    }
}

fn of_cluster(cluster: &Cluster, thing: &Thing) -> Option<(Whose, String)> {
    let name = &cluster.name;
    let in_vpc =
        |vpc: Option<&str>| cluster.vpcs.is_empty() || vpc.is_none_or(|vpc| cluster.vpcs.contains(vpc));
    let state = if cluster.lives { "an object of which is gone" } else { "which is gone" };
    let is_left = || !cluster.lives || is_of_gone(cluster, thing);
    if thing.tag(LBC) == Some(name) && in_vpc(thing.vpc.as_deref()) && is_left() {
        let why = format!("its tag {LBC} names {name}, {state}");
        return Some((Whose::Controller { cluster: name.clone() }, why));
    }
    if let Some(manager) = thing.tag(LATTICE) {
        let mut parts = manager.split('/');
        let (account, of, vpc) = (parts.next(), parts.next(), parts.next());
        let same = account == Some(&thing.account) && of == Some(name) && in_vpc(vpc);
        if same && is_left() {
            let why = format!("its tag ManagedBy names {name}, {state}");
            return Some((Whose::Controller { cluster: name.clone() }, why));
        }
    }
    if cluster.lives {
        return None;
    }
    if is_tagged(thing, name) && in_vpc(thing.vpc.as_deref()) {
        let of_region = thing.sort.is_global() && region_of(thing).is_none();
        let but = if of_region { "; they name no region" } else { "" };
        let why = format!("its tags say that it is of {name}, {state}{but}");
        return Some((Whose::Cluster { cluster: name.clone() }, why));
    }
    let named = match thing.sort {
        Sort::LogGroup => thing.id.starts_with(&format!("/aws/eks/{name}/")),
        Sort::OidcProvider => cluster.issuers.iter().any(|issuer| is_of_issuer(&thing.id, issuer)),
        _ => false,
    };
    let why = format!("its name says that it is of {name}, {state}");
    named.then(|| (Whose::Cluster { cluster: name.clone() }, why))
}

/// Whether the tags of Kubernetes, EKS, Karpenter or eksctl say that a thing is a cluster's, where they may say so.
pub fn is_tagged(thing: &Thing, cluster: &str) -> bool {
    let owned = || thing.tag(&format!("kubernetes.io/cluster/{cluster}")) == Some("owned");
    let named = || NAMES.iter().any(|key| thing.tag(key) == Some(cluster));
    match thing.sort {
        Sort::NetworkInterface | Sort::SecurityGroup | Sort::Volume => {
            owned() || named() || thing.tag(CNI) == Some(cluster)
        }
        Sort::EndpointService
        | Sort::LoadBalancer
        | Sort::ClassicLoadBalancer
        | Sort::TargetGroup
        | Sort::Instance
        | Sort::LaunchTemplate => owned() || named(),
        Sort::OidcProvider | Sort::InstanceProfile | Sort::Policy => {
            owned() || named() || thing.tag(EKSCTL) == Some(cluster)
        }
        _ => false,
    }
}

/// Of what lives in no region: in which one its cluster is, or was, where it tells.
pub fn region_of(thing: &Thing) -> Option<&str> {
    // The host of an issuer: `oidc.eks.us-west-2.amazonaws.com`.
    let issuer = thing.id.split_once(":oidc-provider/oidc.eks.").and_then(|(_, rest)| rest.split('.').next());
    REGIONS.iter().find_map(|key| thing.tag(key)).or(issuer)
}

fn is_of_issuer(arn: &str, issuer: &str) -> bool {
    let issuer = issuer.trim_start_matches("https://");
    !issuer.is_empty() && arn.ends_with(&format!(":oidc-provider/{issuer}"))
}

/// Whether it was made for an object that was this stack's and is gone.
fn is_of_gone(cluster: &Cluster, thing: &Thing) -> bool {
    let Some([kind, namespace, name]) = object(thing) else { return false };
    let is_it = |gone: &str| gone == kind || (kind == "Route" && gone.ends_with("Route"));
    // What a group of Ingresses shares names the one that a part of it is for.
    let part = thing.tag("ingress.k8s.aws/resource").filter(|_| namespace.is_empty());
    cluster.gone.iter().any(|[gone, within, called]| {
        let is_part = part.is_some_and(|part| part.starts_with(&format!("{within}/{called}-")));
        is_it(gone) && (is_part || (namespace == *within && name == *called))
    })
}

fn by_vpc(scope: &Scope, thing: &Thing) -> Option<(Whose, String)> {
    // An association that another made is a part of their network, which outlives the VPC.
    if thing.sort == Sort::LatticeVpcAssociation {
        return None;
    }
    let vpc = thing.vpc.clone().or_else(|| (thing.sort == Sort::Vpc).then(|| thing.id.clone()))?;
    if !scope.vpcs.contains(&(thing.place.clone(), vpc.clone())) {
        return None;
    }
    let why = match thing.sort {
        Sort::Vpc => "this stack made it, and the state does not have it any more".to_owned(),
        _ => format!("it is in {vpc}, which this stack made and does not have any more"),
    };
    Some((Whose::Vpc { vpc }, why))
}

fn by_state(scope: &Scope, thing: &Thing) -> Option<(Whose, String)> {
    if thing.sort != Sort::Record {
        return None;
    }
    let is = |(place, record): &(crate::graph::Place, [String; 3])| {
        place.account == thing.place.account && record.join("/") == thing.id
    };
    let why = "this stack made a record of this name; records carry no tags, so look whose it is now";
    scope.records.iter().any(is).then(|| (Whose::State, why.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Place;
    use crate::sweep::scope::Recorded;

    fn place() -> Place {
        Place { account: None, region: "us-west-2".into() }
    }

    fn thing(sort: Sort, id: &str, tags: &[(&str, &str)]) -> Thing {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Thing { tags, ..Thing::new(sort, id, &place(), "111122223333") }
    }

    fn scope() -> Scope {
        let mut scope = Scope::of_cluster("edge", &place(), Some("vpc-1"));
        scope.lineage = Some("abc".into());
        scope.vpcs.insert((place(), "vpc-1".into()));
        let recorded = Recorded { ids: BTreeSet::from(["sn-1".to_owned()]), open: false };
        scope.recorded.insert("service_network.core".into(), recorded);
        scope
    }

    fn ids(scope: &Scope, things: &[Thing]) -> Vec<String> {
        leftovers(scope, things).into_iter().map(|one| one.thing.id).collect()
    }

    #[test]
    fn what_the_state_has_is_not_left_over_and_a_second_one_is() {
        let tags = [(LINEAGE, "abc"), (ADDRESS, "service_network.core")];
        let things = [
            thing(Sort::LatticeNetwork, "sn-1", &tags),
            thing(Sort::LatticeNetwork, "sn-2", &tags),
            thing(Sort::LatticeNetwork, "sn-3", &[(LINEAGE, "other"), (ADDRESS, "service_network.core")]),
        ];
        assert_eq!(ids(&scope(), &things), ["sn-2"]);
    }

    #[test]
    fn b69_another_cluster_of_the_same_name_is_left_alone() {
        let own = thing(Sort::LoadBalancer, "a", &[(LBC, "edge")]);
        let other_vpc =
            Thing { vpc: Some("vpc-2".into()), ..thing(Sort::LoadBalancer, "b", &[(LBC, "edge")]) };
        let elsewhere = Place { account: None, region: "us-east-1".into() };
        let other_region = Thing { place: elsewhere, ..thing(Sort::LoadBalancer, "c", &[(LBC, "edge")]) };
        let lattice = |manager: &str| thing(Sort::LatticeService, manager, &[(LATTICE, manager)]);
        let things = [
            own,
            other_vpc,
            other_region,
            lattice("111122223333/edge/vpc-1"),
            lattice("111122223333/edge/vpc-2"),
            lattice("999922223333/edge/vpc-1"),
            lattice("111122223333/edge-2/vpc-1"),
        ];
        assert_eq!(ids(&scope(), &things), ["a", "111122223333/edge/vpc-1"]);
    }

    #[test]
    fn of_a_cluster_that_lives_only_what_is_of_gone_objects() {
        let mut scope = scope();
        scope.clusters[0].lives = true;
        scope.clusters[0].gone.insert(["Gateway", "demo", "shop"].map(str::to_owned));
        let of = |id: &str, stack: &str| {
            thing(Sort::LoadBalancer, id, &[(LBC, "edge"), ("gateway.k8s.aws.alb/stack", stack)])
        };
        let shared =
            thing(Sort::SecurityGroup, "sg", &[(LBC, "edge"), ("elbv2.k8s.aws/resource", "backend-sg")]);
        assert_eq!(ids(&scope, &[of("a", "demo/shop"), of("b", "demo/other"), shared]), ["a"]);
        for gone in
            [["Ingress", "demo", "web"], ["Service", "demo", "tcp"], ["ServiceExport", "demo", "cart"]]
        {
            scope.clusters[0].gone.insert(gone.map(str::to_owned));
        }
        let of =
            |id: &str, key: &str, stack: &str| thing(Sort::LoadBalancer, id, &[(LBC, "edge"), (key, stack)]);
        let part = |id: &str, part: &str| {
            let tags =
                [(LBC, "edge"), ("ingress.k8s.aws/stack", "shared"), ("ingress.k8s.aws/resource", part)];
            thing(Sort::TargetGroup, id, &tags)
        };
        let export = |id: &str, name: &str| {
            let tags = [
                (LATTICE, "111122223333/edge/vpc-1"),
                ("application-networking.k8s.aws/SourceTypeKey", "ServiceExport"),
                ("application-networking.k8s.aws/ServiceNamespace", "demo"),
                ("application-networking.k8s.aws/ServiceName", name),
            ];
            thing(Sort::LatticeTargetGroup, id, &tags)
        };
        let things = [
            of("ingress", "ingress.k8s.aws/stack", "demo/web"),
            of("of a group", "ingress.k8s.aws/stack", "shared"),
            of("service", "service.k8s.aws/stack", "demo/tcp"),
            of("not ours", "service.k8s.aws/stack", "demo/web"),
            part("part", "demo/web-shop:80"),
            part("part of another", "demo/other-shop:80"),
            export("export", "cart"),
            export("another export", "web"),
        ];
        assert_eq!(ids(&scope, &things), ["ingress", "service", "part", "export"]);
    }

    #[test]
    fn a_rule_that_lets_in_a_leftover_goes_first_and_rules_of_a_leftover_go_with_it() {
        let group = thing(Sort::SecurityGroup, "sg-1", &[(LBC, "edge")]);
        let rule = |id: &str, of: [&str; 2]| Thing {
            of: of.map(str::to_owned).to_vec(),
            ..thing(Sort::SecurityGroupRule, id, &[])
        };
        let things = [
            group,
            rule("in", ["sg-9", "sg-1"]),
            rule("own", ["sg-1", "sg-9"]),
            rule("not", ["sg-9", "sg-8"]),
        ];
        assert_eq!(ids(&scope(), &things), ["in", "sg-1"]);
    }

    #[test]
    fn what_is_in_a_vpc_of_ours_is_left_over_whosever_it_is() {
        let inside = Thing { vpc: Some("vpc-1".into()), ..thing(Sort::NetworkInterface, "eni-1", &[]) };
        let vpc = Thing { vpc: Some("vpc-1".into()), ..thing(Sort::Vpc, "vpc-1", &[]) };
        let outside = Thing { vpc: Some("vpc-2".into()), ..thing(Sort::NetworkInterface, "eni-2", &[]) };
        assert_eq!(ids(&scope(), &[inside, vpc, outside]), ["eni-1", "vpc-1"]);
    }

    #[test]
    fn what_lives_in_no_region_is_of_the_cluster_in_the_region_that_its_tags_name() {
        let policy = |id: &str, region: Option<&str>| {
            let mut thing = thing(Sort::Policy, id, &[("kubernetes.io/cluster/edge", "owned")]);
            let tag = region.map(|region| ("topology.kubernetes.io/region".to_owned(), region.to_owned()));
            thing.tags.extend(tag);
            thing
        };
        let provider = |region: &str| {
            let id = format!("arn:aws:iam::1:oidc-provider/oidc.eks.{region}.amazonaws.com/id/A");
            thing(Sort::OidcProvider, &id, &[("alpha.eksctl.io/cluster-name", "edge")])
        };
        let things = [
            policy("here", Some("us-west-2")),
            policy("there", Some("eu-west-1")),
            policy("somewhere", None),
            provider("us-west-2"),
            provider("eu-west-1"),
        ];
        let mut scope = scope();
        let found = leftovers(&scope, &things);
        let told: Vec<&str> = found.iter().map(|one| one.thing.id.as_str()).collect();
        assert_eq!(told, [things[3].id.as_str(), "here", "somewhere"]);
        assert!(found[2].why.ends_with("which is gone; they name no region"), "{}", found[2].why);
        // Another cluster of the name lives: what names no region may be of that one.
        let elsewhere = Place { account: None, region: "eu-west-1".into() };
        let other = Cluster { name: "edge".into(), place: elsewhere, lives: true, ..Cluster::default() };
        scope.clusters.push(other);
        assert_eq!(ids(&scope, &things), [things[3].id.as_str(), "here"]);
    }

    #[test]
    fn a_load_balancer_that_others_offer_is_held_with_all_that_it_needs() {
        let of = |id: &str, of: &[&str], sort: Sort, tags: &[(&str, &str)]| Thing {
            of: of.iter().map(|id| (*id).to_owned()).collect(),
            ..thing(sort, id, tags)
        };
        let ours = [(LBC, "edge")];
        let things = |service: &[(&str, &str)]| {
            [
                of("nlb", &["sg-1"], Sort::LoadBalancer, &ours),
                of("l", &["nlb"], Sort::Listener, &[]),
                of("tg", &["nlb"], Sort::TargetGroup, &ours),
                of("sg-1", &[], Sort::SecurityGroup, &ours),
                Thing { opened: true, ..of("sgr-1", &["sg-9", "sg-1"], Sort::SecurityGroupRule, &[]) },
                of("vpce-svc-1", &["nlb"], Sort::EndpointService, service),
            ]
        };
        let found = leftovers(&scope(), &things(&[]));
        assert!(found.iter().all(|one| one.thing.held.is_some()) && found.len() == 5, "{found:#?}");
        assert!(found[1].why.ends_with("gone; the endpoint service vpce-svc-1 offers it to other VPCs"));
        let mut free = things(&[]).to_vec();
        free.extend([
            of("tg-2", &["alb"], Sort::TargetGroup, &ours),
            of("sg-2", &[], Sort::SecurityGroup, &ours),
        ]);
        let found = leftovers(&scope(), &free);
        let free = found.iter().filter(|one| one.thing.held.is_none()).map(|one| one.thing.id.as_str());
        assert_eq!(free.collect::<Vec<_>>(), ["tg-2", "sg-2"]);
        let found = leftovers(&scope(), &things(&ours));
        assert!(found.iter().all(|one| one.thing.held.is_none()) && found.len() == 6, "{found:#?}");
    }

    #[test]
    fn an_accelerator_is_of_the_cluster_in_the_region_that_its_tags_name() {
        let of = |id: &str, region: &str| {
            let tags =
                [(LBC, "edge"), ("elbv2.k8s.aws/cluster-region", region), ("aga.k8s.aws/stack", "demo/a")];
            // The service answers in one region, wherever the cluster is.
            let place = Place { account: None, region: "us-east-2".into() };
            Thing { place, ..thing(Sort::Accelerator, id, &tags) }
        };
        assert_eq!(ids(&scope(), &[of("a", "us-west-2"), of("b", "eu-west-1")]), ["a"]);
    }

    #[test]
    fn nodes_and_load_balancers_of_a_cluster_are_known_by_any_of_its_tags() {
        let owned = ("kubernetes.io/cluster/edge", "owned");
        let shared = ("kubernetes.io/cluster/edge", "shared");
        let things = [
            thing(Sort::ClassicLoadBalancer, "a", &[owned]),
            thing(Sort::LoadBalancer, "b", &[("eks:eks-cluster-name", "edge")]),
            thing(Sort::Instance, "c", &[("aws:eks:cluster-name", "edge")]),
            thing(Sort::LaunchTemplate, "d", &[("karpenter.k8s.aws/cluster", "edge")]),
            thing(Sort::Instance, "e", &[shared]),
            thing(Sort::Subnet, "f", &[owned]),
            thing(Sort::Instance, "g", &[("eks:eks-cluster-name", "edge-2")]),
        ];
        let mut scope = scope();
        assert_eq!(ids(&scope, &things), ["b", "a", "c", "d"]);
        scope.clusters[0].lives = true;
        assert!(ids(&scope, &things).is_empty());
    }
}
