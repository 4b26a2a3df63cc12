use super::*;

fn decode(body: &Value) -> Result<ChatRequest, Fault> {
    ChatRequest::decode(body.to_string().as_bytes())
}

fn minimal() -> Value {
    json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }] })
}

#[test]
fn names_the_place_of_broken_json_without_quoting_it() {
    let fault = ChatRequest::decode(b"{\"model\": \"secret-text").unwrap_err();
    assert_eq!(fault.kind(), FaultKind::InvalidRequest);
    assert!(
        fault.public().contains("line 1, column"),
        "{}",
        fault.public()
    );
    assert!(!fault.public().contains("secret"));
}

#[test]
fn names_the_field_that_is_wrong() {
    for (key, value, param) in [
        ("model", json!(7), "model"),
        ("messages", json!([]), "messages"),
        ("messages", json!([{ "content": "x" }]), "messages[0].role"),
        ("stream", json!("yes"), "stream"),
        ("max_tokens", json!(-1), "max_tokens"),
        ("stop", json!([1]), "stop"),
    ] {
        let mut body = minimal();
        body[key] = value;
        assert_eq!(decode(&body).unwrap_err().param(), Some(param));
    }
}

#[test]
fn unknown_fields_reach_the_upstream_and_the_model_is_replaced() {
    let mut body = minimal();
    body["safety_identifier"] = json!("abc");
    body["stream"] = json!(true);
    let sent = decode(&body).unwrap().for_upstream("large");
    assert_eq!(sent["safety_identifier"], "abc");
    assert_eq!(sent["model"], "large");
    assert_eq!(sent["stream_options"]["include_usage"], true);
}

#[test]
fn obstacles_are_found() {
    let with = |key: &str, value: Value| {
        let mut body = minimal();
        body[key] = value;
        decode(&body).unwrap().obstacle()
    };
    assert_eq!(decode(&minimal()).unwrap().obstacle(), None);
    assert_eq!(with("tools", json!([])), None);
    assert_eq!(
        with("tools", json!([{ "type": "function" }])),
        Some(Obstacle::Tools)
    );
    assert_eq!(with("n", json!(2)), Some(Obstacle::Field("n")));
    assert_eq!(with("logprobs", json!(false)), None);
    assert_eq!(
        with("logprobs", json!(true)),
        Some(Obstacle::Field("logprobs"))
    );
    let image = json!([{ "role": "user", "content": [{ "type": "image_url" }] }]);
    assert_eq!(with("messages", image), Some(Obstacle::Modality));
}

#[test]
fn text_parts_and_developer_messages_are_understood() {
    let body = json!({ "model": "m", "messages": [
        { "role": "developer", "content": "rules" },
        { "role": "user", "content": [{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }] },
    ]});
    let request = decode(&body).unwrap();
    assert_eq!(request.system(), "rules");
    let messages = request.messages();
    assert_eq!(messages[0].role, "system");
    assert_eq!(messages[1].content, "ab");
}

#[test]
fn essence_ignores_delivery_and_key_order() {
    let mut streamed = json!({ "messages": minimal()["messages"], "stream": true, "model": "m" });
    assert_eq!(
        decode(&minimal()).unwrap().essence(),
        decode(&streamed).unwrap().essence()
    );
    streamed["temperature"] = json!(0.3);
    assert_ne!(
        decode(&minimal()).unwrap().essence(),
        decode(&streamed).unwrap().essence()
    );
}
