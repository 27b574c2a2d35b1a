//! What clients of S3 rely on: whole objects, writes on condition, pages, and errors in S3's words.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;

use super::EXAMPLE;
use crate::clock::Clock;
use crate::door::Body;
use crate::sandbox::{Effect, Fault, Sandbox};

struct Client {
    sandbox: Sandbox,
    region: &'static str,
    key: &'static str,
}

fn client() -> Client {
    let sandbox = Sandbox::fresh(Clock::starting_at(SystemTime::UNIX_EPOCH, 1));
    Client { sandbox, region: "us-west-2", key: "AKIASANDBOX" }
}

impl Client {
    fn request(&self, line: &str, headers: &[(&str, &str)], body: &str) -> Request<Bytes> {
        let (method, path) = line.split_once(' ').expect("a method and a path");
        let (key, region) = (self.key, self.region);
        let signed = format!(
            "AWS4-HMAC-SHA256 Credential={key}/20260101/{region}/s3/aws4_request, SignedHeaders=host, Signature=0"
        );
        let mut request = Request::builder().method(method).uri(format!("http://127.0.0.1:1{path}"));
        request = request.header("authorization", signed);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Bytes::from(body.to_owned())).expect("is sound")
    }

    async fn ask(&self, line: &str, headers: &[(&str, &str)], body: &str) -> (u16, http::HeaderMap, String) {
        let answer = self.sandbox.answer(&self.request(line, headers, body)).expect("is answered");
        told(answer).await
    }

    async fn status(&self, line: &str, headers: &[(&str, &str)], body: &str) -> u16 {
        self.ask(line, headers, body).await.0
    }
}

async fn told(answer: Response<Body>) -> (u16, http::HeaderMap, String) {
    let (parts, body) = answer.into_parts();
    let bytes = body.collect().await.expect("the body is read").to_bytes();
    (parts.status.as_u16(), parts.headers, String::from_utf8_lossy(&bytes).into_owned())
}

fn path(key: &str) -> String {
    format!("/{EXAMPLE}/{key}")
}

#[tokio::test(start_paused = true)]
async fn what_is_written_is_read_back_with_its_headers() {
    let client = client();
    let put =
        client.ask(&format!("PUT {}", path("a/b%20c+d")), &[("content-type", "text/plain")], "x<&>").await;
    assert_eq!(put.0, 200);
    let get = client.ask(&format!("GET {}", path("a/b%20c+d")), &[], "").await;
    assert_eq!((get.0, get.2.as_str()), (200, "x<&>"));
    assert_eq!(get.1["etag"], put.1["etag"]);
    assert_eq!(get.1["content-type"], "text/plain");
    assert_eq!(get.1["last-modified"], "Thu, 01 Jan 1970 00:00:00 GMT");
    let head = client.ask(&format!("HEAD {}", path("a/b%20c+d")), &[], "").await;
    assert_eq!(
        (head.0, head.1["content-length"].to_str().expect("a number"), head.2.as_str()),
        (200, "4", "")
    );
    assert_eq!(client.status(&format!("DELETE {}", path("a/b%20c+d")), &[], "").await, 204);
    let gone = client.ask(&format!("GET {}", path("a/b%20c+d")), &[], "").await;
    assert_eq!(gone.0, 404);
    assert!(gone.2.contains("<Error><Code>NoSuchKey</Code>"), "{}", gone.2);
}

#[tokio::test(start_paused = true)]
async fn a_write_on_condition_is_refused_where_it_does_not_hold() {
    let client = client();
    let put = format!("PUT {}", path("a"));
    let only_new = [("if-none-match", "*")];
    let first = client.ask(&put, &only_new, "1").await;
    assert_eq!(first.0, 200);
    let again = client.ask(&put, &only_new, "2").await;
    assert_eq!(again.0, 412);
    assert!(again.2.contains("<Code>PreconditionFailed</Code>"), "{}", again.2);
    let etag = first.1["etag"].to_str().expect("a text").to_owned();
    assert_eq!(client.status(&put, &[("if-match", &etag)], "3").await, 200);
    assert_eq!(client.status(&put, &[("if-match", &etag)], "4").await, 412);
    assert_eq!(client.status(&format!("PUT {}", path("b")), &[("if-match", &etag)], "5").await, 404);
    assert_eq!(client.ask(&format!("GET {}", path("a")), &[], "").await.2, "3");
}

#[test]
fn of_sixteen_writers_of_one_new_object_exactly_one_succeeds() {
    let client = Arc::new(client_of_this_thread());
    for round in 0..20 {
        let line = format!("PUT {}", path(&format!("race/{round}")));
        let start = Arc::new(std::sync::Barrier::new(16));
        let writers: Vec<_> = (0..16)
            .map(|writer| {
                let (client, start, line) = (client.clone(), start.clone(), line.clone());
                std::thread::spawn(move || {
                    let request =
                        client.request(&line, &[("if-none-match", "*")], &format!("writer {writer}"));
                    start.wait();
                    client.sandbox.answer(&request).expect("is answered").status().as_u16()
                })
            })
            .collect();
        let all: Vec<u16> = writers.into_iter().map(|writer| writer.join().expect("it ends")).collect();
        let won: Vec<usize> = (0..16).filter(|writer| all[*writer] == 200).collect();
        assert_eq!(won.len(), 1, "{all:?}");
        assert!(all.iter().all(|status| [200, 412].contains(status)), "{all:?}");
        let request = client.request(&line.replace("PUT", "GET"), &[], "");
        let answer = client.sandbox.answer(&request).expect("is answered");
        let text = futures::executor::block_on(told(answer)).2;
        assert_eq!(text, format!("writer {}", won[0]));
    }
}

fn client_of_this_thread() -> Client {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(async { client() })
}

#[tokio::test(start_paused = true)]
async fn lists_come_in_pages_by_prefix_and_by_folder() {
    let client = client();
    for number in 0..1_005 {
        client.ask(&format!("PUT {}", path(&format!("p/j/{number:04}"))), &[], "x").await;
    }
    client.ask(&format!("PUT {}", path("p/s/1")), &[], "x").await;
    let list = |more: &str| format!("GET /{EXAMPLE}?list-type=2{more}");
    let first = client.ask(&list("&prefix=p%2Fj%2F"), &[], "").await.2;
    assert_eq!(first.matches("<Contents>").count(), 1_000);
    assert!(first.contains("<IsTruncated>true</IsTruncated>"));
    let token = first.split("<NextContinuationToken>").nth(1).expect("a token");
    let token = token.split('<').next().expect("its end").replace('+', "%2B").replace('=', "%3D");
    let second = client.ask(&list(&format!("&prefix=p%2Fj%2F&continuation-token={token}")), &[], "").await.2;
    assert_eq!(second.matches("<Contents>").count(), 5);
    assert!(second.contains("<Key>p/j/1004</Key>") && !second.contains("NextContinuationToken"));
    let after = client.ask(&list("&prefix=p%2Fj%2F&start-after=p%2Fj%2F1002"), &[], "").await.2;
    assert_eq!(after.matches("<Contents>").count(), 2);
    let folders = client.ask(&list("&prefix=p%2F&delimiter=%2F"), &[], "").await.2;
    assert_eq!(folders.matches("<CommonPrefixes>").count(), 2, "{folders}");
    assert_eq!(folders.matches("<Contents>").count(), 0);
}

#[tokio::test(start_paused = true)]
async fn many_are_deleted_at_once() {
    let client = client();
    for key in ["a", "b"] {
        client.ask(&format!("PUT {}", path(key)), &[], "x").await;
    }
    let body = "<Delete><Object><Key>a</Key></Object><Object><Key>gone</Key></Object></Delete>";
    let deleted = client.ask(&format!("POST /{EXAMPLE}?delete"), &[], body).await;
    assert_eq!(deleted.2.matches("<Deleted>").count(), 2, "{}", deleted.2);
    let left = client.ask(&format!("GET /{EXAMPLE}?list-type=2"), &[], "").await.2;
    assert!(left.contains("<KeyCount>1</KeyCount>") && left.contains("<Key>b</Key>"), "{left}");
}

#[tokio::test(start_paused = true)]
async fn buckets_are_made_once_in_their_region_and_are_their_owners() {
    let mut client = client();
    let west = "<CreateBucketConfiguration><LocationConstraint>us-west-2</LocationConstraint></CreateBucketConfiguration>";
    assert_eq!(client.status("PUT /states", &[], "").await, 400, "its region is not said");
    assert_eq!(client.status("PUT /states", &[], west).await, 200);
    assert!(client.ask("PUT /states", &[], west).await.2.contains("BucketAlreadyOwnedByYou"));
    assert_eq!(client.status("PUT /No_Name", &[], west).await, 400);
    assert!(client.ask("GET /", &[], "").await.2.contains("<Bucket><CreationDate>"), "is listed");
    assert_eq!(client.status("HEAD /states", &[], "").await, 200);
    client.ask("PUT /states/a", &[], "x").await;
    assert!(client.ask("DELETE /states", &[], "").await.2.contains("BucketNotEmpty"));
    client.region = "us-east-1";
    assert!(client.ask("GET /states/a", &[], "").await.2.contains("expecting &apos;us-west-2&apos;"));
    (client.region, client.key) = ("us-west-2", "ASIA444455556666");
    assert!(client.ask("GET /states/a", &[], "").await.2.contains("<Code>AccessDenied</Code>"));
    assert!(client.ask("PUT /states", &[], west).await.2.contains("BucketAlreadyExists"));
    assert!(client.ask("GET /nowhere/a", &[], "").await.2.contains("<Code>NoSuchBucket</Code>"));
}

#[tokio::test(start_paused = true)]
async fn one_call_too_many_is_said_in_its_own_words() {
    let client = client();
    let fault = Fault { operation: "s3.PutObject".into(), skip: 0, times: 1, effect: Effect::Throttle };
    client.sandbox.world().faults.list.push(fault);
    let slow = client.ask(&format!("PUT {}", path("a")), &[], "x").await;
    assert_eq!(slow.0, 503);
    assert!(slow.2.contains("<Code>SlowDown</Code>"), "{}", slow.2);
}
