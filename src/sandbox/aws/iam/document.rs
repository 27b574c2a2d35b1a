//! Policy documents: read, checked and asked. How IAM evaluates them is only here as far as trust in a service.

use serde_json::Value as Json;

use super::{ROLE, Refusal};
use crate::sandbox::aws::wire::listed;
use crate::sandbox::world::Here;

fn malformed(message: impl Into<String>) -> Refusal {
    Refusal::bad("MalformedPolicyDocument", message)
}

/// Reads a trust policy: each statement names a principal and an action, and no resource.
pub(super) fn trust(here: &Here<'_>, text: &str) -> Result<Json, Refusal> {
    let document = read(text)?;
    for statement in listed(&document["Statement"]) {
        if statement.get("Principal").is_none() && statement.get("NotPrincipal").is_none() {
            return Err(malformed("Missing required field Principal"));
        }
        if statement.get("Resource").is_some() || statement.get("NotResource").is_some() {
            return Err(malformed("Has prohibited field Resource"));
        }
        principals(here, &statement["Principal"])?;
    }
    let size = text.chars().filter(|c| !c.is_whitespace()).count();
    if size > 2048 {
        return Err(Refusal::new(409, "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048"));
    }
    Ok(document)
}

/// Reads a policy of rights: each statement names actions and resources, and no principal.
pub(super) fn rights(text: &str) -> Result<Json, Refusal> {
    let document = read(text)?;
    for statement in listed(&document["Statement"]) {
        if statement.get("Principal").is_some() {
            return Err(malformed("Policy document should not specify a principal."));
        }
        if statement.get("Resource").is_none() && statement.get("NotResource").is_none() {
            return Err(malformed("Policy statement must contain resources."));
        }
    }
    Ok(document)
}

fn read(text: &str) -> Result<Json, Refusal> {
    let document: Json =
        serde_json::from_str(text).map_err(|_| malformed("This policy contains invalid Json"))?;
    if !document.is_object() {
        return Err(malformed("This policy contains invalid Json"));
    }
    if let Some(version) = document.get("Version")
        && version != "2012-10-17"
        && version != "2008-10-17"
    {
        return Err(malformed("The policy failed legacy parsing"));
    }
    let statements = listed(&document["Statement"]);
    if statements.is_empty() {
        return Err(malformed("Missing required field Statement"));
    }
    for statement in statements {
        if statement["Effect"] != "Allow" && statement["Effect"] != "Deny" {
            return Err(malformed("Missing required field Effect"));
        }
        if statement.get("Action").is_none() && statement.get("NotAction").is_none() {
            return Err(malformed("Missing required field Action"));
        }
    }
    Ok(document)
}

/// Refuses principals that IAM could not look up.
fn principals(here: &Here<'_>, principal: &Json) -> Result<(), Refusal> {
    let refuse =
        |sort: &str, who: &str| Err(malformed(format!("Invalid principal in policy: \"{sort}\":\"{who}\"")));
    for who in listed(&principal["Service"]) {
        let who = who.as_str().unwrap_or_default();
        if !who.contains('.') {
            return refuse("SERVICE", who);
        }
    }
    for who in listed(&principal["AWS"]) {
        let who = who.as_str().unwrap_or_default();
        let account = who.len() == 12 && who.bytes().all(|b| b.is_ascii_digit());
        if who != "*" && !account && !who.starts_with("arn:aws") {
            return refuse("AWS", who);
        }
        let own = format!("arn:aws:iam::{}:role/", here.account);
        let name = who.strip_prefix(&own).and_then(|path| path.rsplit('/').next());
        if name.is_some_and(|name| here.get(ROLE, name).is_none()) {
            return refuse("AWS", who);
        }
    }
    Ok(())
}

/// What IAM keeps: accounts as the ARN of their root.
pub(super) fn kept(mut document: Json) -> Json {
    let rooted = |who: &mut Json| {
        if let Some(account) =
            who.as_str().filter(|who| who.len() == 12 && who.bytes().all(|b| b.is_ascii_digit()))
        {
            *who = Json::from(format!("arn:aws:iam::{account}:root"));
        }
    };
    let each = |statement: &mut Json| match statement.pointer_mut("/Principal/AWS") {
        Some(Json::Array(list)) => list.iter_mut().for_each(rooted),
        Some(one) => rooted(one),
        None => {}
    };
    match document.get_mut("Statement") {
        Some(Json::Array(list)) => list.iter_mut().for_each(each),
        Some(one) => each(one),
        None => {}
    }
    document
}

/// Whether a trust policy lets a service do each of these actions, whatever the conditions are.
pub(super) fn trusts(document: &Json, service: &str, actions: &[&str]) -> bool {
    let statements = listed(&document["Statement"]);
    let lets = |action: &str| {
        statements.iter().any(|statement| {
            let does = |named: &Json| named.as_str().is_some_and(|named| covers(named, action));
            statement["Effect"] == "Allow"
                && listed(&statement["Principal"]["Service"]).iter().any(|who| who == service)
                && listed(&statement["Action"]).iter().any(does)
        })
    };
    actions.iter().all(|action| lets(action))
}

fn covers(pattern: &str, action: &str) -> bool {
    match pattern.split_once('*') {
        Some((head, _)) => action.to_lowercase().starts_with(&head.to_lowercase()),
        None => pattern.eq_ignore_ascii_case(action),
    }
}

/// A document as IAM tells it: percent-encoded.
pub(super) fn encoded(document: &Json) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let mut out = String::new();
    for byte in document.to_string().into_bytes() {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn trust_is_by_service_and_action() {
        let both = json!(["sts:AssumeRole", "sts:TagSession"]);
        let document = |action: Json| json!({"Statement": {"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": action}});
        let asked = ["sts:AssumeRole", "sts:TagSession"];
        assert!(trusts(&document(both.clone()), "pods.eks.amazonaws.com", &asked));
        assert!(trusts(&document(json!("sts:*")), "pods.eks.amazonaws.com", &asked));
        assert!(!trusts(&document(json!("sts:AssumeRole")), "pods.eks.amazonaws.com", &asked));
        assert!(!trusts(&document(both), "ec2.amazonaws.com", &asked));
    }

    #[test]
    fn an_account_is_kept_as_its_root() {
        let told = kept(json!({"Statement": [{"Principal": {"AWS": ["111122223333", "*"]}}]}));
        assert_eq!(told["Statement"][0]["Principal"]["AWS"], json!(["arn:aws:iam::111122223333:root", "*"]));
    }
}
