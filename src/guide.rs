#![doc = include_str!("guide/links.md")]
#![doc = include_str!("guide/pictures.md")]
#![doc = include_str!("../docs/README.md")]
//!
// The pages are files in `docs/`, and their links lead to files there. Each module begins with
// definitions of the same links that lead to modules and items instead, and rustdoc takes the first
// definition of a link.

/// Defines a module that has nothing but a page.
macro_rules! page {
    ($name:ident, $path:literal) => {
        #[doc = include_str!("guide/links.md")]
        #[doc = include_str!("guide/pictures.md")]
        #[doc = include_str!(concat!("../docs/", $path))]
        pub mod $name {}
    };
}

page!(getting_started, "guide/getting_started.md");
page!(types, "guide/types.md");
page!(tuning, "guide/tuning.md");
page!(histograms, "guide/histograms.md");
// Its programs need other crates: tests/exporters compiles and runs them.
#[cfg(not(doctest))]
page!(integrations, "guide/integrations.md");
page!(platforms, "guide/platforms.md");
page!(benchmarks, "guide/benchmarks.md");
page!(examples, "../examples/README.md");

page!(design, "internals/design.md");
page!(ordering, "internals/ordering.md");
page!(rseq, "internals/rseq.md");
page!(contributing, "contributing.md");

page!(assurance, "assurance.md");
page!(security, "security.md");
page!(changelog, "changelog.md");
