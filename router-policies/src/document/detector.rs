//! Detectors of private data beside the built-in ones.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A pattern, or a name for several detectors: one of the two keys.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DetectorDocument {
    /// A regular expression of at most 1024 bytes; its time grows with the text only, so it has no look-around and no
    /// back-references. It is searched for anywhere in a text, sees digits, dashes and spaces as ASCII,
    /// and its `^` and `$` stand for the ends of a line.
    #[serde(default)]
    #[schemars(extend("examples" = ["\\bTCK-[0-9]{6}\\b"]))]
    pub regex: Option<String>,
    /// The detectors that the name stands for: built-in kinds and groups, and patterns.
    #[serde(default)]
    #[schemars(extend("examples" = [["email", "phone"]]))]
    pub any_of: Option<Vec<String>>,
}
