//! `stack state rekey`: encrypts a state anew, by the keys that the stack file says now. No cloud is asked.

use super::args::{Global, OfStack, Rekey as Args};
use super::environment::Environment;
use super::error::{Exit, Failure};
use super::file;
use super::home::Home;
use super::run::{block_on, read_any, store_of, who};
use super::screen::Screen;
use super::sealing::{identities, passphrase, seal};
use crate::clock::Clock;
use crate::stack::Stack;
use crate::state::keys::Keys;
use crate::state::seal::Seal;
use crate::state::store::Holder;

/// Opens the state by the old keys or the new ones and writes it by new ones.
pub(super) fn run(
    screen: &Screen,
    global: &Global,
    environment: &Environment,
    args: &Args,
) -> Result<Exit, Failure> {
    let stack = file::read(&args.of, environment, true)?;
    let seal = with_old(seal(stack.encryption.as_ref(), environment)?, args, environment)?;
    let how = if seal.is_some() { "encrypted by a new key" } else { "no longer encrypted" };
    block_on(false, anew(&stack, &args.of, global, environment, seal))??;
    screen.answer(|out| {
        writeln!(out, "The state of {} is {how}; older copies are as they were.", stack.head.name)
    })?;
    Ok(Exit::Done)
}

fn with_old(seal: Seal, args: &Args, environment: &Environment) -> Result<Seal, Failure> {
    let mut seal = seal;
    if let Some(name) = &args.old_passphrase_env {
        seal = seal.and_old(passphrase(name, environment)?);
    }
    if let Some(value) = &args.old_identity {
        let identities = identities("--old-identity", value)?;
        let keys =
            Keys::of_recipients(&[], &identities).map_err(|error| Failure::refused(error.to_string()))?;
        seal = seal.and_old(keys);
    }
    Ok(seal)
}

async fn anew(
    stack: &Stack,
    of: &OfStack,
    global: &Global,
    environment: &Environment,
    seal: Seal,
) -> Result<(), Failure> {
    let home = Home::of(stack, global.sandbox)?;
    let store = store_of(stack, &home, environment).await?.keeping(seal, stack.secrets.clone());
    let Some(state) = read_any(&store).await? else {
        let error = format!("nothing was made of the stack {} yet", stack.head.name);
        return Err(Failure::new(Exit::Failed, error));
    };
    let command = format!("state rekey {}", of.stack);
    let holder = Holder::new(who(environment), command, Clock::system(1).millis());
    let mut locked = store.of_cloud(&state.cloud).lock(&holder, &state.lineage).await?;
    let sealed = locked.seal_anew(&store).await;
    locked.release().await;
    Ok(sealed?)
}
