//! What random stacks are made of: manifest files, policies, rules.

/// Anyone may call.
pub const POLICY: &str = "auth = \"iam\"\npolicy = { Version = \"2012-10-17\", Statement = [{ Effect = \"Allow\", Principal = \"*\", Action = \"vpc-lattice-svcs:Invoke\", Resource = \"*\" }] }\n";
/// One account may call.
pub const OTHER_POLICY: &str = "auth = \"iam\"\npolicy = { Version = \"2012-10-17\", Statement = [{ Effect = \"Allow\", Principal = { AWS = \"111122223333\" }, Action = [\"vpc-lattice-svcs:Invoke\"], Resource = \"*\" }] }\n";

/// The files beside the stack file.
pub const FILES: &[(&str, &str)] = &[
    ("services.yaml", SERVICES),
    ("config.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: config\ndata:\n  a: one\n"),
    (
        "config-2.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: config\n  labels: { x: y }\ndata:\n  a: two\n  b: three\n",
    ),
    ("crd.yaml", CRD),
    (
        "custom.yaml",
        "apiVersion: tests.example.com/v1\nkind: Wheel\nmetadata:\n  name: round\nspec:\n  spokes: 12\n",
    ),
    ("work.yaml", WORK),
    ("work-2.yaml", WORK_CHANGED),
];

const SERVICES: &str = "apiVersion: v1
kind: Service
metadata:
  name: left
spec:
  selector: { app: left }
  ports:
    - { name: http, port: 80, targetPort: 8080 }
---
apiVersion: v1
kind: Service
metadata:
  name: right
spec:
  selector: { app: right }
  ports:
    - { name: http, port: 80, targetPort: 8080 }
    - { name: other, port: 8080, targetPort: 8080 }
";

const CRD: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: wheels.tests.example.com
spec:
  group: tests.example.com
  scope: Namespaced
  names: { kind: Wheel, listKind: WheelList, plural: wheels, singular: wheel }
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties:
                spokes: { type: integer }
";

const WORK: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: work
spec:
  replicas: 1
  selector: { matchLabels: { app: work } }
  template:
    metadata: { labels: { app: work } }
    spec:
      containers:
        - { name: work, image: \"example.com/work:1\" }
";

const WORK_CHANGED: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: work
spec:
  replicas: 2
  selector: { matchLabels: { app: work } }
  template:
    metadata: { labels: { app: work, tier: back } }
    spec:
      containers:
        - { name: work, image: \"example.com/work:2\" }
";

/// One thing a security group allows.
pub fn rule(which: usize, other: bool) -> Option<&'static str> {
    match which {
        1 => Some("{ port = 80, cidr = \"10.0.0.0/16\" }"),
        2 => Some("{ port = 443, cidr = \"10.0.0.0/16\" }"),
        3 => Some("{ protocol = \"all\", cidr = \"10.0.0.0/8\" }"),
        4 if other => Some("{ port = 443, security_group = \"OTHER\" }"),
        _ => None,
    }
}

/// The rules of a route.
pub fn shape_of(which: usize) -> &'static str {
    match which {
        1 => {
            "{ path = \"/\", backends = [{ service = \"left\", port = 80 WEIGHT }, { service = \"right\", port = 80, weight = 2 }] }"
        }
        2 => {
            "{ path = \"/v1\", backends = [{ service = \"left\", port = 80 WEIGHT }] }, { path = \"/\", backends = [{ service = \"right\", port = 80 }] }"
        }
        3 => "{ method = \"GET\", backends = [{ service = \"left\", port = 80 }] }",
        4 => {
            "{ path = \"/\", headers = { stage = \"new\" }, backends = [{ service = \"right\", port = 8080 WEIGHT }] }"
        }
        5 => "{ path = \"/\", backends = [{ service = \"right\", port = 80 WEIGHT }] }",
        _ => "{ backends = [{ service = \"left\", port = 80 }] }",
    }
}
