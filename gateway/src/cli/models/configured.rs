//! The models of a configuration, looked at before they are loaded.

use std::path::Path;

use local_engine::Adapter;
use local_engine::inspect::{Inspection, Wanted, inspect};
use local_engine::machine;

use super::check::fit;
use crate::config::{Config, ConfigError, ModelSource, Problem};
use crate::engines::quantization;

/// Lines with what to know about the models of `config`, which was read from `file`.
///
/// # Errors
/// What keeps models from being loaded, with its place.
pub(in crate::cli) fn look(config: &Config, file: &Path) -> Result<Vec<String>, ConfigError> {
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    for (name, model) in &config.models {
        let key = |part: &str| format!("models.{name}.{part}");
        // The others have no headers here to be read.
        let ModelSource::Files(path) = &model.source else {
            continue;
        };
        let mut wanted = Wanted::new(path);
        if wanted.built.is_empty() {
            // A build without engines is for looking at policies; it says what the others would do.
            wanted.built = Adapter::ALL.to_vec();
        }
        match model.quantization.as_deref().map(quantization).transpose() {
            Ok(quantization) => wanted.quantization = quantization,
            Err(error) => {
                let text = error.trim_start_matches("quantization: ");
                problems.push(Problem::with_key(key("quantization"), text));
            }
        }
        match found(&wanted) {
            Ok(found) => {
                let told = |text: &String| Problem::with_key(key("path"), text);
                problems.extend(found.obstacles.iter().map(told));
                warnings.extend(found.warnings.iter().map(told));
            }
            Err(text) => problems.push(Problem::with_key(key("path"), text)),
        }
    }
    if !problems.is_empty() {
        return Err(ConfigError::about(file, problems));
    }
    let name = file.display();
    let line = |problem: &Problem| {
        let (line, column) = problem.position().unwrap_or((1, 1));
        format!("{name}:{line}:{column}: warning: {problem}")
    };
    let error = ConfigError::about(file, warnings);
    Ok(error.problems().iter().map(line).collect())
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
    fn what_keeps_a_model_from_loading_is_an_error_with_its_place() {
        let entry =
            "  small:\n    path: empty.gguf\n    quantization: q9\n    cost_per_hour: \"1\"\n";
        let said = checked(entry).unwrap_err();
        assert!(said.contains("gateway.yaml:3:11"), "{said}");
        assert!(said.contains("is no intact GGUF file"), "{said}");
        assert!(said.contains("gateway.yaml:4:19"), "{said}");
    }
}
