//! `stack kubeconfig`: a context for each EKS cluster of a stack, with `stack token` for its tokens.

use std::io::Write as _;
use std::path::Path;

use serde_json::{Value as Json, json};

use super::args::{Global, Kubeconfig as Args};
use super::environment::Environment;
use super::error::{Exit, Failure};
use super::run::{Run, block_on, composed};
use super::screen::Screen;
use crate::cloud::{Absent, Access, Cloud, Named};
use crate::graph::{Place, Resource};

/// One cluster as a kubeconfig needs it.
struct Known {
    name: String,
    endpoint: String,
    /// Base64; none where it is reached by plain HTTP.
    authority: Option<String>,
    region: String,
    role_arn: Option<String>,
}

/// Prints it, or puts it into a file.
pub(super) fn run(
    screen: &Screen,
    global: &Global,
    environment: &Environment,
    args: &Args,
) -> Result<Exit, Failure> {
    if global.sandbox {
        return Err(Failure::refused("the clusters of the embedded cloud have no address with --sandbox")
            .hint("`stack sandbox serve` gives them one, and prints the KUBECONFIG to use"));
    }
    let (stack, graph) = composed(&args.of, environment)?;
    let clusters = block_on(false, async {
        let run = Run::begin(stack, graph, global, environment, Access::Read).await?;
        let cloud = run.cloud(Access::Read);
        let mut known = Vec::new();
        for resource in run.graph.resources.values().filter(|one| one.kind.starts_with("eks_cluster")) {
            match describe(&cloud, &run, resource).await? {
                Some(cluster) => known.push(cluster),
                None => screen.status(|out| writeln!(out, "{} does not exist yet.", resource.address)),
            }
        }
        Ok::<_, Failure>(known)
    })??;
    let config = config(&clusters, environment.get("AWS_PROFILE"));
    match &args.merge {
        None => screen.answer(|out| out.write_all(yaml(&config).as_bytes()))?,
        Some(path) => {
            merge_into(path, &config)?;
            screen.status(|out| writeln!(out, "{} contexts are in {}.", clusters.len(), path.display()));
        }
    }
    Ok(Exit::Done)
}

async fn describe(cloud: &Cloud, run: &Run, resource: &Resource) -> Result<Option<Known>, Failure> {
    let Some(name) = resource.spec.get("name").and_then(|name| name.as_str()) else { return Ok(None) };
    let Place { account, region } = &resource.place;
    let call = cloud.clients(&resource.place).eks.describe_cluster().name(name).send().await;
    let answer = call.named("EKS.DescribeCluster").or_absent()?;
    let Some(cluster) = answer.and_then(|answer| answer.cluster) else { return Ok(None) };
    let role = account.as_ref().and_then(|account| run.stack.accounts.get(account));
    Ok(cluster.endpoint().map(|endpoint| Known {
        name: name.to_owned(),
        endpoint: endpoint.to_owned(),
        authority: cluster.certificate_authority().and_then(|ca| ca.data()).map(str::to_owned),
        region: region.clone(),
        role_arn: role.map(|role| role.role_arn.clone()),
    }))
}

fn config(clusters: &[Known], profile: Option<&str>) -> Json {
    let names = || clusters.iter().map(|cluster| &cluster.name);
    let contexts = names().map(|name| json!({ "name": name, "context": { "cluster": name, "user": name } }));
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": clusters.iter().map(of_cluster).collect::<Vec<_>>(),
        "users": clusters.iter().map(|cluster| user(cluster, profile)).collect::<Vec<_>>(),
        "contexts": contexts.collect::<Vec<_>>(),
        "current-context": names().next().map_or("", String::as_str),
    })
}

fn of_cluster(cluster: &Known) -> Json {
    let mut shown = json!({ "server": cluster.endpoint });
    if let Some(authority) = cluster.authority.as_ref().filter(|_| cluster.endpoint.starts_with("https:")) {
        shown["certificate-authority-data"] = json!(authority);
    }
    json!({ "name": cluster.name, "cluster": shown })
}

fn user(cluster: &Known, profile: Option<&str>) -> Json {
    let mut args = vec!["token", "--cluster", &cluster.name, "--region", &cluster.region];
    if let Some(role_arn) = &cluster.role_arn {
        args.extend(["--role-arn", role_arn]);
    }
    let mut exec = json!({
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "stack",
        "args": args,
        "interactiveMode": "IfAvailable",
    });
    if let Some(profile) = profile {
        exec["env"] = json!([{ "name": "AWS_PROFILE", "value": profile }]);
    }
    json!({ "name": cluster.name, "user": { "exec": exec } })
}

fn yaml(config: &Json) -> String {
    // JSON is YAML too.
    serde_saphyr::to_string(config).unwrap_or_else(|_| format!("{config:#}\n"))
}

/// Puts what `config` holds into a kubeconfig file: entries of the same name are replaced, all others stay, and so
/// does the current context if there is one.
fn merge_into(path: &Path, config: &Json) -> Result<(), Failure> {
    let fail = |error: std::io::Error| {
        Failure::of(Exit::Failed, &error).because(format!("the kubeconfig was to be {}", path.display()))
    };
    let mut whole = match std::fs::read_to_string(path) {
        Ok(text) if !text.trim().is_empty() => serde_saphyr::from_str(&text).map_err(|error| {
            Failure::refused(format!("{} is no kubeconfig", path.display())).because(error.to_string())
        })?,
        Ok(_) => json!({}),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => json!({}),
        Err(error) => return Err(fail(error)),
    };
    if !merge(&mut whole, config) {
        return Err(Failure::refused(format!("{} is no kubeconfig", path.display())));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(fail)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(fail)?;
    file.write_all(yaml(&whole).as_bytes()).map_err(fail)?;
    file.persist(path).map(drop).map_err(|error| fail(error.error))
}

fn merge(whole: &mut Json, config: &Json) -> bool {
    let Json::Object(whole) = whole else { return false };
    for list in ["clusters", "users", "contexts"] {
        let entries = whole.entry(list).or_insert(json!([]));
        if entries.is_null() {
            *entries = json!([]);
        }
        let Json::Array(entries) = entries else { return false };
        for new in config[list].as_array().into_iter().flatten() {
            entries.retain(|old| old["name"] != new["name"]);
            entries.push(new.clone());
        }
    }
    let current = whole.get("current-context").and_then(Json::as_str).unwrap_or_default();
    if current.is_empty() {
        whole.insert("current-context".to_owned(), config["current-context"].clone());
    }
    whole.entry("apiVersion").or_insert(json!("v1"));
    whole.entry("kind").or_insert(json!("Config"));
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(endpoint: &str) -> Known {
        Known {
            name: "shop-edge".into(),
            endpoint: endpoint.into(),
            authority: Some("Q0E=".into()),
            region: "us-west-2".into(),
            role_arn: Some("arn:aws:iam::444455556666:role/stack".into()),
        }
    }

    #[test]
    fn tokens_come_from_this_program() {
        let config = config(&[edge("https://edge")], Some("work"));
        let exec = &config["users"][0]["user"]["exec"];
        assert_eq!(
            exec["args"],
            json!([
                "token",
                "--cluster",
                "shop-edge",
                "--region",
                "us-west-2",
                "--role-arn",
                "arn:aws:iam::444455556666:role/stack"
            ])
        );
        assert_eq!(exec["env"][0]["value"], "work");
        assert_eq!(config["clusters"][0]["cluster"]["certificate-authority-data"], "Q0E=");
    }

    #[test]
    fn a_merge_keeps_what_is_of_others() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config");
        let mine = "apiVersion: v1\nkind: Config\ncurrent-context: mine\nusers: []\nclusters:\n\
                    - name: mine\n  cluster: {server: https://mine}\n- name: shop-edge\n  cluster: {server: https://old}\n";
        std::fs::write(&path, mine).expect("is written");
        merge_into(&path, &config(&[edge("http://new")], None)).expect("merges");
        let merged: Json =
            serde_saphyr::from_str(&std::fs::read_to_string(&path).expect("is there")).expect("is YAML");
        assert_eq!(merged["current-context"], "mine");
        assert_eq!(merged["clusters"][0]["name"], "mine");
        assert_eq!(merged["clusters"][1]["cluster"], json!({ "server": "http://new" }));
        assert_eq!(merged["clusters"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn what_is_no_kubeconfig_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config");
        std::fs::write(&path, "[1, 2]").expect("is written");
        assert_eq!(merge_into(&path, &config(&[], None)).expect_err("is refused").exit, Exit::Refused);
        assert_eq!(std::fs::read_to_string(&path).expect("is there"), "[1, 2]");
    }
}
