//! Instances: they run at once, take a while to go, and are told of for an hour after that. What runs on them, their
//! images and their volumes are not here.

use serde_json::{Value as Json, json};

use super::super::wire::{listed, number, page, truth};
use super::super::{Answer, Refusal};
use super::describe::{Sort, as_it_is, select};
use super::{draw, interface, launch_template, subnet, tags, want};
use crate::sandbox::world::{Doc, Event, Here};

/// Until one that is terminated is gone, in seconds.
const SHUTTING_DOWN_S: i64 = 60;
/// Until one that is gone is told of no more, in seconds.
const FORGOTTEN_S: i64 = 3600;

pub(super) const SORT: Sort = Sort {
    table: "ec2/instance",
    id: "instanceId",
    ids: "InstanceId",
    set: "instancesSet",
    missing: ("InvalidInstanceID.NotFound", "The instance ID '{}' does not exist"),
    filters: &[
        ("instance-id", "instanceId"),
        ("instance-state-name", "instanceState/name"),
        ("instance-type", "instanceType"),
        ("subnet-id", "subnetId"),
        ("vpc-id", "vpcId"),
        ("instance.group-id", "groupSet/groupId"),
    ],
};

/// One reservation for each of some instances.
fn reservations(here: &Here<'_>, docs: Vec<Doc>) -> Json {
    let one = |doc: Doc| {
        json!({
            "reservationId": doc["_reservation"], "ownerId": here.account, "groupSet": [], "instancesSet": [doc],
        })
    };
    docs.into_iter().map(one).collect()
}

pub(super) fn describe(here: &mut Here<'_>, input: &Json) -> Answer {
    let ids = listed(&input[SORT.ids]);
    let mut docs: Vec<Doc> = match ids.is_empty() {
        true => here.list(SORT.table),
        false => {
            let ids = ids.iter().filter_map(Json::as_str);
            ids.map(|id| SORT.must(here, id)).collect::<Result<_, _>>()?
        }
    };
    docs.iter_mut().for_each(|doc| as_it_is(here, doc));
    let docs = select(docs, input, SORT.filters)?;
    let most = number(&input["MaxResults"]).and_then(|most| usize::try_from(most).ok());
    let (docs, next) = page(docs, input["NextToken"].as_str(), Some(most.unwrap_or(1000)));
    Ok(json!({ "reservationSet": reservations(here, docs), "nextToken": next }))
}

fn state(code: u8, name: &str) -> Json {
    json!({ "code": code, "name": name })
}

pub(super) fn run(here: &mut Here<'_>, input: &Json) -> Answer {
    let count = number(&input["MaxCount"]).unwrap_or(1).clamp(1, 100);
    let template = &input["LaunchTemplate"];
    if template.is_object() {
        launch_template::named(here, template)?;
    } else {
        want(input, "ImageId")?;
    }
    let tags = tags::asked(input, "instance")?;
    let subnet = subnet::SORT.must(here, want(input, "SubnetId")?)?;
    let groups: Vec<String> =
        listed(&input["SecurityGroupId"]).iter().filter_map(|id| id.as_str().map(str::to_owned)).collect();
    let reservation = draw(here, "r");
    let mut made = Vec::new();
    for _ in 0..count {
        let id = draw(here, "i");
        let interface = attach(here, &id, &subnet, &groups)?;
        let doc = json!({
            "instanceId": id,
            "imageId": input["ImageId"].as_str().unwrap_or("ami-0123456789abcdef0"),
            "instanceState": state(16, "running"),
            "instanceType": input["InstanceType"].as_str().unwrap_or("m5.large"),
            "launchTime": here.world.timestamp(),
            "placement": { "availabilityZone": subnet["availabilityZone"], "tenancy": "default" },
            "privateIpAddress": interface["privateIpAddress"],
            "subnetId": subnet["subnetId"],
            "vpcId": subnet["vpcId"],
            "groupSet": interface["groupSet"],
            "tagSet": tags,
            "_protected": truth(&input["DisableApiTermination"]).unwrap_or(false),
            "_reservation": reservation,
        });
        here.put(SORT.table, &id, doc.clone());
        made.push(doc);
    }
    let owner = here.account.clone();
    Ok(json!({ "reservationId": reservation, "ownerId": owner, "groupSet": [], "instancesSet": made }))
}

/// Its interface, which goes when it does.
fn attach(here: &mut Here<'_>, id: &str, subnet: &Doc, groups: &[String]) -> Result<Doc, Refusal> {
    let subnet_id = subnet["subnetId"].as_str().unwrap_or_default();
    let interface = interface::make(here, subnet_id, groups, "interface", "", "")?;
    let owner = here.account.clone();
    here.change(interface::SORT.table, &interface, |doc| {
        doc["requesterManaged"] = json!(false);
        doc["attachment"]["instanceId"] = json!(id);
        doc["attachment"]["instanceOwnerId"] = json!(owner);
        doc["attachment"]["deviceIndex"] = json!(0);
        doc["attachment"]["deleteOnTermination"] = json!(true);
    });
    interface::SORT.must(here, &interface)
}

/// All of them or none.
pub(super) fn terminate(here: &mut Here<'_>, input: &Json) -> Answer {
    let ids = listed(&input[SORT.ids]);
    let docs = ids.iter().filter_map(Json::as_str).map(|id| SORT.must(here, id));
    let docs: Vec<Doc> = docs.collect::<Result<_, _>>()?;
    if let Some(doc) = docs.iter().find(|doc| doc["_protected"] == true) {
        let id = doc["instanceId"].as_str().unwrap_or_default();
        let words = format!(
            "The instance '{id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again."
        );
        return Err(Refusal::bad("OperationNotPermitted", words));
    }
    let told = docs.iter().map(|doc| {
        let id = doc["instanceId"].as_str().unwrap_or_default();
        if doc["instanceState"]["name"] != "terminated" {
            end(here, id);
        }
        let now = here.get(SORT.table, id).map(|doc| doc["instanceState"].clone());
        json!({ "instanceId": id, "currentState": now, "previousState": doc["instanceState"] })
    });
    let told: Vec<Json> = told.collect();
    Ok(json!({ "instancesSet": told }))
}

fn end(here: &mut Here<'_>, id: &str) {
    let key = here.key(SORT.table, id);
    here.world.call_off(&key);
    here.change(SORT.table, id, |doc| doc["instanceState"] = state(32, "shutting-down"));
    let gone =
        json!({ "instanceState": state(48, "terminated"), "subnetId": null, "vpcId": null, "groupSet": [] });
    here.after(SHUTTING_DOWN_S, SORT.table, id, Event::Merge(gone));
    here.after(SHUTTING_DOWN_S + FORGOTTEN_S, SORT.table, id, Event::Remove);
    let own =
        |one: &Doc| one["attachment"]["instanceId"] == id && one["attachment"]["deleteOnTermination"] == true;
    for one in here.list(interface::SORT.table).iter().filter(|one| own(one)) {
        let interface = one["networkInterfaceId"].as_str().unwrap_or_default();
        here.after(SHUTTING_DOWN_S, interface::SORT.table, interface, Event::Remove);
    }
}
