//! The name of the machine, for captions and for rows of files that combine several machines.

use std::{env::consts::ARCH, fmt, fs};

pub struct Machine {
    pub model: String,
    /// The number of CPUs that this process may use.
    pub cpus: usize,
}

impl Machine {
    pub fn here() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Self { model: model(&cpuinfo).unwrap_or_else(|| format!("{ARCH} CPU")), cpus: cpus() }
    }
}

/// Returns the number of CPUs as the library counts them, so that default numbers of shards agree.
pub fn cpus() -> usize {
    num_cpus::get()
}

/// Returns the model of the first CPU in `/proc/cpuinfo`, which many platforms do not have.
fn model(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    let words: Vec<_> = line.split_once(':')?.1.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.cpus == 1 { "" } else { "s" };
        write!(f, "{}, {} CPU{plural}", self.model, self.cpus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_model() {
        let cpuinfo =
            "processor\t: 0\nmodel\t\t: 1\nmodel name\t: AMD  EPYC: 7 \nmodel name\t: X\n";
        assert_eq!(model(cpuinfo).as_deref(), Some("AMD EPYC: 7"));
    }

    #[test]
    fn does_without_a_model() {
        assert_eq!(model("processor : 0\n"), None);
        assert_eq!(model("model name :\n"), None);
        assert_eq!(model("model name"), None);
    }
}
