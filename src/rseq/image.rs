//! Symbols of the dynamic loader, found in its image in memory.
//!
//! `dlsym` would find them, but takes the loader's lock, which a first add must not wait for. A
//! weak reference needs no lock, but GNU ld records the version of the symbol as required, and the
//! program would not start with an older glibc than it was built with. So this reads the loader's
//! own tables: the kernel says where it has mapped the loader, and the ABI of ELF files fixes the
//! rest (System V ABI, chapters 4 and 5; for the hash table, `DT_GNU_HASH` in glibc's
//! `elf/dl-lookup.c`).

#![expect(unsafe_code, reason = "names are read by address")]

use super::elf::{SEGMENT_VADDR, Segments, auxiliary, read};
use std::{ffi::CStr, ptr};

/// The offsets of fields in the structures of 64-bit ELF files, and values of these fields.
mod elf {
    pub(super) const MAGIC: u32 = u32::from_ne_bytes(*b"\x7fELF");
    pub(super) const HEADER_PHOFF: usize = 32;
    pub(super) const HEADER_PHENTSIZE: usize = 54;
    pub(super) const HEADER_PHNUM: usize = 56;
    pub(super) const PT_DYNAMIC: u32 = 2;
    pub(super) const PT_PHDR: u32 = 6;
    pub(super) const DT_STRTAB: usize = 5;
    pub(super) const DT_SYMTAB: usize = 6;
    pub(super) const DT_DEBUG: usize = 21;
    pub(super) const DT_GNU_HASH: usize = 0x6fff_fef5;
    /// `r_ldbase` in `struct r_debug` of glibc's `link.h`.
    pub(super) const DEBUG_LDBASE: usize = 32;
    pub(super) const SYMBOL_SIZE: usize = 24;
    pub(super) const SYMBOL_VALUE: usize = 8;
    pub(super) const SYMBOL_SECTION: usize = 6;
}

/// The loader's image, and the tables in it.
pub(super) struct Image {
    base: usize,
    strings: usize,
    symbols: usize,
    hashes: usize,
}

impl Image {
    /// Returns the image of the program's loader, if it has one: a statically linked program has
    /// none.
    pub(super) fn of_loader() -> Option<Self> {
        let base = match auxiliary(libc::AT_BASE) {
            0 => base_of_debugged()?,
            base => base,
        };
        if read::<u32>(base) != elf::MAGIC {
            return None;
        }
        let segments = Segments::of_file(base);
        let dynamic = base + segments.address(elf::PT_DYNAMIC)?;
        // An address within the file, unless the loader has added its base.
        let table = |tag| {
            let address = entry(dynamic, tag)?;
            Some(if address < base { base + address } else { address })
        };
        Some(Self {
            base,
            strings: table(elf::DT_STRTAB)?,
            symbols: table(elf::DT_SYMTAB)?,
            hashes: table(elf::DT_GNU_HASH)?,
        })
    }

    /// Returns the address of the symbol with that name, if the image defines it.
    pub(super) fn symbol(&self, name: &CStr) -> Option<usize> {
        let word = |address: usize, index: usize| read::<u32>(address + 4 * index);
        let [buckets, first, filters] = [0, 1, 2].map(|index| word(self.hashes, index) as usize);
        let (bucket_words, hash) = (self.hashes + 16 + filters * size_of::<usize>(), hash(name));
        let chain = bucket_words + 4 * buckets;
        let mut index = word(bucket_words, hash as usize % buckets.max(1)) as usize;
        if buckets == 0 || index < first {
            return None;
        }
        loop {
            let theirs = word(chain, index - first);
            // The lowest bit marks the end of a chain.
            if theirs | 1 == hash | 1 && self.is_called(index, name) {
                return Some(self.base + read::<usize>(self.at(index) + elf::SYMBOL_VALUE));
            }
            if theirs & 1 == 1 {
                return None;
            }
            index += 1;
        }
    }

    fn at(&self, index: usize) -> usize {
        self.symbols + index * elf::SYMBOL_SIZE
    }

    /// Returns whether the symbol with that index has this name, and is defined.
    fn is_called(&self, index: usize, name: &CStr) -> bool {
        let theirs =
            ptr::with_exposed_provenance(self.strings + read::<u32>(self.at(index)) as usize);
        // SAFETY: names in the table of strings end with a zero byte.
        let theirs = unsafe { CStr::from_ptr(theirs) };
        theirs == name && read::<u16>(self.at(index) + elf::SYMBOL_SECTION) != 0
    }
}

impl Segments {
    /// Returns the headers of the file that is mapped at `base`.
    fn of_file(base: usize) -> Self {
        Self {
            first: base + read::<usize>(base + elf::HEADER_PHOFF),
            size: read::<u16>(base + elf::HEADER_PHENTSIZE).into(),
            count: read::<u16>(base + elf::HEADER_PHNUM).into(),
        }
    }

    /// Returns the address, within the file, of the first segment of that type.
    fn address(&self, kind: u32) -> Option<usize> {
        Some(read::<usize>(self.header(kind)? + SEGMENT_VADDR))
    }
}

/// Returns the value of that tag in a dynamic section, if there is one.
fn entry(dynamic: usize, tag: usize) -> Option<usize> {
    let mut entries = (dynamic..).step_by(2 * size_of::<usize>());
    let found = entries.find(|&entry| [tag, 0].contains(&read::<usize>(entry)))?;
    (read::<usize>(found) == tag).then(|| read::<usize>(found + size_of::<usize>()))
}

/// Returns where the loader is, from what it provides for debuggers. If a program was started by
/// running the loader, the kernel does not know that it is one.
fn base_of_debugged() -> Option<usize> {
    let segments = Segments::of_executable();
    let bias = segments.first.wrapping_sub(segments.address(elf::PT_PHDR)?);
    let dynamic = bias.wrapping_add(segments.address(elf::PT_DYNAMIC)?);
    let debug = entry(dynamic, elf::DT_DEBUG).filter(|&debug| debug != 0)?;
    Some(read::<usize>(debug + elf::DEBUG_LDBASE)).filter(|&base| base != 0)
}

/// Returns the hash of `DT_GNU_HASH`, which is Bernstein's.
fn hash(name: &CStr) -> u32 {
    name.to_bytes()
        .iter()
        .fold(5381_u32, |hash, &byte| hash.wrapping_mul(33).wrapping_add(byte.into()))
}

#[cfg(test)]
mod tests {
    use super::{Image, hash};

    #[test]
    fn the_loaders_symbols_are_where_dlsym_finds_them_and_others_nowhere() {
        let image = Image::of_loader().expect("a dynamic program has a loader");
        for name in
            [c"__rseq_offset", c"__rseq_size", c"__rseq_flags", c"_r_debug", c"no_such_symbol", c""]
        {
            // SAFETY: the name is a C string.
            let theirs = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
            assert_eq!(image.symbol(name).unwrap_or(0), theirs.addr(), "{name:?}");
        }
    }

    #[test]
    fn the_hash_is_that_of_the_format() {
        // From the comment at `dl_new_hash` in glibc's `dl-new-hash.h`, and by hand.
        assert_eq!([c"", c"a", c"exit"].map(hash), [0x1505, 0x2b606, 0x7c96_7e3f]);
    }
}
