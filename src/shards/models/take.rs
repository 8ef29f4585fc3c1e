//! Every add is in one take, and is seen once by every cursor.

use super::*;

#[test]
fn two_takers_and_the_final_sum_share_all_adds_without_overlap() {
    on_every_setting(touched, |counter| {
        let takers = [taker(counter), taker(counter)];
        add_as(counter, 0, [1, 2]);
        let taken = takers.map(|taker| taker.join().unwrap());
        assert_eq!(taken[0] + taken[1] + counter.sum(COLUMN), 3, "{taken:?}");
    });
}

#[test]
fn a_sum_is_never_negative_while_another_thread_takes() {
    on_every_setting(touched, |counter| {
        let taker = taker(counter);
        let reader = reader(counter, |counter| counter.sum(COLUMN));
        add_as(counter, 0, [1]);
        let took = taker.join().unwrap();
        let seen = reader.join().unwrap();
        assert!(seen <= 1, "{}", seen.cast_signed());
        assert_eq!(took + counter.sum(COLUMN), 1);
    });
}

#[test]
fn a_cursor_sees_every_add_once_whatever_a_taker_does() {
    on_every_setting(touched, |counter| {
        let taker = taker(counter);
        let reader = reader(counter, |counter| (counter.total(COLUMN), counter.total(COLUMN)));
        add_as(counter, 0, [1]);
        let took = taker.join().unwrap();
        let (first, second) = reader.join().unwrap();
        assert!(first <= second, "{first}, then {second}");
        assert_eq!(counter.total(COLUMN), 1);
        assert_eq!(took + counter.sum(COLUMN), 1);
    });
}
