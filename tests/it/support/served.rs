//! A served sandbox as another process, this program against it, and clients of others: the SDK's own, plain HTTP.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::SdkConfig;
use aws_types::region::Region;
use serde_json::Value as Json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::world::copy;

/// The last that a server exports.
const LAST: &str = "STACK_RELEASES_URL";

/// A sandbox that is served; it is killed when this is dropped.
pub struct Served {
    /// What its clients need, and nothing else.
    pub environment: BTreeMap<String, String>,
    folder: TempDir,
    child: Child,
    /// Kept open: the server may speak.
    _said: BufReader<ChildStdout>,
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// This program, in a folder, with an empty environment.
pub fn program(folder: &Path) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_stack"));
    program.current_dir(folder).env_clear();
    program.envs([("NO_COLOR", "1"), ("COLUMNS", "80"), ("USER", "ann"), ("HOME", "/nowhere")]);
    program.env("AWS_EC2_METADATA_DISABLED", "true").stdin(Stdio::null());
    program
}

/// Puts the example stacks into a folder.
pub fn copy_examples(to: &Path) {
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("stacks"), &to.join("stacks"));
}

impl Served {
    /// Starts it, in a folder of its own with the example stacks, and waits until it tells where it is.
    pub fn start(speed: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        copy_examples(folder.path());
        let mut command = program(folder.path());
        command.args(["sandbox", "serve", "--port", "0", "--speed", &speed.to_string()]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let mut said = BufReader::new(child.stdout.take().expect("is piped"));
        let mut environment = BTreeMap::new();
        while !environment.contains_key(LAST) {
            let mut line = String::new();
            let length = said.read_line(&mut line).expect("it speaks");
            assert!(length > 0, "it ended after {environment:?}");
            let (name, value) = line
                .trim_end()
                .strip_prefix("export ")
                .and_then(|pair| pair.split_once('='))
                .expect("an export");
            environment.insert(name.to_owned(), value.to_owned());
        }
        Self { environment, folder, child, _said: said }
    }

    /// Where it and its clients run.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs this program against it.
    pub fn stack(&self, words: &[&str]) -> Output {
        self.stack_with(&[], words)
    }

    /// Runs this program against it, with variables set or, where they are empty, not set.
    pub fn stack_with(&self, variables: &[(&str, &str)], words: &[&str]) -> Output {
        let mut program = program(self.folder.path());
        program.env_clear().env("HOME", "/nowhere").envs(&self.environment);
        for (name, value) in variables {
            if value.is_empty() {
                program.env_remove(name)
            } else {
                program.env(name, value)
            };
        }
        program.args(words).output().expect("the binary runs")
    }

    /// Sends a signal to the server.
    pub fn signal(&self, signal: &str) {
        send(signal, &self.child);
    }

    /// Sends a signal to the server and waits for its end.
    pub fn end_by(mut self, signal: &str) -> ExitStatus {
        send(signal, &self.child);
        self.child.wait().expect("it ends")
    }

    /// What clients of the SDK need.
    pub fn sdk(&self) -> SdkConfig {
        let of = |name: &str| self.environment[name].clone();
        let keys = Credentials::from_keys(of("AWS_ACCESS_KEY_ID"), of("AWS_SECRET_ACCESS_KEY"), None);
        SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(Region::new(of("AWS_REGION")))
            .endpoint_url(of("AWS_ENDPOINT_URL"))
            .credentials_provider(SharedCredentialsProvider::new(keys))
            .build()
    }

    /// Asks EC2 in a form, `Action=…&…`, and returns its XML.
    pub async fn ec2(&self, form: &str) -> String {
        let host = self.environment["AWS_ENDPOINT_URL"].strip_prefix("http://").expect("plain HTTP");
        let request = format!(
            "POST / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\
             authorization: AWS4-HMAC-SHA256 Credential=AKIASANDBOX/20260101/us-west-2/ec2/aws4_request, \
             SignedHeaders=host, Signature=0\r\n\r\n{form}&Version=2016-11-15",
            form.len() + "&Version=2016-11-15".len()
        );
        let mut socket = TcpStream::connect(host).await.expect("connects");
        socket.write_all(request.as_bytes()).await.expect("is sent");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.expect("is answered");
        assert!(answer.starts_with("HTTP/1.1 200"), "{form}: {answer}");
        answer
    }
}

/// Sends a signal to a process of ours.
pub fn send(signal: &str, child: &Child) {
    let pid = child.id().to_string();
    let sent = Command::new("kill").args([&format!("-{signal}"), &pid]).status().expect("kill runs");
    assert!(sent.success(), "{signal} was not sent");
}

/// All texts of an element.
pub fn texts<'a>(xml: &'a str, element: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let found = xml.split(open.as_str()).skip(1);
    found.filter_map(|rest| rest.split(close.as_str()).next()).collect()
}

/// Standard output of a command with `--json`: an object a line, the first tells the version.
pub fn objects(output: &Output) -> Vec<Json> {
    let text = String::from_utf8(output.stdout.clone()).expect("is UTF-8");
    let objects: Vec<Json> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    assert!(objects.iter().all(|one| one.is_object() && one["type"].is_string()), "{text}");
    assert_eq!(objects.first().map(|first| &first["type"]), Some(&"version".into()), "{text}");
    assert_eq!(objects.iter().filter(|one| one["type"] == "version").count(), 1, "{text}");
    objects
}

/// The exit code and both outputs, for a message.
pub fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}{}", output.status, text(&output.stdout), text(&output.stderr))
}
