//! What a route adds to the local model's prompt.

use local_engine::Message;
use router_policies::{Example, PromptAdditions};

/// The conversation with the route's additions: the prefix before the system prompt, the examples behind it.
pub(super) fn with_additions(additions: &PromptAdditions, messages: Vec<Message>) -> Vec<Message> {
    if additions.is_empty() {
        return messages;
    }
    let (systems, turns): (Vec<_>, Vec<_>) = messages.into_iter().partition(is_system);
    let prefix = additions.system_prefix.as_deref();
    let system: Vec<&str> = prefix
        .into_iter()
        .chain(systems.iter().map(|message| message.content.as_str()))
        .collect();
    let system = (!system.is_empty()).then(|| message("system", &system.join("\n")));
    system
        .into_iter()
        .chain(additions.examples.iter().flat_map(worked))
        .chain(turns)
        .collect()
}

fn worked(example: &Example) -> [Message; 2] {
    [
        message("user", &example.user),
        message("assistant", &example.assistant),
    ]
}

fn is_system(message: &Message) -> bool {
    message.role == "system"
}

fn message(role: &str, content: &str) -> Message {
    Message {
        role: role.to_owned(),
        content: content.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn additions() -> PromptAdditions {
        PromptAdditions {
            system_prefix: Some("Be brief.".into()),
            examples: [Example {
                user: "2+2".to_owned(),
                assistant: "4".to_owned(),
            }]
            .into(),
        }
    }

    fn told(messages: &[Message]) -> Vec<String> {
        let line = |m: &Message| format!("{}: {}", m.role, m.content);
        messages.iter().map(line).collect()
    }

    #[test]
    fn the_prefix_comes_first_and_examples_before_the_conversation() {
        let asked = vec![message("system", "You add."), message("user", "1+1")];
        assert_eq!(
            told(&with_additions(&additions(), asked)),
            [
                "system: Be brief.\nYou add.",
                "user: 2+2",
                "assistant: 4",
                "user: 1+1"
            ]
        );
        let bare = vec![message("user", "1+1")];
        assert_eq!(
            told(&with_additions(&additions(), bare))[0],
            "system: Be brief."
        );
    }

    #[test]
    fn without_additions_nothing_changes() {
        let asked = vec![message("user", "1"), message("system", "late")];
        let same = with_additions(&PromptAdditions::default(), asked.clone());
        assert_eq!(same, asked);
    }
}
