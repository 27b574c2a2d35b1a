//! Takes away what a route made in Lattice, in the only order that works: associations, listeners, service, targets,
//! target groups. Each call goes as far as it can.

use serde_json::json;

use super::super::cluster::{Cluster, Sort, annotation, name, namespace, route_kind};
use super::super::names;
use super::{Owner, groups, tag};
use crate::sandbox::aws::lattice::call;
use crate::sandbox::world::Doc;

/// `Ok` once nothing is left or all of it is on its way out.
pub(super) fn teardown(cluster: &mut Cluster<'_>, owner: &Owner, sort: Sort, route: &Doc) -> Result<(), ()> {
    let computed = || names::lattice_service(name(route), namespace(route));
    let wanted = annotation(route, &tag("service-name-override")).map_or_else(computed, str::to_owned);
    let own = |doc: &&Doc| doc["name"] == wanted.as_str() && owner.owns(doc);
    let service = cluster.here.list("lattice/service").iter().find(own).cloned();
    if let Some(service) = service {
        remove_service(cluster, &service)?;
    }
    let mut all = Ok(());
    for group in groups::of_route(cluster, owner, route_kind(sort), namespace(route), name(route)) {
        all = groups::remove(cluster, &group).and(all);
    }
    all
}

/// `Ok` once the service is on its way out.
fn remove_service(cluster: &mut Cluster<'_>, service: &Doc) -> Result<(), ()> {
    let mut associations = cluster.here.list("lattice/service-association");
    associations.retain(|doc| doc["serviceId"] == service["id"]);
    for one in &associations {
        let input = json!({ "serviceNetworkServiceAssociationIdentifier": one["id"] });
        // One that is coming or going is asked again later.
        call(&mut cluster.here, "DeleteServiceNetworkServiceAssociation", &input).ok();
    }
    if !associations.is_empty() {
        return Err(());
    }
    if service["status"] == "DELETE_IN_PROGRESS" {
        return Err(());
    }
    let mut listeners = cluster.here.list("lattice/listener");
    listeners.retain(|doc| doc["serviceId"] == service["id"]);
    for one in listeners {
        let input = json!({ "serviceIdentifier": service["id"], "listenerIdentifier": one["id"] });
        call(&mut cluster.here, "DeleteListener", &input).map_err(drop)?;
    }
    let input = json!({ "serviceIdentifier": service["id"] });
    call(&mut cluster.here, "DeleteService", &input).map_err(drop)?;
    Err(())
}
