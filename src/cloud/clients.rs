//! `Clients`: the AWS clients of one account and region, each with the watchman.

use aws_types::SdkConfig;
use aws_types::region::Region;

use super::accelerators::Accelerators;
use super::classic::Classic;
use super::cloudfront::CloudFront;
use super::ec2::Ec2;
use super::logs::Logs;
use super::tagged::Tagged;
use super::watchman::Watchman;
use super::{Calls, Settings};
use crate::graph::Place;

/// The AWS clients of one account and region. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clients {
    /// Accelerators.
    pub accelerators: Accelerators,
    /// Certificates.
    pub acm: aws_sdk_acm::Client,
    /// Classic Load Balancers.
    pub classic: Classic,
    /// What is fetched for the internet.
    pub cloudfront: CloudFront,
    /// Networks.
    pub ec2: Ec2,
    /// Clusters.
    pub eks: aws_sdk_eks::Client,
    /// Load balancers.
    pub elb: aws_sdk_elasticloadbalancingv2::Client,
    /// Roles.
    pub iam: aws_sdk_iam::Client,
    /// VPC Lattice.
    pub lattice: aws_sdk_vpclattice::Client,
    /// Log groups.
    pub logs: Logs,
    /// DNS.
    pub route53: aws_sdk_route53::Client,
    /// Who we are.
    pub sts: aws_sdk_sts::Client,
    /// What carries tags.
    pub tagged: Tagged,
    pub(crate) sdk: SdkConfig,
}

macro_rules! client {
    ($crate_name:ident, $sdk:expr, $watchman:expr) => {
        $crate_name::Client::from_conf(
            $crate_name::config::Builder::from($sdk).interceptor($watchman.clone()).build(),
        )
    };
}

impl Clients {
    pub(super) fn new(settings: &Settings, place: &Place, calls: &Calls) -> Self {
        let sdk = &configuration(settings, place);
        let watchman =
            Watchman { access: settings.access, gate: settings.gate.clone(), calls: calls.clone() };
        Self {
            accelerators: Accelerators::new(sdk, &watchman),
            acm: client!(aws_sdk_acm, sdk, watchman),
            classic: Classic::new(sdk, &watchman),
            cloudfront: CloudFront::new(sdk, &watchman),
            ec2: Ec2::new(sdk, &watchman),
            eks: client!(aws_sdk_eks, sdk, watchman),
            elb: client!(aws_sdk_elasticloadbalancingv2, sdk, watchman),
            iam: client!(aws_sdk_iam, sdk, watchman),
            lattice: client!(aws_sdk_vpclattice, sdk, watchman),
            logs: Logs::new(sdk, &watchman),
            route53: client!(aws_sdk_route53, sdk, watchman),
            sts: client!(aws_sdk_sts, sdk, watchman),
            tagged: Tagged::new(sdk, &watchman),
            sdk: sdk.clone(),
        }
    }
}

fn configuration(settings: &Settings, place: &Place) -> SdkConfig {
    let mut builder = settings.sdk.to_builder().region(Region::new(place.region.clone()));
    let role = place.account.as_ref().and_then(|account| settings.accounts.get(account));
    if let Some(credentials) = role {
        builder.set_credentials_provider(Some(credentials.clone()));
    }
    builder.build()
}
