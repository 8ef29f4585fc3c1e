//! The labels of a set, checked as they are encoded.

use super::Encoded;
use crate::integrations::labels::{self, LabelsError};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, text},
    metrics::MetricType,
    registry::Registry,
};
use std::{fmt, sync::Arc};

/// Returns the labels, provided that there are `len`, no two of them the same, and that their names
/// are valid and are not `added`, the ones that the exporter adds.
pub(super) fn checked<L>(
    labels: impl IntoIterator<Item = L>,
    len: usize,
    added: &[&str],
) -> Result<Arc<[L]>, LabelsError>
where
    L: EncodeLabelSet + fmt::Debug + Send + Sync + 'static,
{
    let labels: Arc<[L]> = labels.into_iter().collect();
    let encoded: Vec<_> = (0..labels.len()).map(|index| encoded(&labels, index)).collect();
    let mut series = Vec::with_capacity(encoded.len());
    for encoded in &encoded {
        let mut pairs = pairs(encoded);
        let names: Vec<_> = pairs.iter().map(|&(name, _)| name).collect();
        labels::check_prometheus_names(&names, added)?;
        // To Prometheus, the order makes no difference, and an empty value is no label.
        pairs.retain(|(_, value)| !value.is_empty());
        pairs.sort_unstable();
        series.push(pairs);
    }
    labels::check(&series, len)?;
    Ok(labels)
}

/// Encodes only the labels at `index`. There is no other way to learn what is in them: an encoder of
/// labels comes from a registry.
#[derive(Debug)]
struct Single<L> {
    labels: Arc<[L]>,
    index: usize,
}

impl<L: EncodeLabelSet + fmt::Debug + Send + Sync + 'static> Collector for Single<L> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Encoded {
        let mut metric = encoder.encode_descriptor("", "", None, MetricType::Gauge)?;
        metric.encode_family(&self.labels[self.index])?.encode_gauge(&0_i64)
    }
}

/// Returns the labels at `index` as `a="1",b="2"`, or an empty text if they do not encode.
fn encoded<L>(labels: &Arc<[L]>, index: usize) -> String
where
    L: EncodeLabelSet + fmt::Debug + Send + Sync + 'static,
{
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Single { labels: Arc::clone(labels), index }));
    let mut encoded = String::new();
    text::encode(&mut encoded, &registry).ok();
    let braces = encoded.find('{').zip(encoded.rfind('}'));
    braces.map_or(String::new(), |(open, close)| encoded[open + 1..close].to_owned())
}

/// Returns the names and values in `a="1",b="2"`. What is malformed is in a name.
fn pairs(encoded: &str) -> Vec<(&str, &str)> {
    let mut pairs = Vec::new();
    let mut rest = encoded;
    while !rest.is_empty() {
        let (name, value) = rest.split_once("=\"").unwrap_or((rest, ""));
        let (value, after) = value.split_at(end(value));
        pairs.push((name, value));
        rest = if after == "\"" { "" } else { after.strip_prefix("\",").unwrap_or(after) };
    }
    pairs
}

/// Returns where the first quote is that is not escaped.
fn end(value: &str) -> usize {
    let mut escaped = false;
    let ends = |c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    };
    value.find(ends).unwrap_or(value.len())
}
