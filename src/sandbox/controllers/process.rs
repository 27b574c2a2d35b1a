//! Whether a controller is alive, and what its process remembers: lost when it is restarted, like any memory.

use serde_json::{Value as Json, json};

use super::cluster::{CRD, Cluster, DEPLOYMENT, NODE, SERVICE_ACCOUNT, list, name, namespace, text};
use super::{Wake, condition};
use crate::sandbox::world::{Doc, Here, Key, World};

/// How often something that may come right by itself is tried again.
const RETRY: i64 = 15_000;

/// What must be there for a controller to act.
pub(super) struct Controller {
    pub namespace: &'static str,
    pub deployment: &'static str,
    /// The service account of its pods.
    pub service_account: &'static str,
    /// What its role must be allowed to do.
    pub actions: &'static [&'static str],
    /// CRDs without which it does not start at all, as `<plural>.<group>`.
    pub needs: &'static [&'static str],
}

impl Controller {
    /// Whether this is its Deployment.
    pub fn deployed(&self, deployment: &Doc) -> bool {
        name(deployment) == self.deployment && namespace(deployment) == self.namespace
    }
}

/// A process that runs: where its memory is, and the Deployment as it is.
pub(super) struct Process {
    memory: Key,
    pub deployment: Doc,
}

/// The running process of a controller, if it is alive. A new one looks at once which CRDs there are.
pub(super) fn alive(cluster: &mut Cluster<'_>, of: &Controller, wake: &mut Wake) -> Option<Process> {
    // Beside the objects of the cluster, so that it goes with them.
    let table = format!("kube/{}/controllers/processes", cluster.name);
    let id = cluster.here.key(&table, of.deployment);
    let Some(deployment) = cluster.object(DEPLOYMENT, of.namespace, of.deployment) else {
        cluster.here.world.remove(&id);
        return None;
    };
    let identity = json!([deployment["metadata"]["uid"], deployment["spec"]["template"]]);
    if lacks(cluster.here.world, &cluster.key, of) {
        cluster.here.world.remove(&id);
        cluster.nudge_workloads();
        wake.within(RETRY);
        return None;
    }
    let known = cluster.here.world.get(&id).is_some_and(|doc| doc["identity"] == identity);
    if !condition::holds(&deployment, "Available") || cluster.objects(NODE).is_empty() {
        cluster.here.world.remove(&id);
        // Pods that crashed for want of something are not told when it comes.
        if !lacks(cluster.here.world, &cluster.key, of) {
            cluster.nudge_workloads();
        }
        wake.within(RETRY);
        return None;
    }
    if !may_act(cluster, of) {
        wake.within(RETRY);
        return None;
    }
    if !known {
        let crds = all_served(cluster.here.world, &cluster.key);
        let doc = json!({ "identity": identity, "crds": crds });
        cluster.here.world.put(id.clone(), doc);
    }
    Some(Process { memory: id, deployment })
}

/// Whether something is not served that a controller does not start without. `cluster` is a key in `eks/cluster`.
pub(super) fn lacks(world: &World, cluster: &Key, of: &Controller) -> bool {
    if of.needs.is_empty() {
        return false;
    }
    let there = all_served(world, cluster);
    of.needs.iter().any(|need| !there.iter().any(|crd| crd == need))
}

/// What all CRDs of a cluster serve. They are large, so they are only looked at.
fn all_served(world: &World, cluster: &Key) -> Vec<String> {
    let table = format!("kube/{}/{}/{}", cluster.id, CRD.0, CRD.1);
    world.table(&cluster.account, &cluster.region, &table).flat_map(|(_, crd)| served(crd)).collect()
}

/// `<plural>.<group>/<version>` for each version that an established CRD serves, and `<plural>.<group>`.
fn served(crd: &Doc) -> Vec<String> {
    let name = text(&crd["metadata"], "name");
    let versions = list(&crd["spec"]["versions"]).iter().filter(|version| version["served"] != false);
    let mut all: Vec<String> = versions.map(|version| format!("{name}/{}", text(version, "name"))).collect();
    all.push(name.to_owned());
    all
}

/// Whether the process found all of these when it started.
pub(super) fn detected(here: &Here<'_>, process: &Process, crds: &[&str]) -> bool {
    let memory = here.world.get(&process.memory);
    let found = memory.map(|doc| list(&doc["crds"]).to_vec()).unwrap_or_default();
    crds.iter().all(|crd| found.iter().any(|one| one == crd))
}

/// What the process remembers under a name.
pub(super) fn recall(here: &Here<'_>, process: &Process, name: &str) -> Json {
    here.world.get(&process.memory).map_or(Json::Null, |doc| doc["memory"][name].clone())
}

/// Lets the process remember something.
pub(super) fn remember(here: &mut Here<'_>, process: &Process, name: &str, what: Json) {
    if recall(here, process, name) != what {
        here.world.change(&process.memory, |doc| doc["memory"][name] = what);
    }
}

/// Whether the service account is there, and a role for it that may do what is needed.
fn may_act(cluster: &Cluster<'_>, of: &Controller) -> bool {
    if cluster.object(SERVICE_ACCOUNT, of.namespace, of.service_account).is_none() {
        return false;
    }
    let fits = |doc: &Doc| {
        doc["clusterName"] == cluster.name.as_str()
            && doc["namespace"] == of.namespace
            && doc["serviceAccount"] == of.service_account
    };
    let Some(association) = cluster.here.list("eks/pod-identity").into_iter().find(fits) else {
        return false;
    };
    let role = text(&association, "roleArn").rsplit('/').next().unwrap_or_default();
    let Some(role) = cluster.here.get("iam/role", role) else { return false };
    of.actions.iter().all(|action| allows(role, action))
}

/// Whether the policies of a role allow an action.
fn allows(role: &Doc, action: &str) -> bool {
    let service = action.split(':').next().unwrap_or_default();
    let managed = list(&role["_managed"]).iter().filter_map(Json::as_str).any(|arn| {
        let name = arn.rsplit('/').next().unwrap_or_default();
        match service {
            "vpc-lattice" => matches!(name, "AdministratorAccess" | "VPCLatticeFullAccess"),
            _ => matches!(name, "AdministratorAccess" | "ElasticLoadBalancingFullAccess"),
        }
    });
    let inline = role["_inline"].as_object().into_iter().flatten();
    managed || inline.map(|(_, policy)| policy).any(|policy| policy_allows(policy, action))
}

fn policy_allows(policy: &Json, action: &str) -> bool {
    let parsed = policy.as_str().and_then(|text| serde_json::from_str(text).ok());
    let policy = parsed.as_ref().unwrap_or(policy);
    let one_or_many = |json: &Json| json.as_array().cloned().unwrap_or_else(|| vec![json.clone()]);
    one_or_many(&policy["Statement"]).iter().any(|statement| {
        statement["Effect"] == "Allow"
            && one_or_many(&statement["Action"])
                .iter()
                .any(|pattern| pattern.as_str().is_some_and(|pattern| fits(pattern, action)))
    })
}

/// Whether an action fits a pattern with `*` in it. Case does not matter.
fn fits(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_lowercase(), action.to_lowercase());
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = action.strip_prefix(first) else { return false };
    let mut open = false;
    for part in parts {
        open = true;
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty() || (open && pattern.ends_with('*'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn policies_allow_by_pattern() {
        let role = json!({ "_managed": [], "_inline": { "a": {
            "Statement": [{ "Effect": "Allow", "Action": ["elasticloadbalancing:Create*"], "Resource": "*" }],
        }}});
        assert!(allows(&role, "elasticloadbalancing:CreateLoadBalancer"));
        assert!(!allows(&role, "elasticloadbalancing:DeleteLoadBalancer"));
        assert!(!allows(&json!({ "_managed": ["arn:aws:iam::aws:policy/ReadOnlyAccess"] }), "vpc-lattice:*"));
        assert!(fits("vpc-lattice:*", "vpc-lattice:*") && fits("*", "a:b") && !fits("a:b", "a:bc"));
    }

    #[test]
    fn a_policy_may_be_a_text() {
        let text = r#"{"Statement": {"Effect": "Allow", "Action": "vpc-lattice:*"}}"#;
        assert!(allows(&json!({ "_inline": { "a": text } }), "vpc-lattice:CreateService"));
    }
}
