//! Why keys of LiteLLM have no counterpart, and what to write instead.

/// What to say of a key that is not carried over. `section` is the path of the map it stands in.
pub(super) fn of_key(section: &str, name: &str) -> &'static str {
    let found = match section {
        "" => of_section(name),
        "router_settings" | "litellm_settings" => of_behaviour(name),
        "general_settings" => of_server(name),
        _ => of_model(name),
    };
    found.unwrap_or("nothing here does the same")
}

fn of_section(name: &str) -> Option<&'static str> {
    Some(match name {
        "environment_variables" => {
            "this file holds no values of variables; export them where the gateway is started"
        }
        "include" => "other files are not read; import each of them and join the results",
        "guardrails" => {
            "nothing here changes or refuses messages; `private` on a route keeps requests from leaving"
        }
        "mcp_servers" | "mcp_tools" => {
            "the gateway serves no MCP; point clients at the MCP servers"
        }
        "callback_settings" => {
            "what happens is in the ledger (`smallfirst report`) and in /metrics"
        }
        "finetune_settings"
        | "files_settings"
        | "assistant_settings"
        | "vector_store_registry"
        | "search_tools" => "routes here answer chat requests only",
        _ => return None,
    })
}

/// `router_settings` and `litellm_settings`, between which many keys may stand in either.
fn of_behaviour(name: &str) -> Option<&'static str> {
    Some(match name {
        "routing_strategy" | "routing_strategy_args" | "enable_pre_call_checks" => {
            "the upstreams of a route are asked in the order written, the next when one fails; for shares of the traffic \
             use `action: split`"
        }
        "context_window_fallbacks" => {
            "a prompt that is refused as too long goes back to the client; put a route for long prompts before, with \
             the larger model"
        }
        "content_policy_fallbacks" => {
            "a refusal of content goes back to the client; it is an answer and not a failure"
        }
        "allowed_fails" | "cooldown_time" | "disable_cooldowns" | "allowed_fails_policy" => {
            "no upstream is left out for a time: each request begins with the first, and goes on when it fails"
        }
        "retry_policy" | "model_group_retry_policy" => {
            "`retries` counts all kinds of failures together; it is a key of an upstream"
        }
        "retry_after" => {
            "pauses between tries double from a tenth of a second on, or are what the upstream asks for"
        }
        "redis_host"
        | "redis_port"
        | "redis_password"
        | "redis_url"
        | "redis_db"
        | "cache_responses"
        | "redis_startup_nodes" => {
            "counts and answers are kept in the process; nothing is shared over Redis"
        }
        "provider_budget_config" => {
            "budgets here belong to routes; write `budget: { max: \"...\", per: day }` on those that ask the provider"
        }
        "max_fallbacks" => "a chain is followed to its end; shorten the lists under `upstream`",
        "success_callback"
        | "failure_callback"
        | "callbacks"
        | "service_callback"
        | "audit_log_callbacks" => {
            "what happens is in the ledger (`smallfirst report`) and in /metrics"
        }
        "drop_params" | "additional_drop_params" => {
            "requests reach the upstream as the client wrote them; what it does not know it may refuse"
        }
        "modify_params" => "requests reach the upstream as the client wrote them",
        "set_verbose" | "json_logs" | "turn_off_message_logging" | "redact_user_api_key_info" => {
            "prompts, answers and keys are never logged; `--log-format json` chooses the form of the log"
        }
        "default_team_settings"
        | "default_internal_user_params"
        | "upperbound_key_generate_params"
        | "default_team_params" => {
            "keys and teams are written under `keys`; none is made at run time"
        }
        "ssl_verify" | "ssl_certificate" => "certificates of upstreams are always checked",
        "tag_budget_config" | "enable_tag_filtering" => {
            "routes can tell requests apart by header; see `match` in configs/gateway.yaml"
        }
        "stream_timeout" => {
            "write `idle_timeout` on the upstream: the longest silence within an answer"
        }
        _ => return None,
    })
}

fn of_server(name: &str) -> Option<&'static str> {
    Some(match name {
        "database_url" | "database_connection_pool_limit" | "database_connection_timeout" => {
            "the ledger is a file, `ledger: sqlite:smallfirst.db`; keys, teams and models that lie in the database are \
             not in this file and were not imported"
        }
        "store_model_in_db" | "store_prompts_in_spend_logs" | "use_redis_transaction_buffer" => {
            "what lies in the database is not in this file and was not imported; models are written here, and no \
             prompts are stored"
        }
        "alerting"
        | "alerting_threshold"
        | "alerting_args"
        | "alert_types"
        | "alert_to_webhook_url" => "no messages are sent; watch /metrics",
        "max_parallel_requests" | "global_max_parallel_requests" => {
            "`limits.connections` bounds the connections of all clients together"
        }
        "max_request_size_mb" => "write `limits: { body: 10MiB }`",
        "custom_auth" | "enable_jwt_auth" | "litellm_jwtauth" | "enable_oauth2_auth"
        | "ui_access_mode" => "clients are known by the keys under `keys`",
        "pass_through_endpoints" => "only the OpenAI chat endpoint is served",
        "allowed_routes" | "public_routes" | "admin_only_routes" => {
            "only the chat endpoint and the model list are served to clients; all else has its own paths"
        }
        "completion_model" => {
            "a route without `match` takes every model name; write one with this model as its upstream"
        }
        "background_health_checks" | "health_check_interval" => {
            "upstreams are not probed; each request finds out"
        }
        _ => return None,
    })
}

/// `model_list[]`, its `litellm_params` and its `model_info`.
fn of_model(name: &str) -> Option<&'static str> {
    Some(match name {
        "rpm"
        | "tpm"
        | "max_parallel_requests"
        | "default_api_key_rpm_limit"
        | "default_api_key_tpm_limit" => {
            "requests and tokens per minute are not limited; the provider's 429 makes the route ask the next upstream"
        }
        "weight" => {
            "the first upstream is asked first; for shares of the traffic use `action: split`"
        }
        "temperature"
        | "max_tokens"
        | "max_completion_tokens"
        | "top_p"
        | "seed"
        | "stop"
        | "n"
        | "frequency_penalty"
        | "presence_penalty"
        | "reasoning_effort"
        | "thinking"
        | "response_format"
        | "tools"
        | "tool_choice"
        | "stream" => {
            "requests reach the upstream as the client wrote them; let the client send it"
        }
        "extra_headers" | "extra_body" | "headers" | "default_headers" => {
            "nothing is added to requests on their way to the upstream"
        }
        "api_version" => "the v1 API of Azure takes no version",
        "organization" | "project" => "no header for it is sent; use a key that belongs to it",
        "tags" => "routes can tell requests apart by header; see `match` in configs/gateway.yaml",
        "tpd" | "rpd" => "requests and tokens per day are not limited; `budget` limits the spend",
        "max_budget" | "budget_duration" => {
            "a budget belongs to a route, and this model is one of several in it or has no price; write \
             `budget: { max: \"...\", per: day }` on the route"
        }
        "input_cost_per_second"
        | "output_cost_per_second"
        | "input_cost_per_token_batches"
        | "output_cost_per_token_batches"
        | "input_cost_per_token_above_200k_tokens"
        | "output_cost_per_token_above_200k_tokens"
        | "output_cost_per_reasoning_token"
        | "input_cost_per_audio_token" => {
            "prices here are per token in, out, read from and written to the cache"
        }
        "model_info"
        | "id"
        | "db_model"
        | "base_model"
        | "description"
        | "created_by"
        | "team_id"
        | "access_groups"
        | "supported_environments" => "it only describes the model",
        "drop_params" | "additional_drop_params" | "modify_params" => {
            "requests reach the upstream as the client wrote them; what it does not know it may refuse"
        }
        "mock_response" => {
            "a canned answer is for tests; `smallfirst test` asks no upstream at all"
        }
        _ if name.starts_with("aws_") || name.starts_with("vertex_") => {
            "requests are not signed; an upstream here sends a plain key"
        }
        _ if name.starts_with("supports_") || name.starts_with("max_") => {
            "it only describes the model"
        }
        _ => return None,
    })
}
