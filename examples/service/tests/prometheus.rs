//! End to end with real parts: two instances of the service, a Prometheus server that scrapes them,
//! and a client that counts its own requests. All on loopback.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Prometheus takes about six seconds to the first sample, with a scrape every second.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(200);

/// A process that is killed when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether the real parts are there. In CI they have to be.
fn parts_are_there() -> bool {
    let found = |program: &&str| Command::new(program).arg("--help").output().is_ok();
    let missing: Vec<_> = ["prometheus", "hey"].into_iter().filter(|p| !found(p)).collect();
    if missing.is_empty() {
        return true;
    }
    let what = format!(
        "not installed: {}. On Debian: apt-get install --no-install-recommends prometheus hey",
        missing.join(", ")
    );
    assert!(env::var_os("CI").is_none(), "{what}");
    eprintln!("nothing was tested; {what}");
    false
}

/// An instance of the service.
struct Service {
    process: Process,
    output: BufReader<ChildStdout>,
    address: String,
}

impl Service {
    /// Listens on `address`, of which the port may be 0 for any that is free.
    fn start(address: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_service"))
            .env("LISTEN", address)
            .env("SHARDS", "4")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let rest = line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line:?}"));
        let address = rest.split(',').next().unwrap().to_owned();
        Self { process: Process(child), output, address }
    }

    /// How many requests to `/hello` it has answered, once it answers no more: its own word.
    fn counted(&self) -> u64 {
        let ask = || {
            let text = get(&self.address, "/metrics").unwrap();
            let line = text.lines().find(|line| line.contains("route=\"/hello\",class=\"2xx\""));
            line.unwrap().split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        let mut count = ask();
        loop {
            thread::sleep(PAUSE);
            let again = ask();
            if again == count {
                return count;
            }
            count = again;
        }
    }

    /// Tells it to stop, and returns what it has to say.
    fn stop(mut self) -> String {
        self.signal("-TERM");
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert!(self.process.0.wait().unwrap().success());
        line
    }

    fn signal(&self, signal: &str) {
        let id = self.process.0.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }
}

/// Sends `requests` requests to `path` over 8 connections, and returns how many the client has seen
/// answered.
fn hey(requests: u64, address: &str, path: &str) -> u64 {
    let output = client(&["-n", &requests.to_string()], address, path).output().unwrap();
    answered(&String::from_utf8(output.stdout).unwrap())
}

/// `hey` with `options`, on 8 connections.
fn client(options: &[&str], address: &str, path: &str) -> Command {
    let mut command = Command::new("hey");
    command.args(["-c", "8"]).args(options).arg(format!("http://{address}{path}"));
    command
}

/// The lines `  [200] 1600 responses` of what `hey` prints.
fn answered(text: &str) -> u64 {
    let lines = text.lines().filter(|line| line.trim_end().ends_with(" responses"));
    lines.map(|line| line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()).sum()
}

fn get(address: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

/// A Prometheus server that scrapes two instances every second.
struct Prometheus {
    _process: Process,
    address: String,
    directory: PathBuf,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Prometheus {
    fn start(targets: [&str; 2]) -> Self {
        let directory = env::temp_dir().join(format!("striped-counter.{}", std::process::id()));
        fs::create_dir_all(directory.join("data")).unwrap();
        let targets = targets.map(|target| format!("'{target}'")).join(", ");
        let config = format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 900ms }}\n\
             scrape_configs: [ {{ job_name: service, static_configs: [ {{ targets: [{targets}] }} ] }} ]\n"
        );
        fs::write(directory.join("prometheus.yml"), config).unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = unprivileged("prometheus", &directory);
        command
            .arg(format!("--config.file={}", directory.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", directory.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=warn");
        let process = Process(command.spawn().unwrap());
        let prometheus = Self { _process: process, address, directory };
        prometheus
            .until("ready", |p| get(&p.address, "/-/ready").ok()?.contains("200").then_some(()));
        prometheus
    }

    /// The one value of an instant query; `None` while there is no sample.
    fn query(&self, query: &str) -> Option<f64> {
        let escape = |byte: u8| {
            if byte.is_ascii_alphanumeric() {
                char::from(byte).into()
            } else {
                format!("%{byte:02X}")
            }
        };
        let escaped: String = query.bytes().map(escape).collect();
        let text = get(&self.address, &format!("/api/v1/query?query={escaped}")).ok()?;
        let json = text.split_once("\r\n\r\n")?.1;
        let json: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(json["status"], "success", "{query}: {json}");
        json["data"]["result"][0]["value"][1].as_str().map(|value| value.parse().unwrap())
    }

    /// Asks until there is an answer.
    fn until<T>(&self, what: &str, ask: impl Fn(&Self) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(answer) = ask(self) {
                return answer;
            }
            assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
            thread::sleep(PAUSE);
        }
    }

    /// Waits until `query` comes to `expected`, and never to more.
    #[allow(clippy::cast_precision_loss, reason = "a few thousand")]
    fn comes_to(&self, query: &str, expected: u64) {
        self.until(&format!("{query} = {expected}"), |prometheus| {
            let value = prometheus.query(query)?;
            assert!(value <= expected as f64, "{query} is {value}, more than {expected}");
            (value == expected as f64).then_some(())
        });
        println!("{query} = {expected}");
    }
}

/// As nobody, if this is root: a server has no business with more.
fn unprivileged(program: &str, directory: &Path) -> Command {
    const NOBODY: u32 = 65_534;
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| {
        use std::os::unix::fs::MetadataExt as _;
        own.uid() == 0
    });
    if !is_root {
        return Command::new(program);
    }
    for path in [directory.to_owned(), directory.join("data")] {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", program]);
    command
}

/// How often `series` has started again from zero.
fn resets(series: &str) -> String {
    format!("resets({series}[5m])")
}

/// The bounds of the 99th percentile in what an instance says at the end, in seconds.
fn p99(served: &str) -> [f64; 2] {
    let bounds = served.trim_end().strip_suffix(" ns").unwrap().split_once("p99 ").unwrap().1;
    let (low, high) = bounds.split_once(" to ").unwrap();
    [low, high].map(|nanoseconds| nanoseconds.parse::<f64>().unwrap() / 1e9)
}

/// The bucket that has all of `values`, of those that an instance shows: the bound below and its own.
fn exported_bucket(text: &str, values: [f64; 2]) -> [f64; 2] {
    let bounds = text.lines().filter_map(|line| line.strip_prefix("latency_seconds_bucket{le=\""));
    let bounds = bounds.map(|line| line.split_once('"').unwrap().0.parse::<f64>().unwrap());
    let bounds: Vec<_> = [0.0].into_iter().chain(bounds).collect();
    let upper = bounds.iter().position(|&bound| values[1] <= bound).unwrap();
    let bucket = [bounds[upper - 1], bounds[upper]];
    assert!(bucket[0] < values[0], "{values:?} is in one bucket: {bucket:?}");
    bucket
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
fn prometheus_has_just_the_requests_that_the_client_counted() {
    if !parts_are_there() {
        return;
    }
    let services = [Service::start("127.0.0.1:0"), Service::start("127.0.0.1:0")];
    let addresses = services.each_ref().map(|service| service.address.clone());
    let prometheus = Prometheus::start(addresses.each_ref().map(String::as_str));

    // Two instances under load at the same time.
    let counted: u64 = thread::scope(|scope| {
        let loads = addresses.iter().flat_map(|address| {
            ["/hello", "/nowhere"].map(|path| scope.spawn(move || hey(4_000, address, path)))
        });
        loads.collect::<Vec<_>>().into_iter().map(|load| load.join().unwrap()).sum()
    });
    assert_eq!(counted, 4 * 4_000, "the client has seen all answers");
    prometheus.comes_to("sum(hits_total)", counted);
    prometheus.comes_to("sum(hits_total{route=\"other\",class=\"4xx\"})", counted / 2);
    prometheus.comes_to("sum(sent_bytes_total)", counted / 2 * "hello, world\n".len() as u64);
    prometheus.comes_to("sum(busy)", 0);
    prometheus.comes_to("sum(latency_seconds_count)", counted);
    prometheus.comes_to("sum(latency_seconds_bucket{le=\"+Inf\"})", counted);

    // One is killed under load, and starts again from zero.
    let [kept, killed] = services;
    let series =
        format!("hits_total{{instance=\"{}\",route=\"/hello\",class=\"2xx\"}}", killed.address);
    // At most 800 a second: before it has come to where it was, a scrape has seen the restart.
    let load = ["-n", "1000000", "-q", "100"];
    let load = client(&load, &killed.address, "/hello").stdout(Stdio::null()).spawn();
    let mut load = Process(load.unwrap());
    prometheus.until("load on the instance", |p| (p.query(&series)? > 4_000.0).then_some(()));
    killed.signal("-KILL");
    let address = killed.address.clone();
    drop(killed);
    let restarted = Service::start(&address);
    prometheus.until("the restart is seen", |p| (p.query(&resets(&series))? > 0.0).then_some(()));
    assert!(load.0.try_wait().unwrap().is_none(), "killed and restarted under load");
    drop(load);
    // The client had no time to say what it counted, so the instance itself is asked.
    let counted = restarted.counted();
    prometheus.comes_to(&series, counted);
    assert_eq!(prometheus.query(&resets(&series)), Some(1.0));
    let increase = prometheus.query(&format!("increase({series}[5m])")).unwrap();
    println!("increase over the reset: {increase}, {counted} of it thereafter");
    assert!(increase > 0.0, "a reset is no decrease: {increase}");

    // Told to stop, it says what it did.
    let served = restarted.stop();
    assert!(served.starts_with(&format!("served {counted} requests, p99 ")), "{served}");

    // Of the other one, whose latencies are all known to both, it says where the 99th percentile is.
    let series = format!("latency_seconds_bucket{{instance=\"{}\"}}", kept.address);
    let estimate = prometheus.query(&format!("histogram_quantile(0.99, {series})")).unwrap();
    let text = get(&kept.address, "/metrics").unwrap();
    let p99 = p99(&kept.stop());
    let bucket = exported_bucket(&text, p99);
    println!("p99 is within {p99:?} s, in the bucket {bucket:?}, and to Prometheus {estimate}");
    assert!(bucket[0] <= estimate && estimate <= bucket[1], "{estimate}");
}

#[test]
fn wrong_settings_are_refused() {
    for (variable, value, word) in [
        ("SHARDS", "5000", "from 1 to 4096"),
        ("BACKEND", "perhaps", "Striped"),
        ("LISTEN", "nowhere", "nowhere"),
    ] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_service")).env(variable, value).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(word), "{error}");
        assert!(error.contains(variable), "{error}");
    }
}
