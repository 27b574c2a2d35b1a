//! Partitions: where each of them keeps what lives in no region.

/// The region by which a partition tells of what lives in no region, such as the tags of IAM.
pub fn home(region: &str) -> &'static str {
    let homes = [
        ("cn-", "cn-north-1"),
        ("us-gov-", "us-gov-west-1"),
        ("us-isob-", "us-isob-east-1"),
        ("us-isof-", "us-isof-south-1"),
        ("us-iso-", "us-iso-east-1"),
        ("eu-isoe-", "eu-isoe-west-1"),
        ("eusc-", "eusc-de-east-1"),
    ];
    homes.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("us-east-1", |(_, home)| home)
}

/// The region that Global Accelerator of a partition answers in; none where there is no such service.
pub fn accelerated(region: &str) -> Option<&'static str> {
    (home(region) == "us-east-1").then_some("us-west-2")
}

#[cfg(test)]
mod tests {
    use super::{accelerated, home};

    #[test]
    fn every_partition_has_its_home() {
        assert_eq!(home("eu-central-1"), "us-east-1");
        assert_eq!(home("cn-northwest-1"), "cn-north-1");
        assert_eq!(home("us-gov-east-1"), "us-gov-west-1");
        assert_eq!(home("us-isob-east-1"), "us-isob-east-1");
        assert_eq!(accelerated("eu-central-1"), Some("us-west-2"));
        assert_eq!(accelerated("cn-north-1"), None);
    }
}
