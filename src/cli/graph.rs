//! `stack graph`: the resources of a stack and what they need, for programs that draw.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use super::args::{Graph as Args, GraphFormat};
use super::environment::Environment;
use super::error::{Exit, Failure};
use super::run::composed;
use super::screen::Screen;
use crate::graph::{Graph, Sort};

/// Prints it.
pub(super) fn run(screen: &Screen, environment: &Environment, args: &Args) -> Result<Exit, Failure> {
    let (_, graph) = composed(&args.of, environment)?;
    let drawing = drawing(&graph, args.parts);
    screen.answer(|out| match args.format {
        GraphFormat::Mermaid => mermaid(out, &drawing),
        GraphFormat::Dot => dot(out, &drawing),
    })?;
    Ok(Exit::Done)
}

/// What is drawn: names, and from each what it needs. The strongest sort of an edge is drawn.
type Drawing = BTreeMap<String, BTreeMap<String, Sort>>;

fn drawing(graph: &Graph, parts: bool) -> Drawing {
    let name = |address: &crate::address::Address| if parts { address.clone() } else { address.whole() };
    let mut drawing = Drawing::new();
    for resource in graph.resources.values() {
        let from = name(&resource.address);
        let needs = drawing.entry(from.to_string()).or_default();
        for edge in resource.all_edges() {
            let to = name(&edge.to);
            if to != from {
                let sort = needs.entry(to.to_string()).or_insert(edge.sort);
                *sort = (*sort).max(edge.sort);
            }
        }
    }
    drawing
}

fn mermaid(out: &mut dyn Write, drawing: &Drawing) -> io::Result<()> {
    let names: BTreeSet<&String> = drawing.keys().chain(drawing.values().flat_map(BTreeMap::keys)).collect();
    let number: BTreeMap<&String, usize> = names.into_iter().enumerate().map(|(n, name)| (name, n)).collect();
    writeln!(out, "flowchart RL")?;
    for (name, number) in &number {
        writeln!(out, "  n{number}[\"{name}\"]")?;
    }
    for (from, needs) in drawing {
        for (to, sort) in needs {
            let arrow = match sort {
                Sort::Uses => "-->",
                Sort::Inside => "==>",
                Sort::KeepsAlive => "-.->",
            };
            writeln!(out, "  n{} {arrow} n{}", number[from], number[to])?;
        }
    }
    Ok(())
}

fn dot(out: &mut dyn Write, drawing: &Drawing) -> io::Result<()> {
    writeln!(out, "digraph stack {{\n  rankdir = RL;\n  node [shape = box];")?;
    for (from, needs) in drawing {
        writeln!(out, "  \"{from}\";")?;
        for (to, sort) in needs {
            let style = match sort {
                Sort::Uses => "solid",
                Sort::Inside => "bold",
                Sort::KeepsAlive => "dashed",
            };
            writeln!(out, "  \"{from}\" -> \"{to}\" [style = {style}];")?;
        }
    }
    writeln!(out, "}}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;
    use crate::graph::{Place, Resource, build};
    use crate::value::Value;

    #[test]
    fn parts_are_drawn_as_one_unless_they_are_wanted() {
        let (edge, vpc) = (Address::new("cluster", "edge"), Address::new("network", "edge").part("vpc"));
        let make =
            |address: &Address| Resource::new(address.clone(), "value", &Place::default(), Value::Null);
        let resources = vec![
            make(&vpc),
            make(&edge.part("role")),
            make(&edge).uses(&edge.part("role")).inside(&vpc).uses(&vpc),
        ];
        let graph = build(resources, BTreeMap::new()).expect("is sound");
        let mut out = Vec::new();
        mermaid(&mut out, &drawing(&graph, false)).expect("a vector takes all");
        let text = String::from_utf8(out).expect("is UTF-8");
        assert_eq!(text, "flowchart RL\n  n0[\"cluster.edge\"]\n  n1[\"network.edge\"]\n  n0 ==> n1\n");
        let mut out = Vec::new();
        dot(&mut out, &drawing(&graph, true)).expect("a vector takes all");
        let text = String::from_utf8(out).expect("is UTF-8");
        assert!(text.contains("\"cluster.edge\" -> \"cluster.edge/role\" [style = solid];"), "{text}");
    }
}
