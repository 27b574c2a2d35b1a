//! Workloads: Deployments, StatefulSets, DaemonSets and Jobs get pods, and pods run once there are nodes.
//!
//! There is no kubelet and no image: a pod that has a node is ready fifteen seconds after it was made.

use serde_json::{Value as Json, json};

use super::furnish::make;
use super::resource::builtin;
use super::{key, list, write};
use crate::sandbox::world::{Doc, Event, Key, World, merge};

/// The hook that looks after the workloads of a cluster.
pub const HOOK: &str = "workloads";
/// How long a pod takes to get ready, in seconds.
const START: i64 = 15;
/// What has pods.
const SORTS: &[(&str, &str)] =
    &[("apps", "daemonsets"), ("apps", "deployments"), ("apps", "statefulsets"), ("batch", "jobs")];

/// Looks after workloads in a moment, if the object concerns them.
pub(super) fn notice(world: &mut World, cluster: &Key, key: &Key) {
    let table = |group: &str, plural: &str| key.table == super::table(cluster, group, plural);
    let concerns =
        table("", "pods") || table("", "nodes") || SORTS.iter().any(|(group, plural)| table(group, plural));
    if concerns {
        wake(world, cluster);
    }
}

/// Lets the workloads of a cluster be looked after in a moment: its nodes changed.
pub fn wake(world: &mut World, cluster: &Key) {
    if !world.awaits(cluster, HOOK) {
        world.after(1_000, cluster, Event::Hook(HOOK.to_owned()));
    }
}

/// Looks after all workloads of a cluster: makes and removes pods, and says how far they are.
pub fn look(world: &mut World, cluster: &Key) {
    let nodes: Vec<String> = list(world, cluster, "", "nodes").iter().map(name).collect();
    for (group, plural) in SORTS {
        for workload in list(world, cluster, group, plural) {
            if workload["metadata"]["deletionTimestamp"].is_null() {
                tend(world, cluster, &key_of(cluster, group, plural, &workload), &workload, &nodes);
            }
        }
    }
    if starting(world, cluster) && !nodes.is_empty() {
        wake(world, cluster);
    }
}

fn name(doc: &Doc) -> String {
    doc["metadata"]["name"].as_str().unwrap_or_default().to_owned()
}

fn namespace(doc: &Doc) -> String {
    doc["metadata"]["namespace"].as_str().unwrap_or_default().to_owned()
}

fn key_of(cluster: &Key, group: &str, plural: &str, doc: &Doc) -> Key {
    key(cluster, group, plural, &namespace(doc), &name(doc))
}

fn starting(world: &World, cluster: &Key) -> bool {
    list(world, cluster, "", "pods").iter().any(|pod| pod["status"]["phase"] == "Pending")
}

fn tend(world: &mut World, cluster: &Key, key: &Key, workload: &Doc, nodes: &[String]) {
    let wanted = wanted(workload, nodes.len());
    let hash = hash(&workload["spec"]["template"]);
    let mut pods = owned(world, cluster, workload);
    pods.iter_mut().for_each(|pod| run(world, cluster, pod, nodes));
    let is_new = |pod: &Doc| pod["metadata"]["labels"]["pod-template-hash"] == hash.as_str();
    let (mut new, mut old): (Vec<Doc>, Vec<Doc>) = pods.into_iter().partition(is_new);
    for _ in new.len()..wanted {
        new.push(start(world, cluster, workload, &hash, nodes));
    }
    for pod in new.split_off(wanted) {
        stop(world, cluster, &pod);
    }
    let crashes = crate::sandbox::controllers::crashes(world, cluster, workload);
    let ready = |pods: &[Doc]| pods.iter().filter(|pod| !crashes && is_ready(pod)).count();
    if ready(&new) == wanted {
        old.drain(..).for_each(|pod| stop(world, cluster, &pod));
    }
    let counts =
        Counts { wanted, updated: new.len(), ready: ready(&new) + ready(&old), all: new.len() + old.len() };
    let status = status(world, workload, &counts, nodes.is_empty());
    let mut doc = workload.clone();
    if status != doc["status"] {
        doc["status"] = status;
        write(world, cluster, key, doc);
    }
}

fn wanted(workload: &Doc, nodes: usize) -> usize {
    let spec = &workload["spec"];
    let count = |json: &Json| json.as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(1);
    match workload["kind"].as_str() {
        Some("DaemonSet") => nodes,
        Some("Job") => count(&spec["completions"]),
        _ => count(&spec["replicas"]),
    }
}

/// Ten letters that tell one pod template from another.
fn hash(template: &Json) -> String {
    let text = template.to_string();
    format!("{:08x}", crc32fast::hash(text.as_bytes()))
}

fn owned(world: &World, cluster: &Key, workload: &Doc) -> Vec<Doc> {
    let uid = &workload["metadata"]["uid"];
    let mut pods = list(world, cluster, "", "pods");
    pods.retain(|pod| {
        let owners = pod["metadata"]["ownerReferences"].as_array();
        owners.is_some_and(|all| all.iter().any(|owner| owner["uid"] == *uid))
            && pod["metadata"]["deletionTimestamp"].is_null()
    });
    pods
}

fn start(world: &mut World, cluster: &Key, workload: &Doc, hash: &str, nodes: &[String]) -> Doc {
    let Some(pods) = builtin("", "pods") else { return Json::Null };
    let metadata = &workload["metadata"];
    let suffix = world.draw("", 5);
    let mut doc = json!({ "metadata": {}, "spec": workload["spec"]["template"]["spec"] });
    merge(&mut doc["metadata"], &workload["spec"]["template"]["metadata"]);
    doc["metadata"]["name"] = Json::from(format!("{}-{hash}-{suffix}", name(workload)));
    doc["metadata"]["labels"]["pod-template-hash"] = Json::from(hash);
    doc["metadata"]["ownerReferences"] = json!([{
        "apiVersion": workload["apiVersion"], "kind": workload["kind"], "name": metadata["name"],
        "uid": metadata["uid"], "controller": true, "blockOwnerDeletion": true,
    }]);
    doc["status"] = json!({ "phase": "Pending" });
    let key = make(world, cluster, &pods, &namespace(workload), doc);
    let mut pod = world.get(&key).cloned().unwrap_or_default();
    run(world, cluster, &mut pod, nodes);
    pod
}

fn stop(world: &mut World, cluster: &Key, pod: &Doc) {
    let key = key_of(cluster, "", "pods", pod);
    if world.remove(&key).is_some() {
        crate::sandbox::controllers::notice(world, cluster);
    }
}

fn is_ready(pod: &Doc) -> bool {
    pod["status"]["phase"] == "Running" || pod["status"]["phase"] == "Succeeded"
}

/// Takes a pod as far as it has come by now. One whose node is gone is as a new one.
fn run(world: &mut World, cluster: &Key, pod: &mut Doc, nodes: &[String]) {
    let node = pod["spec"]["nodeName"].as_str().map(str::to_owned);
    let now = world.timestamp();
    if nodes.is_empty() {
        if node.is_some() {
            pod["spec"].as_object_mut().map(|spec| spec.remove("nodeName"));
            pod["status"] = json!({ "phase": "Pending", "startTime": now });
            let key = key_of(cluster, "", "pods", pod);
            *pod = write(world, cluster, &key, pod.clone());
        }
        return;
    }
    if node.as_ref().is_none_or(|node| !nodes.contains(node)) {
        let at = crc32fast::hash(name(pod).as_bytes()) as usize % nodes.len();
        pod["spec"]["nodeName"] = Json::from(nodes[at].clone());
        pod["status"] = json!({ "phase": "Pending", "startTime": now });
    }
    let is_job = pod["metadata"]["ownerReferences"][0]["kind"] == "Job";
    if pod["status"]["phase"] == "Pending" && age(world, &pod["status"]["startTime"]) >= START {
        let phase = if is_job { "Succeeded" } else { "Running" };
        let ip = pod_ip(world, cluster);
        pod["status"] = json!({
            "phase": phase, "startTime": pod["status"]["startTime"], "podIP": ip, "podIPs": [{ "ip": ip }],
            "conditions": [{ "type": "Ready", "status": "True", "lastTransitionTime": now }],
        });
    }
    let key = key_of(cluster, "", "pods", pod);
    *pod = write(world, cluster, &key, pod.clone());
}

/// Seconds since a time.
fn age(world: &World, since: &Json) -> i64 {
    let since = since.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    since.map_or(0, |since| world.now() / 1000 - since.as_second())
}

/// An address that no other pod of the cluster has.
fn pod_ip(world: &World, cluster: &Key) -> String {
    let used: Vec<Json> =
        list(world, cluster, "", "pods").iter().map(|pod| pod["status"]["podIP"].clone()).collect();
    let free = (0..60_000).map(|n| format!("10.0.{}.{}", 64 + n / 250, n % 250 + 4));
    free.into_iter().find(|ip| !used.iter().any(|one| one == ip.as_str())).unwrap_or_default()
}

struct Counts {
    wanted: usize,
    updated: usize,
    ready: usize,
    all: usize,
}

fn status(world: &World, workload: &Doc, counts: &Counts, no_nodes: bool) -> Json {
    let generation = &workload["metadata"]["generation"];
    let Counts { wanted, updated, ready, all } = counts;
    match workload["kind"].as_str() {
        Some("DaemonSet") => json!({
            "observedGeneration": generation, "desiredNumberScheduled": wanted, "currentNumberScheduled": all,
            "numberReady": ready, "numberAvailable": ready, "updatedNumberScheduled": updated, "numberMisscheduled": 0,
        }),
        Some("StatefulSet") => json!({
            "observedGeneration": generation, "replicas": all, "readyReplicas": ready, "availableReplicas": ready,
            "currentReplicas": all, "updatedReplicas": updated,
        }),
        Some("Job") => job(world, workload, counts),
        _ => deployment(world, workload, counts, no_nodes),
    }
}

fn job(world: &World, workload: &Doc, counts: &Counts) -> Json {
    let mut status =
        json!({ "active": counts.wanted - counts.ready.min(counts.wanted), "succeeded": counts.ready });
    if counts.ready >= counts.wanted {
        let complete = condition(world, workload, "Complete", true, "CompletionsReached", "");
        status["conditions"] = json!([complete]);
    }
    status
}

fn deployment(world: &World, workload: &Doc, counts: &Counts, no_nodes: bool) -> Json {
    let Counts { wanted, updated, ready, all } = counts;
    let enough = ready >= wanted && all == wanted;
    let (reason, message) = match (enough, no_nodes) {
        (true, _) => ("NewReplicaSetAvailable", "all replicas are available".to_owned()),
        (false, true) => ("ReplicaSetUpdated", "no nodes are available to schedule pods".to_owned()),
        (false, false) => ("ReplicaSetUpdated", format!("{ready} of {wanted} replicas are available")),
    };
    let available = if ready >= wanted {
        ("MinimumReplicasAvailable", true)
    } else {
        ("MinimumReplicasUnavailable", false)
    };
    let mut status = json!({
        "observedGeneration": workload["metadata"]["generation"], "replicas": all, "updatedReplicas": updated,
        "conditions": [
            condition(world, workload, "Available", available.1, available.0, &message),
            condition(world, workload, "Progressing", true, reason, &message),
        ],
    });
    if *ready > 0 {
        status["readyReplicas"] = json!(ready);
        status["availableReplicas"] = json!(ready);
    }
    if ready < wanted {
        status["unavailableReplicas"] = json!(wanted - ready);
    }
    status
}

/// A condition; its times change only when it does.
fn condition(world: &World, workload: &Doc, kind: &str, holds: bool, reason: &str, message: &str) -> Json {
    let status = if holds { "True" } else { "False" };
    let before =
        workload["status"]["conditions"].as_array().into_iter().flatten().find(|c| c["type"] == kind);
    let same = before.filter(|before| before["status"] == status);
    let since =
        same.map_or_else(|| Json::from(world.timestamp()), |before| before["lastTransitionTime"].clone());
    json!({ "type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since })
}
