//! What is counted apart: requests by route and class of status. The names of the counters in a set.

/// A route that is counted. The routes of the metrics themselves are not.
#[derive(Clone, Copy)]
pub(crate) enum Route {
    Hello,
    Echo,
    Other,
}

impl Route {
    pub(crate) const ALL: [Self; 3] = [Self::Hello, Self::Echo, Self::Other];

    pub(crate) fn of(path: &str) -> Self {
        match path {
            "/hello" => Self::Hello,
            "/echo" => Self::Echo,
            _ => Self::Other,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Hello => "/hello",
            Self::Echo => "/echo",
            Self::Other => "other",
        }
    }
}

/// Classes of status, from 1xx to 5xx.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// How many counters there are.
pub(crate) const COUNTERS: usize = Route::ALL.len() * CLASSES.len();

/// The index of the counter for `route` and `status`: no strings on the hot path.
pub(crate) fn index(route: Route, status: u16) -> usize {
    let class = usize::from(status / 100).clamp(1, CLASSES.len()) - 1;
    route as usize * CLASSES.len() + class
}

/// The labels of the counters, in the order of their indexes.
pub(crate) fn labels() -> impl Iterator<Item = [(&'static str, &'static str); 2]> {
    Route::ALL
        .into_iter()
        .flat_map(|route| CLASSES.map(|class| [("route", route.name()), ("class", class)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_has_its_labels() {
        assert_eq!(labels().count(), COUNTERS);
        let at = |index| labels().nth(index).unwrap().map(|(_, value)| value);
        assert_eq!(at(index(Route::Hello, 200)), ["/hello", "2xx"]);
        assert_eq!(at(index(Route::of("/nowhere"), 404)), ["other", "4xx"]);
        assert_eq!(at(index(Route::Other, 999)), ["other", "5xx"]);
    }
}
