//! The body of a call: nested JSON as a flat form, `Filter.1.Name=vpc-id`.

use serde_json::Value as Json;

/// Writes the body of `action`. Nulls and empty lists are left out.
pub(super) fn write(action: &str, version: &str, params: &Json) -> String {
    let mut body = format!("Action={action}&Version={version}");
    flatten(&mut body, "", params);
    body
}

fn flatten(body: &mut String, path: &str, json: &Json) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match json {
        Json::Null => {}
        Json::Object(map) => map.iter().for_each(|(key, value)| flatten(body, &below(key), value)),
        Json::Array(items) => {
            let numbered = items.iter().enumerate();
            numbered.for_each(|(at, item)| flatten(body, &below(&(at + 1).to_string()), item));
        }
        Json::String(text) => add(body, path, text),
        Json::Bool(_) | Json::Number(_) => add(body, path, &json.to_string()),
    }
}

fn add(body: &mut String, key: &str, value: &str) {
    body.push('&');
    encode(body, key);
    body.push('=');
    encode(body, value);
}

fn encode(body: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            body.push(char::from(byte));
        } else {
            body.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_are_numbered_and_values_encoded() {
        let params = json!({
            "EnableDnsSupport": { "Value": true },
            "Filter": [{ "Name": "tag:stack:address", "Value": ["a b", "ü&"] }],
            "MaxResults": 5,
            "None": null,
            "Nobody": [],
        });
        assert_eq!(
            write("A", "2016-11-15", &params),
            "Action=A&Version=2016-11-15&EnableDnsSupport.Value=true&Filter.1.Name=tag%3Astack%3Aaddress\
             &Filter.1.Value.1=a%20b&Filter.1.Value.2=%C3%BC%26&MaxResults=5"
        );
    }
}
