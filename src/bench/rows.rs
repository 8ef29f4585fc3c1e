//! The rows of the result: a point, and the results of its repeats.

use crate::bench::{
    lab::{memory::Bytes, rounds::Measured, stats::float},
    plan::Point,
};

/// A point, and the results of its repeats.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) point: Point,
    pub(crate) measured: Measured,
    /// The bytes of many counters together.
    pub(crate) bytes: Option<Bytes>,
}

impl Row {
    /// Returns the bytes per counter: requested from the allocator or in place, and resident.
    pub(crate) fn bytes_per_counter(&self) -> [Option<f64>; 2] {
        let each = |bytes: usize| float(bytes as u64) / float(self.point.counters as u64);
        let bytes = self.bytes;
        [bytes.map(|bytes| bytes.asked), bytes.and_then(|bytes| bytes.resident)]
            .map(|bytes| bytes.map(each))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::bench::{
        kind::Kind,
        lab::{index::Index, rounds::Costs, stats::Spread},
        plan::Section,
        subjects::Name,
    };

    /// Returns a row of the section on threads, with the same figure for every cost.
    pub(crate) fn row(subject: Name, threads: usize, figure: f64) -> Row {
        measured(Point::new(Kind::Counter, Section::Threads, subject, threads), figure)
    }

    /// Returns a row of the section on counters, for random adds by one thread.
    pub(crate) fn row_of_many(subject: Name, counters: usize, figure: f64) -> Row {
        let point = Point::new(Kind::CounterSet, Section::Counters, subject, 1);
        let point = Point { counters, index: Index::Random, ..point };
        let bytes = Bytes { asked: 33 * counters / 2, resident: Some(40 * counters) };
        Row { bytes: Some(bytes), ..measured(point, figure) }
    }

    fn measured(point: Point, figure: f64) -> Row {
        let spread = Spread { median: figure, min: figure / 2.0, max: figure * 2.0 };
        let adds = Some(Costs { rate: spread, wall: spread, cpu: spread });
        let measured = Measured { adds, add_cpus: vec![figure], repeats: 1, ..Measured::default() };
        Row { point, measured, bytes: None }
    }
}
