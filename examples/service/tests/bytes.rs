//! The bytes that the service says it has sent, and those that a client got.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(20);

struct Service(Child, String);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Service {
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_service"));
        let mut child =
            command.env("LISTEN", "127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.strip_prefix("listening on ").unwrap().split(',').next().unwrap();
        Self(child, address.to_owned())
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.1).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// What is answered to `request`.
    fn answer(&self, request: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    fn metric(&self, name: &str) -> u64 {
        let text = self.answer("GET /metrics HTTP/1.0\r\n\r\n");
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap().parse().unwrap()
    }

    fn sent(&self) -> u64 {
        self.metric("sent_bytes_total")
    }
}

#[test]
fn only_what_is_sent_is_counted() {
    let service = Service::start();
    let answer = service.answer("GET /hello HTTP/1.0\r\n\r\n");
    assert!(answer.ends_with("\r\n\r\nhello, world\n"), "{answer}");
    assert_eq!(service.sent(), 13);
    let answer = service.answer("HEAD /hello HTTP/1.0\r\n\r\n");
    assert!(answer.contains("content-length: 13"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "no body: {answer}");
    assert_eq!(service.sent(), 13);
    let body = "x".repeat(100_000);
    let request = format!("POST /echo HTTP/1.0\r\nContent-Length: {}\r\n\r\n", body.len());
    assert!(service.answer(&(request + &body)).ends_with(&body));
    assert_eq!(service.sent(), 100_013);
}

/// A client that asks for much, reads little, and goes away.
#[test]
fn a_body_that_is_cut_off_is_not_counted_whole() {
    const BODY: usize = 2_000_000;
    let service = Service::start();
    let mut stream = service.connect();
    let mut writer = stream.try_clone().unwrap();
    let writer = thread::spawn(move || {
        let request = format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {BODY}\r\n\r\n");
        // Until the service reads no further, since its answers are not read, and the connection ends.
        while writer.write_all(request.as_bytes()).and(writer.write_all(&[b'x'; BODY])).is_ok() {}
    });
    // Until it is stuck in the middle of an answer, not between two.
    let start = Instant::now();
    let mut part = vec![0; BODY / 3];
    loop {
        stream.read_exact(&mut part).unwrap();
        let sent = until_at_rest(&service);
        if !sent.is_multiple_of(BODY as u64) {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "only whole bodies are counted: {sent} bytes");
    }
    let before = service.sent();
    stream.shutdown(Shutdown::Both).unwrap();
    writer.join().unwrap();
    while service.metric("busy") > 0 {
        assert!(start.elapsed() < PATIENCE);
        thread::yield_now();
    }
    assert!(service.sent() - before < BODY as u64 / 2, "the rest is not counted");
}

/// What has been sent, once it is the same for a while.
fn until_at_rest(service: &Service) -> u64 {
    let mut sent = service.sent();
    loop {
        thread::sleep(Duration::from_millis(200));
        let now = service.sent();
        if now == sent && now > 0 {
            return now;
        }
        sent = now;
    }
}
