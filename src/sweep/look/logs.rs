//! CloudWatch Logs: the groups that EKS writes for a cluster. They carry no tags; their names say whose they are.

use super::Ground;
use crate::cloud::CloudResult;
use crate::sweep::sort::Sort;
use crate::sweep::thing::Thing;

pub(super) async fn read(ground: Ground<'_>) -> CloudResult<Vec<Thing>> {
    let mut things = Vec::new();
    let here = ground.scope.clusters.iter().filter(|cluster| cluster.place == *ground.place);
    for cluster in here.filter(|cluster| !cluster.lives) {
        let names = ground.clients.logs.groups(&format!("/aws/eks/{}/", cluster.name)).await?;
        things.extend(names.iter().map(|name| ground.thing(Sort::LogGroup, name)));
    }
    Ok(things)
}
