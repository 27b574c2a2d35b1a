//! Files that are wrong, and what is said about them: as it is drawn for a few, as `underlined: message` for the rest.

use super::*;

/// The messages for a file behind a right head.
fn said(text: &str) -> String {
    messages(text).join("\n")
}

/// The messages for the shop with one thing changed.
fn shop(from: &str, to: &str) -> String {
    assert!(SHOP.contains(from), "the shop has no {from}");
    let text = SHOP.replacen(from, to, 1);
    let found = parse(source(&text), &Variables::default()).err().unwrap_or_default();
    lines(&text, &found).join("\n")
}

#[test]
fn b41_everything_is_said_at_once_with_its_place_and_what_to_do() {
    let text = "[stack]\nname = \"Shop!\"\nregoin = \"us-west-2\"\n[networks.edge]\ncidr = \"10.0.0.1/16\"\nzones = \"three\"\n\
                [clusters.a]\nversion = \"1.35\"\nnetwork = \"egde\"\n[gateways.g]\nclass = \"albb\"\n\
                listeners = [{ name = \"http\", protocol = \"HTTP\", port = 70000 }]\n[outputs]\nx = \"at ${gateway.h.address} and ${var.y}\"\n";
    insta::assert_snapshot!(wrong_whole(text, &Variables::default()), @r#"
    error: unknown key `regoin`
     --> s.toml:3:1
      |
    3 | regoin = "us-west-2"
      | ^^^^^^
      |
      = help: did you mean `region`? allowed: `name`, `region`, `account`, `tags`

    error: expected a whole number, found a text
     --> s.toml:6:9
      |
    6 | zones = "three"
      |         ^^^^^^^ this is a text
      |
      = help: a number stands without quotes: `3`

    error: there is no network `egde`
     --> s.toml:9:11
      |
    9 | network = "egde"
      |           ^^^^^^
      |
      = help: did you mean `edge`? declared: `edge`

    error: `albb` is not allowed here
      --> s.toml:11:9
       |
    11 | class = "albb"
       |         ^^^^^^
       |
       = help: did you mean `alb`? allowed: `alb`, `nlb`, `lattice`

    error: 70000 is out of range
      --> s.toml:12:57
       |
    12 | listeners = [{ name = "http", protocol = "HTTP", port = 70000 }]
       |                                                         ^^^^^
       |
       = help: allowed: 1 to 65535

    error: there is no gateway `h`
      --> s.toml:14:9
       |
    14 | x = "at ${gateway.h.address} and ${var.y}"
       |         ^^^^^^^^^^^^^^^^^^^^
       |
       = help: did you mean `g`? declared: `g`

    error: there is no variable `y`
      --> s.toml:14:34
       |
    14 | x = "at ${gateway.h.address} and ${var.y}"
       |                                  ^^^^^^^^
       |
       = help: the file declares no variables: declare it: `[variables] y = { default = "…" }`
    "#);
}

#[test]
fn all_mistakes_of_syntax_are_drawn() {
    insta::assert_snapshot!(wrong("a = tru\n[b\nc = 'x\n"), @r#"
    error: this is not TOML: invalid boolean, expected `true`
     --> s.toml:4:5
      |
    4 | a = tru
      |     ^^^
      |
      = help: texts stand in quotes, tables in `[brackets]`, one `key = value` a line

    error: this is not TOML: unclosed table, expected `]`
     --> s.toml:5:3
      |
    5 | [b
      |   ^
      |
      = help: texts stand in quotes, tables in `[brackets]`, one `key = value` a line
    "#);
}

#[test]
fn equal_keys_are_drawn_with_both_places() {
    insta::assert_snapshot!(wrong("[networks.a]\nvpc_id = \"vpc-1\"\n[networks.a]\nvpc_id = \"vpc-2\"\n"), @r#"
    error: `a` is there twice
     --> s.toml:6:11
      |
    4 | [networks.a]
      |           - first here
    5 | vpc_id = "vpc-1"
    6 | [networks.a]
      |           ^ again here
      |
      = help: keep one of them, or give them different names

    error: `vpc_id` is there twice
     --> s.toml:7:1
      |
    5 | vpc_id = "vpc-1"
      | ------ first here
    6 | [networks.a]
    7 | vpc_id = "vpc-2"
      | ^^^^^^ again here
      |
      = help: keep one of them, or give them different names
    "#);
}

#[test]
fn a_file_with_nothing_in_it_says_how_to_begin() {
    insta::assert_snapshot!(wrong_whole("# nothing\n", &Variables::default()), @r#"
    error: the file is empty
    --> s.toml
     = help: begin with `[stack]`, `name = "…"` and `region = "…"`
    "#);
    insta::assert_snapshot!(wrong_whole("[outputs]\nx = 1\n", &Variables::default()), @r#"
    error: the section `[stack]` is missing
    --> s.toml
     = help: begin with `[stack]`, `name = "…"` and `region = "…"`
    "#);
}

#[test]
fn files_of_windows_are_drawn_alike() {
    let text = "\u{feff}[stack]\r\nname = \"s\"\r\nregion = \"oregon\"\r\n";
    insta::assert_snapshot!(wrong_whole(text, &Variables::default()), @r#"
    error: `oregon` is no AWS region
     --> s.toml:3:10
      |
    3 | region = "oregon"
      |          ^^^^^^^^
      |
      = help: as in `us-west-2`
    "#);
}

#[test]
fn secrets_are_not_repeated() {
    let text =
        format!("{HEAD}[variables]\nkey = {{ sensitive = true }}\n[networks.n]\ncidr = \"${{var.key}}\"\n");
    insta::assert_snapshot!(wrong_whole(&text, &given(&[("key", "hunter2")])), @r#"
    error: `(sensitive)` is not an IPv4 range
     --> s.toml:7:8
      |
    7 | cidr = "${var.key}"
      |        ^^^^^^^^^^^^
      |
      = help: write an address and the length of its prefix, as in `10.0.0.0/16`
    "#);
}

#[test]
fn types_and_keys() {
    insta::assert_snapshot!(said("[network.a]\nvpc_id = 1\n"), @"network: unknown section `network`");
    insta::assert_snapshot!(said("[state]\nbackend = []\n"), @"[]: expected a text, found a list");
    let text = format!("networks = 1\n{HEAD}");
    let found = parse(source(&text), &Variables::default()).expect_err("is wrong");
    insta::assert_snapshot!(lines(&text, &found).join("\n"), @"1: expected a table, found a whole number");
    insta::assert_snapshot!(said("[clusters.a]\nexisting = { eks = \"a\" }\n[routes.r]\nrules = [{ backends = [{ service = \"s\", port = 0 }, { servce = 1, port = -1, weight = 1.5 }] }]\n"), @r#"
    [routes.r]: the key `gateway` is missing
    0: 0 is out of range
    servce: unknown key `servce`
    -1: -1 is out of range
    1.5: expected a whole number, found a fraction
    "#);
    insta::assert_snapshot!(said("[lifecycle.\"cluster.a\"]\nprevent_destroy = \"yes\"\ntimeouts = { create = \"forty\" }\n"), @r#"
    "yes": expected `true` or `false`, found a text
    "forty": `forty` is not a duration
    "#);
    insta::assert_snapshot!(said("[networks.a]\ncidr = \"10.0.0.0/33\"\nnat = \"two\"\n"), @r#"
    "10.0.0.0/33": `10.0.0.0/33` is not an IPv4 range
    "two": `two` is not allowed here
    "#);
}

#[test]
fn variables() {
    insta::assert_snapshot!(said("[variables]\nx = {}\nY = { defualt = 1 }\n[outputs]\na = \"${var.z} ${x} ${var.x\"\n"), @r#"
    x: the variable `x` has no value
    Y: the variable `Y` has no value
    defualt: unknown key `defualt`
    "${var.z} ${x} ${var.x": `${` is not closed
    ${var.z}: there is no variable `z`
    ${x}: `x` refers to nothing
    "#);
    let text = format!("{HEAD}[variables]\nn = {{ default = 1 }}\n");
    let found = parse(source(&text), &given(&[("n", "one"), ("m", "1")])).expect_err("is wrong");
    insta::assert_snapshot!(lines(&text, &found).join("\n"), @r#"
    : `--var m=…` is for no variable of this stack file
    n: the value given for the variable `n` is not a whole number, as its default is
    "#);
}

#[test]
fn references() {
    insta::assert_snapshot!(said("[outputs]\na = \"${clustr.a.arn}\"\nb = \"${cluster.a.arn}\"\nc = \"${cluster}\"\n"), @r#"
    ${clustr.a.arn}: `clustr` is not a section to refer to
    ${cluster.a.arn}: there is no cluster `a`
    ${cluster}: `cluster` refers to nothing
    "#);
}

#[test]
fn references_elsewhere() {
    insta::assert_snapshot!(shop("vpc_id = \"vpc-0abc\"", "vpc_id = \"${network.edge.vpc_id}\""), @r#""${network.edge.vpc_id}": a reference to an output cannot be used here"#);
    insta::assert_snapshot!(shop("\"${gateway.shop.address}\"", "\"${gateway.shop}\""), @"${gateway.shop}: `gateway.shop` does not say which output");
    insta::assert_snapshot!(shop("\"${gateway.shop.address}\"", "\"${gateway.core@apps-c.address}\""), @"${gateway.core@apps-c.address}: there is no cluster `apps-c`");
    insta::assert_snapshot!(said("[values.a]\ninput = \"${value.b.id}\"\n[values.b]\ninput = [\"${value.c.id}\"]\n[values.c]\ninput = \"${value.b.value}\"\n[values.d]\ninput = \"${value.d.id}\"\n"), @r#"
    ["${value.c.id}"]: these values need each other: `value.b` needs `value.c` needs `value.b`
    "${value.d.id}": these values need each other: `value.d` needs `value.d`
    "#);
}

#[test]
fn heads() {
    insta::assert_snapshot!(shop("account = \"111122223333\"", "account = \"1111\""), @r#""1111": `1111` is no AWS account"#);
    insta::assert_snapshot!(shop("\"us-west-2\"", "\"oregon\""), @r#""oregon": `oregon` is no AWS region"#);
    insta::assert_snapshot!(shop("\"s3://", "\"s4://"), @r#""s4://bucket/prefix": `s4` is not a kind of store"#);
    insta::assert_snapshot!(shop("arn:aws:iam::444455556666:role/stack", "arn:aws:iam::444455556666:user/stack"), @r#""arn:aws:iam::444455556666:user/stack": `arn:aws:iam::444455556666:user/stack` is not the ARN of a role"#);
    insta::assert_snapshot!(shop("team = ", "\"aws:team\" = "), @r#""aws:team": `aws:team` is reserved"#);
}

#[test]
fn networks() {
    insta::assert_snapshot!(shop("10.1.0.0/16", "10.1.0.0/27"), @r#""10.1.0.0/27": `10.1.0.0/27` is too small for 6 subnets"#);
    insta::assert_snapshot!(shop("10.1.0.0/16", "10.0.0.0/8"), @r#""10.0.0.0/8": `10.0.0.0/8` is no range for a VPC"#);
    insta::assert_snapshot!(shop("zones = 3", "zones = 7"), @"7: a network over 7 zones cannot be made");
    insta::assert_snapshot!(shop("vpc_id = \"vpc-0abc\"", "vpc_id = \"vpc-0abc\"\ncidr = \"10.0.0.0/16\""), @r#""vpc-0abc": `cidr` and `vpc_id` exclude each other"#);
    insta::assert_snapshot!(shop("vpc_id = \"vpc-0abc\"", "nat = \"one\""), @"legacy: the network `legacy` has neither `cidr` nor `vpc_id`");
    insta::assert_snapshot!(shop("ingress = [{ cidr = \"10.0.0.0/16\", port = 443 }]", "ingress = [{ protocol = \"tpc\" }, { security_group = \"lattic\" }]"), @r#"
    { protocol = "tpc" }: this allows traffic from nowhere, or from two places
    "tpc": `tpc` is not a protocol
    "lattic": `lattic` is not a security group of this network
    "#);
    insta::assert_snapshot!(shop("[networks.legacy]", "[networks.Legacy_1]"), @"Legacy_1: `Legacy_1` is no name for an entry of `[networks]`");
}

#[test]
fn clusters() {
    insta::assert_snapshot!(shop("network = \"apps-b\"", "network = \"apps-c\""), @r#""apps-c": there is no network `apps-c`"#);
    insta::assert_snapshot!(shop("version = \"1.35\"", "version = \"1.30\""), @r#""1.30": `1.30` is not a Kubernetes version known here"#);
    insta::assert_snapshot!(shop("[\"m7g.large\"]", "[\"m7g.large\", \"m7i.large\", \"large\"]"), @r#"
    "m7i.large": the instance types of a node group are of two architectures
    "large": `large` is no instance type
    "#);
    insta::assert_snapshot!(shop("{ min = 3, max = 6 }", "{ min = 7, max = 6 }"), @"{ min = 7, max = 6 }: the smallest size is above the largest");
    insta::assert_snapshot!(shop("{ min = 3, max = 6 }", "{ min = 3, max = 6, desired = 9 }"), @"9: 9 nodes are outside of the size");
    insta::assert_snapshot!(shop("{ min = 3, max = 6 }", "{ min = 0, max = 0 }"), @"0: a node group of at most 0 nodes");
    insta::assert_snapshot!(shop("{ eks = \"prod-1\", vpc_id = \"vpc-0def\" }", "{ eks = \"shop-edge\", kubeconfig = \"x\" }\nversion = \"1.35\""), @r#"
    "shop-edge": two clusters are called `shop-edge` in EKS
    "x": `eks` and `kubeconfig` exclude each other
    version: `version` does not go with `existing`
    "#);
    insta::assert_snapshot!(shop("eks = \"prod-1\"", "eks = \"shop-edge\""), @r#""shop-edge": two clusters are called `shop-edge` in EKS"#);
    insta::assert_snapshot!(shop("network = \"apps-b\"", "network = \"apps-b\"\nregion = \"eu-west-1\""), @r#"
    "apps-b": the network is in another account or region
    "internal": the certificate `internal` is in another account or region than the cluster `apps-b`
    "#);
    insta::assert_snapshot!(shop("network = \"apps-b\"", "network = \"apps-b\"\naccess.me = { principal_arn = \"arn:aws:sts::111122223333:assumed-role/me/x\", policy = \"root\" }"), @r#"
    "arn:aws:sts::111122223333:assumed-role/me/x": `arn:aws:sts::111122223333:assumed-role/me/x` is not the ARN of a role or a user
    "root": `root` is not an access policy or its ARN
    "#);
}

#[test]
fn service_networks() {
    insta::assert_snapshot!(shop("core-apis-service-network", "sn-Core--"), @r#""sn-Core--": `sn-Core--` is no name for a service network"#);
    insta::assert_snapshot!(shop("auth = \"none\"", "auth = \"iam\""), @r#""iam": with `auth = "iam"` and no policy nobody gets in"#);
    insta::assert_snapshot!(shop("security_groups = [\"lattice\"]", "security_groups = [\"latice\", \"sg-0a1\"]"), @r#""latice": `latice` is not a security group of the network `edge`"#);
    insta::assert_snapshot!(shop("associations.edge", "associations.egde"), @"egde: `egde` is not among the `clusters` of this service network");
    insta::assert_snapshot!(shop("[controllers.alb]", "[service_networks.more]\nclusters = [\"edge\", \"nobody\", \"lab\"]\n[controllers.alb]"), @r#"
    "edge": one VPC cannot be in two service networks
    "nobody": there is no cluster `nobody`
    "lab": the VPC of the cluster `lab` is not known
    "#);
}

#[test]
fn controllers() {
    insta::assert_snapshot!(shop("\"3.5.0\"", "\"3.4.0\""), @r#""3.4.0": `3.4.0` is not a version known here"#);
    insta::assert_snapshot!(shop("kind = \"aws-load-balancer-controller\"\nversion = \"3.5.0\"", "kind = \"aws-gateway-api-controller\"\nversion = \"2.1.3\""), @r#"
    "edge": the cluster `edge` gets this controller twice
    "edge": the cluster `edge` has no controller for this Gateway
    "#);
}

#[test]
fn certificates() {
    insta::assert_snapshot!(shop("domain = \"shop.${var.domain}\"", "domain = \"shop.example.org\""), @r#"
    "shop.example.org": `shop.example.org` is not in the zone `api.example.com`
    "shop": the certificate `shop` is not for `shop.api.example.com`
    "#);
    insta::assert_snapshot!(shop("domain = \"shop.${var.domain}\"", "arn = \"arn:aws:acm:us-west-2:111122223333:certificate/1\""), @"zone: `zone` does not go with `arn`");
    insta::assert_snapshot!(shop("domain = \"shop.${var.domain}\"\nzone", "domain = \"shop.${var.domain}\"\nregion = \"us-east-1\"\nzone"), @r#""shop": the certificate `shop` is in another account or region than the cluster `edge`"#);
}

#[test]
fn gateways() {
    insta::assert_snapshot!(shop("class = \"lattice\"\nservice_network = \"core\"", "class = \"lattice\"\nscheme = \"internal\""), @r#"
    core: the Gateway `core` has no service network
    scheme: `scheme` does not go with `class = "lattice"`
    "#);
    insta::assert_snapshot!(shop("cluster = \"edge\"\nnamespace", "cluster = \"apps-a\"\nnamespace"), @r#""apps-a": the cluster `apps-a` has no controller for this Gateway"#);
    insta::assert_snapshot!(shop("dns = { private", "cluster = \"edge\"\ndns = { zone = \"x\", private"), @r#"
    ["edge", "apps-a", "apps-b"]: `cluster` and `clusters` exclude each other
    "edge": two Gateways are called `core-apis-service-network` in the namespace `default` of the cluster `edge`
    "${var.domain}": `zone` and `private_zone` exclude each other
    "#);
    insta::assert_snapshot!(shop("[routes.shop]", "[gateways.again]\nclass = \"lattice\"\nservice_network = \"core\"\ncluster = \"edge\"\nlisteners = [{ name = \"a\", protocol = \"HTTP\", port = 1 }]\n[routes.shop]"), @r#""edge": two Gateways are called `core-apis-service-network` in the namespace `default` of the cluster `edge`"#);
    insta::assert_snapshot!(shop("service_network = \"core\"\nclusters = [\"edge\"", "service_network = \"core\"\nclusters = [\"prod\", \"edge\""), @r#"
    "prod": the cluster `prod` is not in the service network `core`
    "prod": the cluster `prod` has no controller for this Gateway
    "#);
}

#[test]
fn listeners() {
    insta::assert_snapshot!(shop("port = 80 }, { name = \"https\"", "port = 80, hostname = \"a.b\" }, { name = \"http\""), @r#"
    "a.b": a Lattice listener has no hostname
    "http": two listeners are called `http`
    "#);
    insta::assert_snapshot!(shop("protocol = \"HTTP\", port = 80 }, {", "protocol = \"HTTPS\", port = 443 }, {"), @"443: two listeners have the same port, protocol and hostname");
    insta::assert_snapshot!(shop(", certificate = \"shop\"", ""), @r#"{ name = "https", protocol = "HTTPS", port = 443, hostname = "shop.${var.domain}" }: the HTTPS listener `https` has no certificate"#);
    insta::assert_snapshot!(shop("certificate = \"shop\"", "certificate = \"shpo\""), @r#""shpo": there is no certificate `shpo`"#);
    insta::assert_snapshot!(shop("protocol = \"HTTPS\"", "protocol = \"TCP\""), @r#"
    "TCP": `TCP` is not a protocol of an ALB
    "shop.${var.domain}": TCP and UDP know no hostnames
    "shop": a TCP listener has no certificate
    "#);
}

#[test]
fn b73_the_mistakes_of_the_walkthrough_are_found() {
    // The route names a Gateway that is called otherwise.
    insta::assert_snapshot!(shop("gateway = \"shop\"", "gateway = \"shop-gateway\""), @r#""shop-gateway": there is no gateway `shop-gateway`"#);
    // The hostname of the listener is misspelt.
    insta::assert_snapshot!(shop("hostname = \"shop.${var.domain}\"", "hostname = \"ahop.${var.domain}\""), @r#"
    "shop": the certificate `shop` is not for `ahop.api.example.com`
    "shop.${var.domain}": `shop.api.example.com` matches no listener of the Gateway `shop`
    "#);
    // Nothing says that the internet reaches it.
    insta::assert_snapshot!(shop("scheme = \"internet-facing\"\n", ""), @"shop: the Gateway `shop` does not say who reaches it");
    // The route wants a listener that is not there.
    insta::assert_snapshot!(shop("gateway = \"shop\"", "gateway = \"shop\"\nlisteners = [\"http\"]"), @r#""http": `http` is not a listener of the Gateway `shop`"#);
}

#[test]
fn routes() {
    insta::assert_snapshot!(shop("gateway = \"core\"\ncluster = \"apps-a\"", "gateway = \"core\""), @"cart: the Gateway `core` is in several clusters");
    insta::assert_snapshot!(shop("gateway = \"core\"\ncluster = \"apps-a\"", "gateway = \"core\"\ncluster = \"prod\""), @r#""prod": `prod` is not a cluster of the Gateway `core`"#);
    insta::assert_snapshot!(shop("weight = 9", "weight = 1000"), @"1000: the weight 1000 is out of range");
    insta::assert_snapshot!(shop("[{ service = \"shop\", port = 80 }]", "[]"), @"[]: a rule without backends goes nowhere");
    insta::assert_snapshot!(shop("path = \"/\", backends = [{ service = \"shop\"", "path = \"x\", method = \"get\", backends = [{ service = \"Shop\""), @r#"
    "x": `x` is no path
    "get": `get` is not a method of HTTP
    "Shop": `Shop` is no name for a Service
    "#);
    insta::assert_snapshot!(shop("\"cart.${var.domain}\"]", "\"cart.${var.domain}\", \"b.${var.domain}\"]"), @r#""b.${var.domain}": a route on Lattice has one hostname"#);
}

#[test]
fn b72_names_that_lattice_makes_equal_are_refused() {
    let route = |name: &str| {
        format!(
            "[routes.{name}]\ngateway = \"core\"\ncluster = \"apps-b\"\nrules = [{{ backends = [{{ service = \"s\", port = 80 }}] }}]\n"
        )
    };
    let text = route("a-very-long-name-of-a-route-1") + &route("a-very-long-name-of-a-route-2");
    insta::assert_snapshot!(shop("[manifests.shop-app]", &format!("{text}[manifests.shop-app]")), @"a-very-long-name-of-a-route-2: Lattice would call the routes `a-very-long-name-of-a-route-1` and `a-very-long-name-of-a-route-2` both `a-very-long-name-of-default`");
}

#[test]
fn addresses() {
    insta::assert_snapshot!(shop("\"cluster.edge\"", "\"cluster.egde\""), @r#""cluster.egde": there is no cluster `egde`"#);
    insta::assert_snapshot!(shop("\"cluster.edge\"", "edge"), @"edge: `edge` is not an address: it has no `.` between section and name, as in `cluster.edge`");
    insta::assert_snapshot!(shop("\"cluster.edge\"", "\"clusters.edge\""), @r#""clusters.edge": `clusters` is no section of an address"#);
    insta::assert_snapshot!(shop("\"route.legacy\"", "\"route.cart\""), @r#""route.cart": `route.cart` is to be removed and is still in the file"#);
    insta::assert_snapshot!(shop("\"gateway.shop\"", "\"gateway.shopp\""), @r#""gateway.shopp": there is no gateway `shopp`"#);
    insta::assert_snapshot!(shop("\"gateway.web\"", "\"gateway.core\""), @r#""gateway.core": `gateway.core` is moved and is still in the file"#);
    insta::assert_snapshot!(shop("= \"gateway.shop\"", "= \"gateway.shop\"\n\"gateway.old\" = \"gateway.shop\"\n\"gateway.a\" = \"gateway.b\"\n\"gateway.b\" = \"gateway.a\"\n\"gateway.c\" = \"route.cart\""), @r#"
    "gateway.shop": two resources are moved to `gateway.shop`
    "gateway.b": the move of `gateway.a` ends where it began
    "gateway.a": the move of `gateway.b` ends where it began
    "route.cart": a gateway cannot become a route
    "#);
}
