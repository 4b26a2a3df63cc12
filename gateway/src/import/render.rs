//! A plan as YAML that people go on with.

use std::fmt::Write as _;

use rust_decimal::Decimal;

use super::finding::Finding;
use super::plan::{Plan, RoutePlan, UpstreamPlan};

/// The file. `source` is what the user calls the file that was read.
pub(super) fn render(plan: &Plan, source: &str, findings: &[Finding]) -> String {
    let mut out = head(source);
    keys(&mut out, plan);
    out.push_str("\n# External APIs that speak the OpenAI chat format.\nupstreams:\n");
    for upstream in &plan.upstreams {
        write_upstream(&mut out, upstream);
    }
    if let Some(ttl) = &plan.cache {
        line(&mut out, 0, "\n# What holds for every route.\ndefaults:");
        line(&mut out, 1, &format!("cache: {{ ttl: {ttl} }}"));
    }
    line(
        &mut out,
        0,
        "\n# Who is answered how; the first route that matches wins.\nroutes:",
    );
    for route in &plan.routes {
        write_route(&mut out, route);
    }
    if !plan
        .routes
        .iter()
        .any(|route| route.models.iter().any(|model| model == "*"))
    {
        line(
            &mut out,
            0,
            "# Models that no route names.\nunmatched: reject",
        );
    }
    remarks(&mut out, source, findings);
    out
}

fn head(source: &str) -> String {
    format!(
        "\
# Made from {} by `smallfirst import litellm`. Every route asks its upstream, as before: nothing is answered locally yet.
#
# What to do next:
#   1. Export the environment variables that `key: env:NAME` names, then run `smallfirst check --config FILE`.
#   2. Add a small model that runs beside the gateway:
#        models:
#          small: {{ path: models/Qwen3-0.6B-Q8_0, cost_per_hour: \"0.10\" }}
#   3. Choose a route whose answers are short and can be checked, and let the small model go first there:
#        action: local-first
#        local: {{ model: small, answer: {{ one_of: [billing, outage, other] }} }}
#        risk: {{ max_regret: 2%, assurance: 90% }}
#   4. Prove a threshold: `smallfirst calibrate --config FILE --route NAME LABELLED.jsonl`. Until then all escalates.
",
        comment(source)
    )
}

fn keys(out: &mut String, plan: &Plan) {
    if plan.keys.is_empty() {
        return;
    }
    line(out, 0, "\n# Who may ask.\nkeys:");
    for (name, variable) in &plan.keys {
        line(
            out,
            1,
            &format!("- {{ name: {}, key: {} }}", text(name), env(variable)),
        );
    }
}

fn write_upstream(out: &mut String, upstream: &UpstreamPlan) {
    let UpstreamPlan {
        name,
        reach,
        prices,
        unpriced,
    } = upstream;
    line(out, 1, &format!("{}:", text(name)));
    line(out, 2, &format!("base_url: {}", text(&reach.base_url)));
    if let Some(variable) = &reach.key {
        line(out, 2, &format!("key: {}", env(variable)));
    }
    if let Some(timeout) = &reach.timeout {
        // An answer that is not streamed has its headers when it is complete.
        line(out, 2, &format!("headers_timeout: {timeout}"));
        line(out, 2, &format!("timeout: {timeout}"));
    }
    if let Some(idle) = &reach.idle_timeout {
        line(out, 2, &format!("idle_timeout: {idle}"));
    }
    if let Some(retries) = reach.retries {
        line(out, 2, &format!("retries: {retries}"));
    }
    if !prices.is_empty() {
        line(out, 2, "# USD per million tokens.\n    prices:");
    }
    for (model, price) in prices {
        let mut parts = vec![("input", price.input)];
        parts.extend(price.cache_read.map(|rate| ("cache_read", rate)));
        parts.extend(price.cache_write.map(|rate| ("cache_write", rate)));
        parts.push(("output", price.output));
        let parts: Vec<String> = parts
            .into_iter()
            .map(|(name, rate)| format!("{name}: \"{}\"", plain(rate)))
            .collect();
        line(
            out,
            3,
            &format!("{}: {{ {} }}", text(model), parts.join(", ")),
        );
    }
    if !unpriced.is_empty() {
        let what = "# To do: prices of these; until then their costs are reported as unknown.";
        line(out, 2, what);
        for model in unpriced {
            line(
                out,
                2,
                &format!("#   {}: {{ input: \"?\", output: \"?\" }}", comment(model)),
            );
        }
    }
}

fn write_route(out: &mut String, route: &RoutePlan) {
    line(out, 1, &format!("# {}", comment(&route.origin)));
    line(out, 1, &format!("- name: {}", text(&route.name)));
    let models: Vec<String> = route.models.iter().map(|model| text(model)).collect();
    let models = match models.as_slice() {
        [model] => model.clone(),
        several => format!("[{}]", several.join(", ")),
    };
    line(out, 2, &format!("match: {{ model: {models} }}"));
    line(out, 2, "action: upstream-only");
    let target = |(upstream, model): &(String, String)| {
        format!("{{ name: {}, model: {} }}", text(upstream), text(model))
    };
    match route.chain.as_slice() {
        [only] => line(out, 2, &format!("upstream: {}", target(only))),
        several => {
            line(out, 2, "upstream:");
            for one in several {
                line(out, 3, &format!("- {}", target(one)));
            }
        }
    }
    if let Some((max, per)) = &route.budget {
        let max = plain(*max);
        line(out, 2, &format!("budget: {{ max: \"{max}\", per: {per} }}"));
    }
}

fn remarks(out: &mut String, source: &str, findings: &[Finding]) {
    if findings.is_empty() {
        return;
    }
    line(out, 0, "\n# What the import had to say:");
    for finding in findings {
        line(
            out,
            0,
            &format!("#   {}", comment(&finding.in_line(source))),
        );
    }
}

fn line(out: &mut String, depth: usize, text: &str) {
    // Writing to a text cannot fail.
    let _ = writeln!(out, "{}{text}", "  ".repeat(depth));
}

fn env(variable: &str) -> String {
    text(&format!("env:{variable}"))
}

/// A decimal without an exponent and without zeros at the end.
fn plain(amount: Decimal) -> String {
    amount.normalize().to_string()
}

/// A text that cannot end the comment that it stands in.
fn comment(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// A text as a YAML scalar, in quotes unless nothing could take it for anything else.
fn text(text: &str) -> String {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_./:+".contains(c);
    let word = WORDS.iter().any(|word| word.eq_ignore_ascii_case(text));
    if starts && !word && !text.ends_with(':') && text.chars().all(fits) {
        text.to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_where_yaml_would_take_them_for_something_else() {
        for same in [
            "gpt-4.1",
            "env:OPENAI_API_KEY",
            "https://a.example:1/v1",
            "o3",
        ] {
            assert_eq!(text(same), same);
        }
        for quoted in [
            "true", "No", "4o", "*", "a b", "a: b", "a:", "x#y", "", "{a}", "1e3",
        ] {
            assert_eq!(text(quoted), format!("\"{quoted}\""));
        }
        assert_eq!(text("a\"b\n"), r#""a\"b\n""#);
    }

    #[test]
    fn comments_stay_in_their_line() {
        assert_eq!(comment("a\nroutes: []\u{85}"), "a routes: [] ");
    }
}
