//! What errors say of how to mend them.

/// A percentage with at most four decimals and no more than it needs.
pub(super) fn rounded(percent: f64) -> String {
    let text = format!("{percent:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The mend for an unknown name.
pub(super) fn mend_lora(nearest: Option<&str>, known: &[String], model: &str) -> String {
    if known.is_empty() {
        return format!("it has none, add it to `models.{model}.loras` first");
    }
    mend(nearest, known)
}

/// Says which name may have been meant, or which there are.
pub(super) fn mend(nearest: Option<&str>, known: &[String]) -> String {
    match (nearest, known) {
        (Some(nearest), _) => format!("did you mean `{nearest}`?"),
        (None, []) => "none is configured, add it to the configuration first".to_owned(),
        (None, known) => format!("there are: `{}`", known.join("`, `")),
    }
}
