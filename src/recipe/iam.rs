//! IAM policy statements as data, and the documents they become.

use serde_json::{Map, Value as Json, json};

/// One statement that allows something.
#[derive(Clone, Copy, Debug)]
pub struct Statement {
    /// The service part of its actions (`ec2`), and each action after the colon.
    pub actions: &'static [(&'static str, &'static [&'static str])],
    /// On what; everything if empty.
    pub resources: &'static [&'static str],
    /// Only if all of these hold.
    pub conditions: &'static [Condition],
}

/// One condition: operator, key, and the values that satisfy it.
#[derive(Clone, Copy, Debug)]
pub struct Condition(pub &'static str, pub &'static str, pub &'static [&'static str]);

impl Statement {
    fn json(&self, partition: &str) -> Json {
        let actions = self
            .actions
            .iter()
            .flat_map(|(service, names)| names.iter().map(move |name| format!("{service}:{name}")));
        let mut statement = Map::new();
        statement.insert("Effect".into(), "Allow".into());
        statement.insert("Action".into(), actions.collect());
        statement.insert("Resource".into(), one_or_many(self.resources, partition));
        if !self.conditions.is_empty() {
            statement.insert("Condition".into(), conditions(self.conditions));
        }
        Json::Object(statement)
    }
}

fn one_or_many(resources: &[&str], partition: &str) -> Json {
    let placed = |arn: &&str| arn.replacen("arn:aws:", &format!("arn:{partition}:"), 1);
    match resources {
        [] => "*".into(),
        [only] => placed(only).into(),
        many => many.iter().map(placed).collect(),
    }
}

fn conditions(conditions: &[Condition]) -> Json {
    let mut operators: Map<String, Json> = Map::new();
    for Condition(operator, key, values) in conditions {
        let value = match values {
            [only] => Json::from(*only),
            many => many.iter().copied().collect(),
        };
        operators.entry(*operator).or_insert_with(|| json!({}))[*key] = value;
    }
    Json::Object(operators)
}

/// A policy document of some statements, for a partition: `aws`, `aws-cn`, `aws-us-gov`.
pub fn policy(statements: &[Statement], partition: &str) -> Json {
    let statements: Vec<Json> = statements.iter().map(|statement| statement.json(partition)).collect();
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// The trust policy of a role that an AWS service assumes: `eks.amazonaws.com`.
pub fn assume_role(service: &str) -> Json {
    trust(service, &["sts:AssumeRole"])
}

/// The trust policy of a role that pods get by EKS Pod Identity.
pub fn pod_identity_trust() -> Json {
    trust("pods.eks.amazonaws.com", &["sts:AssumeRole", "sts:TagSession"])
}

fn trust(service: &str, actions: &[&str]) -> Json {
    json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": { "Service": service }, "Action": actions }],
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::recipe::{lattice_controller, load_balancer_controller, official};

    /// A statement as text in which neither the order of lists nor one or many makes a difference.
    fn normal(statement: &Json) -> String {
        let set = |value: &Json| -> BTreeSet<String> {
            match value {
                Json::Array(items) => items.iter().map(ToString::to_string).collect(),
                one => BTreeSet::from([one.to_string()]),
            }
        };
        let mut tests = BTreeSet::new();
        for (operator, keys) in statement["Condition"].as_object().into_iter().flatten() {
            for (key, values) in keys.as_object().into_iter().flatten() {
                tests.insert(format!("{operator} {key} {:?}", set(values)));
            }
        }
        let sets = (set(&statement["Action"]), set(&statement["Resource"]));
        format!("{} {sets:?} {tests:?}", statement["Effect"])
    }

    fn statements(document: &Json) -> BTreeSet<String> {
        document["Statement"].as_array().into_iter().flatten().map(normal).collect()
    }

    #[test]
    fn a_statement_with_conditions_groups_them_by_operator() {
        let document = policy(
            &[Statement {
                actions: &[("ec2", &["CreateTags"])],
                resources: &["arn:aws:ec2:*:*:security-group/*"],
                conditions: &[Condition("Null", "a", &["true"]), Condition("Null", "b", &["false"])],
            }],
            "aws-cn",
        );
        assert_eq!(document["Statement"][0]["Condition"], json!({ "Null": { "a": "true", "b": "false" } }));
        assert_eq!(document["Statement"][0]["Resource"], "arn:aws-cn:ec2:*:*:security-group/*");
    }

    #[test]
    fn the_policies_are_the_official_ones() {
        let recipes = [
            (load_balancer_controller("3.5.0"), "aws-load-balancer-controller/iam_policy.json", 16),
            (lattice_controller("2.1.3"), "aws-gateway-controller/iam_policy.json", 3),
        ];
        for (recipe, file, count) in recipes {
            let recipe = recipe.expect("known");
            assert_eq!(recipe.statements.len(), count);
            let Some(text) = official::text(file) else { return };
            let theirs: Json = serde_json::from_str(&text).expect("JSON");
            assert_eq!(statements(&policy(recipe.statements, "aws")), statements(&theirs), "{file}");
        }
    }
}
