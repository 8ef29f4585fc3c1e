//! Median and spread over the repeats.

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Spread {
    /// Returns the spread of at least one value.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Self { median: f64::midpoint(low, high), min: values[0], max: values[values.len() - 1] }
    }
}

/// Converts a count for calculations. Beyond 2^53 the last digits are lost.
#[expect(clippy::cast_precision_loss, reason = "a ratio of counts needs no 16th digit")]
pub fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(values: &[f64]) -> (f64, f64, f64) {
        let Spread { median, min, max } = Spread::of(values.to_vec());
        (median, min, max)
    }

    #[test]
    fn of_one() {
        assert_eq!(spread(&[7.0]), (7.0, 7.0, 7.0));
    }

    #[test]
    fn of_an_odd_number_is_the_one_in_the_middle() {
        assert_eq!(spread(&[9.0, 1.0, 2.0]), (2.0, 1.0, 9.0));
    }

    #[test]
    fn of_an_even_number_is_between_the_two_in_the_middle() {
        assert_eq!(spread(&[4.0, 1.0, 100.0, 2.0]), (3.0, 1.0, 100.0));
    }
}
