//! Text for people and for programs, and numbers from the command line.

use std::{ffi::OsString, fmt, ops::RangeInclusive, str::FromStr};

/// Returns a parser of numbers within `range`.
pub fn number<T>(range: RangeInclusive<T>) -> impl Fn(&str) -> Result<T, String> + Clone
where
    T: FromStr + PartialOrd + fmt::Display + Clone,
{
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| format!("not a number from {} to {}", range.start(), range.end()))
    }
}

/// Returns the message for arguments of this process that are not UTF-8, which only a directory may
/// be.
pub fn not_text(arguments: impl Iterator<Item = OsString>) -> String {
    let wrong = arguments.filter(|argument| argument.to_str().is_none());
    let wrong: Vec<_> = wrong.map(|argument| format!("'{}'", argument.display())).collect();
    format!("invalid UTF-8 in {}: only '--out <DIR>' takes it", wrong.join(" and "))
}

/// Pads cells to the width of their columns. Column `left` is aligned to the left, all others to
/// the right.
pub fn align(lines: &[Vec<String>], left: Option<usize>) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if Some(column) == left { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

/// Wraps `text` into lines of at most `width` letters, except for words that are longer. Keeps the
/// line breaks of the text.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line += word;
        }
        lines.push(line);
    }
    lines
}

/// Returns a cell of a CSV file, quoted if necessary.
pub fn csv_cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let cells = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let lines = [
            cells("threads subject ns"),
            cells("1 PerThread 16.25"),
            Vec::new(),
            cells("16 é 1.50"),
        ];
        assert_eq!(
            align(&lines, Some(1)),
            "threads  subject       ns\n\
             \x20     1  PerThread  16.25\n\
             \n\
             \x20    16  é           1.50\n"
        );
    }

    #[test]
    fn text_is_wrapped_between_words() {
        let text = "one two three\nfour incomprehensibilities";
        assert_eq!(wrap(text, 9), ["one two", "three", "four", "incomprehensibilities"]);
        assert_eq!(wrap("", 9), [""; 0]);
    }

    #[test]
    fn csv_quotes_what_needs_it() {
        assert_eq!(csv_cell("1.5"), "1.5");
        assert_eq!(csv_cell("a \"b\", c"), "\"a \"\"b\"\", c\"");
    }
}
