//! What the text of a finished draft says of it.

use local_engine::Message;
use router_policies::{Answer as Shape, Reason, check, inspect};

use super::drafting::Drafted;

/// A draft whose text was looked at.
#[derive(Debug)]
pub(crate) struct Examined {
    /// The whole text.
    pub(crate) text: String,
    /// What is wrong with it whatever the model thinks of it.
    pub(crate) failed: Option<Reason>,
}

/// Checks a draft that ought to be `shape`, and adds to its features what its text says of itself. `messages` are the
/// request's; only free text is compared with them. Of a draft that was committed before its end the features stay as they
/// were then.
pub(crate) fn examine(
    shape: &Shape,
    drafted: &mut Drafted,
    messages: impl FnOnce() -> Vec<Message>,
) -> Examined {
    let text = drafted.text();
    let failed = check(shape, &text, drafted.finish);
    let messages = match shape {
        Shape::Text => messages(),
        Shape::Json | Shape::JsonSchema(_) | Shape::OneOf(_) | Shape::Regex(_) => Vec::new(),
    };
    let said: Vec<&str> = messages.iter().map(|m| m.content.as_str()).collect();
    let soft = inspect(shape, &text, &said);
    drafted.features = match drafted.at_commit {
        // What came later was not known when it was decided.
        Some(features) => features,
        None => drafted.features.with_soft(soft),
    };
    Examined { text, failed }
}
