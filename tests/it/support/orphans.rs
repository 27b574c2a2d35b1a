//! Things put straight into a sandbox, as crashes, controllers and people leave them: each sort with the marks of one
//! owner, in groups of what goes together. What finds them is in `sweep`.

use serde_json::{Value as Json, json};
use stack::sandbox::world::ACCOUNT;
use stack::sandbox::{Here, Sandbox};
use stack::sweep::Sort;

/// Whose marks things carry.
#[derive(Clone, Copy)]
pub struct Marks {
    /// Of the state.
    pub lineage: &'static str,
    /// The EKS name of the cluster.
    pub cluster: &'static str,
    /// The VPC of the cluster.
    pub vpc: &'static str,
    /// A VPC that the stack made, in which things carry no marks.
    pub inside: &'static str,
    /// The region that the tags of what lives in none name.
    pub region: &'static str,
    /// The name of a cluster that is still there.
    pub ghost: &'static str,
    /// Goes into ids, so that two owners do not share one.
    pub key: &'static str,
}

/// How many groups there are.
pub const GROUPS: usize = 35;

/// The groups that a cluster leaves, that a sweep of it removes and that tell its VPC or region.
pub const OF_CLUSTER: &[usize] = &[0, 1, 2, 3, 4, 14, 15, 16, 26, 27, 28, 29, 30, 31, 34];

/// What was put in: sort and id, as an audit tells them, where it should tell them.
pub type Put = Vec<(Sort, String)>;

/// A service network of somebody else, with which things are associated.
pub const FOREIGN: &str = "sn-foreign";

/// Puts in the things that are nobody's concern and that others hang on.
pub fn ground(sandbox: &Sandbox) {
    at(sandbox, |here| {
        let arn = format!("arn:aws:vpc-lattice:us-west-2:{ACCOUNT}:servicenetwork/{FOREIGN}");
        here.put(
            "lattice/service-network",
            FOREIGN,
            json!({ "id": FOREIGN, "arn": arn, "name": "foreign", "_tags": {} }),
        );
        here.put(
            "ec2/security-group",
            "sg-foreign",
            json!({ "groupId": "sg-foreign", "groupName": "foreign", "groupDescription": "f", "vpcId": "vpc-foreign", "tagSet": [] }),
        );
    });
}

fn at<T>(sandbox: &Sandbox, work: impl FnOnce(&mut Here<'_>) -> T) -> T {
    let mut world = sandbox.world();
    work(&mut Here {
        world: &mut world,
        account: ACCOUNT.into(),
        region: "us-west-2".into(),
        principal: String::new(),
    })
}

/// Puts in one group.
pub fn plant(sandbox: &Sandbox, group: usize, marks: &Marks) -> Put {
    at(sandbox, |here| Planter { here, marks, put: Vec::new() }.group(group))
}

struct Planter<'a, 'h> {
    here: &'a mut Here<'h>,
    marks: &'a Marks,
    put: Put,
}

/// `[{key, value}]` as each service writes it.
fn pairs(tags: &[(String, String)], key: &str, value: &str) -> Json {
    tags.iter().map(|(k, v)| json!({ key: k, value: v })).collect()
}

impl Planter<'_, '_> {
    fn own(&self) -> Vec<(String, String)> {
        vec![
            ("stack:lineage".into(), self.marks.lineage.into()),
            ("stack:address".into(), "gateway.left".into()),
        ]
    }

    fn lbc(&self) -> Vec<(String, String)> {
        vec![("elbv2.k8s.aws/cluster".into(), self.marks.cluster.into())]
    }

    fn lattice(&self) -> Json {
        let manager = format!("{ACCOUNT}/{}/{}", self.marks.cluster, self.marks.vpc);
        json!({ "application-networking.k8s.aws/ManagedBy": manager })
    }

    fn put(&mut self, sort: Sort, table: &str, id: &str, doc: Json) {
        self.here.put(table, id, doc);
        self.put.push((sort, id.to_owned()));
    }

    /// Something in EC2 that has this VPC.
    fn ec2(
        &mut self,
        sort: Sort,
        (table, prefix, field): (&str, &str, &str),
        tags: &[(String, String)],
        more: Json,
    ) -> String {
        let id = format!("{prefix}-{}{}", self.marks.key, self.put.len());
        let mut doc = json!({ field: id, "tagSet": pairs(tags, "key", "value") });
        for (key, value) in more.as_object().into_iter().flatten() {
            doc[key] = value.clone();
        }
        self.put(sort, &format!("ec2/{table}"), &id, doc);
        id
    }

    fn elb(&mut self, sort: Sort, table: &str, path: &str, field: &str, more: Json) -> String {
        let arn = format!("arn:aws:elasticloadbalancing:us-west-2:{ACCOUNT}:{path}/{}", self.marks.key);
        let mut doc = json!({ field: arn, "_tags": pairs(&self.lbc(), "Key", "Value"), "_attributes": {} });
        for (key, value) in more.as_object().into_iter().flatten() {
            doc[key] = value.clone();
        }
        self.put(sort, &format!("elb/{table}"), &arn, doc);
        arn
    }

    fn vpc_lattice(&mut self, sort: Sort, table: &str, path: &str, id: &str, tags: &Json, more: Json) {
        let arn = format!("arn:aws:vpc-lattice:us-west-2:{ACCOUNT}:{path}/{id}");
        let mut doc = json!({ "id": id, "arn": arn, "status": "ACTIVE", "_tags": tags });
        for (key, value) in more.as_object().into_iter().flatten() {
            doc[key] = value.clone();
        }
        self.put(sort, &format!("lattice/{table}"), id, doc);
    }

    fn group(mut self, group: usize) -> Put {
        let (key, vpc) = (self.marks.key, self.marks.vpc);
        let own = self.own();
        match group {
            0 => self.load_balancer(),
            1 => {
                let more =
                    json!({ "TargetGroupName": format!("k8s-{key}"), "VpcId": vpc, "LoadBalancerArns": [] });
                self.elb(Sort::TargetGroup, "target-group", "targetgroup/k8s", "TargetGroupArn", more);
            }
            2 => self.shared_group(),
            3 => {
                let tag = format!("kubernetes.io/cluster/{}", self.marks.cluster);
                let tags = vec![(tag, "owned".to_owned())];
                let more = json!({ "groupName": "eks-cluster-sg", "groupDescription": "g", "vpcId": vpc });
                self.ec2(Sort::SecurityGroup, ("security-group", "sg", "groupId"), &tags, more);
            }
            4 => {
                let tags = vec![("cluster.k8s.amazonaws.com/name".into(), self.marks.cluster.into())];
                let more = json!({ "status": "available", "vpcId": vpc, "groupSet": [], "description": "aws-K8S-i-1" });
                let table = ("network-interface", "eni", "networkInterfaceId");
                self.ec2(Sort::NetworkInterface, table, &tags, more);
            }
            5 => drop(self.ec2(Sort::ElasticIp, ("address", "eipalloc", "allocationId"), &own, json!({}))),
            6 => {
                let more = json!({ "state": "available", "vpcId": "vpc-x" });
                self.ec2(Sort::NatGateway, ("nat-gateway", "nat", "natGatewayId"), &own, more);
                // One that is gone is told for an hour.
                let gone = json!({ "natGatewayId": format!("nat-gone{key}"), "state": "deleted", "tagSet": pairs(&own, "key", "value") });
                self.here.put("ec2/nat-gateway", &format!("nat-gone{key}"), gone);
            }
            7 => {
                let table = ("internet-gateway", "igw", "internetGatewayId");
                self.ec2(Sort::InternetGateway, table, &own, json!({ "attachmentSet": [] }));
            }
            8 => {
                let more = json!({ "vpcId": "vpc-x", "associationSet": [], "routeSet": [] });
                self.ec2(Sort::RouteTable, ("route-table", "rtb", "routeTableId"), &own, more);
            }
            9 => {
                let more = json!({ "vpcId": "vpc-x", "cidrBlock": "10.9.0.0/24" });
                self.ec2(Sort::Subnet, ("subnet", "subnet", "subnetId"), &own, more);
            }
            10 => drop(self.ec2(Sort::Vpc, ("vpc", "vpc", "vpcId"), &own, json!({ "state": "available" }))),
            11 => {
                let more = json!({ "vpcId": "vpc-x", "state": "available" });
                self.ec2(Sort::VpcEndpoint, ("vpc-endpoint", "vpce", "vpcEndpointId"), &own, more);
            }
            12 => {
                let tags =
                    vec![(format!("kubernetes.io/cluster/{}", self.marks.cluster), "owned".to_owned())];
                let more = json!({ "status": "available" });
                self.ec2(Sort::Volume, ("volume", "vol", "volumeId"), &tags, more);
            }
            13 => {
                let more = json!({ "status": "in-use", "vpcId": self.marks.inside, "groupSet": [] });
                let table = ("network-interface", "eni-in", "networkInterfaceId");
                self.ec2(Sort::NetworkInterface, table, &[], more);
            }
            14 => self.lattice_service(),
            15 => {
                let id = format!("tg-{key}");
                let more = json!({ "name": format!("k8s-demo-{key}"), "vpcIdentifier": vpc, "_targets": [{ "id": "10.0.0.1", "port": 80 }], "config": { "port": 80 } });
                let tags = self.lattice();
                self.vpc_lattice(Sort::LatticeTargetGroup, "target-group", "targetgroup", &id, &tags, more);
            }
            16 => {
                let id = format!("snva-{key}");
                let more = json!({ "serviceNetworkId": FOREIGN, "vpcId": vpc });
                let tags = self.lattice();
                let path = "servicenetworkvpcassociation";
                self.vpc_lattice(Sort::LatticeVpcAssociation, "vpc-association", path, &id, &tags, more);
            }
            17 => self.service_network(),
            18 => {
                let arn = format!("arn:aws:acm:us-west-2:{ACCOUNT}:certificate/{key}");
                let doc = json!({ "CertificateArn": arn, "DomainName": "left.example.com", "Status": "ISSUED", "KeyAlgorithm": "EC-prime256v1", "_tags": pairs(&own, "Key", "Value") });
                self.put(Sort::Certificate, "acm/certificate", &arn, doc);
            }
            19 => {
                let name = format!("test-{key}");
                let doc = json!({ "RoleName": name, "Path": "/", "RoleId": "AROA", "Arn": format!("arn:aws:iam::{ACCOUNT}:role/{name}"), "CreateDate": "2026-01-01T00:00:00Z", "Tags": pairs(&own, "Key", "Value") });
                self.put(Sort::Role, "iam/role", &name, doc);
            }
            20 => {
                let arn =
                    format!("arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.eks.us-west-2.amazonaws.com/id/{key}");
                self.put(
                    Sort::OidcProvider,
                    "iam/oidc-provider",
                    &arn,
                    json!({ "Tags": pairs(&own, "Key", "Value") }),
                );
            }
            21 => self.cluster(),
            22 => {
                let name = format!("/aws/eks/{}/cluster", self.marks.cluster);
                self.put(Sort::LogGroup, "logs/group", &name, json!({ "logGroupName": name }));
            }
            23 => {
                let id = format!("Z{}", key.to_uppercase());
                let doc = json!({ "Id": format!("/hostedzone/{id}"), "Name": "left.example.", "CallerReference": "r", "Config": { "PrivateZone": false }, "_vpcs": [], "_servers": [], "_tags": pairs(&own, "Key", "Value") });
                self.put(Sort::HostedZone, "route53/zone", &id, doc);
            }
            24 => {
                let name = format!("{key}.api.example.com");
                let doc = json!({ "Name": format!("{name}."), "Type": "CNAME", "TTL": 60, "ResourceRecords": [{ "Value": "a." }] });
                self.here.put("route53/record", &format!("Z0APIEXAMPLECOM01/{name}./CNAME"), doc);
                self.put.push((Sort::Record, format!("Z0APIEXAMPLECOM01/{name}/CNAME")));
            }
            29 => self.classic(),
            30 => self.accelerator(),
            31 => {
                let tags = self.owned();
                let more = json!({ "instanceState": { "code": 16, "name": "running" }, "vpcId": vpc });
                self.ec2(Sort::Instance, ("instance", "i", "instanceId"), &tags, more.clone());
                // One that a group would start anew, and one that is gone and told for an hour.
                let group = ("aws:autoscaling:groupName".to_owned(), "workers".to_owned());
                let tags = [self.owned(), vec![group]].concat();
                self.ec2(Sort::Instance, ("instance", "i-asg", "instanceId"), &tags, more);
                let gone = json!({ "instanceId": format!("i-gone{key}"), "instanceState": { "code": 48, "name": "terminated" }, "tagSet": pairs(&tags, "key", "value") });
                self.here.put("ec2/instance", &format!("i-gone{key}"), gone);
            }
            32 => {
                let tags = vec![("karpenter.k8s.aws/cluster".into(), self.marks.cluster.into())];
                let more = json!({ "launchTemplateName": format!("karpenter.k8s.aws/{key}") });
                self.ec2(Sort::LaunchTemplate, ("launch-template", "lt", "launchTemplateId"), &tags, more);
            }
            33 => {
                let (tags, table) = (self.lbc(), ("vpc-endpoint-service", "vpce-svc", "serviceId"));
                let more = json!({ "serviceState": "Available", "networkLoadBalancerArnSet": ["arn:none"] });
                self.ec2(Sort::EndpointService, table, &tags, more);
            }
            34 => self.in_tree(),
            26 => self.policies(),
            27 => self.profiles(),
            28 => {
                // By eksctl, which does not say which issuer is of which cluster but in tags.
                let host = format!("oidc.eks.{}.amazonaws.com", self.marks.region);
                let arn = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{host}/id/eksctl-{key}");
                let tags = json!([{ "Key": "alpha.eksctl.io/cluster-name", "Value": self.marks.cluster }]);
                self.put(Sort::OidcProvider, "iam/oidc-provider", &arn, json!({ "Tags": tags }));
            }
            _ => {
                let more = json!({ "groupId": "sg-foreign", "isEgress": true, "ipProtocol": "-1", "description": "d" });
                let table = ("security-group-rule", "sgr", "securityGroupRuleId");
                self.ec2(Sort::SecurityGroupRule, table, &own, more);
            }
        }
        self.put
    }

    fn load_balancer(&mut self) {
        let (key, vpc) = (self.marks.key, self.marks.vpc);
        let more = json!({ "LoadBalancerName": format!("k8s-{key}"), "VpcId": vpc, "Type": "application" });
        let balancer =
            self.elb(Sort::LoadBalancer, "load-balancer", "loadbalancer/app", "LoadBalancerArn", more);
        let more = json!({ "LoadBalancerArn": balancer, "Port": 80, "Protocol": "HTTP" });
        self.elb(Sort::Listener, "listener", "listener/app", "ListenerArn", more);
    }

    /// With a rule of a group of somebody else that lets it in.
    fn shared_group(&mut self) {
        let mut tags = self.lbc();
        tags.push(("elbv2.k8s.aws/resource".into(), "backend-sg".into()));
        let more = json!({ "groupName": format!("k8s-traffic-{}", self.marks.key), "groupDescription": "g", "vpcId": self.marks.vpc });
        let group = self.ec2(Sort::SecurityGroup, ("security-group", "sg-k8s", "groupId"), &tags, more);
        let more = json!({
            "groupId": "sg-foreign", "isEgress": false, "ipProtocol": "tcp", "fromPort": 80, "toPort": 80,
            "description": "elbv2.k8s.aws/targetGroupBinding=shared",
            "referencedGroupInfo": { "groupId": group, "userId": ACCOUNT },
        });
        self.ec2(
            Sort::SecurityGroupRule,
            ("security-group-rule", "sgr-k8s", "securityGroupRuleId"),
            &[],
            more,
        );
    }

    fn lattice_service(&mut self) {
        let (key, tags) = (self.marks.key, self.lattice());
        let service = format!("svc-{key}");
        let more = json!({ "name": format!("cart-{key}") });
        self.vpc_lattice(Sort::LatticeService, "service", "service", &service, &tags, more);
        let listener = format!("listener-{key}");
        let path = format!("service/{service}/listener");
        let more = json!({ "name": "http", "serviceId": service, "protocol": "HTTP", "port": 80 });
        self.vpc_lattice(Sort::LatticeListener, "listener", &path, &listener, &json!({}), more);
        let more = json!({ "serviceId": service, "serviceNetworkId": FOREIGN, "serviceName": "cart" });
        let path = "servicenetworkserviceassociation";
        let id = format!("snsa-{key}");
        self.vpc_lattice(Sort::LatticeServiceAssociation, "service-association", path, &id, &json!({}), more);
        self.logs(&service, &format!("als-s{key}"));
    }

    fn logs(&mut self, of: &str, id: &str) {
        let more = json!({
            "resourceId": of, "resourceArn": of, "destinationArn": "arn:aws:s3:::logs",
            "createdAt": "2026-01-01T00:00:00Z", "lastUpdatedAt": "2026-01-01T00:00:00Z",
        });
        let path = "accesslogsubscription";
        self.vpc_lattice(Sort::LatticeLogs, "access-log-subscription", path, id, &json!({}), more);
    }

    fn service_network(&mut self) {
        let id = format!("sn-{}", self.marks.key);
        let tags: Json = self
            .own()
            .into_iter()
            .map(|(key, value)| (key, Json::from(value)))
            .collect::<serde_json::Map<_, _>>()
            .into();
        let more = json!({ "name": id });
        self.vpc_lattice(Sort::LatticeNetwork, "service-network", "servicenetwork", &id, &tags, more);
        self.logs(&id, &format!("als-n{}", self.marks.key));
    }

    fn owned(&self) -> Vec<(String, String)> {
        vec![(format!("kubernetes.io/cluster/{}", self.marks.cluster), "owned".into())]
    }

    /// As the cloud provider in Kubernetes makes one for a Service, with its group.
    fn classic(&mut self) {
        let (name, vpc) = (format!("a{}", self.marks.key), self.marks.vpc);
        let mut tags = self.owned();
        tags.push(("kubernetes.io/service-name".into(), "demo/shop".into()));
        let doc = json!({ "LoadBalancerName": name, "VPCId": vpc, "_tags": pairs(&tags, "Key", "Value") });
        self.put(Sort::ClassicLoadBalancer, "elb-classic/load-balancer", &name, doc);
        let more = json!({ "groupName": format!("k8s-elb-{name}"), "groupDescription": "g", "vpcId": vpc });
        let owned = self.owned();
        self.ec2(Sort::SecurityGroup, ("security-group", "sg-elb", "groupId"), &owned, more);
    }

    /// The same as a network load balancer: none of the tags are of the load balancer controller.
    fn in_tree(&mut self) {
        let (key, vpc) = (self.marks.key, self.marks.vpc);
        let tags = pairs(&self.owned(), "Key", "Value");
        let more =
            json!({ "LoadBalancerName": format!("a{key}"), "VpcId": vpc, "Type": "network", "_tags": tags });
        self.elb(Sort::LoadBalancer, "load-balancer", "loadbalancer/net", "LoadBalancerArn", more);
        let more = json!({ "TargetGroupName": key, "VpcId": vpc, "LoadBalancerArns": [], "_tags": tags });
        self.elb(Sort::TargetGroup, "target-group", "targetgroup/in-tree", "TargetGroupArn", more);
    }

    /// With a listener and an endpoint group.
    fn accelerator(&mut self) {
        let arn = format!("arn:aws:globalaccelerator::{ACCOUNT}:accelerator/{}", self.marks.key);
        let mut tags = self.lbc();
        tags.push(("aga.k8s.aws/stack".into(), "demo/shop".into()));
        tags.push(("elbv2.k8s.aws/cluster-region".into(), self.marks.region.into()));
        let doc = json!({
            "AcceleratorArn": arn, "Name": "shop", "Enabled": true, "Status": "DEPLOYED",
            "_tags": pairs(&tags, "Key", "Value"),
        });
        self.put(Sort::Accelerator, "globalaccelerator/accelerator", &arn, doc);
        let listener = format!("{arn}/listener/l");
        let doc = json!({ "ListenerArn": listener, "_of": arn });
        self.here.put("globalaccelerator/listener", &listener, doc);
        let group = format!("{listener}/endpoint-group/g");
        let doc = json!({ "EndpointGroupArn": group, "EndpointGroupRegion": "us-west-2", "_of": listener });
        self.here.put("globalaccelerator/endpoint-group", &group, doc);
    }

    /// As Karpenter marks what lives in no region.
    fn karpenter(&self) -> Json {
        let owned = format!("kubernetes.io/cluster/{}", self.marks.cluster);
        json!([
            { "Key": owned, "Value": "owned" },
            { "Key": "eks:eks-cluster-name", "Value": self.marks.cluster },
            { "Key": "topology.kubernetes.io/region", "Value": self.marks.region },
        ])
    }

    fn role(&mut self, name: &str, managed: &Json) {
        let arn = format!("arn:aws:iam::{ACCOUNT}:role/{name}");
        let doc = json!({ "RoleName": name, "Path": "/", "RoleId": "AROA", "Arn": arn, "CreateDate": "2026-01-01T00:00:00Z", "Tags": [], "_managed": managed, "_inline": {} });
        self.here.put("iam/role", name, doc);
    }

    fn policy(&mut self, name: &str, tags: &Json, versions: Json) -> String {
        let arn = format!("arn:aws:iam::{ACCOUNT}:policy/{name}");
        let doc = json!({
            "PolicyName": name, "PolicyId": "ANPA", "Arn": arn, "Path": "/", "DefaultVersionId": "v2",
            "PermissionsBoundaryUsageCount": 0, "CreateDate": "2026-01-01T00:00:00Z", "Tags": tags, "_inline": versions,
        });
        self.put(Sort::Policy, "iam/policy", &arn, doc);
        arn
    }

    /// One of a cluster that is attached and has versions, and one of the stack.
    fn policies(&mut self) {
        let (key, tags) = (self.marks.key, self.karpenter());
        let own = pairs(&self.own(), "Key", "Value");
        let attached = self.policy(&format!("nodes-{key}"), &tags, json!({ "v1": {}, "v2": {}, "v3": {} }));
        self.policy(&format!("own-{key}"), &own, json!({ "v2": {} }));
        self.role(&format!("kept-{key}"), &json!([attached]));
    }

    fn profiles(&mut self) {
        let (role, tags) = (format!("nodes-{}", self.marks.key), self.karpenter());
        self.role(&role, &json!([]));
        let name = format!("{}_{}", self.marks.cluster, self.marks.key);
        let path = format!("/karpenter/{}/{}/", self.marks.region, self.marks.cluster);
        let arn = format!("arn:aws:iam::{ACCOUNT}:instance-profile{path}{name}");
        let doc = json!({
            "InstanceProfileName": name, "InstanceProfileId": "AIPA", "Arn": arn, "Path": path,
            "CreateDate": "2026-01-01T00:00:00Z", "Tags": tags, "_role": role,
        });
        self.put(Sort::InstanceProfile, "iam/instance-profile", &name, doc);
    }

    fn cluster(&mut self) {
        let name = self.marks.ghost;
        let tags: Json = self
            .own()
            .into_iter()
            .map(|(key, value)| (key, Json::from(value)))
            .collect::<serde_json::Map<_, _>>()
            .into();
        self.put(
            Sort::Cluster,
            "eks/cluster",
            name,
            json!({ "name": name, "status": "ACTIVE", "tags": tags }),
        );
        let group = json!({ "clusterName": name, "nodegroupName": "default" });
        self.put(Sort::NodeGroup, "eks/node-group", &format!("{name}/default"), group);
        let identity = json!({ "clusterName": name, "associationId": "a-1" });
        self.put(Sort::PodIdentity, "eks/pod-identity", &format!("{name}/a-1"), identity);
    }
}
