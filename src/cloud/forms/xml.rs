//! Answers as JSON: elements are fields, lists of `item` (EC2's) or `member` are arrays, all values are texts.
//!
//! An empty list looks like an empty text in XML, and is told from it by its name.

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Map, Value as Json};

/// Lists whose names do not end in `Set`.
const LISTS: &[&str] = &[
    "LoadBalancerDescriptions",
    "TagDescriptions",
    "Tags",
    "availabilityZoneInfo",
    "groups",
    "ipPermissions",
    "ipPermissionsEgress",
    "ipRanges",
    "ipv6Ranges",
    "launchTemplates",
    "prefixListIds",
    "regionInfo",
    "securityGroupInfo",
    "unsuccessful",
];

/// Reads the content of the root element; `None` if it is not XML.
pub(super) fn read(text: &str) -> Option<Json> {
    let mut reader = Reader::from_str(text);
    loop {
        match reader.read_event().ok()? {
            Event::Start(_) => return element(&mut reader, ""),
            Event::Empty(_) => return Some(Json::Object(Map::new())),
            Event::Eof => return None,
            _ => {}
        }
    }
}

/// Reads to the end of the element `name`.
fn element(reader: &mut Reader<&[u8]>, name: &str) -> Option<Json> {
    let mut fields = Map::new();
    let mut text = String::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                let name = start.local_name().as_ref().to_owned();
                let value = element(reader, &name)?;
                add(&mut fields, name, value);
            }
            Event::Empty(start) => {
                let name = start.local_name().as_ref().to_owned();
                let value = finish(&name, Map::new(), "");
                add(&mut fields, name, value);
            }
            Event::Text(piece) => text.push_str(&piece),
            Event::CData(piece) => text.push_str(&piece),
            Event::GeneralRef(entity) => text.push_str(&resolve(&entity)),
            Event::End(_) => return Some(finish(name, fields, &text)),
            Event::Eof => return None,
            _ => {}
        }
    }
}

fn finish(name: &str, mut fields: Map<String, Json>, text: &str) -> Json {
    let list = name.ends_with("Set") || LISTS.contains(&name);
    let item = ["item", "member"].into_iter().find(|item| fields.len() == 1 && fields.contains_key(*item));
    if item.is_some() || (list && fields.is_empty()) {
        return match item.and_then(|item| fields.remove(item)) {
            Some(Json::Array(items)) => Json::Array(items),
            Some(one) => Json::Array(vec![one]),
            None => Json::Array(Vec::new()),
        };
    }
    if fields.is_empty() { Json::String(text.trim().to_owned()) } else { Json::Object(fields) }
}

fn add(fields: &mut Map<String, Json>, name: String, value: Json) {
    match fields.get_mut(&name) {
        Some(Json::Array(items)) => items.push(value),
        Some(one) => *one = Json::Array(vec![one.take(), value]),
        None => drop(fields.insert(name, value)),
    }
}

fn resolve(entity: &str) -> String {
    quick_xml::escape::unescape(&format!("&{entity};")).map(std::borrow::Cow::into_owned).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_are_arrays_however_long() {
        let text = r#"<?xml version="1.0" encoding="UTF-8"?>
            <DescribeSubnetsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
                <requestId>7a62c49f</requestId>
                <subnetSet>
                    <item>
                        <subnetId>subnet-1</subnetId>
                        <mapPublicIpOnLaunch>false</mapPublicIpOnLaunch>
                        <ipv6CidrBlockAssociationSet/>
                        <tagSet>
                            <item><key>Name</key><value>a &amp; b</value></item>
                            <item><key>empty</key><value/></item>
                        </tagSet>
                    </item>
                </subnetSet>
            </DescribeSubnetsResponse>"#;
        assert_eq!(
            read(text),
            Some(json!({
                "requestId": "7a62c49f",
                "subnetSet": [{
                    "subnetId": "subnet-1",
                    "mapPublicIpOnLaunch": "false",
                    "ipv6CidrBlockAssociationSet": [],
                    "tagSet": [{ "key": "Name", "value": "a & b" }, { "key": "empty", "value": "" }],
                }],
            }))
        );
    }

    #[test]
    fn lists_without_set_in_their_name_are_known() {
        let text = "<R><securityGroupInfo><item><ipPermissions><item><ipProtocol>-1</ipProtocol><groups>\
            <item><groupId>sg-1</groupId></item></groups><ipRanges/></item></ipPermissions>\
            <ipPermissionsEgress></ipPermissionsEgress></item></securityGroupInfo></R>";
        assert_eq!(
            read(text),
            Some(json!({ "securityGroupInfo": [{
                "ipPermissions": [{ "ipProtocol": "-1", "groups": [{ "groupId": "sg-1" }], "ipRanges": [] }],
                "ipPermissionsEgress": [],
            }]}))
        );
    }

    #[test]
    fn lists_of_members_are_lists_too() {
        let text = "<R><DResult><TagDescriptions><member><LoadBalancerName>a</LoadBalancerName><Tags/></member>\
            </TagDescriptions></DResult></R>";
        let told = json!({ "TagDescriptions": [{ "LoadBalancerName": "a", "Tags": [] }] });
        assert_eq!(read(text), Some(json!({ "DResult": told })));
    }

    #[test]
    fn lists_in_lists_stay_apart() {
        let text = "<R><aSet><item><bSet><item><c>1</c></item></bSet></item><item><bSet/></item></aSet></R>";
        assert_eq!(read(text), Some(json!({ "aSet": [{ "bSet": [{ "c": "1" }] }, { "bSet": [] }] })));
    }

    #[test]
    fn what_is_not_xml_is_nothing() {
        assert_eq!(read(""), None);
        assert_eq!(read("<a><b></a>"), None);
        assert_eq!(read("bad gateway"), None);
    }
}
