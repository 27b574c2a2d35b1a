//! What is kept of a stack, whatever cloud it is of: for verbs that look into the past or mend it. No cloud is asked.

use super::args::{Global, OfStack};
use super::environment::Environment;
use super::error::Failure;
use super::file;
use super::home::Home;
use super::run::store_of;
use crate::state::State;
use crate::state::store::{Store, StoreError};

/// A stack whose cloud is not asked.
pub(super) struct Kept {
    /// Its name.
    pub(super) name: String,
    store: Store,
}

impl Kept {
    /// Reads no more of the file than where its state is.
    pub(super) async fn of(
        of: &OfStack,
        global: &Global,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        let stack = file::read(of, environment, true)?;
        let home = Home::of(&stack, global.sandbox)?;
        let store = store_of(&stack, &home, environment).await?;
        Ok(Self { name: stack.head.name, store })
    }

    /// The store, for a state of this cloud; of any, for what is beside the state.
    pub(super) fn store(&self, cloud: &str) -> Store {
        self.store.of_cloud(cloud)
    }

    /// The state, and the store for the cloud that it is of.
    pub(super) async fn state(&self) -> Result<(Store, Option<State>), StoreError> {
        let store = self.store("");
        match store.read().await {
            Err(StoreError::OtherCloud { found, .. }) => {
                let store = self.store(&found);
                let state = store.read().await?;
                Ok((store, state))
            }
            state => Ok((store, state?)),
        }
    }
}
