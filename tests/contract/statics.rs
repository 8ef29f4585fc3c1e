//! Counters live in statics, and cost nothing before their first use.

use crate::support::{self, Counts, affinity::Hopper, on_every_type, per_cpu_works, together};
use striped_counter::{
    Backend, Counter, CounterSet, Histogram, HistogramSet, UpDownCounter, UpDownCounterSet,
};

/// Uses five statics of a type: the default, and one for each backend.
fn assert_work(default: &dyn Counts, [per_cpu, per_thread, striped, auto]: [&dyn Counts; 4]) {
    for counter in [default, per_cpu, per_thread, striped, auto] {
        together(4, |_| (0..500).for_each(|_| counter.add(2)));
        assert_eq!((counter.sum(), counter.take(), counter.sum()), (4_000, 4_000, 0));
    }
    assert_eq!(default.backend(), support::auto());
    assert_eq!(per_thread.backend(), Backend::PerThread);
    assert_eq!((striped.backend(), striped.shards()), (Backend::Striped, 16));
    let expected = if per_cpu_works() { (Backend::PerCpu, 3) } else { (Backend::Striped, 4) };
    assert_eq!((per_cpu.backend(), per_cpu.shards()), expected);
    assert_eq!(auto.backend(), support::auto());
}

macro_rules! assert_statics_work {
    ($type:ident $(, $len:expr)?) => {{
        static DEFAULT: $type = $type::new($($len)?);
        static PER_CPU: $type =
            $type::builder($($len)?).backend(Backend::PerCpu).shards(3).build();
        static PER_THREAD: $type =
            $type::builder($($len)?).backend(Backend::PerThread).read_lock(true).build();
        static STRIPED: $type = $type::builder($($len)?)
            .backend(Backend::Striped)
            .shards(16)
            .read_lock(true)
            .build();
        static AUTO: $type =
            $type::builder($($len)?).backend(Backend::Auto).read_lock(false).build();

        assert_work(&DEFAULT, [&PER_CPU, &PER_THREAD, &STRIPED, &AUTO]);
    }};
}

#[test]
fn every_setting_works_in_a_static() {
    assert_statics_work!(Counter);
    assert_statics_work!(UpDownCounter);
    assert_statics_work!(CounterSet, 20);
    assert_statics_work!(UpDownCounterSet, 20);
    assert_statics_work!(Histogram);
    assert_statics_work!(HistogramSet, 2);
}

#[test]
fn counters_of_a_static_array_do_not_mix() {
    static HITS: [Counter; 20] = [const { Counter::new() }; 20];
    together(3, |_| (1..).zip(&HITS).for_each(|(n, counter)| counter.add(n)));
    assert!((1..).zip(&HITS).all(|(n, counter)| counter.sum() == 3 * n));
}

#[test]
fn an_untouched_counter_reads_zero_in_every_way() {
    on_every_type(|subject| {
        let counter = subject.build();
        assert_eq!((counter.sum(), counter.take(), counter.sum()), (0, 0, 0));
        assert!(counter.total().is_none_or(|total| total == 0));
        assert!(counter.deltas().is_none_or(|mut seen| seen.next() == 0));
    });
}

#[test]
fn backend_and_shards_are_the_same_before_and_after_the_first_add() {
    on_every_type(|subject| {
        let counter = subject.build();
        let before = (counter.backend(), counter.shards());
        counter.add(1);
        let after = (counter.backend(), counter.shards());
        // `PerThread` may have to grow for a thread with a high number, and starts no smaller.
        assert_eq!(after.0, before.0);
        assert!(after.1 == before.1 || after.0 == Backend::PerThread && after.1 > before.1);
    });
}

#[test]
fn shards_do_not_depend_on_where_the_first_add_happens_to_run() {
    on_every_type(|subject| {
        let (anywhere, pinned) = (subject.build(), subject.build());
        anywhere.add(1);
        together(1, |_| {
            let _pinned = Hopper::pinned(0);
            pinned.add(1);
        });
        if anywhere.backend() != Backend::PerThread {
            assert_eq!(pinned.shards(), anywhere.shards());
        }
    });
}

/// Statics of more than three megabytes that are all zeros: the executable stores only their size.
#[cfg(target_os = "linux")]
mod in_bss {
    use super::{Backend, Counter, UpDownCounter};
    use crate::support::residency::Mapping;
    use std::{env, fs, ptr};

    const MANY: usize = 100_000;

    static COUNTERS: [Counter; MANY] = [const { Counter::new() }; MANY];
    static LEVELS: [UpDownCounter; MANY] = [const { UpDownCounter::new() }; MANY];
    /// Settings are not zeros, so that these show what the others must not.
    static CONTRAST: [Counter; MANY] =
        [const { Counter::builder().backend(Backend::Striped).build() }; MANY];

    /// Returns whether all bytes of `all` are zeros, and whether all of them are in anonymous memory.
    #[expect(unsafe_code, reason = "reads the bytes of fresh counters")]
    fn is_zeros_and_anonymous<T>(all: &'static [T; MANY]) -> [bool; 2] {
        let first = ptr::from_ref(all).cast::<u64>();
        let words = size_of_val(all) / size_of::<u64>();
        let zeros = (0..words).all(|word| {
            let word = first.wrapping_add(word);
            // SAFETY: the array is that long, and no thread adds to it yet.
            unsafe { word.read_volatile() == 0 }
        });
        // The first page and the last may also have other variables.
        let [from, to] = [4_096, size_of_val(all) - 4_096].map(|byte| first.addr() + byte);
        let mapping = Mapping::of(from);
        [zeros, mapping.file.is_none() && to <= mapping.to]
    }

    #[test]
    fn a_hundred_thousand_fresh_counters_are_zeros_in_anonymous_memory() {
        assert_eq!(size_of_val(&COUNTERS), 32 * MANY);
        assert_eq!(is_zeros_and_anonymous(&COUNTERS), [true, true]);
        assert_eq!(is_zeros_and_anonymous(&LEVELS), [true, true]);
        assert_eq!(is_zeros_and_anonymous(&CONTRAST), [false, false]);
        COUNTERS[MANY - 1].inc();
        LEVELS[MANY / 2].dec();
        assert_eq!((COUNTERS[MANY - 1].sum(), COUNTERS[MANY - 2].sum()), (1, 0));
        assert_eq!((LEVELS[MANY / 2].sum(), LEVELS[MANY / 2 - 1].sum()), (-1, 0));
    }

    #[test]
    fn the_executable_has_no_bytes_of_fresh_counters() {
        let file = fs::read(env::current_exe().unwrap()).unwrap();
        let word = |at: usize, bytes: usize| {
            file[at..at + bytes].iter().rev().fold(0, |word, &byte| word << 8 | usize::from(byte))
        };
        if file[..6] != *b"\x7fELF\x02\x01" {
            return eprintln!("not shown here: an executable of another kind");
        }
        // The file's header says where the section headers begin, how large they are and how many there
        // are; each of them has a type, where 8 is NOBITS, and a size.
        let (begin, size, count) = (word(0x28, 8), word(0x3a, 2), word(0x3c, 2));
        let headers = (0..count).map(|section| begin + section * size);
        let no_bits = headers.filter(|&header| word(header + 4, 4) == 8);
        let no_bits: usize = no_bits.map(|header| word(header + 0x20, 8)).sum();
        assert!(no_bits >= 64 * MANY, "{no_bits} bytes are not in the file");
    }
}
