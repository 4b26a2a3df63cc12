use proptest::prelude::*;
use serde_json::{Value, json};

use super::{CallProblem, ToolCall, ToolChoice, Tools, ToolsError};

fn offered() -> Value {
    json!([
        { "type": "function", "function": { "name": "weather", "parameters": {
            "type": "object",
            "properties": {
                "city": { "type": "string", "minLength": 1 },
                "unit": { "enum": ["celsius", "fahrenheit"] },
                "days": { "type": "integer", "minimum": 1, "maximum": 14 },
            },
            "required": ["city"],
        } } },
        { "type": "function", "function": { "name": "now" } },
        { "type": "function", "function": { "name": "note", "parameters": {
            "type": "object", "additionalProperties": { "type": "string" },
        } } },
    ])
}

fn tools(choice: ToolChoice, parallel: bool) -> Tools {
    Tools::new(&offered(), choice, parallel).unwrap()
}

fn one(name: &str, arguments: &str) -> Result<(), CallProblem> {
    tools(ToolChoice::Auto, true).check(&[ToolCall { name, arguments }])
}

#[test]
fn calls_that_a_tool_takes() {
    for (name, arguments) in [
        ("weather", r#"{"city": "Rome"}"#),
        (
            "weather",
            r#" {"city": "Rome", "unit": "celsius", "days": 14} "#,
        ),
        ("now", "{}"),
        ("note", r#"{"anything": "goes"}"#),
    ] {
        assert_eq!(one(name, arguments), Ok(()), "{name} {arguments}");
    }
}

#[test]
fn calls_that_it_does_not_take() {
    use CallProblem::{Arguments, NotJson, UnknownArgument, UnknownTool};
    for (name, arguments, problem) in [
        ("wether", "{}", UnknownTool),
        ("", "{}", UnknownTool),
        ("Weather", r#"{"city": "Rome"}"#, UnknownTool),
        ("weather", "", NotJson),
        ("weather", "{city: Rome}", NotJson),
        ("weather", r#""Rome""#, NotJson),
        ("weather", r#"{"city": "Rome"} {}"#, NotJson),
        ("weather", "{}", Arguments),
        ("weather", r#"{"city": 7}"#, Arguments),
        ("weather", r#"{"city": ""}"#, Arguments),
        (
            "weather",
            r#"{"city": "Rome", "unit": "kelvin"}"#,
            Arguments,
        ),
        ("weather", r#"{"city": "Rome", "days": 15}"#, Arguments),
        ("weather", r#"{"city": "Rome", "days": 1.5}"#, Arguments),
        (
            "weather",
            r#"{"city": "Rome", "town": "Rome"}"#,
            UnknownArgument,
        ),
        ("now", r#"{"zone": "CET"}"#, UnknownArgument),
        ("note", r#"{"a": 1}"#, Arguments),
    ] {
        assert_eq!(one(name, arguments), Err(problem), "{name} {arguments}");
        assert_eq!(problem.reason(), crate::Reason::InvalidAnswer);
    }
}

#[test]
fn several_calls_at_once() {
    let rome = ToolCall {
        name: "weather",
        arguments: r#"{"city":"Rome","days":2}"#,
    };
    let again = ToolCall {
        name: "weather",
        arguments: r#"{"days": 2, "city": "Rome"}"#,
    };
    let oslo = ToolCall {
        name: "weather",
        arguments: r#"{"city":"Oslo"}"#,
    };
    let wrong = ToolCall {
        name: "weather",
        arguments: "{}",
    };
    let parallel = tools(ToolChoice::Auto, true);
    assert_eq!(parallel.check(&[rome, oslo]), Ok(()));
    assert_eq!(parallel.check(&[rome, again]), Err(CallProblem::Repeated));
    assert_eq!(parallel.check(&[rome, wrong]), Err(CallProblem::Arguments));
    let single = tools(ToolChoice::Auto, false);
    assert_eq!(single.check(&[rome, oslo]), Err(CallProblem::Parallel));
    assert_eq!(single.check(&[rome]), Ok(()));
}

#[test]
fn the_clients_choice_is_kept() {
    let now = ToolCall {
        name: "now",
        arguments: "{}",
    };
    let check = |choice, calls: &[ToolCall<'_>]| tools(choice, true).check(calls);
    assert_eq!(check(ToolChoice::Auto, &[]), Ok(()));
    assert_eq!(check(ToolChoice::None, &[]), Ok(()));
    assert_eq!(check(ToolChoice::None, &[now]), Err(CallProblem::NotChosen));
    assert_eq!(check(ToolChoice::Required, &[]), Err(CallProblem::Missing));
    assert_eq!(check(ToolChoice::Required, &[now]), Ok(()));
    let named = |name: &str| ToolChoice::Named(name.to_owned());
    assert_eq!(check(named("now"), &[now]), Ok(()));
    assert_eq!(check(named("weather"), &[now]), Err(CallProblem::NotChosen));
    assert_eq!(check(named("now"), &[]), Err(CallProblem::Missing));
}

#[test]
fn tools_that_cannot_be_checked_are_refused() {
    let new = |tools: Value| Tools::new(&tools, ToolChoice::Auto, true).unwrap_err();
    assert_eq!(new(json!({})), ToolsError::Malformed);
    assert_eq!(
        new(json!([{ "type": "web_search" }])),
        ToolsError::Malformed
    );
    let function =
        |parameters: Value| json!([{ "function": { "name": "f", "parameters": parameters } }]);
    for parameters in [
        json!("object"),
        json!({ "type": "strin" }),
        json!({ "$ref": "http://example.com/x.json" }),
    ] {
        assert_eq!(
            new(function(parameters)),
            ToolsError::Parameters { index: 0 }
        );
    }
}

proptest! {
    /// Arguments made to fit the schema pass; without the required one, or with a foreign one, they do not.
    #[test]
    fn arguments_that_fit(city in "[a-zA-Z\"\\\\ é]{1,12}", days in 1..=14_u8, unit in prop::sample::select(vec!["celsius", "fahrenheit"])) {
        let mut arguments = json!({ "city": city, "days": days, "unit": unit });
        prop_assert_eq!(one("weather", &arguments.to_string()), Ok(()));
        arguments["other"] = true.into();
        prop_assert_eq!(one("weather", &arguments.to_string()), Err(CallProblem::UnknownArgument));
        let without = json!({ "days": days });
        prop_assert_eq!(one("weather", &without.to_string()), Err(CallProblem::Arguments));
    }

    #[test]
    fn no_text_is_too_strange(name in "\\PC{0,12}", arguments in "\\PC{0,60}") {
        let _any = one(&name, &arguments);
    }
}
