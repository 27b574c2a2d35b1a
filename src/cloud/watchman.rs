//! `Watchman`: the interceptor every AWS client carries. It counts what is sent and stops what may not be.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use super::{Access, Calls, Gate};

/// Counts and guards.
#[derive(Clone, Debug)]
pub(crate) struct Watchman {
    pub(crate) access: Access,
    pub(crate) gate: Gate,
    pub(crate) calls: Calls,
}

/// A run that only reads was about to write: a mistake in this program, stopped before anything was sent.
#[derive(Debug, thiserror::Error)]
#[error("{0} was stopped: this command only reads")]
pub(crate) struct Stopped(pub(crate) String);

/// A call was about to leave that would change something, and may not: another run may have taken over.
#[derive(Debug, thiserror::Error)]
#[error("{0} was held back: this run did not renew its hold on the state in time")]
pub(crate) struct HeldBack(pub(crate) String);

fn name(cfg: &ConfigBag) -> String {
    cfg.load::<Metadata>().map_or_else(|| "unnamed".to_owned(), |m| format!("{}.{}", m.service(), m.name()))
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Watchman {
    fn name(&self) -> &'static str {
        "watchman"
    }

    fn read_before_serialization(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = name(cfg);
        if self.access.allows(&operation) { Ok(()) } else { Err(Stopped(operation).into()) }
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = name(cfg);
        // Each attempt asks anew: the one before may have taken long.
        if !self.gate.is_open() && !Access::Read.allows(&operation) {
            return Err(HeldBack(operation).into());
        }
        self.calls.sent(&operation);
        Ok(())
    }
}
