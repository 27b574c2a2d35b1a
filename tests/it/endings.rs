//! How a run ends that has not begun to change anything: by a signal, without credentials, beside another run.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support::served::{Served, program, send, told};

const STACK: &str = "[stack]\nname = \"small\"\nregion = \"us-west-2\"\n[values.a]\ninput = 1\n";

/// A cloud of one's own, and this program on its way to it.
fn towards(cloud: &TcpListener, folder: &Path, words: &[&str]) -> Command {
    std::fs::create_dir_all(folder.join("stacks")).expect("the folder is made");
    std::fs::write(folder.join("stacks/small.toml"), STACK).expect("the stack is written");
    let mut command = program(folder);
    let address = cloud.local_addr().expect("an address");
    command.env("AWS_ENDPOINT_URL", format!("http://{address}"));
    command.env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "secret");
    command.args(words).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Sends a signal while the first call has no answer.
fn ended_by(signal: &str, words: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let cloud = TcpListener::bind("127.0.0.1:0").expect("a port");
    let child = towards(&cloud, folder.path(), words).spawn().expect("it starts");
    let (_open, _) = cloud.accept().expect("it calls");
    send(signal, &child);
    let output = child.wait_with_output().expect("it ends");
    assert!(!folder.path().join("state/small/state.json").exists(), "something was recorded");
    output
}

#[test]
fn a_signal_before_anything_is_changed_ends_the_run_in_good_order() {
    for signal in ["INT", "TERM"] {
        for words in
            [&["plan", "small"][..], &["up", "small", "--yes"], &["destroy", "small"], &["drift", "small"]]
        {
            let ended = (Some(130), String::new(), "Error: interrupted; nothing was changed\n".to_owned());
            assert_eq!(said(&ended_by(signal, words)), ended, "{signal} {words:?}");
        }
    }
}

#[test]
fn expired_credentials_are_refused_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let cloud = TcpListener::bind("127.0.0.1:0").expect("a port");
    let child = towards(&cloud, folder.path(), &["up", "small", "--yes"]).spawn().expect("it starts");
    let (socket, _) = cloud.accept().expect("it calls");
    answer(
        socket,
        "403 Forbidden",
        &error("ExpiredToken", "The security token included in the request is expired"),
    );
    let ended = child.wait_with_output().expect("it ends");
    let (code, out, err) = said(&ended);
    assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
    assert_eq!(
        err,
        "Error: the AWS credentials have expired\nCaused by:\n  STS.GetCallerIdentity: ExpiredToken: The security \
         token included in the request is expired (request r-1)\nHint: log in again, such as with `aws login` or \
         `aws sso login`\n"
    );
}

fn error(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error><RequestId>r-1</RequestId></ErrorResponse>"
    )
}

/// Reads until the end of a form, then answers.
fn answer(mut socket: TcpStream, status: &str, body: &str) {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    while !request.windows(18).any(|window| window == b"Version=2011-06-15") {
        let length = socket.read(&mut piece).expect("it speaks");
        assert!(length > 0, "it ended");
        request.extend_from_slice(&piece[..length]);
    }
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/xml\r\nx-amzn-requestid: r-1\r\ncontent-length: {length}\r\n\r\n"
    );
    socket.write_all(format!("{head}{body}").as_bytes()).expect("is sent");
}

/// Whoever closes the output has read all they wanted: what was asked for is done, and ends as it would.
#[test]
fn a_closed_output_changes_nothing_of_what_is_done() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(folder.path().join("stacks")).expect("the folder is made");
    std::fs::write(folder.path().join("stacks/small.toml"), STACK).expect("the stack is written");
    let unheard = |words: &[&str]| {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let run = program(folder.path()).args(words).arg("--sandbox").stdout(writer).output();
        run.expect("it ends").status.code()
    };
    assert_eq!(unheard(&["plan", "small", "--exit-code"]), Some(3));
    assert_eq!(unheard(&["up", "small", "--yes"]), Some(0));
    assert_eq!(unheard(&["plan", "small", "--exit-code"]), Some(0), "it is up");
}

#[test]
fn a_sandbox_that_is_served_is_not_opened_by_another_process() {
    let served = Served::start(1);
    for words in
        [&["up", "shop", "--sandbox", "--yes"][..], &["plan", "minimal", "--sandbox"], &["sandbox", "reset"]]
    {
        let output = program(served.folder()).args(words).output().expect("the binary runs");
        assert_eq!(output.status.code(), Some(6), "{words:?}: {}", told(&output));
        assert_eq!(output.stdout, b"");
    }
    let code = served.end_by("TERM").code();
    assert!(matches!(code, Some(0 | 130)), "{code:?}");
}
