//! The door in process: an HTTP request is handled at one instant of the clock, after the wire's delay.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};

use super::aws::{Protocol, Refusal, wire};
use super::faults::EVENTUAL;
use super::{Effect, Here, Sandbox, World, kube, releases};
use crate::door::{Body, Door, Lost, full};

/// How long a request and its answer travel.
const TRAVEL: Duration = Duration::from_millis(20);

impl Sandbox {
    /// The way in for clients of this process.
    pub fn door(&self) -> Door {
        let sandbox = self.clone();
        Arc::new(move |request| {
            let sandbox = sandbox.clone();
            Box::pin(async move {
                tokio::time::sleep(TRAVEL).await;
                let answer = sandbox.answer_and_keep(&request);
                tokio::time::sleep(TRAVEL).await;
                answer
            })
        })
    }

    /// The same for requests that have travelled already.
    pub(super) fn door_at_once(&self) -> Door {
        let sandbox = self.clone();
        Arc::new(move |request| Box::pin(std::future::ready(sandbox.answer_and_keep(&request))))
    }

    fn answer_and_keep(&self, request: &Request<Bytes>) -> Result<Response<Body>, Lost> {
        let answer = self.answer(request);
        self.settle()?;
        answer
    }

    /// Holds a request up: it arrives after so many milliseconds, before the next one after that. Nobody hears the
    /// answer.
    pub fn hold_up(&self, request: Request<Bytes>, millis: i64) {
        let at = self.clock.cloud_millis() + millis;
        let waiting = &mut self.late().waiting;
        waiting.push((at, request));
        waiting.sort_by_key(|(at, _)| *at);
    }

    /// Carries out what was held up and has arrived by now, each at its instant. Any answer does that first.
    pub fn let_late_ones_in(&self) {
        let now = self.clock.cloud_millis();
        while let Some(request) = self.next_late(now) {
            // Nobody waits for the answer any more.
            drop(self.answer_now(&request));
        }
        self.late().instant = None;
    }

    /// The next of those that have arrived by now. It is handled at the instant at which it did.
    fn next_late(&self, now: i64) -> Option<Request<Bytes>> {
        let mut late = self.late();
        let (at, _) = late.waiting.first().filter(|(at, _)| *at <= now)?;
        late.instant = Some(*at);
        Some(late.waiting.remove(0).1)
    }

    /// Answers a request, or loses it: to a cluster, for a release, or to AWS.
    pub fn answer(&self, request: &Request<Bytes>) -> Result<Response<Body>, Lost> {
        self.let_late_ones_in();
        self.answer_now(request)
    }

    fn answer_now(&self, request: &Request<Bytes>) -> Result<Response<Body>, Lost> {
        if let Some((id, path)) = cluster(request) {
            return self.answer_cluster(&id, &path, request);
        }
        if let Some(release) = releases::answer(request) {
            return Ok(release);
        }
        self.answer_aws(request)
    }

    /// Clusters meet faults as `kubernetes.GET`, `kubernetes.PATCH` and so on.
    fn answer_cluster(&self, id: &str, path: &str, request: &Request<Bytes>) -> Result<Response<Body>, Lost> {
        let found = kube::cluster_of(&self.world(), id);
        let cluster = found.ok_or_else(|| format!("there is no cluster with the endpoint {id}"))?;
        let effect = self.world().faults.meet(&format!("kubernetes.{}", request.method()));
        let refused = |code: u16| {
            let mut response = Response::new(full(""));
            *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            Ok(response)
        };
        match effect {
            Some(Effect::Throttle) => return refused(429),
            Some(Effect::Broken) => return refused(500),
            Some(Effect::Denied) => return refused(403),
            Some(Effect::LostBefore) => return lost(),
            Some(Effect::Late(millis)) => return self.lose_for(request, millis),
            Some(Effect::LostAfter) | None => {}
        }
        let answer = kube::answer(self, &cluster, path, request);
        if effect == Some(Effect::LostAfter) { lost() } else { Ok(answer) }
    }

    fn lose_for(&self, request: &Request<Bytes>, millis: i64) -> Result<Response<Body>, Lost> {
        self.hold_up(request.clone(), millis);
        lost()
    }

    fn answer_aws(&self, request: &Request<Bytes>) -> Result<Response<Body>, Lost> {
        let call = match wire::read(request) {
            Ok(call) => call,
            Err(refused) => return Ok(refused),
        };
        let mut world = self.world();
        let name = format!("{}.{}", call.service.scope, call.operation.name);
        let effect = world.faults.meet(&name);
        let refused = |refusal| Ok(wire::write_refusal(call.service.protocol, &refusal));
        match effect {
            Some(Effect::Throttle) => return refused(Refusal::bad("ThrottlingException", "Rate exceeded")),
            Some(Effect::Broken) => return refused(Refusal::new(500, "InternalFailure", "internal error")),
            Some(Effect::Denied) => return refused(denied(&call)),
            Some(Effect::LostBefore) => return lost(),
            Some(Effect::Late(millis)) => return self.lose_for(request, millis),
            Some(Effect::LostAfter) | None => {}
        }
        let handle = |world: &mut World| {
            let (account, region, principal) = (call.account, call.region, call.principal);
            (call.operation.handle)(&mut Here { world, account, region, principal }, &call.input)
        };
        let eventual = EVENTUAL.iter().find(|tables| tables.starts_with(call.service.scope));
        let answer = match eventual {
            Some(tables) if reads(call.operation.name) => world.seen_late(tables, handle),
            _ => handle(&mut world),
        };
        if effect == Some(Effect::LostAfter) {
            return lost();
        }
        Ok(wire::write(call.service, call.operation, answer))
    }
}

/// The refusal of what the credentials may not do, in the words of the service.
fn denied(call: &wire::Call) -> Refusal {
    let (code, status) = match call.service.protocol {
        Protocol::Ec2 => ("UnauthorizedOperation", 403),
        Protocol::Query { .. } | Protocol::RestXml { .. } | Protocol::S3 => ("AccessDenied", 403),
        Protocol::RestJson { .. } => ("AccessDeniedException", 403),
        Protocol::AwsJson => ("AccessDeniedException", 400),
    };
    let action = format!("{}:{}", call.service.scope, call.operation.name);
    let words = format!("User: {} is not authorized to perform: {action}", call.principal);
    Refusal::new(status, code, words)
}

fn lost<T>() -> Result<T, Lost> {
    Err("the connection was lost".into())
}

/// Whether an operation of AWS only reads.
fn reads(operation: &str) -> bool {
    ["Describe", "Get", "List"].iter().any(|verb| operation.starts_with(verb))
}

/// The endpoint id of the cluster that a request is for, and the path there: by host
/// (`<id>.gr7.<region>.eks.amazonaws.com`) or by path (`/clusters/<id>/…`, where there is one host for all).
fn cluster(request: &Request<Bytes>) -> Option<(String, String)> {
    let host = request.uri().host().unwrap_or_default();
    let path = request.uri().path();
    if host.ends_with(".eks.amazonaws.com") && host.contains(".gr7.") {
        return Some((host.split('.').next()?.to_owned(), path.to_owned()));
    }
    let rest = path.strip_prefix("/clusters/").filter(|_| !signed(request))?;
    let (id, path) = rest.split_once('/').unwrap_or((rest, ""));
    Some((id.to_owned(), format!("/{path}")))
}

/// EKS has paths under `/clusters/` too; its requests are signed.
fn signed(request: &Request<Bytes>) -> bool {
    let header = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    header.is_some_and(|value| value.starts_with("AWS4-"))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use crate::clock::Clock;
    use crate::cloud::{Access, Cloud, Named, Settings};
    use crate::graph::Place;
    use crate::sandbox::{Effect, Fault, Sandbox};

    fn cloud(sandbox: &Sandbox, access: Access) -> Cloud {
        Cloud::new(Settings::through(sandbox.door(), sandbox.clock(), "us-west-2", access))
    }

    fn place() -> Place {
        Place { account: None, region: "us-west-2".into() }
    }

    #[tokio::test(start_paused = true)]
    async fn the_real_client_is_answered_and_counted() {
        let sandbox = Sandbox::fresh(Clock::starting_at(SystemTime::UNIX_EPOCH, 1));
        let cloud = cloud(&sandbox, Access::Read);
        let answer =
            cloud.clients(&place()).sts.get_caller_identity().send().await.named("STS.GetCallerIdentity");
        assert_eq!(answer.expect("it is answered").account(), Some("111122223333"));
        assert_eq!(cloud.calls().by_operation()["STS.GetCallerIdentity"], 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_answer_is_tried_again() {
        let sandbox = Sandbox::fresh(Clock::starting_at(SystemTime::UNIX_EPOCH, 1));
        let fault = Fault { operation: String::new(), skip: 0, times: 2, effect: Effect::LostAfter };
        sandbox.world().faults.list.push(fault);
        let cloud = cloud(&sandbox, Access::Read);
        cloud
            .clients(&place())
            .sts
            .get_caller_identity()
            .send()
            .await
            .expect("the third attempt is answered");
        assert_eq!(cloud.calls().total(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_cannot_write() {
        let sandbox = Sandbox::fresh(Clock::starting_at(SystemTime::UNIX_EPOCH, 1));
        let cloud = cloud(&sandbox, Access::Read);
        let call = cloud.clients(&place()).iam.delete_role().role_name("a");
        let error = call.send().await.named("IAM.DeleteRole").expect_err("it is stopped");
        assert!(error.message.contains("IAM.DeleteRole was stopped"), "{error}");
        assert_eq!(cloud.calls().total(), 0);
    }
}
