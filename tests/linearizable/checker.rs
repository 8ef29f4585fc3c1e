//! The checker: given what operations did and when they began and ended, is there an order in which they
//! could have taken place one at a time on a set of plain integers?
//!
//! After Wing and Gong, "Testing and Verifying Concurrent Objects" (1993), with the memo of Lowe, "Testing
//! for Linearizability" (2017): a depth-first search that visits no combination of finished operations and
//! state twice.

use std::collections::HashSet;

/// What an operation did. Columns are the counters of a set; a counter by itself is column 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Added to several columns at once.
    Add(Vec<(usize, u64)>),
    /// Read these sums, of the columns from this one on.
    Sum(usize, Vec<u64>),
    /// Read these sums, and left zero.
    Take(usize, Vec<u64>),
}

/// An operation, and when it began and ended, on a clock that never shows the same time twice.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) begin: u64,
    pub(crate) end: u64,
    pub(crate) action: Action,
}

impl Action {
    /// Returns the state after this action, if it can have taken place in `state`.
    fn apply(&self, state: &[u64]) -> Option<Vec<u64>> {
        let mut next = state.to_vec();
        match self {
            Self::Add(adds) => {
                for &(column, n) in adds {
                    next[column] = next[column].wrapping_add(n);
                }
            }
            Self::Sum(first, seen) if state[*first..][..seen.len()] == seen[..] => {}
            Self::Take(first, seen) if state[*first..][..seen.len()] == seen[..] => {
                next[*first..][..seen.len()].fill(0);
            }
            Self::Sum(..) | Self::Take(..) => return None,
        }
        Some(next)
    }

    /// Returns the part of this action on one column, as an action on column 0.
    fn on_column(&self, column: usize) -> Option<Self> {
        let seen_in =
            |first: usize, seen: &[u64]| Some(vec![*seen.get(column.checked_sub(first)?)?]);
        match self {
            Self::Add(adds) => {
                let mine = adds.iter().filter(|add| add.0 == column).map(|add| (0, add.1));
                Some(Self::Add(mine.collect())).filter(|it| *it != Self::Add(vec![]))
            }
            Self::Sum(first, seen) => Some(Self::Sum(0, seen_in(*first, seen)?)),
            Self::Take(first, seen) => Some(Self::Take(0, seen_in(*first, seen)?)),
        }
    }
}

/// Returns the part of a history on one column.
pub(crate) fn on_column(column: usize, history: &[Operation]) -> Vec<Operation> {
    let part = |operation: &Operation| {
        Some(Operation { action: operation.action.on_column(column)?, ..*operation })
    };
    history.iter().filter_map(part).collect()
}

/// Returns indexes into `history` in a legal order, starting from the state `initial`; `None` if there is
/// none.
pub(crate) fn legal_order(initial: &[u64], history: &[Operation]) -> Option<Vec<usize>> {
    assert!(history.len() <= 64, "a burst is to be short");
    let mut search = Search { history, order: Vec::new(), failed: HashSet::new() };
    search.go_on(0, initial).then_some(search.order)
}

struct Search<'a> {
    history: &'a [Operation],
    order: Vec<usize>,
    /// Dead ends: the operations done, a bit each, and the state.
    failed: HashSet<(u64, Vec<u64>)>,
}

impl Search<'_> {
    /// Returns whether the operations not yet done have a legal order, which is then in `order`.
    fn go_on(&mut self, done: u64, state: &[u64]) -> bool {
        if self.order.len() == self.history.len() {
            return true;
        }
        if self.failed.contains(&(done, state.to_vec())) {
            return false;
        }
        let undone = |&index: &usize| done & 1 << index == 0;
        let left = || (0..self.history.len()).filter(undone);
        // An operation that began after another one ended cannot come before it.
        let first_end = left().map(|index| self.history[index].end).min();
        let may_be_next = |&index: &usize| Some(self.history[index].begin) < first_end;
        for index in left().filter(may_be_next).collect::<Vec<_>>() {
            let action = &self.history[index].action;
            let Some(next) = action.apply(state) else { continue };
            self.order.push(index);
            if self.go_on(done | 1 << index, &next) {
                return true;
            }
            self.order.pop();
            if matches!(action, Action::Sum(..)) {
                // A sum changes nothing, so if the rest has no order after it, it has none at all.
                break;
            }
        }
        self.failed.insert((done, state.to_vec()));
        false
    }
}

/// Histories by hand, in lines such as "1-4 add 3": begin, end, action. On column 0, if there is one number.
#[cfg(test)]
mod tests {
    use super::*;

    fn operation(line: &str) -> Operation {
        let mut words = line.split([' ', '-']);
        let mut number = || words.next().unwrap().parse().unwrap();
        let (begin, end) = (number(), number());
        let action = words.next().unwrap();
        let numbers: Vec<u64> = words.map(|word| word.parse().unwrap()).collect();
        let action = match action {
            "add" => Action::Add(numbers.into_iter().enumerate().collect()),
            "sum" => Action::Sum(0, numbers),
            "take" => Action::Take(0, numbers),
            _ => panic!("{line:?}"),
        };
        Operation { begin, end, action }
    }

    fn order_of(lines: &[&str]) -> Option<Vec<usize>> {
        let history: Vec<_> = lines.iter().map(|line| operation(line)).collect();
        legal_order(&[0, 0], &history)
    }

    #[test]
    fn legal_histories_have_an_order() {
        assert_eq!(order_of(&[]), Some(vec![]));
        assert_eq!(order_of(&["0-1 add 5", "2-3 sum 5"]), Some(vec![0, 1]));
        // A sum concurrent with an add includes it or not.
        assert_eq!(order_of(&["0-2 add 5", "1-3 sum 5"]), Some(vec![0, 1]));
        assert_eq!(order_of(&["0-2 add 5", "1-3 sum 0"]), Some(vec![1, 0]));
        // Of two concurrent adds, either may come first.
        assert_eq!(order_of(&["0-5 add 1", "1-4 add 2", "2-3 sum 2"]), Some(vec![1, 2, 0]));
        // What was taken is gone, and later adds remain.
        let takes = ["0-1 add 4", "2-7 take 4", "3-4 add 1", "5-8 take 1", "9-10 sum 0"];
        assert_eq!(order_of(&takes), Some(vec![0, 1, 2, 3, 4]));
        let other_way = ["0-9 add 4", "1-3 take 0", "4-7 take 4", "10-11 sum 0"];
        assert_eq!(order_of(&other_way), Some(vec![1, 0, 2, 3]));
        // Modulo 2^64.
        let wrap = ["0-1 add 18446744073709551615", "2-3 add 3", "4-5 sum 2"];
        assert_eq!(order_of(&wrap), Some(vec![0, 1, 2]));
        // Two columns at once.
        assert_eq!(order_of(&["0-2 add 1 1", "1-3 sum 1 1"]), Some(vec![0, 1]));
    }

    #[test]
    fn illegal_histories_have_none() {
        let none = |lines| assert_eq!(order_of(lines), None, "{lines:?}");
        none(&["0-1 add 5", "2-3 sum 0"]);
        none(&["0-1 sum 5", "2-3 add 5"]);
        none(&["0-3 add 5", "1-2 sum 3"]);
        // Torn: the second add without the first, which ended before it began.
        none(&["0-1 add 1", "2-3 add 16", "0-4 sum 16"]);
        // Each sum is legal by itself, but the two readers contradict each other.
        none(&["0-9 add 1", "1-8 add 2", "2-7 sum 1", "3-6 sum 2"]);
        // Backwards.
        none(&["0-9 add 1", "1-2 sum 1", "3-4 sum 0"]);
        // Taken twice, and lost.
        none(&["0-1 add 4", "2-5 take 4", "3-4 take 4"]);
        none(&["0-1 add 4", "2-3 take 4", "4-5 sum 4"]);
        none(&["0-1 add 4", "2-3 take 0", "4-5 sum 4"]);
        // Half a batch.
        none(&["0-3 add 1 1", "1-2 sum 1 0"]);
    }

    /// This test and the next one pin down what the search may skip.
    #[test]
    fn a_sum_that_is_legal_now_may_have_to_come_after_a_take() {
        let lines = ["0-9 add 1", "0-9 take 1", "0-9 sum 0", "0-9 sum 1", "10-11 sum 0"];
        let order = order_of(&lines).unwrap();
        let at = |index| order.iter().position(|&it| it == index).unwrap();
        assert!(at(0) < at(3) && at(3) < at(1), "{order:?}");
    }

    #[test]
    fn a_large_history_without_an_order_is_rejected_quickly() {
        // Twelve concurrent adds, and a sum that they cannot add up to.
        let mut lines: Vec<_> = (0..12).map(|bit| format!("0-9 add {}", 2_u64 << bit)).collect();
        lines.push("0-9 sum 1".into());
        assert_eq!(order_of(&lines.iter().map(String::as_str).collect::<Vec<_>>()), None);
    }

    #[test]
    fn on_column_keeps_the_actions_on_that_column() {
        let history = ["0-1 add 1 2", "2-3 sum 1 2", "4-5 take 1"].map(operation);
        let part = |column| -> Vec<_> {
            on_column(column, &history).into_iter().map(|it| it.action).collect()
        };
        let [add, sum, take] = [
            |n| Action::Add(vec![(0, n)]),
            |n| Action::Sum(0, vec![n]),
            |n| Action::Take(0, vec![n]),
        ];
        assert_eq!(part(0), [add(1), sum(1), take(1)]);
        assert_eq!(part(1), [add(2), sum(2)]);
        assert_eq!(part(2), []);
    }
}
