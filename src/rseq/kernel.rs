//! Kernels that do not abort critical sections as they should.
//!
//! Linux 6.19 moved aarch64 to the generic entry code. From then until "arm64/entry: Fix
//! arm64-specific rseq brokenness", in 7.0.14 and 7.1-rc3, a section is not aborted if its thread
//! is preempted and continues on the same CPU: it then overwrites the adds that other threads made
//! in between. `docs/internals/rseq.md` has what was seen, and why no test at run time can replace
//! checking the release.

/// The first release candidate of 7.1 that has the fix.
const FIRST_GOOD_CANDIDATE: u32 = 3;

/// Returns whether aarch64 Linux of this release, as uname(2) returns it, may leave a preempted
/// section alone. So may any release that cannot be parsed.
pub(super) fn may_not_abort(release: &[u8]) -> bool {
    let Some((major, rest)) = number(release) else { return true };
    let Some((minor, rest)) = part(rest) else { return true };
    // A release candidate has no third number.
    let (patch, rest) = part(rest).unwrap_or((0, rest));
    match (major, minor, patch) {
        // Up to 2, none has restartable sequences, and what `setarch --uname-2.6` reports for
        // others reveals nothing.
        (..=2, ..) | (6, 19.., _) | (7, 0, ..=13) => true,
        (7, 0, 14) => candidate(rest).is_some(),
        (7, 1, 0) => candidate(rest).is_some_and(|number| number < FIRST_GOOD_CANDIDATE),
        _ => false,
    }
}

/// Returns the number that a text begins with, and what follows it.
fn number(text: &[u8]) -> Option<(u32, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(digits);
    Some((std::str::from_utf8(digits).ok()?.parse().ok()?, rest))
}

/// Returns the number behind a dot, and what follows it.
fn part(text: &[u8]) -> Option<(u32, &[u8])> {
    number(text.strip_prefix(b".")?)
}

/// Returns the number of a release candidate such as `-rc2`, or Fedora's `-0.rc2`, or 0 if it
/// cannot be parsed.
fn candidate(suffix: &[u8]) -> Option<u32> {
    let begins = |window: &[u8]| !window[0].is_ascii_alphanumeric() && window[1..] == *b"rc";
    let at = suffix.windows(3).position(begins)?;
    Some(number(&suffix[at + 3..]).map_or(0, |(number, _)| number))
}

#[cfg(test)]
mod tests {
    use super::may_not_abort;

    #[test]
    fn releases_from_6_19_to_7_0_13_do_not_abort() {
        let bad = [
            "6.19.0-rc1",
            "6.19-rc8-arm64",
            "6.19.0",
            "6.19.13+deb13-cloud-arm64",
            "6.19.14",
            "6.20.1",
            "7.0.0-rc7",
            "7.0.0-14-generic",
            "7.0.4-200.fc44.aarch64",
            "7.0.13",
            "7.0.13+deb14",
            "7.0.14-rc1",
            "7.0-rc1-arm64",
            "7.1-rc1-arm64",
            "7.1.0-rc1",
            "7.1.0-rc2",
            "7.1.0-rc2-00117-g0123456789ab",
            "7.1.0-0.rc2.20260507git.fc45.aarch64",
            "7.1.0-rc",
        ];
        for release in bad {
            assert!(may_not_abort(release.as_bytes()), "{release}");
        }
    }

    #[test]
    fn releases_before_and_after_these_abort() {
        let good = [
            "4.18.0-553.el8_10.aarch64",
            "5.10.0-33-arm64",
            "5.19.17",
            "6.1.0-51-arm64",
            "6.1.192",
            "6.1.19",
            "6.18.0-rc7",
            "6.18.44-fc-v657",
            "7.0.14",
            "7.0.14+deb14-arm64",
            "7.0.114",
            "7.1.0",
            "7.1",
            "7.1.0-2-arc1",
            "7.1.0-rc3",
            "7.1-rc7-arm64",
            "7.1.0-rc10",
            "7.1.0-0.rc3.fc45.aarch64",
            "7.1.1-rc1",
            "7.3.4",
            "7.3.4+deb13-cloud-arm64",
            "7.19.1",
            "8.0.0-rc1",
            "10.0.2",
        ];
        for release in good {
            assert!(!may_not_abort(release.as_bytes()), "{release}");
        }
    }

    #[test]
    fn a_release_that_cannot_be_read_counts_as_one_that_does_not_abort() {
        let unreadable = [
            "",
            "6",
            "7.",
            ".1.2",
            "-6.1",
            "+6.1",
            " 6.1.0",
            "v6.1.0",
            "6,1,0",
            "6.x.1",
            "6.-1.0",
            "4294967296.1.0",
            "6.4294967296",
            "2.6.79+", // 6.19 under `setarch --uname-2.6`, or 5.19
            "garbage",
        ];
        for release in unreadable {
            assert!(may_not_abort(release.as_bytes()), "{release}");
        }
        assert!(may_not_abort(b"\xff\xfe6.1.0"));
        assert!(!may_not_abort(b"6.1.0-\xff"));
    }
}
