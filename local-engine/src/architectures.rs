//! Which adapter computes which architecture: the one table that loading, `smallfirst models check` and the
//! documentation go by.
//!
//! A row says what an adapter can do with the architecture as such. What a single file asks for beyond that
//! (formats of tensors, tensors that are missing) is the matter of [`inspect`](crate::inspect).

use crate::spec::Adapter;

mod table;

use table::{GGUF, SAFETENSORS};

/// Form of the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// One file with everything, quantized.
    Gguf,
    /// A folder with `config.json` and `*.safetensors`.
    Safetensors,
}

impl Format {
    /// As people write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gguf => "GGUF",
            Self::Safetensors => "safetensors",
        }
    }
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Architecture {
    /// `general.architecture` of a GGUF, or the class in `config.json`.
    pub name: &'static str,
    /// Models that people know it by.
    pub family: &'static str,
    /// Class in transformers.
    pub class: &'static str,
    mistralrs: Support,
    llama_cpp: Support,
}

/// What an adapter does with an architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// It computes it.
    Computes,
    /// It does not, and this is why.
    Refuses(&'static str),
}

/// What an adapter that is not told about an architecture says.
const UNKNOWN: Support = Support::Refuses("it does not know this architecture");

/// llama.cpp and safetensors.
const NO_SAFETENSORS: Support = Support::Refuses("it reads GGUF files only");

impl Architecture {
    /// The row of an architecture; `None` where no adapter in the process knows it.
    #[must_use]
    pub fn find(format: Format, name: &str) -> Option<&'static Self> {
        Self::all(format).iter().find(|known| known.name == name)
    }

    /// All rows of one form of weights.
    #[must_use]
    pub const fn all(format: Format) -> &'static [Self] {
        match format {
            Format::Gguf => GGUF,
            Format::Safetensors => SAFETENSORS,
        }
    }

    /// What `adapter` does with it. [`Adapter::Auto`] is the best of the others, whether this build has it or not.
    #[must_use]
    pub const fn support(&self, adapter: Adapter) -> Support {
        match adapter {
            Adapter::Mistralrs => self.mistralrs,
            Adapter::LlamaCpp => self.llama_cpp,
            Adapter::Auto => match self.mistralrs {
                Support::Computes => Support::Computes,
                Support::Refuses(_) => self.llama_cpp,
            },
        }
    }
}

/// What `adapter` does with an architecture, known or not.
#[must_use]
pub fn support(adapter: Adapter, format: Format, name: &str) -> Support {
    match (Architecture::find(format, name), adapter, format) {
        (Some(known), adapter, _) => known.support(adapter),
        (None, Adapter::LlamaCpp, Format::Safetensors) => NO_SAFETENSORS,
        (None, ..) => UNKNOWN,
    }
}

/// The architectures that `adapter` computes from weights in `format`, for texts that list them.
pub fn computed_by(adapter: Adapter, format: Format) -> impl Iterator<Item = &'static str> {
    let computed = move |known: &&Architecture| known.support(adapter) == Support::Computes;
    let rows = Architecture::all(format).iter();
    rows.filter(computed).map(|known| known.name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_is_there_once() {
        for format in [Format::Gguf, Format::Safetensors] {
            let names: BTreeSet<_> = Architecture::all(format).iter().map(|a| a.name).collect();
            assert_eq!(names.len(), Architecture::all(format).len());
        }
    }

    #[test]
    fn what_one_lacks_the_other_does() {
        let qwen = Architecture::find(Format::Gguf, "qwen3").unwrap();
        assert_eq!(qwen.support(Adapter::Mistralrs), Support::Computes);
        let nemotron = Architecture::find(Format::Gguf, "nemotron_h").unwrap();
        assert!(matches!(
            nemotron.support(Adapter::Mistralrs),
            Support::Refuses(_)
        ));
        assert_eq!(nemotron.support(Adapter::Auto), Support::Computes);
    }

    #[test]
    fn nobody_computes_the_unknown() {
        for format in [Format::Gguf, Format::Safetensors] {
            for adapter in [Adapter::Auto, Adapter::Mistralrs, Adapter::LlamaCpp] {
                assert!(matches!(
                    support(adapter, format, "no such"),
                    Support::Refuses(_)
                ));
            }
        }
    }
}
