//! `smallfirst schema`.

use super::{Failure, say};
use crate::config;

pub(super) fn run() -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(&config::schema()).map_err(Failure::environment)?;
    say(&text);
    Ok(())
}
