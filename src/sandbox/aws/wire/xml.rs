//! XML in and out, as JSON: elements are fields, repeated elements are lists.

use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::Event;
use serde_json::{Map, Value as Json};

/// Writes `<name>…</name>`. `item` names the elements of the list of a field.
pub(super) fn write(name: &str, json: &Json, item: &dyn Fn(&str) -> &'static str) -> String {
    match json {
        Json::Null => String::new(),
        Json::Array(items) => {
            let element = item(name);
            let inner: String = items.iter().map(|one| write(element, one, item)).collect();
            format!("<{name}>{inner}</{name}>")
        }
        other => format!("<{name}>{}</{name}>", content(other, item)),
    }
}

/// Writes what is inside an element.
pub(super) fn content(json: &Json, item: &dyn Fn(&str) -> &'static str) -> String {
    match json {
        Json::Object(map) => map.iter().map(|(key, value)| write(key, value, item)).collect(),
        Json::String(text) => escape(text.as_str()).into_owned(),
        Json::Null => String::new(),
        Json::Array(items) => items.iter().map(|one| write("member", one, item)).collect(),
        other => other.to_string(),
    }
}

/// The element names of the lists of CloudFront and Route 53.
pub(super) fn singular(field: &str) -> &'static str {
    match field {
        "HostedZones" => "HostedZone",
        "Items" => "VpcOriginSummary",
        "ResourceRecordSets" => "ResourceRecordSet",
        "ResourceRecords" => "ResourceRecord",
        "NameServers" => "NameServer",
        "HostedZoneSummaries" => "HostedZoneSummary",
        "VPCs" => "VPC",
        "Tags" => "Tag",
        "ResourceTagSets" => "ResourceTagSet",
        _ => "member",
    }
}

/// Reads the content of the root element. Repeated elements become lists; a single one does not.
pub fn parse(text: &str) -> Option<Json> {
    let mut reader = Reader::from_str(text);
    loop {
        match reader.read_event().ok()? {
            Event::Start(_) => return element(&mut reader),
            Event::Empty(_) => return Some(Json::Object(Map::new())),
            Event::Eof => return None,
            _ => {}
        }
    }
}

fn element(reader: &mut Reader<&[u8]>) -> Option<Json> {
    let mut map = Map::new();
    let mut text = String::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                let name = start.local_name().as_ref().to_owned();
                let value = element(reader)?;
                add(&mut map, name, value);
            }
            Event::Empty(start) => {
                add(&mut map, start.local_name().as_ref().to_owned(), Json::String(String::new()));
            }
            Event::Text(piece) => text.push_str(&piece),
            Event::GeneralRef(entity) => text.push_str(&resolve(&entity)),
            Event::CData(piece) => text.push_str(&piece),
            Event::End(_) if map.is_empty() => return Some(Json::String(text.trim().to_owned())),
            Event::End(_) => return Some(Json::Object(map)),
            Event::Eof => return None,
            _ => {}
        }
    }
}

fn resolve(entity: &str) -> String {
    quick_xml::escape::unescape(&format!("&{entity};")).map(std::borrow::Cow::into_owned).unwrap_or_default()
}

fn add(map: &mut Map<String, Json>, name: String, value: Json) {
    match map.get_mut(&name) {
        Some(Json::Array(items)) => items.push(value),
        Some(one) => *one = Json::Array(vec![one.take(), value]),
        None => {
            map.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_are_wrapped_and_text_is_escaped() {
        let json = json!({"vpcSet": [{"vpcId": "a<b"}], "none": null, "empty": []});
        let text = write("R", &json, &|_| "item");
        assert_eq!(text, "<R><empty></empty><vpcSet><item><vpcId>a&lt;b</vpcId></item></vpcSet></R>");
    }

    #[test]
    fn reads_what_a_client_sends() {
        let text = "<?xml version=\"1.0\"?><R xmlns=\"x\"><A>1 &amp; 2</A><B><C>x</C><C>y</C></B></R>";
        assert_eq!(parse(text), Some(json!({"A": "1 & 2", "B": {"C": ["x", "y"]}})));
    }
}
