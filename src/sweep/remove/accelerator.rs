//! Global Accelerator: what has to be taken apart before an accelerator can be deleted.

use crate::cloud::{Absent, Clients, CloudError, CloudResult, ErrorSort};

/// One step at a time: it is disabled, and once that has arrived everywhere its endpoint groups and listeners go, then
/// the accelerator. As long as it has not arrived it is not yet: the one who called asks again.
pub(super) async fn accelerator(clients: &Clients, arn: &str) -> CloudResult<()> {
    let accelerators = &clients.accelerators;
    let found = accelerators.get(arn).await?;
    if found.enabled {
        accelerators.disable(arn).await?;
    }
    if found.enabled || !found.deployed {
        let words = "it takes no more traffic, which has not arrived everywhere yet";
        return Err(CloudError::new(ErrorSort::NotYet, "Global Accelerator.UpdateAccelerator", words));
    }
    for listener in accelerators.listeners(arn).await? {
        for group in accelerators.endpoint_groups(&listener).await.or_absent()?.unwrap_or_default() {
            accelerators.delete_endpoint_group(&group).await.or_absent()?;
        }
        accelerators.delete_listener(&listener).await.or_absent()?;
    }
    accelerators.delete(arn).await
}
