//! What others make in a network and what only has to be told of here: VPC endpoints and volumes. Nobody makes them by a
//! call; they are put into the tables.

use serde_json::Value as Json;

use super::super::Answer;
use super::describe::{Sort, as_it_is, describe as describe_any};
use crate::sandbox::world::Here;

pub(super) const ENDPOINT: Sort = Sort {
    table: "ec2/vpc-endpoint",
    id: "vpcEndpointId",
    ids: "VpcEndpointId",
    set: "vpcEndpointSet",
    missing: ("InvalidVpcEndpointId.NotFound", "The Vpc Endpoint Id '{}' does not exist"),
    filters: &[
        ("service-name", "serviceName"),
        ("vpc-endpoint-id", "vpcEndpointId"),
        ("vpc-endpoint-state", "state"),
        ("vpc-endpoint-type", "vpcEndpointType"),
        ("vpc-id", "vpcId"),
    ],
};

pub(super) const VOLUME: Sort = Sort {
    table: "ec2/volume",
    id: "volumeId",
    ids: "VolumeId",
    set: "volumeSet",
    missing: ("InvalidVolume.NotFound", "The volume '{}' does not exist."),
    filters: &[
        ("availability-zone", "availabilityZone"),
        ("size", "size"),
        ("status", "status"),
        ("volume-id", "volumeId"),
        ("volume-type", "volumeType"),
    ],
};

pub(super) fn describe_endpoints(here: &mut Here<'_>, input: &Json) -> Answer {
    describe_any(here, input, &ENDPOINT, as_it_is)
}

pub(super) fn describe_volumes(here: &mut Here<'_>, input: &Json) -> Answer {
    describe_any(here, input, &VOLUME, as_it_is)
}
