//! The models of a configuration, looked at before they are loaded.

use std::path::Path;

use local_engine::inspect::{Inspection, Wanted, inspect, lora_fits};
use local_engine::{Adapter, Quantization, machine};

use super::check::fit;
use crate::config::{Config, ConfigError, LocalModel, ModelSource, Problem};
use crate::engines::{crowded, missing, quantization};

/// Lines with what to know about the models of `config`, which was read from `file`.
///
/// # Errors
/// What keeps models from being loaded, with its place.
pub(in crate::cli) fn look(config: &Config, file: &Path) -> Result<Vec<String>, ConfigError> {
    let mut seen = Seen::default();
    for (name, model) in &config.models {
        seen.model(name, model);
    }
    if seen.problems.is_empty() {
        let crowded = crowded(config).into_iter();
        let told = crowded.map(|(key, text)| Problem::with_key(key, text));
        seen.problems.extend(told);
    }
    if !seen.problems.is_empty() {
        return Err(ConfigError::about(file, seen.problems));
    }
    let name = file.display();
    let line = |problem: &Problem| {
        let (line, column) = problem.position().unwrap_or((1, 1));
        format!("{name}:{line}:{column}: warning: {problem}")
    };
    let error = ConfigError::about(file, seen.warnings);
    Ok(error.problems().iter().map(line).collect())
}

#[derive(Default)]
struct Seen {
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Seen {
    fn model(&mut self, name: &str, model: &LocalModel) {
        let key = |part: &str| format!("models.{name}.{part}");
        let mut built: Vec<_> = Adapter::ALL.into_iter().filter(|a| a.is_built()).collect();
        if built.is_empty() {
            // A build without engines is for looking at policies; it says what the others would do.
            built = Adapter::ALL.to_vec();
        } else if let Some((part, text)) = missing(model) {
            self.problems.push(Problem::with_key(key(part), text));
            return;
        }
        // The others have no headers here to be read.
        let ModelSource::Files(path) = &model.source else {
            return;
        };
        let wanted = Wanted {
            adapter: model.adapter,
            with_loras: !model.loras.is_empty(),
            quantization: self.quantization(&key("quantization"), model),
            built,
            ..Wanted::new(path)
        };
        match found(&wanted) {
            Ok(found) => {
                let told = |text: &String| Problem::with_key(key("path"), text);
                self.problems.extend(found.obstacles.iter().map(told));
                self.warnings.extend(found.warnings.iter().map(told));
            }
            Err(text) => self.problems.push(Problem::with_key(key("path"), text)),
        }
        for (lora, file) in &model.loras {
            if let Err(error) = lora_fits(file, path) {
                let key = key(&format!("loras.{lora}"));
                let problem = Problem::with_key(key, error.to_string());
                self.problems.push(problem);
            }
        }
    }

    fn quantization(&mut self, key: &str, model: &LocalModel) -> Option<Quantization> {
        let read = model.quantization.as_deref().map(quantization).transpose();
        read.unwrap_or_else(|error| {
            let text = error.trim_start_matches("quantization: ");
            self.problems.push(Problem::with_key(key, text));
            None
        })
    }
}

fn found(wanted: &Wanted) -> Result<Inspection, String> {
    let mut found = inspect(wanted).map_err(|error| error.to_string())?;
    fit(&mut found, machine::memory());
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(models: &str) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let yaml = format!(
            "models:\n{models}routes:\n  - name: all\n    action: local-only\n    local: {{ model: small }}\n"
        );
        let file = folder.path().join("gateway.yaml");
        std::fs::write(&file, &yaml).unwrap();
        std::fs::write(folder.path().join("empty.gguf"), "").unwrap();
        let config = Config::load(&file).map_err(|e| e.to_string())?;
        look(&config, &file).map_err(|e| e.to_string())
    }

    const BUNDLED: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../local-engine/demo-model/model-q8_0.gguf"
    );

    #[test]
    fn a_model_that_loads_is_no_problem() {
        let entry = format!("  small: {{ path: {BUNDLED}, cost_per_hour: \"1\" }}\n");
        assert_eq!(checked(&entry), Ok(Vec::new()));
    }

    #[test]
    fn a_served_model_has_no_files_to_look_at() {
        let entry = "  small:\n    served: { dialect: vllm, endpoints: [\"http://127.0.0.1:9/v1\"], model: q }\n    \
                     cost_per_hour: \"1\"\n";
        assert_eq!(checked(entry), Ok(Vec::new()));
    }

    #[test]
    fn a_warning_has_its_place() {
        let entry = format!(
            "  small:\n    path: {BUNDLED}\n    quantization: q8_0\n    cost_per_hour: \"1\"\n"
        );
        let said = checked(&entry).unwrap().concat();
        assert!(
            said.contains(
                "gateway.yaml:3:11: warning: models.small.path: `quantization` has no effect"
            ),
            "{said}"
        );
    }

    #[test]
    fn adapters_are_looked_at_before_they_are_loaded() {
        let entry = format!(
            "  small:\n    path: {BUNDLED}\n    loras: {{ own: empty.gguf, model: {BUNDLED} }}\n    cost_per_hour: \"1\"\n"
        );
        let said = checked(&entry).unwrap_err();
        if Adapter::Mistralrs.is_built() && !Adapter::LlamaCpp.is_built() {
            let text = "build with `--features llama-cpp`";
            return assert!(said.contains(text), "{said}");
        }
        assert!(said.contains("gateway.yaml:4:19"), "{said}");
        assert!(said.contains("is no intact GGUF file"), "{said}");
        assert!(said.contains("is no low-rank adapter"), "{said}");
    }

    #[test]
    fn what_keeps_a_model_from_loading_is_an_error_with_its_place() {
        let entry =
            "  small:\n    path: empty.gguf\n    quantization: q9\n    cost_per_hour: \"1\"\n";
        let said = checked(entry).unwrap_err();
        assert!(said.contains("gateway.yaml:3:11"), "{said}");
        assert!(said.contains("is no intact GGUF file"), "{said}");
        assert!(said.contains("gateway.yaml:4:19"), "{said}");
    }
}
