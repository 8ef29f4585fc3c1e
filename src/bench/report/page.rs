//! The page: all results of a run, in one file that needs no other.

use super::{Report, figure, table};
use crate::bench::lab::chart::{Chart, Size, escape, svg};

const STYLE: &str = include_str!("page.css");

pub(super) fn html(report: &Report) -> String {
    let title = format!("Contention of {}", report.kind);
    let mut body = vec![element("h1", &title), element("p", &report.machine.to_string())];
    body.push(advice(report));
    body.extend(
        report
            .notes
            .iter()
            .map(|note| format!("<p class=\"note\"><strong>Note:</strong> {}</p>\n", escape(note))),
    );
    body.push(element("h2", "The curve"));
    body.push(picture(&figure::main(report)));
    body.extend(figure::all(report).iter().map(picture));
    if let Some(forecast) = figure::forecast(report) {
        body.extend([element("h2", "The forecast"), picture(&forecast)]);
    }
    body.push(element("h2", "The figures"));
    body.extend(report.heading().iter().map(|paragraph| element("p", paragraph)));
    body.extend(table::tables(report).iter().map(details));
    let body = body.concat();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        escape(&title)
    )
}

fn element(tag: &str, text: &str) -> String {
    format!("<{tag}>{}</{tag}>\n", escape(text))
}

fn advice(report: &Report) -> String {
    let line = match &report.advice.line {
        Some(line) => element("p", "Recommended on this machine") + &element("pre", line),
        None => element("p", "Nothing can be recommended."),
    };
    let why: Vec<_> = report.advice.why.lines().map(|why| element("p", why)).collect();
    format!("<section class=\"advice\">\n{line}{}</section>\n", why.concat())
}

/// Returns the plot once for each kind of screen, of which one is shown. Leaves out the notes,
/// which the page already has.
fn picture(chart: &Chart) -> String {
    let mut chart = chart.clone();
    chart.captions.retain(|caption| !caption.starts_with("Note: "));
    let sizes = [("wide", Size::Wide), ("narrow", Size::Narrow)];
    sizes
        .map(|(class, size)| {
            format!("<figure class=\"{class}\">\n{}</figure>\n", svg(&chart, size))
        })
        .concat()
}

fn details(table: &table::Table) -> String {
    let cells = |tag: &str, line: &[String]| {
        let cell = |(column, cell): (usize, &String)| {
            let class = if column == table.left { " class=\"text\"" } else { "" };
            format!("<{tag}{class}>{}</{tag}>", escape(cell))
        };
        format!("<tr>{}</tr>\n", line.iter().enumerate().map(cell).collect::<String>())
    };
    let columns = table.header.len();
    let title = |title: &String| {
        format!("<tr><th class=\"text\" colspan=\"{columns}\">{}</th></tr>\n", escape(title))
    };
    let group = |group: &table::Group| {
        let title = group.title.as_ref().map(title);
        let lines = group.lines.iter().map(|line| cells("td", line));
        let rows: Vec<_> = title.into_iter().chain(lines).collect();
        format!("<tbody>\n{}</tbody>\n", rows.concat())
    };
    let rows = table.groups.iter().map(group).collect::<Vec<_>>().concat();
    format!(
        "<details open>\n<summary>{}</summary>\n<div class=\"scroll\">\n<table>\n<thead>{}</thead>\n{rows}\
         </table>\n</div>\n</details>\n",
        escape(&table.title),
        cells("th", &table.header)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{
        kind::Kind,
        report::tests::{report, report_with_forecast},
    };

    #[test]
    fn the_page_has_all_of_it_and_needs_nothing_else() {
        let page = html(&report_with_forecast());
        for part in [
            "<pre>Counter::new()</pre>",
            "a moon was &lt;full&gt;, &quot;so&quot; to say.",
            "A &quot;fast&quot; one, 3 GHz, 2 CPUs",
            "<summary>Adds against threads</summary>",
            "Forecast for 8 CPUs",
            "<td class=\"text\">AtomicU64</td>",
        ] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
        let links = ["src=", "href=", "url(", "@import", "<script"];
        assert!(!links.iter().any(|link| page.contains(link)), "{page}");
        assert_eq!(page.matches("<svg").count(), 2 * 2, "two pictures for two kinds of screen");
        assert_eq!(page.matches("<table>").count(), page.matches("</table>").count());
    }

    #[test]
    fn groups_have_their_titles() {
        let page = html(&report(Kind::CounterSet));
        assert!(page.contains("colspan=\"8\">100 counters, random index, 1 thread</th>"), "{page}");
    }
}
