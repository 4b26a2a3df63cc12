//! What routes can go by, over the wire.

use http::Method;
use serde_json::{Value, json};
use support::{OTHER_KEY, Reply, ScriptedUpstream, TestGateway, chat_with};

const KEYS: &str = "\
listen: 127.0.0.1:0
keys:
  - { name: team-a, key: file:a.key, team: research, tags: { tier: gold } }
  - { name: team-b, key: file:b.key }
upstreams:
  large: { base_url: \"{upstream}/v1\", key: file:upstream.key, retries: 0 }
defaults: { action: upstream-only, upstream: { name: large, model: big } }
routes:
";

async fn gateway(upstream: &ScriptedUpstream, routes: &str) -> TestGateway {
    TestGateway::builder()
        .upstream(upstream)
        .config_yaml(&format!("{KEYS}{routes}"))
        .start()
        .await
}

/// The routes that these requests take, asked with the key of `team-a`.
async fn taken(routes: &str, requests: &[Value]) -> Vec<String> {
    let replies = requests.iter().map(|_| Reply::completion("up"));
    let upstream = ScriptedUpstream::start(replies).await;
    let gateway = gateway(&upstream, routes).await;
    let mut taken = Vec::new();
    for request in requests {
        let answer = gateway.ask(request).await;
        taken.push(answer.header("x-smallfirst-route").to_owned());
    }
    gateway.stop().await;
    taken
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "reads better at the many calls"
)]
fn asking(extra: Value) -> Value {
    chat_with("any", "Where is my order?", &extra)
}

#[tokio::test]
async fn the_form_of_a_request_is_known() {
    let routes = "\
- { name: search, match: { tools: { any_of: search_* } } }
- { name: tools, match: { tools: present } }
- { name: label, match: { response_format: enum } }
- { name: schema, match: { response_format: json_schema } }
- { name: json, match: { response_format: json_object } }
- { name: picture, match: { modality: image } }
- { name: sound, match: { modality: audio } }
- { name: alias, match: { model: triage } }
- { name: long, match: { prompt_tokens: { min: 200 } } }
- { name: talk, match: { turns: { min: 2 } } }
- { name: german, match: { language: de } }
- { name: refund, match: { user_message: { regex: (?i)refund } } }
- { name: rest }
aliases: { gpt-4: triage }
";
    let tool = |name: &str| json!({"type": "function", "function": {"name": name}});
    let schema = |schema: Value| json!({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}});
    let said = |text: &str| chat_with("any", text, &json!({}));
    let part = |part: Value| {
        asking(
            json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, part]}]}),
        )
    };
    let one_of = json!({"enum": ["a", "b"]});
    let cases = [
        (
            asking(json!({"tools": [tool("calendar"), tool("search_web")]})),
            "search",
        ),
        (asking(json!({"tools": [tool("calendar")]})), "tools"),
        (asking(schema(one_of.clone())), "label"),
        (
            asking(schema(
                json!({"type": "object", "properties": {"label": one_of}}),
            )),
            "label",
        ),
        (
            asking(schema(
                json!({"type": "object", "properties": {"a": {}, "b": {}}}),
            )),
            "schema",
        ),
        (
            asking(json!({"response_format": {"type": "json_object"}})),
            "json",
        ),
        (
            part(json!({"type": "image_url", "image_url": {"url": "data:,"}})),
            "picture",
        ),
        (
            part(json!({"type": "input_audio", "input_audio": {}})),
            "sound",
        ),
        (asking(json!({"modalities": ["text", "audio"]})), "sound"),
        (asking(json!({"model": "gpt-4"})), "alias"),
        (said(&"word ".repeat(160)), "long"),
        (
            asking(json!({"messages": [
                {"role": "user", "content": "One"}, {"role": "assistant", "content": "Two"},
                {"role": "user", "content": "Three"},
            ]})),
            "talk",
        ),
        (
            said("Wo finde ich die Rechnung zu meiner letzten Bestellung, und wen frage ich?"),
            "german",
        ),
        (said("A REFUND, now"), "refund"),
        (said("Where is it?"), "rest"),
    ];
    let requests: Vec<Value> = cases.iter().map(|(request, _)| request.clone()).collect();
    let expected: Vec<&str> = cases.iter().map(|(_, route)| *route).collect();
    assert_eq!(taken(routes, &requests).await, expected);
}

const WHO: &str = "\
- { name: research, match: { team: research } }
- { name: gold, match: { tags: { tier: gold } } }
- { name: europe, match: { tags: { region: eu } } }
- { name: other, match: { key: team-b } }
- { name: rest }
";

/// `team-b` has neither team nor tags. It may say in which region it works, which no key of this file says; it cannot say
/// that it has a tier, which keys have, nor to which team it belongs.
#[tokio::test]
async fn nobody_gets_the_team_or_the_tags_of_another_key() {
    let upstream = ScriptedUpstream::start((0..4).map(|_| Reply::completion("up"))).await;
    let gateway = gateway(&upstream, WHO).await;
    let told = gateway.ask(&asking(json!({}))).await;
    assert_eq!(told.header("x-smallfirst-route"), "research");
    for (metadata, route) in [
        (json!({"tier": "gold", "team": "research"}), "other"),
        (json!({"region": "eu"}), "europe"),
        (json!({"region": ["eu"]}), "other"),
    ] {
        let request = gateway
            .request(Method::POST, "/v1/chat/completions")
            .bearer_auth(OTHER_KEY)
            .header("x-team", "research")
            .json(&asking(json!({ "metadata": metadata })));
        let told = gateway.send(request).await;
        assert_eq!(told.header("x-smallfirst-route"), route, "{metadata}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn what_matches_no_route_is_refused_where_the_file_says_so() {
    let upstream = ScriptedUpstream::start([]).await;
    let routes = "- { name: only, match: { model: triage } }\nunmatched: reject\n";
    let gateway = gateway(&upstream, routes).await;
    assert_eq!(
        gateway.ask(&asking(json!({}))).await.error(),
        "404 model_not_found"
    );
    assert_eq!(upstream.count(), 0);
    gateway.stop().await;
}
