//! The finalizers of the two controllers: who takes which off, once what it holds in AWS is gone.

const LOAD_BALANCER: &str = "the AWS Load Balancer Controller";
const LATTICE: &str = "the Lattice controller";

/// What is said of whoever keeps a finalizer, after its name.
pub const TAKES_OFF: &str = " takes off";

/// The controller that puts a finalizer on and takes it off again, in words; none for those of others.
pub fn keeper(finalizer: &str) -> Option<&'static str> {
    match finalizer {
        "gateway.k8s.aws/alb"
        | "gateway.k8s.aws/nlb"
        | "gateway.k8s.aws/gatewayclass"
        | "gateway.k8s.aws/loadbalancerconfigurations"
        | "gateway.k8s.aws/targetgroupconfigurations"
        | "gateway.k8s.aws/listenerruleconfigurations"
        | "elbv2.k8s.aws/resources"
        | "service.k8s.aws/resources"
        | "ingress.k8s.aws/resources"
        | "aga.k8s.aws/resources" => Some(LOAD_BALANCER),
        group if group.starts_with("group.ingress.k8s.aws/") => Some(LOAD_BALANCER),
        "gateway.k8s.aws/resources"
        | "httproute.k8s.aws/resources"
        | "grpcroute.k8s.aws/resources"
        | "tlsroute.k8s.aws/resources"
        | "serviceexport.k8s.aws/resources"
        | "serviceimport.k8s.aws/resource"
        | "servicenetwork.k8s.aws/resources"
        | "accesslogpolicy.k8s.aws/resources"
        | "application-networking.k8s.aws/iam-auth-policy"
        | "vpcassociationpolicies.application-networking.k8s.aws/resources" => Some(LATTICE),
        _ => None,
    }
}
