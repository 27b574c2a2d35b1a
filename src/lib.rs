//! `stack` provisions application networks on Amazon EKS: one TOML file, one run up, one run down.
//!
//! This page is the architecture: what there is, how data flows, and what always holds.
//!
//! # Bird's eye
//!
//! A stack file describes clusters, a VPC Lattice service network, the two Gateway API controllers, certificates,
//! Gateways and routes. `stack` turns it into resources, compares them with what it made before and with what is
//! live, decides on a plan, and carries the plan out:
//!
//! ```text
//! shop.toml ─ stack::read ─▶ Stack ─ compose ─▶ Graph ─┐
//! state (snapshot + journal) ─ state::store ─▶ State ──┼─ plan ─▶ Plan ─ execute ─▶ Events ─▶ cli
//! AWS and clusters ─ observe (reads only) ───▶ Live ───┘            │
//!                                                     journal ◀─────┘ before and after every step
//! ```
//!
//! # Code map
//!
//! Layers, lowest first. A module imports its own layer and lower ones only; a test holds everybody to it.
//!
//! | layer | modules | what lives there |
//! |---|---|---|
//! | 0 words | [`address`], [`value`], [`secret`], [`clock`], [`door`] | identity of a resource; JSON with unknown leaves; what is never told or kept; the one clock; HTTP without a network |
//! | 1 model | [`stack`] | the sections of a stack file as types, parsing with spans, diagnostics |
//! | | [`recipe`] | pure data by controller version: Kubernetes objects, IAM statements, CRDs |
//! | | [`compose`] | sections become resources and the edges between them |
//! | | [`shape`], [`graph`], [`change`], [`diff`], [`live`] | what pure code knows of kinds; edges and cycles; the words of change; differences |
//! | | [`state`] | what is known of everything made; its journal and file; its store: a folder, or objects in a bucket |
//! | 2 decisions | [`plan`] | (Graph, State, Live, Intent) to Plan: a pure function |
//! | 3 edge | [`cloud`] | AWS and Kubernetes clients: counted, guarded, on one clock |
//! | 4 kinds | [`kind`] | one file a kind: what it is, find, create, update, delete |
//! | 5 effects | [`observe`], [`execute`] | read everything known; carry a plan out |
//! | 6 products | [`drift`], [`rehearse`] | what the verbs beyond up and destroy need |
//! | 7 face | [`cli`] | one file a verb; views; the only place for output, environment and exit codes |
//! | beside | [`sandbox`] | the embedded cloud: AWS, Kubernetes API servers, both controllers, in simulated time |
//!
//! To add a kind: one file in `kind/`, one line in [`kind::ALL`], a test with the conformance harness. To teach a
//! section something new: a field in `stack::model`, its rule in `stack/check/`, its resources in `compose/`.
//!
//! # What always holds
//!
//! * A plan is final: `execute` chooses nothing. `plan` has no IO, no clock, no async and no randomness.
//! * A call that changes the cloud never leaves before its `Begun` entry is durable, and with it the `Done` of what it
//!   depends on: entries become durable in their order. What has no end is looked up by the next run.
//! * Nothing is changed that is not ours: by ownership tags, by the id in the state, or by an open journal entry.
//! * Unknown values live in [`value`] alone and never reach a kind.
//! * The edges of a resource are kept in the state, so that teardown keeps its order when a section has left the file.
//! * A delete ends when the cloud says that the thing, and whatever it made, is gone.
//! * Commands that only read get clients that cannot write: see [`cloud::Access`].
//! * What is sensitive never leaves the memory of the run but for the cloud: see [`secret`].
//! * Nothing below [`cli`] prints, reads the environment or exits.
//! * The sandbox knows nothing of plans, states, kinds or the command line: any client can use it.

pub mod address;
pub mod change;
pub mod cli;
pub mod clock;
pub mod cloud;
pub mod compose;
pub mod diff;
pub mod door;
pub mod drift;
pub mod execute;
pub mod graph;
pub mod kind;
pub mod live;
pub mod observe;
pub mod plan;
pub mod recipe;
pub mod rehearse;
pub mod sandbox;
pub mod secret;
pub mod shape;
pub mod stack;
pub mod state;
pub mod sweep;
pub mod value;
