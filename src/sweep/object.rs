//! The object of a cluster that a controller made something for, by the tags of that.

use super::sort::Sort;
use super::thing::Thing;

/// The tags that name an object on what the load balancer controller made for it, `<namespace>/<name>`, and its kind.
const STACKS: &[(&str, &str)] = &[
    ("gateway.k8s.aws.alb/stack", "Gateway"),
    ("gateway.k8s.aws.nlb/stack", "Gateway"),
    ("ingress.k8s.aws/stack", "Ingress"),
    ("service.k8s.aws/stack", "Service"),
    // The controller in the cluster itself.
    ("kubernetes.io/service-name", "Service"),
];

/// The object that a controller made something for: its kind, namespace and name. Routes are all of one kind in the
/// tags; Ingresses that share a load balancer have the name of their group and no namespace; policies have no name.
pub fn object(thing: &Thing) -> Option<[String; 3]> {
    let named = |kind: &str, stack: &str| {
        let (namespace, name) = stack.split_once('/').unwrap_or(("", stack));
        [kind, namespace, name].map(str::to_owned)
    };
    if let Some((kind, stack)) = STACKS.iter().find_map(|(key, kind)| Some((kind, thing.tag(key)?))) {
        return Some(named(kind, stack));
    }
    let tag = |key: &str| thing.tag(&format!("application-networking.k8s.aws/{key}"));
    let pair = |kind: &str, of: &str| {
        let (namespace, name) = (tag(&format!("{of}Namespace"))?, tag(&format!("{of}Name"))?);
        Some([kind, namespace, name].map(str::to_owned))
    };
    match tag("SourceTypeKey") {
        Some("ServiceExport") => pair("ServiceExport", "Service"),
        _ if thing.sort == Sort::LatticeVpcAssociation => {
            tag("ManagedBy").map(|_| named("VpcAssociationPolicy", ""))
        }
        _ => pair("Route", "Route"),
    }
}
