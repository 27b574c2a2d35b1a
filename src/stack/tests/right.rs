//! Files that are right.

use super::super::model::{Class, Nat, Protocol};
use super::*;
use crate::address::Address;
use crate::value::{Piece, Reference, Value};

#[test]
fn the_shop_is_read() {
    let stack = right(SHOP, &Variables::default());
    assert_eq!(stack.head.name, "shop");
    assert_eq!(stack.networks["edge"].nat, Some(Nat::One));
    assert_eq!(stack.clusters.keys().collect::<Vec<_>>(), ["edge", "apps-a", "apps-b", "prod", "lab"]);
    assert_eq!(stack.service_networks["core"].associations["edge"].security_groups, ["lattice"]);
    assert_eq!(stack.gateways["shop"].class, Class::Alb);
    assert_eq!(stack.gateways["shop"].listeners[0].hostname.as_deref(), Some("shop.api.example.com"));
    assert_eq!(stack.gateways["core"].listeners[1].protocol, Protocol::Https);
    assert_eq!(stack.routes["cart"].rules[0].backends[0].weight, Some(9));
    let alb = Reference { address: Address::new("gateway", "shop"), output: "address".into() };
    assert_eq!(stack.outputs["alb"], Value::Unknown(vec![Piece::Ref(alb)]));
    assert_eq!(stack.outputs["shop_url"], Value::from("https://shop.api.example.com"));
    assert_eq!(stack.lifecycle["cluster.edge"].timeouts.create.map(|limit| limit.0.as_secs()), Some(2400));
    let port = stack.spans.of("gateways.shop.listeners.0.port").expect("has a place");
    assert_eq!(&SHOP[port], "443");
}

#[test]
fn a_head_alone_is_a_stack() {
    assert!(right(HEAD, &Variables::default()).clusters.is_empty());
}

#[test]
fn variables_come_from_the_nearest_source() {
    let text = format!("{HEAD}[variables]\nx = {{ default = \"default\" }}\n[outputs]\nx = \"${{var.x}}\"\n");
    let x = |variables: &Variables| right(&text, variables).outputs["x"].as_str().map(str::to_owned);
    let mut variables = Variables::default();
    assert_eq!(x(&variables).as_deref(), Some("default"));
    variables.environment.insert("x".into(), "environment".into());
    variables.environment.insert("unknown".into(), "is ignored".into());
    assert_eq!(x(&variables).as_deref(), Some("environment"));
    variables.add_file(&source("x = \"file\"")).expect("is TOML");
    assert_eq!(x(&variables).as_deref(), Some("file"));
    variables.given.insert("x".into(), "given".into());
    assert_eq!(x(&variables).as_deref(), Some("given"));
}

#[test]
fn a_variable_alone_keeps_its_type_and_a_given_one_takes_that_of_its_place() {
    let text = format!(
        "{HEAD}[variables]\nzones = {{ default = 2 }}\nnames = {{ default = [\"a\"] }}\nbare = {{}}\n\
         [networks.n]\ncidr = \"10.0.0.0/16\"\nzones = \"${{var.zones}}\"\n[networks.m]\ncidr = \"10.0.0.0/16\"\nzones = \"${{var.bare}}\"\n\
         [outputs]\nnames = \"${{var.names}}\"\ntext = \"${{var.zones}} of ${{var.bare}}\"\n"
    );
    let stack = right(&text, &given(&[("bare", "4"), ("zones", "3"), ("names", "[\"b\", \"c\"]")]));
    assert_eq!((stack.networks["n"].zones, stack.networks["m"].zones), (Some(3), Some(4)));
    assert_eq!(stack.outputs["names"], Value::list(["b", "c"].map(Value::from)));
    assert_eq!(stack.outputs["text"], Value::from("3 of 4"));
}

#[test]
fn two_dollars_are_one_and_values_are_not_filled_in_again() {
    let text = format!("{HEAD}[variables]\nx = {{}}\n[outputs]\na = \"$${{var.x}}\"\nb = \"${{var.x}}\"\n");
    let stack = right(&text, &given(&[("x", "${var.y}")]));
    assert_eq!(stack.outputs["a"], Value::from("${var.x}"));
    assert_eq!(stack.outputs["b"], Value::from("${var.y}"));
}

#[test]
fn references_are_pieces_of_a_text() {
    let stack =
        right(&SHOP.replace("\"abc123\"", "\"at ${gateway.core@apps-a.status.0}!\""), &Variables::default());
    let address = Address::new("gateway", "core").at("apps-a");
    let reference = Piece::Ref(Reference { address, output: "status.0".into() });
    let pieces = vec![Piece::Text("at ".into()), reference, Piece::Text("!".into())];
    assert_eq!(stack.values["release"].input.get("commit"), Some(&Value::Unknown(pieces)));
}

#[test]
fn b24_a_destroy_needs_no_variable_and_no_output_that_it_does_not_use() {
    let text = format!(
        "{HEAD}[variables]\nx = {{}}\n[networks.n]\ncidr = \"${{var.x}}\"\n[outputs]\nb = \"${{gateway.gone.arn}}\"\n"
    );
    let lenient = Variables { lenient: true, ..Variables::default() };
    assert_eq!(right(&text, &lenient).head.name, "s");
    assert!(parse(source(&text), &Variables::default()).is_err());
    let used = text.replace("name = \"s\"", "name = \"${var.x}\"");
    assert!(wrong_whole(&used, &lenient).contains("the variable `x` has no value"));
}

#[test]
fn a_chain_of_moves_is_followed() {
    let moved = "\"gateway.web\" = \"gateway.shop\"";
    right(
        &SHOP.replace(moved, &format!("{moved}\n\"gateway.older\" = \"gateway.web\"")),
        &Variables::default(),
    );
}
