//! Counters stand in statics, at no cost before their first use.

use crate::support::{affinity::Hopper, auto, on_every_backend, per_cpu_works, together};
use striped_counter::{Backend, Counter};

#[test]
fn a_const_new_counter_counts_for_many_threads() {
    static HITS: Counter = Counter::new();
    together(4, |_| (0..1_000).for_each(|_| HITS.inc()));
    HITS.add(512);
    assert_eq!(HITS.sum(), 4_512);
}

#[test]
fn every_setting_may_be_made_in_a_static() {
    static PER_CPU: Counter = Counter::builder().backend(Backend::PerCpu).shards(3).build();
    static PER_THREAD: Counter =
        Counter::builder().backend(Backend::PerThread).read_lock(true).build();
    static STRIPED: Counter =
        Counter::builder().backend(Backend::Striped).shards(16).read_lock(true).build();
    static AUTO: Counter = Counter::builder().backend(Backend::Auto).read_lock(false).build();

    for counter in [&PER_CPU, &PER_THREAD, &STRIPED, &AUTO] {
        together(4, |_| (0..500).for_each(|_| counter.add(2)));
        assert_eq!(counter.take(), 4_000);
    }
    assert_eq!(PER_THREAD.backend(), Backend::PerThread);
    assert_eq!((STRIPED.backend(), STRIPED.shards()), (Backend::Striped, 16));
    let per_cpu = if per_cpu_works() { (Backend::PerCpu, 3) } else { (Backend::Striped, 4) };
    assert_eq!((PER_CPU.backend(), PER_CPU.shards()), per_cpu);
    assert_eq!(AUTO.backend(), auto());
}

#[test]
fn a_static_array_of_counters_counts_each_by_itself() {
    static HITS: [Counter; 20] = [const { Counter::new() }; 20];
    together(3, |_| (1..).zip(&HITS).for_each(|(n, counter)| counter.add(n)));
    assert!((1..).zip(&HITS).all(|(n, counter)| counter.sum() == 3 * n));
}

#[test]
fn an_untouched_counter_reads_zero_in_every_way() {
    on_every_backend(|case| {
        let counter = case.counter();
        assert_eq!((counter.sum(), counter.take()), (0, 0));
        assert_eq!(counter.deltas().next_delta(), 0);
        assert!(format!("{counter:?}").contains("sum: 0"), "{counter:?}");
    });
}

#[test]
fn an_add_of_zero_counts_nothing() {
    on_every_backend(|case| {
        let counter = case.counter();
        counter.add(0);
        counter.add(0);
        assert_eq!(counter.sum(), 0);
    });
}

#[test]
fn backend_and_shards_are_told_before_the_first_add_as_after_it() {
    on_every_backend(|case| {
        let counter = case.counter();
        let before = (counter.backend(), counter.shards());
        counter.inc();
        let after = (counter.backend(), counter.shards());
        // `PerThread` may have to grow for a thread with a high number, and starts no smaller.
        if case.backend() == Backend::PerThread {
            assert_eq!(after.0, before.0);
            assert!(after.1 >= before.1, "{after:?} after {before:?}");
        } else {
            assert_eq!(after, before);
        }
    });
}

#[test]
fn shards_do_not_depend_on_where_the_first_add_happens_to_run() {
    on_every_backend(|case| {
        let (anywhere, pinned) = (case.counter(), case.counter());
        anywhere.inc();
        together(1, |_| {
            let _pinned = Hopper::pinned(0);
            pinned.inc();
        });
        if case.backend() != Backend::PerThread {
            assert_eq!(pinned.shards(), anywhere.shards());
        }
    });
}

/// Three megabytes and more: a `static` of nothing but zeros, of which the executable has only the size.
#[cfg(target_os = "linux")]
mod in_bss {
    use super::{Backend, Counter};
    use crate::support::residency::Mapping;
    use std::{env, fs, ptr};
    use striped_counter::UpDownCounter;

    const MANY: usize = 100_000;

    static COUNTERS: [Counter; MANY] = [const { Counter::new() }; MANY];
    static LEVELS: [UpDownCounter; MANY] = [const { UpDownCounter::new() }; MANY];
    /// Settings are no zeros: what is seen of the others is seen of these, too, if it is there.
    static CONTRAST: [Counter; MANY] =
        [const { Counter::builder().backend(Backend::Striped).build() }; MANY];

    /// Whether all bytes of `all` are zeros; and whether all of it is in memory that is of no file.
    #[expect(unsafe_code, reason = "the bytes of fresh counters are looked at")]
    fn is_zeros_and_in_no_file<T>(all: &'static [T; MANY]) -> [bool; 2] {
        let first = ptr::from_ref(all).cast::<u64>();
        let words = size_of_val(all) / size_of::<u64>();
        let zeros = (0..words).all(|word| {
            let word = first.wrapping_add(word);
            // SAFETY: the array is that long, and nobody adds to it yet.
            unsafe { word.read_volatile() == 0 }
        });
        // The first page and the last may also have other variables.
        let [from, to] = [4_096, size_of_val(all) - 4_096].map(|byte| first.addr() + byte);
        let mapping = Mapping::of(from);
        [zeros, mapping.file.is_none() && to <= mapping.to]
    }

    #[test]
    fn a_hundred_thousand_fresh_counters_are_zeros_that_no_file_has() {
        assert_eq!(size_of_val(&COUNTERS), 32 * MANY);
        assert_eq!(is_zeros_and_in_no_file(&COUNTERS), [true, true]);
        assert_eq!(is_zeros_and_in_no_file(&LEVELS), [true, true]);
        assert_eq!(is_zeros_and_in_no_file(&CONTRAST), [false, false]);
        COUNTERS[MANY - 1].inc();
        LEVELS[MANY / 2].dec();
        assert_eq!((COUNTERS[MANY - 1].sum(), COUNTERS[MANY - 2].sum()), (1, 0));
        assert_eq!((LEVELS[MANY / 2].sum(), LEVELS[MANY / 2 - 1].sum()), (-1, 0));
    }

    /// The sections that the executable's file has no bytes of.
    #[test]
    fn the_executable_has_no_bytes_of_fresh_counters() {
        let file = fs::read(env::current_exe().unwrap()).unwrap();
        let word = |at: usize, bytes: usize| {
            file[at..at + bytes].iter().rev().fold(0, |word, &byte| word << 8 | usize::from(byte))
        };
        if file[..6] != *b"\x7fELF\x02\x01" {
            return eprintln!("not shown here: an executable of another kind");
        }
        // Of the file's header, where section headers begin, how large they are, and how many there
        // are; of each, its type, where NOBITS is 8, and its size.
        let (begin, size, count) = (word(0x28, 8), word(0x3a, 2), word(0x3c, 2));
        let headers = (0..count).map(|section| begin + section * size);
        let no_bits = headers.filter(|&header| word(header + 4, 4) == 8);
        let no_bits: usize = no_bits.map(|header| word(header + 0x20, 8)).sum();
        assert!(no_bits >= 64 * MANY, "{no_bits} bytes are not in the file");
    }
}
