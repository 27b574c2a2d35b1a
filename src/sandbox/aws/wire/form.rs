//! Forms: `Filter.1.Name=vpc-id` becomes `{"Filter": [{"Name": "vpc-id"}]}`.

use serde_json::{Map, Value as Json};

/// Reads a form body.
pub(super) fn parse(body: &str) -> Json {
    let mut root = Map::new();
    for pair in body.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        insert(&mut root, &decode(key), Json::String(decode(value)));
    }
    fold(Json::Object(root))
}

fn insert(map: &mut Map<String, Json>, path: &str, value: Json) {
    match path.split_once('.') {
        None => {
            map.insert(path.to_owned(), value);
        }
        Some((head, rest)) => {
            let inner = map.entry(head.to_owned()).or_insert_with(|| Json::Object(Map::new()));
            if let Json::Object(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

/// Maps whose keys are numbers become lists; a lone `member` is only a wrapper.
fn fold(json: Json) -> Json {
    let Json::Object(map) = json else { return json };
    let mut map: Map<String, Json> = map.into_iter().map(|(key, value)| (key, fold(value))).collect();
    if map.len() == 1
        && let Some(inner) = map.remove("member")
    {
        return inner;
    }
    if !map.is_empty() && map.keys().all(|key| key.parse::<u32>().is_ok()) {
        let mut items: Vec<(u32, Json)> =
            map.into_iter().filter_map(|(key, value)| Some((key.parse().ok()?, value))).collect();
        items.sort_by_key(|(number, _)| *number);
        return Json::Array(items.into_iter().map(|(_, value)| value).collect());
    }
    Json::Object(map)
}

/// Percent decoding, `+` for a space.
pub fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(if bytes[at] == b'+' { b' ' } else { bytes[at] });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn lists_and_members_unfold() {
        let form = "Action=A&Filter.1.Name=vpc-id&Filter.1.Value.1=vpc-1&Tags.member.1.Key=a&Tags.member.1.Value=b%20c";
        assert_eq!(
            super::parse(form),
            json!({"Action": "A", "Filter": [{"Name": "vpc-id", "Value": ["vpc-1"]}], "Tags": [{"Key": "a", "Value": "b c"}]})
        );
    }
}
