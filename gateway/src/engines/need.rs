//! What the models of a configuration need of its memory budget, before anything is loaded.

use local_engine::inspect::expected;

use super::described;
use crate::config::{ByteSize, Config, Load, LocalModel, ModelSource, Stay};

/// One model that is loaded here.
#[derive(Debug)]
pub(crate) struct Need<'a> {
    pub(crate) name: &'a str,
    /// Bytes that it takes at most; `None` for one of the hub, which is known when it is here.
    pub(crate) expected: Option<u64>,
    pub(crate) stay: Stay,
}

impl Need<'_> {
    /// When it is in memory, in words.
    pub(crate) fn words(&self) -> String {
        let load = match self.stay.load {
            _ if self.stay.keep => return "always".to_owned(),
            Load::Start => "from the start",
            Load::OnDemand => "on demand",
        };
        match self.stay.unload_after {
            Some(time) if time.as_millis().is_multiple_of(60_000) => {
                format!("{load}, until unused for {}m", time.as_secs() / 60)
            }
            Some(time) => format!("{load}, until unused for {time:?}"),
            None => load.to_owned(),
        }
    }
}

/// The models that are loaded here.
pub(crate) fn needs(config: &Config) -> Vec<Need<'_>> {
    let models = config.models.iter();
    let loaded = models.filter(|(_, model)| !matches!(model.source, ModelSource::Served(_)));
    loaded
        .map(|(name, model)| Need {
            name,
            expected: expected_of(model),
            stay: model.stay,
        })
        .collect()
}

fn expected_of(model: &LocalModel) -> Option<u64> {
    let ModelSource::Files(path) = &model.source else {
        return None;
    };
    // A quantization that is not known is told elsewhere.
    Some(expected(&described(model, path).ok()?))
}

/// What can never be kept of a memory budget: keys of the configuration, each with what is wrong.
pub(crate) fn crowded(config: &Config) -> Vec<(String, String)> {
    let Some(budget) = config.memory.budget else {
        return Vec::new();
    };
    let needs = needs(config);
    let mut problems: Vec<_> = needs
        .iter()
        .filter_map(|need| {
            let expected = need.expected.filter(|bytes| *bytes > budget)?;
            let text = format!(
                "takes up to {}, and `memory.budget` is {}; raise it, set a `memory_limit`, or choose a smaller model",
                whole(expected),
                whole(budget)
            );
            Some((format!("models.{}", need.name), text))
        })
        .collect();
    let kept: Vec<&Need<'_>> = needs.iter().filter(|need| need.stay.keep).collect();
    let sum: u64 = kept.iter().filter_map(|need| need.expected).sum();
    if problems.is_empty() && sum > budget {
        // As the parts are, so that they add up.
        let parts = kept.iter().filter_map(|need| need.expected);
        let rounded = parts.map(|bytes| bytes.next_multiple_of(1 << 20)).sum();
        let parts: Vec<_> = kept
            .iter()
            .map(|need| format!("{} {}", need.name, whole(need.expected.unwrap_or(0))))
            .collect();
        let text = format!(
            "is {}, and the models with `keep` take up to {} together ({}); raise it, or keep fewer",
            whole(budget),
            whole(rounded),
            parts.join(", ")
        );
        problems.push(("memory.budget".to_owned(), text));
    }
    problems
}

/// Whether the memory budget can hold what it must.
///
/// # Errors
/// What is wrong, in one text.
pub(crate) fn room_for(config: &Config) -> Result<(), String> {
    let problems = crowded(config);
    if problems.is_empty() {
        return Ok(());
    }
    let lines = problems.iter().map(|(key, text)| format!("{key}: {text}"));
    Err(lines.collect::<Vec<_>>().join("\n"))
}

/// Bytes in whole MiB, rounded up, as configurations write them.
fn whole(bytes: u64) -> String {
    let mib = usize::try_from(bytes.div_ceil(1 << 20)).unwrap_or(usize::MAX >> 20);
    ByteSize(mib << 20).to_string()
}
