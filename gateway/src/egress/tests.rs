//! Whatever a request looks like: with something private in it, there is no permit.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use router_policies::{Names, Policy, Route};
use serde_json::{Value, json};

use super::*;

const SECRET: &str = "TCK-421177";

/// Routes of every kind that may send something out, and what keeps the secret here.
static ROUTES: LazyLock<Vec<Arc<Route>>> = LazyLock::new(routes);

fn routes() -> Vec<Arc<Route>> {
    let route = |name: &str, action: &str| {
        json!({
            "name": name, "action": action, "threshold": "80 %", "private": ["email", "ticket"],
            "match": {"model": name},
            "local": {"model": "small"}, "upstream": {"name": "large", "model": "gpt"},
        })
    };
    let arms = json!([
        {"name": "one", "weight": "50 %", "action": "upstream-only"},
        {"name": "two", "weight": "50 %"},
    ]);
    let mut split = route("d", "split");
    split["split"] = json!({"by": "request", "arms": arms});
    split["teams"] = json!({"research": {"private": ["ticket"]}});
    let document = json!({
        "detectors": {"ticket": {"regex": r"\bTCK-[0-9]{6}\b"}},
        "routes": [route("a", "local-first"), route("b", "upstream-only"), route("c", "shadow"), split],
        "unmatched": "reject",
    });
    let names = Names {
        local_models: &["small"],
        upstreams: &["large"],
        ..Names::default()
    };
    let policy = Policy::compile(&serde_json::from_value(document).unwrap(), &names).unwrap();
    let routes = policy.routes().iter().flat_map(|route| route.variants());
    routes.cloned().collect()
}

/// What each route says of a body, as it comes over the wire.
fn permits(body: &[u8]) -> Vec<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let inspector = Inspector::new();
    let permit = |route: &Arc<Route>| {
        let request = ChatRequest::decode(body).unwrap();
        let deciding = Clearance::of(route, request, &inspector);
        let (_, clearance) = runtime.block_on(deciding).unwrap();
        clearance.permit().is_ok()
    };
    ROUTES.iter().map(permit).collect()
}

/// Every letter as `\u0041` with a chance of one in `one_in`, within strings of the JSON text.
fn escape_letters(text: &str, one_in: usize) -> String {
    let mut escaped = String::new();
    let mut after_backslash = false;
    for (at, c) in text.chars().enumerate() {
        let plain = after_backslash || !(c.is_ascii_uppercase() || c == '@') || at % one_in != 0;
        after_backslash = c == '\\' && !after_backslash;
        if plain {
            escaped.push(c);
        } else {
            escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
        }
    }
    escaped
}

/// A piece of harmless text.
fn words() -> impl Strategy<Value = String> {
    "[a-z ,.\"\\\\\n{}:äé]{0,30}"
}

/// The text, once more as JSON in a string for each of `depth`.
fn nested(text: &str, depth: usize) -> String {
    (0..depth).fold(text.to_owned(), |text, level| {
        json!({ "level": level, "value": text }).to_string()
    })
}

/// A request with `texts` at places of all kinds.
fn request(texts: &[String; 9]) -> Value {
    let [
        system,
        user,
        part,
        argument,
        result,
        who,
        name,
        unknown,
        describes,
    ] = texts;
    let call =
        json!({"id": "1", "type": "function", "function": {"name": "f", "arguments": argument}});
    json!({
        "model": "m",
        "messages": [
            {"role": "system", "content": system},
            {"role": "user", "content": user, "name": name},
            {"role": "user", "content": [{"type": "text", "text": part}, {"type": "text", "text": "x"}]},
            {"role": "assistant", "content": null, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "1", "content": result},
        ],
        "metadata": {"who": who},
        "tools": [{"type": "function", "function": {"name": "f", "description": describes}}],
        "something": [{"new": [[unknown]]}],
    })
}

proptest! {
    #[test]
    fn something_private_never_gets_a_permit(
        mut texts in prop::array::uniform9(words()),
        place in 0_usize..9,
        depth in 0_usize..3,
        one_in in 1_usize..4,
        around in (words(), words()),
        as_key in any::<bool>(),
    ) {
        let planted = nested(&format!("{} {SECRET} {}", around.0, around.1), depth);
        texts[place] = planted.clone();
        let mut body = request(&texts);
        if as_key {
            texts[place].clear();
            body = request(&texts);
            body["metadata"] = json!({ planted: true });
        }
        let wire = escape_letters(&body.to_string(), one_in);
        prop_assert_eq!(permits(wire.as_bytes()), [false; 7], "{}", wire);
    }

    #[test]
    fn nothing_private_gets_one(texts in prop::array::uniform9(words()), one_in in 1_usize..4) {
        let wire = escape_letters(&request(&texts).to_string(), one_in);
        prop_assert_eq!(permits(wire.as_bytes()), [true; 7], "{}", wire);
    }
}

#[test]
fn long_requests_are_read_elsewhere_and_come_back_whole() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    for (end, free) in [("", true), (SECRET, false)] {
        let text = format!("{} {end}", "harmless ".repeat(20_000));
        let body = json!({"model": "m", "messages": [{"role": "user", "content": text}]});
        let request = ChatRequest::decode(body.to_string().as_bytes()).unwrap();
        let route = &ROUTES[0];
        let inspector = Inspector::new();
        let (request, clearance) = runtime
            .block_on(Clearance::of(route, request, &inspector))
            .unwrap();
        assert_eq!(clearance.permit().is_ok(), free);
        assert_eq!(request.messages()[0].content, text);
    }
}
