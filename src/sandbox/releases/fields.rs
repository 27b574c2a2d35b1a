//! CRDs written field by field: see the head of the texts beside.

use serde_json::{Value as Json, json};

use super::{conditions, definition};

/// The CRDs of a text.
pub(super) fn definitions(text: &str) -> Vec<Json> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let mut crds: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in lines {
        match (line.strip_prefix("crd "), crds.last_mut()) {
            (Some(head), _) => crds.push((head, Vec::new())),
            (None, Some((_, fields))) => fields.push(line),
            (None, None) => {}
        }
    }
    crds.iter().map(|(head, fields)| crd(head, fields)).collect()
}

fn crd(head: &str, fields: &[&str]) -> Json {
    let mut words = head.split(' ');
    let mut word = || words.next().unwrap_or_default();
    let (kind, name, versions, scope, status) = (word(), word(), word(), word(), word());
    let mut schema = json!({ "type": "object" });
    for line in fields {
        field(&mut schema, line);
    }
    let version = |(at, version): (usize, &str)| {
        let mut json = json!({
            "name": version, "served": true, "storage": at == 0, "schema": { "openAPIV3Schema": schema },
        });
        if status == "status" {
            json["subresources"] = json!({ "status": {} });
        }
        json
    };
    definition(kind, name, scope == "namespaced", versions.split(',').enumerate().map(version).collect())
}

/// Adds a field: `spec.ports[].port! integer {"minimum": 1}`.
fn field(schema: &mut Json, line: &str) {
    let (path, rest) = line.split_once(' ').unwrap_or((line, "any"));
    let (kind, more) = rest.split_once(' ').unwrap_or((rest, "{}"));
    let mut own = match kind {
        "any" => json!({}),
        "conditions" => conditions(),
        kind => json!({ "type": kind }),
    };
    let more: Json = serde_json::from_str(more).unwrap_or_default();
    crate::sandbox::world::merge(&mut own, &more);
    let required = path.ends_with('!');
    let path = path.trim_end_matches('!').replace("[]", ".[]");
    let mut at = &mut *schema;
    let steps: Vec<&str> = path.split('.').collect();
    for (number, step) in steps.iter().enumerate() {
        if required && number + 1 == steps.len() {
            require(at, step);
        }
        at = match *step {
            "[]" => &mut at["items"],
            "*" => &mut at["additionalProperties"],
            name => &mut at["properties"][name],
        };
    }
    *at = own;
}

fn require(schema: &mut Json, name: &str) {
    match schema["required"].as_array_mut() {
        Some(all) => all.push(Json::from(name)),
        None => schema["required"] = json!([name]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_a_schema() {
        let text = "# head\ncrd A as.b v1,v1beta1 namespaced status\nspec object\nspec.p array\nspec.p[] object\nspec.p[].n! integer {\"minimum\": 1}\nspec.t object\nspec.t.* string\n";
        let crd = &definitions(text)[0];
        assert_eq!(crd["spec"]["versions"][1]["name"], "v1beta1");
        let spec = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        let item = json!({"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "minimum": 1}}});
        assert_eq!(spec["properties"]["p"]["items"], item);
        assert_eq!(spec["properties"]["t"]["additionalProperties"], json!({"type": "string"}));
    }
}
