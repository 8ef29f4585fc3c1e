//! Storage by key, for what is not registered with the inner recorder before the next flush.
//!
//! An entry is removed when it has no handle left and has not changed between two flushes.

use metrics::{Key, Level, Metadata};
use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering, fence},
    },
};

/// A power of two.
const PARTS: usize = 64;

pub(super) struct Keyed<V> {
    parts: Box<[RwLock<Part<V>>]>,
}

type Part<V> = HashMap<Key, Arc<Entry<V>>>;

pub(super) struct Entry<V> {
    key: Key,
    target: Box<str>,
    level: Level,
    module_path: Option<Box<str>>,
    /// Whether it has never been passed on.
    is_new: AtomicBool,
    rested: AtomicBool,
    value: V,
}

impl<V> Entry<V> {
    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    pub(super) fn metadata(&self) -> Metadata<'_> {
        Metadata::new(&self.target, self.level, self.module_path.as_deref())
    }

    /// Returns whether the inner recorder does not know it yet, and so has to, even if nothing was
    /// counted: a series at zero is not the same as none.
    pub(super) fn is_new(&self) -> bool {
        self.is_new.load(Ordering::Relaxed)
    }

    #[inline]
    pub(super) fn value(&self) -> &V {
        &self.value
    }
}

impl<V> Default for Keyed<V> {
    fn default() -> Self {
        Self { parts: (0..PARTS).map(|_| RwLock::default()).collect() }
    }
}

impl<V> Keyed<V> {
    /// Returns the entry of `key`, which is made if there is none.
    pub(super) fn get(
        &self,
        key: &Key,
        metadata: &Metadata<'_>,
        make: impl FnOnce() -> V,
    ) -> Arc<Entry<V>> {
        let part = self.part(key);
        let known = part.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        known.unwrap_or_else(|| {
            let entry = || {
                Arc::new(Entry {
                    key: key.clone(),
                    target: metadata.target().into(),
                    level: *metadata.level(),
                    module_path: metadata.module_path().map(Into::into),
                    is_new: AtomicBool::new(true),
                    rested: AtomicBool::new(false),
                    value: make(),
                })
            };
            let mut part = part.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(part.entry(key.clone()).or_insert_with(entry))
        })
    }

    /// Calls `pass_on` with each entry, outside of all locks. It has to return whether there was
    /// anything to pass on, or `None` if that failed.
    pub(super) fn flush(&self, mut pass_on: impl FnMut(&Entry<V>) -> Option<bool>) {
        for part in &self.parts {
            for entry in Self::entries(part) {
                let passed = pass_on(&entry);
                if passed.is_some() {
                    entry.is_new.store(false, Ordering::Relaxed);
                }
                entry.rested.store(passed == Some(false), Ordering::Relaxed);
            }
        }
    }

    /// Returns the entries of `part`, and removes those at rest from it.
    fn entries(part: &RwLock<Part<V>>) -> Vec<Arc<Entry<V>>> {
        if part.read().unwrap_or_else(PoisonError::into_inner).is_empty() {
            return Vec::new();
        }
        let mut part = part.write().unwrap_or_else(PoisonError::into_inner);
        let entries = part.values().cloned().collect();
        // Two references are the map's and the one just made. There is no way to a third without
        // the lock.
        part.retain(|_, entry| {
            Arc::strong_count(entry) > 2 || !entry.rested.load(Ordering::Relaxed)
        });
        // Acquire: partners the release with which the last handle of a removed entry was dropped,
        // so that what was added through it is passed on.
        fence(Ordering::Acquire);
        if part.capacity() > 64.max(8 * part.len()) {
            part.shrink_to_fit();
        }
        entries
    }

    pub(super) fn len(&self) -> usize {
        let len =
            |part: &RwLock<Part<V>>| part.read().unwrap_or_else(PoisonError::into_inner).len();
        self.parts.iter().map(len).sum()
    }

    fn part(&self, key: &Key) -> &RwLock<Part<V>> {
        #[expect(clippy::cast_possible_truncation, reason = "a few bits are enough")]
        let hash = key.get_hash() as usize;
        &self.parts[hash % PARTS]
    }
}
