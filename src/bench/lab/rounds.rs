//! All runs, round after round, and the results.
//!
//! A round runs every point once. So the repeats of a point are spread over the whole time, and a
//! machine that drifts or has a slow moment affects all subjects equally.

use super::{
    interrupt,
    measure::{Cost, Sample},
    stats::Spread,
};
use indicatif::{ProgressBar, ProgressStyle};
use std::{error::Error, fmt::Display};

/// The results of the repeats of a point.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    pub shards: Option<usize>,
    pub adds: Option<Costs>,
    pub sums: Option<Costs>,
    /// The CPU time of an add in ns, in each repeat.
    pub add_cpus: Vec<f64>,
    pub repeats: usize,
    /// The number of adds that were missing from sums, or too many, in all repeats together.
    pub lost: u64,
}

impl Measured {
    fn of(samples: &[Sample]) -> Self {
        let costs = |cost: fn(&Sample) -> Option<Cost>| {
            Costs::of(&samples.iter().filter_map(cost).collect::<Vec<_>>())
        };
        Self {
            shards: samples.iter().find_map(|sample| sample.shards),
            adds: costs(|sample| sample.adds),
            sums: costs(|sample| sample.sums),
            add_cpus: samples.iter().filter_map(|sample| Some(sample.adds?.cpu)).collect(),
            repeats: samples.len(),
            lost: samples.iter().filter_map(|sample| sample.wrong).map(|wrong| wrong.lost()).sum(),
        }
    }
}

/// The spread of a [`Cost`].
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    pub rate: Spread,
    pub wall: Spread,
    pub cpu: Spread,
}

impl Costs {
    fn of(costs: &[Cost]) -> Option<Self> {
        let spread = |figure: fn(&Cost) -> f64| Spread::of(costs.iter().map(figure).collect());
        (!costs.is_empty()).then(|| Self {
            rate: spread(|cost| cost.rate),
            wall: spread(|cost| cost.wall),
            cpu: spread(|cost| cost.cpu),
        })
    }
}

/// Runs every point `rounds` times, or until an interrupt is [caught](interrupt::catch): then some
/// points have fewer repeats or none, but at least one has one.
pub fn measure<P: Display>(
    points: &[P],
    rounds: u16,
    run: impl Fn(&P) -> Result<Sample, Box<dyn Error>>,
) -> Result<Vec<Measured>, Box<dyn Error>> {
    let bar = progress_bar(points.len() * usize::from(rounds));
    let mut samples = vec![Vec::new(); points.len()];
    for round in 1..=rounds {
        for (point, samples) in points.iter().zip(&mut samples) {
            if interrupt::asked() && bar.position() > 0 {
                break;
            }
            bar.set_message(point.to_string());
            samples.push(run(point).map_err(|error| format!("{point}, repeat {round}: {error}"))?);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(samples.iter().map(|samples| Measured::of(samples)).collect())
}

/// Returns a progress bar on the error output, if that is a terminal. It is drawn only between
/// runs.
fn progress_bar(runs: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:20} {pos}/{len}, {eta} left  {wide_msg}");
    ProgressBar::new(runs as u64).with_style(style.expect("the template is well formed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::lab::measure::Wrong;
    use std::cell::Cell;

    fn sample(figure: f64) -> Sample {
        let cost = Cost { rate: figure, wall: figure, cpu: figure };
        Sample { shards: Some(2), adds: Some(cost), sums: None, wrong: None }
    }

    #[test]
    fn every_point_is_run_once_a_round() {
        let runs = Cell::new(0);
        let run = |_: &_| Ok(sample(f64::from(runs.replace(runs.get() + 1))));
        let rows = measure(&["first", "second"], 3, run).unwrap();
        let spreads: Vec<_> = rows.iter().map(|row| row.adds.unwrap().cpu).collect();
        assert_eq!(spreads[0], Spread { median: 2.0, min: 0.0, max: 4.0 });
        assert_eq!(spreads[1], Spread { median: 3.0, min: 1.0, max: 5.0 });
        assert!(rows.iter().all(|row| row.sums.is_none() && row.shards == Some(2)));
        assert_eq!((&rows[1].add_cpus[..], rows[1].repeats), (&[1.0, 3.0, 5.0][..], 3));
    }

    #[test]
    fn what_is_lost_is_added_up() {
        let wrong = Some(Wrong { counter: None, expected: 10, found: 7 });
        let rows = measure(&["one"], 2, |_| Ok(Sample { wrong, ..sample(1.0) })).unwrap();
        assert_eq!(rows[0].lost, 6);
    }

    #[test]
    fn an_error_tells_which_run_it_was() {
        let error = measure(&["one"], 2, |_| Err("no such luck".into())).unwrap_err();
        assert_eq!(error.to_string(), "one, repeat 1: no such luck");
    }
}
