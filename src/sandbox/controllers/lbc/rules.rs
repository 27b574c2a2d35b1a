//! Rules of a listener: what matches of routes become conditions and their filters become actions.

use serde_json::{Map, Value as Json, json};

use super::super::cluster::{list, text};

/// A rule that has no priority yet.
pub(super) struct Draft {
    pub conditions: Json,
    pub actions: Json,
    pub transforms: Json,
    /// The more, the earlier it is tried.
    pub precedence: (usize, bool, usize, bool, usize, usize),
}

/// Action of a rule that has nowhere to send to.
pub(super) fn fixed(code: &str) -> Json {
    json!([{ "Type": "fixed-response", "FixedResponseConfig": { "ContentType": "text/plain", "StatusCode": code } }])
}

/// One rule for each match of a rule of a route, for the hostnames it serves there.
pub(super) fn drafts(
    rule: &Json,
    kind: &str,
    hosts: &[String],
    actions: &Json,
    transforms: &Json,
) -> Vec<Draft> {
    let whole = [json!({ "path": { "type": "PathPrefix", "value": "/" } })];
    let matches = list(&rule["matches"]);
    let matches = if matches.is_empty() { &whole } else { matches };
    let draft = |one: &Json| {
        let path = if kind == "GRPCRoute" { grpc_path(one) } else { http_path(one) };
        Draft {
            conditions: conditions(one, hosts, &path.0),
            actions: actions.clone(),
            transforms: transforms.clone(),
            precedence: (
                hosts.iter().map(String::len).max().unwrap_or_default(),
                path.2,
                path.1,
                one["method"].is_string(),
                list(&one["headers"]).len(),
                list(&one["queryParams"]).len(),
            ),
        }
    };
    matches.iter().map(draft).collect()
}

/// Patterns, length, whether exact.
fn http_path(one: &Json) -> (Vec<String>, usize, bool) {
    let value = one["path"]["value"].as_str().unwrap_or("/");
    match one["path"]["type"].as_str().unwrap_or("PathPrefix") {
        "PathPrefix" if value == "/" => (vec!["/*".to_owned()], 1, false),
        "PathPrefix" => {
            let plain = value.trim_end_matches('/');
            (vec![plain.to_owned(), format!("{plain}/*")], value.len(), false)
        }
        kind => (vec![value.to_owned()], value.len(), kind == "Exact"),
    }
}

fn grpc_path(one: &Json) -> (Vec<String>, usize, bool) {
    let part = |field: &str| one["method"][field].as_str().unwrap_or("*").to_owned();
    let path = match one["method"].is_object() {
        true => format!("/{}/{}", part("service"), part("method")),
        false => "/*".to_owned(),
    };
    (vec![path.clone()], path.len(), false)
}

fn conditions(one: &Json, hosts: &[String], path: &[String]) -> Json {
    let mut all = Vec::new();
    if !hosts.is_empty() {
        all.push(json!({ "Field": "host-header", "HostHeaderConfig": { "Values": hosts } }));
    }
    all.push(json!({ "Field": "path-pattern", "PathPatternConfig": { "Values": path } }));
    for header in list(&one["headers"]) {
        let config = json!({ "HttpHeaderName": header["name"], "Values": [header["value"]] });
        all.push(json!({ "Field": "http-header", "HttpHeaderConfig": config }));
    }
    for query in list(&one["queryParams"]) {
        let values = json!([{ "Key": query["name"], "Value": query["value"] }]);
        all.push(json!({ "Field": "query-string", "QueryStringConfig": { "Values": values } }));
    }
    if let Some(method) = one["method"].as_str() {
        all.push(
            json!({ "Field": "http-request-method", "HttpRequestMethodConfig": { "Values": [method] } }),
        );
    }
    Json::Array(all)
}

/// The action that a filter or a rule configuration asks for, if any.
pub(super) fn special(rule: &Json, config: Option<&Json>) -> Option<Json> {
    let redirect = list(&rule["filters"]).iter().find(|filter| filter["type"] == "RequestRedirect");
    if let Some(filter) = redirect {
        return Some(
            json!([{ "Type": "redirect", "RedirectConfig": redirection(&filter["requestRedirect"]) }]),
        );
    }
    let action = list(&config?["spec"]["actions"]).iter().find(|one| one["type"] == "fixed-response")?;
    let asked = &action["fixedResponseConfig"];
    let code = asked["statusCode"].as_i64().map_or("404".to_owned(), |code| code.to_string());
    let mut response = json!({ "StatusCode": code });
    for (from, to) in [("contentType", "ContentType"), ("messageBody", "MessageBody")] {
        if asked[from].is_string() {
            response[to] = asked[from].clone();
        }
    }
    Some(json!([{ "Type": "fixed-response", "FixedResponseConfig": response }]))
}

fn redirection(asked: &Json) -> Json {
    let mut config = Map::new();
    let code = if asked["statusCode"] == 301 { "HTTP_301" } else { "HTTP_302" };
    config.insert("StatusCode".to_owned(), json!(code));
    if let Some(scheme) = asked["scheme"].as_str() {
        config.insert("Protocol".to_owned(), json!(scheme.to_uppercase()));
    }
    if let Some(port) = asked["port"].as_i64() {
        config.insert("Port".to_owned(), json!(port.to_string()));
    }
    if let Some(host) = asked["hostname"].as_str() {
        config.insert("Host".to_owned(), json!(host));
    }
    if let Some(path) = asked["path"]["replaceFullPath"].as_str() {
        config.insert("Path".to_owned(), json!(path));
    }
    Json::Object(config)
}

/// What `URLRewrite` filters become.
pub(super) fn transforms(rule: &Json) -> Json {
    let rewrite = list(&rule["filters"]).iter().find(|filter| filter["type"] == "URLRewrite");
    let Some(asked) = rewrite.map(|filter| &filter["urlRewrite"]) else { return json!([]) };
    let mut all = Vec::new();
    if let Some(host) = asked["hostname"].as_str() {
        let rewrites = json!([{ "Regex": ".*", "Replace": host }]);
        all.push(
            json!({ "Type": "host-header-rewrite", "HostHeaderRewriteConfig": { "Rewrites": rewrites } }),
        );
    }
    let path = &asked["path"];
    let rewrite = match text(path, "type") {
        "ReplaceFullPath" => Some((".*".to_owned(), text(path, "replaceFullPath").to_owned())),
        "ReplacePrefixMatch" => {
            let first = &list(&rule["matches"]).first().cloned().unwrap_or_default();
            let prefix = first["path"]["value"].as_str().unwrap_or("/").trim_end_matches('/').to_owned();
            let new = text(path, "replacePrefixMatch").trim_end_matches('/');
            Some((format!("^{prefix}(/.*)?$"), format!("{new}$1")))
        }
        _ => None,
    };
    if let Some((regex, replace)) = rewrite {
        let rewrites = json!([{ "Regex": regex, "Replace": replace }]);
        all.push(json!({ "Type": "url-rewrite", "UrlRewriteConfig": { "Rewrites": rewrites } }));
    }
    Json::Array(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_two_patterns_and_the_root_is_one() {
        let rule = json!({ "matches": [
            { "path": { "type": "PathPrefix", "value": "/cart/" }, "method": "GET" },
            { "path": { "type": "PathPrefix", "value": "/" } },
        ]});
        let drafts = drafts(&rule, "HTTPRoute", &["a.b".to_owned()], &json!([]), &json!([]));
        assert_eq!(drafts[0].conditions[1]["PathPatternConfig"]["Values"], json!(["/cart", "/cart/*"]));
        assert_eq!(drafts[0].conditions[2]["HttpRequestMethodConfig"]["Values"], json!(["GET"]));
        assert_eq!(drafts[1].conditions[1]["PathPatternConfig"]["Values"], json!(["/*"]));
        assert!(drafts[0].precedence > drafts[1].precedence);
    }

    #[test]
    fn a_redirect_is_an_action() {
        let rule = json!({ "filters": [
            { "type": "RequestRedirect", "requestRedirect": { "scheme": "https", "statusCode": 301 } }] });
        let action = special(&rule, None).expect("it is special");
        assert_eq!(action[0]["RedirectConfig"], json!({ "Protocol": "HTTPS", "StatusCode": "HTTP_301" }));
    }
}
