//! Security groups: the one in front of a load balancer, the shared one behind all of them, and who may reach the
//! nodes. Bindings of target groups are here too, for they say which ports are open and register the targets.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::super::attachment::endpoints;
use super::super::cluster::{
    BINDING, Cluster, GATEWAY, INGRESS, NODE, SERVICE, Sort, deleting, finalizers, held, id_of, list, name,
    namespace, text,
};
use super::super::names;
use super::super::process::{Process, recall, remember};
use super::model::Model;
use super::stack::{Stack, tag};
use super::{HALVES, ingresses, services};
use crate::sandbox::aws::Refusal;
use crate::sandbox::aws::elb::target_groups;
use crate::sandbox::world::Doc;

const GROUP: &str = "ec2/security-group";
const RULE: &str = "ec2/security-group-rule";
const SHARED: &str = "elbv2.k8s.aws/targetGroupBinding=shared";
const BINDING_FINALIZER: &str = "elbv2.k8s.aws/resources";

/// A rule that lets something in: protocol, first and last port, from where.
type Opening = (String, i64, String);

/// The security group of a stack, with the rules of the model.
pub(super) fn frontend(cluster: &mut Cluster<'_>, stack: &Stack, model: &Model) -> String {
    let there = frontends(cluster, stack);
    let id = match there.first() {
        Some(id) => id.clone(),
        None => {
            let name = stack.frontend_name();
            let tags = stack.tags("ManagedLBSecurityGroup", &model.tags);
            create(cluster, &name, "[k8s] Managed SecurityGroup for LoadBalancer", &tags)
        }
    };
    let wanted =
        model.ingress.iter().map(|(protocol, port, range)| ((*protocol).to_owned(), *port, range.clone()));
    sync(cluster, &id, "", wanted.collect());
    id
}

/// The security groups that are tagged as those of a stack.
pub(super) fn frontends(cluster: &Cluster<'_>, stack: &Stack) -> Vec<String> {
    let own =
        |doc: &&Doc| stack.owns(&doc["tagSet"]) && stack.resource(&doc["tagSet"]) == "ManagedLBSecurityGroup";
    let all = cluster.here.list(GROUP);
    all.iter().filter(own).map(|doc| text(doc, "groupId").to_owned()).collect()
}

/// Who uses the shared security group, as the process remembers them.
pub(super) fn user(sort: Sort, object: &Doc) -> String {
    format!("{}/{}", sort.1, id_of(object))
}

/// The shared security group: remembered, or found by its tags, or made. The process knows who needs it.
pub(super) fn backend(
    cluster: &mut Cluster<'_>,
    process: &Process,
    stack: &Stack,
    needed_by: &[String],
) -> String {
    let mut users = recall(&cluster.here, process, "users");
    for user in needed_by {
        users[user] = json!(true);
    }
    remember(&mut cluster.here, process, "users", users);
    if let Some(id) = recall(&cluster.here, process, "backend").as_str()
        && cluster.here.get(GROUP, id).is_some()
    {
        return id.to_owned();
    }
    let shared = |doc: &&Doc| {
        text(doc, "vpcId") == cluster.vpc
            && tag(&doc["tagSet"], "elbv2.k8s.aws/cluster") == Some(&stack.cluster)
            && tag(&doc["tagSet"], "elbv2.k8s.aws/resource") == Some("backend-sg")
    };
    let there = cluster.here.list(GROUP).iter().find(shared).map(|doc| text(doc, "groupId").to_owned());
    let id = there.unwrap_or_else(|| {
        let tags = json!([
            { "Key": "elbv2.k8s.aws/cluster", "Value": stack.cluster },
            { "Key": "elbv2.k8s.aws/resource", "Value": "backend-sg" },
        ]);
        let name = names::backend_group(&stack.cluster);
        create(cluster, &name, "[k8s] Shared Backend SecurityGroup for LoadBalancer", &tags)
    });
    remember(&mut cluster.here, process, "backend", json!(id));
    id
}

/// These need the shared group no more. The last one takes it away, if this process knows of it.
pub(super) fn release_backend(
    cluster: &mut Cluster<'_>,
    process: &Process,
    gone: &[String],
) -> Result<(), Refusal> {
    let mut users = recall(&cluster.here, process, "users");
    for user in gone {
        users[user] = json!(false);
    }
    remember(&mut cluster.here, process, "users", users.clone());
    let needed = users.as_object().is_some_and(|users| users.values().any(|needs| *needs == true));
    if !needed
        && !has_unknown_users(cluster, &users)
        && let Some(id) = recall(&cluster.here, process, "backend").as_str()
    {
        delete(cluster, id)?;
        remember(&mut cluster.here, process, "backend", Json::Null);
    }
    if let Some(users) = users.as_object_mut() {
        users.retain(|user, _| !gone.contains(user));
    }
    remember(&mut cluster.here, process, "users", users);
    Ok(())
}

/// Whether something carries a finalizer of the controller that this process has not come to yet.
fn has_unknown_users(cluster: &Cluster<'_>, users: &Json) -> bool {
    let of_gateway = |finalizer: &str| HALVES.iter().any(|half| half.name == finalizer);
    let unknown = |sort: Sort, is_ours: &dyn Fn(&str) -> bool| {
        let all = cluster.objects(sort);
        let mut served = all.iter().filter(|object| finalizers(object).iter().any(|one| is_ours(one)));
        served.any(|object| users.get(user(sort, object)).is_none())
    };
    unknown(GATEWAY, &of_gateway)
        || unknown(INGRESS, &ingresses::is_finalizer)
        || unknown(SERVICE, &|one| one == services::FINALIZER)
}

fn create(cluster: &mut Cluster<'_>, name: &str, description: &str, tags: &Json) -> String {
    let here = &mut cluster.here;
    let id = here.world.draw("sg-0", 16);
    let tags: Json =
        list(tags).iter().map(|one| json!({ "key": one["Key"], "value": one["Value"] })).collect();
    let group = json!({
        "groupId": id,
        "groupName": name,
        "groupDescription": description,
        "vpcId": cluster.vpc,
        "ownerId": here.account,
        "securityGroupArn": format!("arn:aws:ec2:{}:{}:security-group/{id}", here.region, here.account),
        "tagSet": tags,
    });
    here.put(GROUP, &id, group);
    open(
        cluster,
        &id,
        json!({ "isEgress": true, "ipProtocol": "-1", "fromPort": -1, "toPort": -1, "cidrIpv4": "0.0.0.0/0" }),
    );
    id
}

fn open(cluster: &mut Cluster<'_>, group: &str, mut rule: Json) {
    let here = &mut cluster.here;
    let id = here.world.draw("sgr-0", 16);
    rule["securityGroupRuleId"] = json!(id);
    rule["groupId"] = json!(group);
    rule["groupOwnerId"] = json!(here.account);
    rule["tagSet"] = json!([]);
    here.put(RULE, &id, rule);
}

/// Makes the ingress rules of a group with this description those wanted. A source is a range of addresses or a
/// security group.
fn sync(cluster: &mut Cluster<'_>, group: &str, description: &str, mut wanted: BTreeSet<Opening>) {
    for rule in cluster.here.list(RULE) {
        let ours = rule["groupId"] == group && rule["isEgress"] == false;
        if !ours || text(&rule, "description") != description {
            continue;
        }
        let source = ["cidrIpv4", "cidrIpv6"].iter().find_map(|field| rule[field].as_str());
        let source = source.unwrap_or_else(|| text(&rule["referencedGroupInfo"], "groupId")).to_owned();
        let port = rule["fromPort"].as_i64().unwrap_or_default();
        if !wanted.remove(&(text(&rule, "ipProtocol").to_owned(), port, source)) {
            cluster.here.remove(RULE, text(&rule, "securityGroupRuleId"));
        }
    }
    for (protocol, port, source) in wanted {
        let mut rule = json!({ "isEgress": false, "ipProtocol": protocol, "fromPort": port, "toPort": port });
        match source.as_str() {
            id if id.starts_with("sg-") => {
                rule["referencedGroupInfo"] = json!({ "groupId": id, "userId": cluster.here.account });
            }
            range if range.contains(':') => rule["cidrIpv6"] = json!(range),
            range => rule["cidrIpv4"] = json!(range),
        }
        if !description.is_empty() {
            rule["description"] = json!(description);
        }
        open(cluster, group, rule);
    }
}

/// Deletes a security group, unless an interface is in it or a rule of another group names it.
pub(super) fn delete(cluster: &mut Cluster<'_>, id: &str) -> Result<(), Refusal> {
    let within = |doc: &Doc| list(&doc["groupSet"]).iter().any(|one| one["groupId"] == id);
    let names = |doc: &Doc| doc["referencedGroupInfo"]["groupId"] == id && doc["groupId"] != id;
    let here = &mut cluster.here;
    if here.list("ec2/network-interface").iter().any(within) || here.list(RULE).iter().any(names) {
        return Err(Refusal::bad("DependencyViolation", format!("resource {id} has a dependent object")));
    }
    for rule in here.list(RULE).iter().filter(|rule| rule["groupId"] == id) {
        here.remove(RULE, text(rule, "securityGroupRuleId"));
    }
    here.remove(GROUP, id);
    Ok(())
}

/// Registers the targets of all bindings, opens the nodes for them, and lets deleted bindings go.
pub(super) fn bind_targets(cluster: &mut Cluster<'_>) {
    let mut open = BTreeSet::new();
    for binding in cluster.objects(BINDING) {
        if deleting(&binding) {
            if held(&binding, BINDING_FINALIZER) {
                register(cluster, &binding, &[]);
                cluster.release(BINDING, &binding, BINDING_FINALIZER);
            }
            continue;
        }
        let Some(binding) = cluster.hold(BINDING, &binding, BINDING_FINALIZER) else { continue };
        let targets = targets(cluster, &binding);
        register(cluster, &binding, &targets);
        let rules = list(&binding["spec"]["networking"]["ingress"]).iter();
        for rule in rules.filter(|_| !cluster.node_group.is_empty()) {
            for (from, port) in list(&rule["from"])
                .iter()
                .flat_map(|from| list(&rule["ports"]).iter().map(move |port| (from, port)))
            {
                let protocol = text(port, "protocol").to_lowercase();
                let source = text(&from["securityGroup"], "groupID").to_owned();
                let named = targets.first().map(|(_, port)| *port);
                if let Some(number) = port["port"].as_i64().or(named) {
                    open.insert((protocol, number, source));
                }
            }
        }
    }
    if !cluster.node_group.is_empty() {
        let group = cluster.node_group.clone();
        sync(cluster, &group, SHARED, open);
    }
}

/// Addresses of pods or ids of nodes, with ports.
fn targets(cluster: &Cluster<'_>, binding: &Doc) -> Vec<(String, i64)> {
    let reference = &binding["spec"]["serviceRef"];
    let Some(service) = cluster.object(SERVICE, namespace(binding), text(reference, "name")) else {
        return Vec::new();
    };
    let same = |port: &&Json| port["port"] == reference["port"] || port["name"] == reference["port"];
    let Some(port) = list(&service["spec"]["ports"]).iter().find(same) else { return Vec::new() };
    if binding["spec"]["targetType"] == "ip" {
        let target = if port["targetPort"].is_null() { &port["port"] } else { &port["targetPort"] };
        return endpoints(cluster, &service, target);
    }
    let Some(port) = port["nodePort"].as_i64() else { return Vec::new() };
    let instance = |node: &Doc| {
        let id = text(&node["spec"], "providerID").rsplit('/').next().unwrap_or_default();
        if id.is_empty() { name(node).to_owned() } else { id.to_owned() }
    };
    cluster.objects(NODE).iter().map(|node| (instance(node), port)).collect()
}

/// Makes the targets of the target group of a binding these.
fn register(cluster: &mut Cluster<'_>, binding: &Doc, targets: &[(String, i64)]) {
    let arn = text(&binding["spec"], "targetGroupARN");
    let Some(group) = cluster.here.get("elb/target-group", arn).cloned() else { return };
    let told = |(id, port): &(String, i64)| json!({ "Id": id, "Port": port });
    let same = |one: &Json, other: &(String, i64)| one["Id"] == other.0.as_str() && one["Port"] == other.1;
    let there = list(&group["_targets"]);
    let gone: Vec<Json> =
        there.iter().filter(|one| !targets.iter().any(|other| same(one, other))).cloned().collect();
    let new: Vec<Json> =
        targets.iter().filter(|one| !there.iter().any(|other| same(other, one))).map(told).collect();
    // The target group was there a moment ago, so that neither call can be refused.
    if !gone.is_empty() {
        let input = json!({ "TargetGroupArn": arn, "Targets": gone });
        target_groups::deregister(&mut cluster.here, &input).ok();
    }
    if !new.is_empty() {
        let input = json!({ "TargetGroupArn": arn, "Targets": new });
        target_groups::register(&mut cluster.here, &input).ok();
    }
}
