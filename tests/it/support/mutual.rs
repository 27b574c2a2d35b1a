//! A server before an API server that asks its clients for a certificate, as clusters outside of EKS do. It speaks
//! TLS, a request a connection, and passes on what it is sent with a token of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

/// The server, with what its clients need: PEM in base64, as in a kubeconfig.
pub struct Mutual {
    port: u16,
    /// The authority of its certificate.
    pub authority: String,
    /// The certificate that it lets in.
    pub client_certificate: String,
    /// Its key.
    pub client_key: String,
}

impl Mutual {
    /// Starts it before a server of plain HTTP. It ends with the process.
    pub fn before(server: &str, token: &str) -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).expect("no names");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let authority = parameters.self_signed(&key).expect("is signed");
        let issuer = Issuer::new(parameters, key);
        let signed = |names: Vec<String>, purpose| {
            let mut parameters = CertificateParams::new(names).expect("names");
            parameters.extended_key_usages = vec![purpose];
            let key = KeyPair::generate().expect("a key");
            (parameters.signed_by(&key, &issuer).expect("is signed"), key)
        };
        let (own, own_key) = signed(vec!["127.0.0.1".into()], ExtendedKeyUsagePurpose::ServerAuth);
        let (client, client_key) = signed(Vec::new(), ExtendedKeyUsagePurpose::ClientAuth);

        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(verifier.build().expect("a verifier"))
            .with_single_cert(
                vec![own.der().clone()],
                PrivatePkcs8KeyDer::from(own_key.serialize_der()).into(),
            )
            .expect("a certificate");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let upstream = host(server).to_owned();
        let token = token.to_owned();
        std::thread::spawn(move || serve(&listener, &Arc::new(config), &upstream, &token));
        Self {
            port,
            authority: STANDARD.encode(authority.pem()),
            client_certificate: STANDARD.encode(client.pem()),
            client_key: STANDARD.encode(client_key.serialize_pem()),
        }
    }

    /// The address of a server behind it.
    pub fn server(&self, behind: &str) -> String {
        let path =
            behind.strip_prefix("http://").and_then(|rest| rest.split_once('/')).map_or("", |(_, path)| path);
        format!("https://127.0.0.1:{}/{path}", self.port)
    }
}

fn host(server: &str) -> &str {
    let rest = server.strip_prefix("http://").expect("plain HTTP");
    rest.split('/').next().unwrap_or(rest)
}

fn serve(listener: &TcpListener, config: &Arc<ServerConfig>, upstream: &str, token: &str) {
    for socket in listener.incoming().flatten() {
        let (config, upstream, token) = (config.clone(), upstream.to_owned(), token.to_owned());
        // A client without the certificate is turned away: that is what it is for.
        std::thread::spawn(move || pass_on(socket, config, &upstream, &token));
    }
}

fn pass_on(socket: TcpStream, config: Arc<ServerConfig>, upstream: &str, token: &str) -> std::io::Result<()> {
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut client = BufReader::new(StreamOwned::new(connection, socket));
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if client.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(std::io::Error::other)?;
        }
        if line == "\r\n" {
            break;
        }
        if !lower.starts_with("host:") {
            head.push_str(&line);
        }
    }
    let mut body = vec![0; length];
    client.read_exact(&mut body)?;
    let mut server = TcpStream::connect(upstream)?;
    write!(server, "{head}host: {upstream}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n")?;
    server.write_all(&body)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    let mut client = client.into_inner();
    client.write_all(&answer)?;
    client.conn.send_close_notify();
    client.flush()
}
