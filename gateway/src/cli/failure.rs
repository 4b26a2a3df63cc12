//! How a command fails: a text on standard error and an exit code.

use std::fmt::Display;
use std::process::ExitCode;

use super::terminal::{complain, has_colours};
use crate::config::ConfigError;

/// A command's end without success.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    text: String,
}

impl Failure {
    /// What the user gave is wrong: exit code 2, as with wrong flags.
    pub fn input(text: impl Display) -> Self {
        Self {
            code: 2,
            text: text.to_string(),
        }
    }

    /// A configuration that cannot be used: exit code 2. In colour where somebody looks at it.
    pub(super) fn config(error: &ConfigError) -> Self {
        Self {
            code: 2,
            text: if has_colours() {
                error.in_colour()
            } else {
                error.to_string()
            },
        }
    }

    /// Something outside does not work: exit code 1.
    pub fn environment(text: impl Display) -> Self {
        Self {
            code: 1,
            text: text.to_string(),
        }
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        complain(&self.text);
        ExitCode::from(self.code)
    }
}
