//! Which subject is the fastest, and by how much, at each number of threads: by CPU time per add,
//! in medians.

use crate::{
    rounds::{Row, Section},
    subject::Family,
};

pub(crate) fn text(rows: &[Row]) -> String {
    let mut text =
        String::from("\nCompared with the rivals, in CPU time per add (below 1: ours is faster)\n");
    for section in [Section::Add, Section::Set, Section::Record] {
        let rows: Vec<_> = rows.iter().filter(|row| row.section == section).collect();
        let mut threads: Vec<_> = rows.iter().map(|row| row.load.threads).collect();
        threads.dedup();
        for n in threads {
            let at: Vec<_> = rows.iter().filter(|row| row.load.threads == n).copied().collect();
            text += &line(section, n, &at);
        }
    }
    text
}

/// Returns the verdict on `rows`, which all have the same load.
fn line(section: Section, threads: usize, rows: &[&Row]) -> String {
    let rivals = |sharing: &dyn Fn(Family) -> bool| {
        let able = rows.iter().filter(|row| {
            let family = row.entry.family;
            let summed = !matches!(family, Family::OneThread | Family::Buffered);
            !family.is_ours() && summed && sharing(family)
        });
        let costs = able.filter_map(|row| Some((row.entry.name, row.measured.adds?.cpu.median)));
        costs.min_by(|a, b| a.1.total_cmp(&b.1))
    };
    let fastest = rivals(&|_| true);
    let sharing = rivals(&|family| matches!(family, Family::Sharded | Family::Atomic));
    let (Some(fastest), Some(sharing)) = (fastest, sharing) else { return String::new() };
    let ours = rows.iter().filter(|row| row.entry.family == Family::Ours);
    let ours: Vec<_> = ours
        .filter_map(|row| Some((row.entry.name, row.measured.adds?.cpu.median)))
        .map(|(name, cost)| format!("{name} {:.2} and {:.2}", cost / fastest.1, cost / sharing.1))
        .collect();
    let plural = if threads == 1 { "" } else { "s" };
    format!(
        "{}, {threads} thread{plural}: to the fastest, {} at {:.2} ns, and to the fastest with \
         atomic adds, {} at {:.2} ns: {}\n",
        section.name(),
        fastest.0,
        fastest.1,
        sharing.0,
        sharing.1,
        ours.join(", ")
    )
}
