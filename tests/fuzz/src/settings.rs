//! Names and numbers of any kind: wrong ones are refused with an error that names the setting, the value and
//! the range, right ones are accepted, and nothing panics.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use striped_counter::{Backend, BuildError, Builder, Counter, CounterSet, UpDownCounter};

const NAMES: [&str; 4] = ["Auto", "PerCpu", "PerThread", "Striped"];
const MOST_SHARDS: usize = 4096;
const MOST_COUNTERS: usize = 1 << 24;

#[derive(Arbitrary, Clone, Copy, Debug)]
struct Input<'a> {
    name: &'a str,
    /// The backend, if the name is none.
    instead: u8,
    shards: Option<usize>,
    len: usize,
    read_lock: bool,
}

fuzz_target!(|input: Input| {
    let instead = NAMES[usize::from(input.instead) % NAMES.len()];
    let backend = parse(input.name).or_else(|| parse(instead)).expect("one of the names");
    let set = Settings { backend, shards: input.shards, read_lock: input.read_lock };

    let counter = set.on(Counter::builder()).try_build();
    set.assert_right(1, counter.as_ref().map(|it| (it.backend(), it.shards())));
    let level = set.on(UpDownCounter::builder()).try_build();
    set.assert_right(1, level.as_ref().map(|it| (it.backend(), it.shards())));
    let counters = set.on(CounterSet::builder(input.len)).try_build();
    set.assert_right(input.len, counters.as_ref().map(|it| (it.backend(), it.shards())));
});

/// The backend of that name, if it is one.
fn parse(name: &str) -> Option<Backend> {
    let known = NAMES.iter().any(|known| known.eq_ignore_ascii_case(name));
    match name.parse::<Backend>() {
        Ok(backend) => {
            assert!(known && backend.to_string().eq_ignore_ascii_case(name), "{backend}");
            Some(backend)
        }
        Err(error) => {
            assert!(!known, "{error}");
            assert_names(&error.to_string(), &[&format!("{name:?}")]);
            assert_names(&error.to_string(), &NAMES);
            None
        }
    }
}

#[track_caller]
fn assert_names(text: &str, all: &[&str]) {
    assert!(all.iter().all(|one| text.contains(one)), "{text:?} lacks one of {all:?}");
}

#[derive(Clone, Copy)]
struct Settings {
    backend: Backend,
    shards: Option<usize>,
    read_lock: bool,
}

impl Settings {
    fn on<T>(self, builder: Builder<T>) -> Builder<T> {
        let builder = builder.backend(self.backend).read_lock(self.read_lock);
        self.shards.into_iter().fold(builder, Builder::shards)
    }

    /// Returns whether this is the expected result of these settings for that many counters.
    fn assert_right(self, len: usize, built: Result<(Backend, usize), &BuildError>) {
        let shards = self.shards.unwrap_or(1);
        let in_range = len <= MOST_COUNTERS && (1..=MOST_SHARDS).contains(&shards);
        let per_thread = self.backend == Backend::PerThread;
        match built {
            Ok((backend, built)) => {
                assert!(in_range && !(per_thread && self.shards.is_some()));
                assert!(self.backend == Backend::Auto || self.backend == backend, "{backend}");
                assert!((shards..=MOST_SHARDS).contains(&built), "{built}");
            }
            Err(error) => self.assert_explained(len, error),
        }
    }

    /// Returns whether `error` is about a setting that is wrong, and names setting, value and range.
    fn assert_explained(self, len: usize, error: &BuildError) {
        let (wrong, names) = match *error {
            BuildError::LenOutOfRange { len: named } => {
                (named == len && len > MOST_COUNTERS, ["len", "from 0 to 16777216"])
            }
            BuildError::ShardsOutOfRange { shards } => {
                let wrong = Some(shards) == self.shards && !(1..=MOST_SHARDS).contains(&shards);
                (wrong, ["shards", "from 1 to 4096"])
            }
            BuildError::ShardsOnPerThread { shards } => {
                let wrong = Some(shards) == self.shards && self.backend == Backend::PerThread;
                (wrong, ["shards", "PerThread"])
            }
            BuildError::BackendUnavailable { backend, missing } => {
                (backend == Backend::PerCpu && self.backend == backend, ["PerCpu", missing])
            }
            _ => panic!("an error that is new: {error}"),
        };
        assert!(wrong, "{error}");
        assert_names(&error.to_string(), &names);
        let value = match *error {
            BuildError::LenOutOfRange { .. } => len.to_string(),
            BuildError::BackendUnavailable { backend, .. } => backend.to_string(),
            _ => self.shards.expect("set").to_string(),
        };
        assert_names(&error.to_string(), &[&value]);
    }
}
