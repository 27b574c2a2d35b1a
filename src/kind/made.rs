//! What controllers make in AWS of objects that a manifest may hold: told, waited for when they go, and taken away when
//! no controller does. Not a kind.

use serde_json::Value as Json;

use super::manifest::{self, Live, Spec};
use super::{Child, Hold, Readiness, balancing, ingress_groups, lattice_traces, lattice_users, origins};
use crate::cloud::{CloudResult, Cx, ErrorSort};

/// The prefix of the annotations of Services.
const OF_SERVICES: &str = "service.beta.kubernetes.io/aws-load-balancer";

/// What is made of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// A load balancer with what belongs to it, under one of these tags.
    Balancer(&'static [&'static str]),
    /// A Lattice service with target groups.
    Service,
    /// Lattice target groups.
    Groups,
    /// Nothing.
    Nothing,
}

impl Made {
    /// What is made of the object of a manifest.
    pub fn of(spec: &Spec) -> Self {
        match spec.manifest["kind"].as_str().unwrap_or_default() {
            "Ingress" => Self::Balancer(balancing::INGRESS),
            "Service" if spec.manifest["spec"]["type"] == "LoadBalancer" => {
                Self::Balancer(balancing::SERVICE)
            }
            "Gateway" => Self::Balancer(balancing::GATEWAY),
            "HTTPRoute" | "GRPCRoute" | "TLSRoute" => Self::Service,
            "ServiceExport" => Self::Groups,
            _ => Self::Nothing,
        }
    }

    /// What there is of it now.
    pub async fn children(self, cx: &Cx, spec: &Spec) -> CloudResult<Vec<Child>> {
        let clients = balancing::clients(cx, spec);
        match self {
            Self::Balancer(keys) => balancing::children(cx, spec, keys).await,
            Self::Service => Ok(lattice_traces::find(&clients, spec).await?.children()),
            Self::Groups => {
                let groups = lattice_users::exported(&clients, spec).await?;
                Ok(groups.into_iter().map(|(arn, _)| lattice_traces::group(arn)).collect())
            }
            Self::Nothing => Ok(Vec::new()),
        }
    }

    /// Which of those are there still.
    pub async fn outlive(self, cx: &Cx, spec: &Spec, made: &[Child]) -> CloudResult<Vec<String>> {
        match self {
            Self::Balancer(_) => balancing::outlive(cx, spec, made).await,
            Self::Service | Self::Groups => {
                lattice_traces::outlive(&balancing::clients(cx, spec), made).await
            }
            Self::Nothing => Ok(Vec::new()),
        }
    }

    /// What is left of it, each in words.
    pub async fn remains(self, cx: &Cx, spec: &Spec) -> CloudResult<Vec<String>> {
        let clients = balancing::clients(cx, spec);
        match self {
            Self::Balancer(keys) => balancing::left(cx, spec, keys).await,
            Self::Service => Ok(lattice_traces::find(&clients, spec).await?.words()),
            Self::Groups => {
                let groups = lattice_users::exported(&clients, spec).await?;
                Ok(groups.iter().map(|(_, name)| format!("Lattice target group {name}")).collect())
            }
            Self::Nothing => Ok(Vec::new()),
        }
    }

    /// Takes it away as far as that can be done now.
    pub async fn sweep(self, cx: &Cx, spec: &Spec) -> CloudResult<()> {
        let clients = balancing::clients(cx, spec);
        match self {
            Self::Balancer(keys) => balancing::sweep(cx, spec, keys).await,
            Self::Service => {
                lattice_traces::sweep(&clients, &lattice_traces::find(&clients, spec).await?).await
            }
            Self::Groups => {
                let groups = lattice_users::exported(&clients, spec).await?;
                lattice_traces::remove_groups(&clients, &groups).await
            }
            Self::Nothing => Ok(()),
        }
    }

    /// Takes off the finalizers of the controllers that hold it. Which.
    pub async fn release(self, cx: &Cx, spec: &Spec) -> CloudResult<Vec<String>> {
        if let Self::Balancer(keys) = self {
            let group = if keys == balancing::INGRESS { ingress_groups::of(cx, spec).await? } else { None };
            let alone = group.filter(|group| group.others.is_empty()).map(|group| group.name);
            manifest::release_bindings(cx, spec, alone.as_deref()).await?;
        }
        manifest::release(cx, spec).await
    }

    /// What stands against its deletion.
    pub async fn held(self, cx: &Cx, spec: &Spec) -> CloudResult<Vec<Hold>> {
        match self {
            Self::Groups => lattice_users::of_export(&balancing::clients(cx, spec), spec).await,
            Self::Balancer(keys) => {
                let balancers = async {
                    let all = balancing::children(cx, spec, keys).await?.into_iter();
                    Ok(all.map(|child| child.id).filter(|id| id.contains(":loadbalancer/")).collect())
                };
                origins::of(cx, spec, balancers).await
            }
            Self::Service | Self::Nothing => Ok(Vec::new()),
        }
    }
}

/// Whether an Ingress or a Service has its load balancer, if the controller is to make one.
pub(super) async fn balanced(cx: &Cx, spec: &Spec, live: &Live) -> CloudResult<Readiness> {
    let of = matches!(Made::of(spec), Made::Balancer(keys) if keys != balancing::GATEWAY);
    let has_one = live.object["status"]["loadBalancer"]["ingress"][0]["hostname"].is_string();
    if !of || has_one || !is_served(cx, spec, live).await? {
        return Ok(Readiness::Ready);
    }
    let warned = cx.objects(&spec.cluster).await?.last_warning(&manifest::object(spec)?, &live.uid()).await;
    let why = match warned {
        Ok(Some(warning)) => format!("it has no load balancer: {warning}"),
        Ok(None) => "it has no load balancer yet".to_owned(),
        Err(error) if error.sort == ErrorSort::Denied => {
            format!("it has no load balancer yet, and its events cannot be read: {}", error.message)
        }
        Err(error) => return Err(error),
    };
    Ok(Readiness::Pending(why))
}

/// Whether the AWS Load Balancer Controller serves it; of those of others nothing is known.
async fn is_served(cx: &Cx, spec: &Spec, live: &Live) -> CloudResult<bool> {
    let object = &live.object;
    let note = |name: &str| object["metadata"]["annotations"][name].as_str();
    if object["kind"] == "Service" {
        let kind = note(&format!("{OF_SERVICES}-type"));
        return Ok(match object["spec"]["loadBalancerClass"].as_str() {
            Some(class) => class == "service.k8s.aws/nlb",
            None if kind == Some("external") => note(&format!("{OF_SERVICES}-nlb-target-type")).is_some(),
            None => kind == Some("nlb-ip"),
        });
    }
    if let Some(class) = note("kubernetes.io/ingress.class") {
        return Ok(class == "alb");
    }
    let classes = cx.objects(&spec.cluster).await?.everywhere("networking.k8s.io/v1", "IngressClass").await?;
    let is_default = |class: &&Json| {
        class["metadata"]["annotations"]["ingressclass.kubernetes.io/is-default-class"] == "true"
    };
    let class = match object["spec"]["ingressClassName"].as_str() {
        Some(name) => classes.iter().find(|class| class["metadata"]["name"] == name),
        None => classes.iter().find(is_default),
    };
    Ok(class.is_some_and(|class| class["spec"]["controller"] == "ingress.k8s.aws/alb"))
}
