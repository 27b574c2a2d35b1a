//! `Sort`: every sort of thing that the controllers, EKS or this program can leave behind, in the order of removal,
//! and the command that removes one.

use serde::Serialize;

use super::thing::Thing;

/// The tag of an instance that names the Auto Scaling group which started it.
pub const AUTO_SCALING: &str = "aws:autoscaling:groupName";

/// A sort of thing. The order is that of removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "their titles say what they are")]
pub enum Sort {
    Record,
    Accelerator,
    EndpointService,
    Listener,
    LoadBalancer,
    ClassicLoadBalancer,
    TargetGroup,
    LatticeServiceAssociation,
    LatticeListener,
    LatticeLogs,
    LatticeService,
    LatticeTargetGroup,
    LatticeVpcAssociation,
    LatticeNetwork,
    PodIdentity,
    NodeGroup,
    Cluster,
    Instance,
    LaunchTemplate,
    OidcProvider,
    InstanceProfile,
    Policy,
    Role,
    Certificate,
    HostedZone,
    LogGroup,
    VpcEndpoint,
    NatGateway,
    NetworkInterface,
    SecurityGroupRule,
    SecurityGroup,
    ElasticIp,
    InternetGateway,
    Subnet,
    RouteTable,
    Vpc,
    Volume,
}

impl Sort {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Record,
        Self::Accelerator,
        Self::EndpointService,
        Self::Listener,
        Self::LoadBalancer,
        Self::ClassicLoadBalancer,
        Self::TargetGroup,
        Self::LatticeServiceAssociation,
        Self::LatticeListener,
        Self::LatticeLogs,
        Self::LatticeService,
        Self::LatticeTargetGroup,
        Self::LatticeVpcAssociation,
        Self::LatticeNetwork,
        Self::PodIdentity,
        Self::NodeGroup,
        Self::Cluster,
        Self::Instance,
        Self::LaunchTemplate,
        Self::OidcProvider,
        Self::InstanceProfile,
        Self::Policy,
        Self::Role,
        Self::Certificate,
        Self::HostedZone,
        Self::LogGroup,
        Self::VpcEndpoint,
        Self::NatGateway,
        Self::NetworkInterface,
        Self::SecurityGroupRule,
        Self::SecurityGroup,
        Self::ElasticIp,
        Self::InternetGateway,
        Self::Subnet,
        Self::RouteTable,
        Self::Vpc,
        Self::Volume,
    ];

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Record => "DNS record",
            Self::Accelerator => "accelerator",
            Self::EndpointService => "VPC endpoint service",
            Self::Listener => "listener",
            Self::LoadBalancer => "load balancer",
            Self::ClassicLoadBalancer => "Classic Load Balancer",
            Self::TargetGroup => "target group",
            Self::LatticeServiceAssociation => "Lattice service association",
            Self::LatticeListener => "Lattice listener",
            Self::LatticeLogs => "Lattice access log subscription",
            Self::LatticeService => "Lattice service",
            Self::LatticeTargetGroup => "Lattice target group",
            Self::LatticeVpcAssociation => "Lattice VPC association",
            Self::LatticeNetwork => "Lattice service network",
            Self::PodIdentity => "pod identity association",
            Self::NodeGroup => "node group",
            Self::Cluster => "EKS cluster",
            Self::Instance => "instance",
            Self::LaunchTemplate => "launch template",
            Self::OidcProvider => "OpenID Connect provider",
            Self::InstanceProfile => "instance profile",
            Self::Policy => "IAM policy",
            Self::Role => "IAM role",
            Self::Certificate => "certificate",
            Self::HostedZone => "hosted zone",
            Self::LogGroup => "log group",
            Self::VpcEndpoint => "VPC endpoint",
            Self::NatGateway => "NAT gateway",
            Self::NetworkInterface => "network interface",
            Self::SecurityGroupRule => "security group rule",
            Self::SecurityGroup => "security group",
            Self::ElasticIp => "elastic IP",
            Self::InternetGateway => "internet gateway",
            Self::Subnet => "subnet",
            Self::RouteTable => "route table",
            Self::Vpc => "VPC",
            Self::Volume => "volume",
        }
    }

    /// Whether it belongs to an account and to no region of it.
    pub fn is_global(self) -> bool {
        let of_iam = matches!(self, Self::OidcProvider | Self::InstanceProfile | Self::Policy | Self::Role);
        of_iam || matches!(self, Self::Record | Self::HostedZone | Self::Accelerator)
    }
}

/// The command of the AWS CLI that removes a thing, for those who want to see what they do.
pub fn command(thing: &Thing) -> String {
    let id = &thing.id;
    let of = thing.of.first().map_or("", String::as_str);
    let (cluster, name) = id.split_once('/').unwrap_or(("", id));
    let line = match thing.sort {
        Sort::Record => {
            let sort = id.rsplit('/').next().unwrap_or_default();
            let change = format!("'[{{\"Action\": \"DELETE\", ...}}]' # {} {sort}", thing.name);
            format!("route53 change-resource-record-sets --hosted-zone-id {of} --change-batch {change}")
        }
        Sort::Accelerator => format!("globalaccelerator delete-accelerator --accelerator-arn {id}"),
        Sort::EndpointService => {
            format!("ec2 delete-vpc-endpoint-service-configurations --service-ids {id}")
        }
        Sort::Listener => format!("elbv2 delete-listener --listener-arn {id}"),
        Sort::LoadBalancer => format!("elbv2 delete-load-balancer --load-balancer-arn {id}"),
        Sort::ClassicLoadBalancer => format!("elb delete-load-balancer --load-balancer-name {id}"),
        Sort::TargetGroup => format!("elbv2 delete-target-group --target-group-arn {id}"),
        Sort::LatticeServiceAssociation => format!(
            "vpc-lattice delete-service-network-service-association --service-network-service-association-identifier {id}"
        ),
        Sort::LatticeListener => {
            format!("vpc-lattice delete-listener --service-identifier {of} --listener-identifier {id}")
        }
        Sort::LatticeLogs => {
            format!("vpc-lattice delete-access-log-subscription --access-log-subscription-identifier {id}")
        }
        Sort::LatticeService => format!("vpc-lattice delete-service --service-identifier {id}"),
        Sort::LatticeTargetGroup => {
            format!("vpc-lattice delete-target-group --target-group-identifier {id}")
        }
        Sort::LatticeVpcAssociation => format!(
            "vpc-lattice delete-service-network-vpc-association --service-network-vpc-association-identifier {id}"
        ),
        Sort::LatticeNetwork => {
            format!("vpc-lattice delete-service-network --service-network-identifier {id}")
        }
        Sort::PodIdentity => {
            format!("eks delete-pod-identity-association --cluster-name {cluster} --association-id {name}")
        }
        Sort::NodeGroup => format!("eks delete-nodegroup --cluster-name {cluster} --nodegroup-name {name}"),
        Sort::Cluster => format!("eks delete-cluster --name {id}"),
        Sort::Instance => match thing.tag(AUTO_SCALING) {
            Some(group) => {
                let group = format!("--auto-scaling-group-name {group}");
                format!("autoscaling delete-auto-scaling-group {group} --force-delete")
            }
            None => format!("ec2 terminate-instances --instance-ids {id}"),
        },
        Sort::LaunchTemplate => format!("ec2 delete-launch-template --launch-template-id {id}"),
        Sort::OidcProvider => {
            format!("iam delete-open-id-connect-provider --open-id-connect-provider-arn {id}")
        }
        Sort::InstanceProfile => format!("iam delete-instance-profile --instance-profile-name {id}"),
        Sort::Policy => format!("iam delete-policy --policy-arn {id}"),
        Sort::Role => format!("iam delete-role --role-name {id}"),
        Sort::Certificate => format!("acm delete-certificate --certificate-arn {id}"),
        Sort::HostedZone => format!("route53 delete-hosted-zone --id {id}"),
        Sort::LogGroup => format!("logs delete-log-group --log-group-name {id}"),
        Sort::VpcEndpoint => format!("ec2 delete-vpc-endpoints --vpc-endpoint-ids {id}"),
        Sort::NatGateway => format!("ec2 delete-nat-gateway --nat-gateway-id {id}"),
        Sort::NetworkInterface => format!("ec2 delete-network-interface --network-interface-id {id}"),
        Sort::SecurityGroupRule => {
            let way = if thing.egress { "egress" } else { "ingress" };
            format!("ec2 revoke-security-group-{way} --group-id {of} --security-group-rule-ids {id}")
        }
        Sort::SecurityGroup => format!("ec2 delete-security-group --group-id {id}"),
        Sort::ElasticIp => format!("ec2 release-address --allocation-id {id}"),
        Sort::InternetGateway => format!("ec2 delete-internet-gateway --internet-gateway-id {id}"),
        Sort::Subnet => format!("ec2 delete-subnet --subnet-id {id}"),
        Sort::RouteTable => format!("ec2 delete-route-table --route-table-id {id}"),
        Sort::Vpc => format!("ec2 delete-vpc --vpc-id {id}"),
        Sort::Volume => format!("ec2 delete-volume --volume-id {id}"),
    };
    // Accelerators live in no region either, but are asked for in one.
    let region = match thing.sort.is_global() && thing.sort != Sort::Accelerator {
        true => String::new(),
        false => format!(" --region {}", thing.place.region),
    };
    let condition = condition(thing).map(|words| format!(" # {words}")).unwrap_or_default();
    format!("aws {line}{region}{condition}")
}

/// When the command is taken, where it is not at once. A sweep does all of it.
fn condition(thing: &Thing) -> Option<&'static str> {
    match thing.sort {
        Sort::Accelerator => Some("once it is disabled and its listeners are gone"),
        Sort::InstanceProfile if !thing.free => Some("once its role is taken out"),
        Sort::Policy if !thing.free => Some("once it is detached"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_listed_once_and_in_order() {
        assert!(Sort::ALL.is_sorted());
        assert_eq!(Sort::ALL.len(), Sort::Volume as usize + 1);
    }

    #[test]
    fn commands_name_the_thing_and_the_region() {
        let place = crate::graph::Place { account: None, region: "us-west-2".into() };
        let mut rule = Thing::new(Sort::SecurityGroupRule, "sgr-1", &place, "111122223333");
        rule.of = vec!["sg-1".into()];
        assert_eq!(
            command(&rule),
            "aws ec2 revoke-security-group-ingress --group-id sg-1 --security-group-rule-ids sgr-1 --region us-west-2"
        );
        let role = Thing::new(Sort::Role, "shop-edge", &place, "111122223333");
        assert_eq!(command(&role), "aws iam delete-role --role-name shop-edge");
        let mut instance = Thing::new(Sort::Instance, "i-1", &place, "111122223333");
        assert_eq!(command(&instance), "aws ec2 terminate-instances --instance-ids i-1 --region us-west-2");
        instance.tags.insert(AUTO_SCALING.to_owned(), "workers".to_owned());
        assert!(command(&instance).contains("--auto-scaling-group-name workers --force-delete"));
        let policy = Thing::new(Sort::Policy, "arn", &place, "111122223333");
        assert_eq!(command(&policy), "aws iam delete-policy --policy-arn arn # once it is detached");
        let group = Thing::new(Sort::NodeGroup, "edge/default", &place, "111122223333");
        assert!(command(&group).contains("--cluster-name edge --nodegroup-name default"));
    }
}
