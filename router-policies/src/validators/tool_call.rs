//! Calls of tools, against the tools that the request offers.

use serde_json::{Map, Value};
use thiserror::Error;

use crate::policy::Schema;
use crate::verdict::Reason;

/// The tools of a request, as OpenAI's `tools`, `tool_choice` and `parallel_tool_calls` describe them.
#[derive(Debug, Clone, PartialEq)]
pub struct Tools {
    tools: Vec<Tool>,
    choice: ToolChoice,
    parallel: bool,
}

#[derive(Debug, Clone, PartialEq)]
struct Tool {
    name: String,
    parameters: Schema,
    /// Names of the arguments, if no others are foreseen.
    closed: Option<Vec<String>>,
}

/// Which tools may be called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ToolChoice {
    /// Any, or none.
    #[default]
    Auto,
    /// None.
    None,
    /// At least one.
    Required,
    /// This one and no other.
    Named(String),
}

/// One call as a model wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToolCall<'a> {
    /// The tool.
    pub name: &'a str,
    /// Its arguments, a JSON object as text.
    pub arguments: &'a str,
}

/// What is wrong with the tools of a request; such a request is not for the local model.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ToolsError {
    /// `tools` is not a list of functions with names.
    #[error("`tools` is not a list of functions with names")]
    Malformed,
    /// The parameters are not a JSON schema of an object.
    #[error("the parameters of tool {index} are no usable JSON schema")]
    Parameters {
        /// Its place in the list, from 0.
        index: usize,
    },
}

/// What is wrong with calls. All of it is hard: such calls are never the answer.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallProblem {
    /// There is none, though one was asked for.
    Missing,
    /// There is one, though none was asked for, or another one was.
    NotChosen,
    /// There are several, though one at a time was asked for.
    Parallel,
    /// There is no such tool.
    UnknownTool,
    /// The arguments are not one JSON object.
    NotJson,
    /// Arguments are missing, of the wrong type or not among the allowed values.
    Arguments,
    /// There is an argument that the tool does not have.
    UnknownArgument,
    /// The same call twice.
    Repeated,
}

impl CallProblem {
    /// The reason to escalate.
    pub const fn reason(self) -> Reason {
        Reason::InvalidAnswer
    }
}

impl Tools {
    /// The tools of a request: `tools` is its list `[{"type": "function", "function": {"name", "parameters"}}]`. Calls of
    /// several tools at once are `parallel`.
    ///
    /// # Errors
    /// [`ToolsError`] if a call could not be checked.
    pub fn new(tools: &Value, choice: ToolChoice, parallel: bool) -> Result<Self, ToolsError> {
        let list = tools.as_array().ok_or(ToolsError::Malformed)?;
        let tools = list
            .iter()
            .enumerate()
            .map(|(index, tool)| Tool::new(index, tool))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            tools,
            choice,
            parallel,
        })
    }

    /// Checks the calls of one answer; none at all is an answer in words.
    ///
    /// # Errors
    /// The first [`CallProblem`].
    pub fn check(&self, calls: &[ToolCall<'_>]) -> Result<(), CallProblem> {
        match (&self.choice, calls) {
            (ToolChoice::Required | ToolChoice::Named(_), []) => return Err(CallProblem::Missing),
            (ToolChoice::None, [_, ..]) => return Err(CallProblem::NotChosen),
            (_, [_, _, ..]) if !self.parallel => return Err(CallProblem::Parallel),
            _ => {}
        }
        let mut seen: Vec<(&str, Value)> = Vec::with_capacity(calls.len());
        for call in calls {
            let arguments = self.arguments(call)?;
            let call = (call.name, arguments);
            if seen.contains(&call) {
                return Err(CallProblem::Repeated);
            }
            seen.push(call);
        }
        Ok(())
    }

    fn arguments(&self, call: &ToolCall<'_>) -> Result<Value, CallProblem> {
        let tool = self
            .tools
            .iter()
            .find(|tool| tool.name == call.name)
            .ok_or(CallProblem::UnknownTool)?;
        if matches!(&self.choice, ToolChoice::Named(name) if name != call.name) {
            return Err(CallProblem::NotChosen);
        }
        let value: Value =
            serde_json::from_str(call.arguments).map_err(|_| CallProblem::NotJson)?;
        let fields = value.as_object().ok_or(CallProblem::NotJson)?;
        if !tool.knows(fields) {
            return Err(CallProblem::UnknownArgument);
        }
        if tool.parameters.allows(&value) {
            Ok(value)
        } else {
            Err(CallProblem::Arguments)
        }
    }
}

impl Tool {
    fn new(index: usize, tool: &Value) -> Result<Self, ToolsError> {
        let function = tool.get("function").ok_or(ToolsError::Malformed)?;
        let name = function
            .get("name")
            .and_then(Value::as_str)
            .ok_or(ToolsError::Malformed)?;
        // Without parameters there are no arguments.
        let none = Value::from(Map::from_iter([(
            "properties".to_owned(),
            Map::new().into(),
        )]));
        let parameters = function
            .get("parameters")
            .filter(|p| !p.is_null())
            .unwrap_or(&none);
        let schema = Schema::new(parameters).map_err(|_| ToolsError::Parameters { index })?;
        Ok(Self {
            name: name.to_owned(),
            closed: closed(parameters),
            parameters: schema,
        })
    }

    fn knows(&self, fields: &Map<String, Value>) -> bool {
        self.closed
            .as_ref()
            .is_none_or(|names| fields.keys().all(|field| names.contains(field)))
    }
}

/// The arguments that a schema names, unless it says itself what others there may be. JSON Schema allows any others where
/// nothing is said; a tool that does not name an argument does not read it.
fn closed(parameters: &Value) -> Option<Vec<String>> {
    const OPEN: [&str; 9] = [
        "additionalProperties",
        "patternProperties",
        "unevaluatedProperties",
        "allOf",
        "anyOf",
        "oneOf",
        "$ref",
        "if",
        "dependentSchemas",
    ];
    let schema = parameters.as_object()?;
    if OPEN.iter().any(|key| schema.contains_key(*key)) {
        return None;
    }
    let properties = schema.get("properties")?.as_object()?;
    Some(properties.keys().cloned().collect())
}

#[cfg(test)]
mod tests;
