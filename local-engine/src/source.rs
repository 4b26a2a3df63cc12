//! Which files a model consists of.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::EngineError;
use crate::spec::EngineSpec;

/// A model's files, all of them present.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) weights: Weights,
    /// Folder of the tokenizer and the chat template.
    pub(crate) side: PathBuf,
}

/// The weights' form.
#[derive(Debug, Clone)]
pub(crate) enum Weights {
    Gguf(PathBuf),
    /// A folder with `config.json`, and its weight files in order of their names.
    Safetensors(PathBuf, Vec<PathBuf>),
}

#[cfg(feature = "llama-cpp")]
impl Weights {
    /// The file or folder, for errors.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Gguf(path) | Self::Safetensors(path, _) => path,
        }
    }
}

impl Source {
    /// Finds the files that `spec` names.
    pub(crate) fn locate(spec: &EngineSpec) -> Result<Self, EngineError> {
        let weights = Weights::find(&spec.path)?;
        let side = spec
            .tokenizer
            .clone()
            .unwrap_or_else(|| weights.folder().to_owned());
        Ok(Self { weights, side })
    }

    #[cfg(feature = "mistral")]
    /// Checks that there is a tokenizer beside the weights, for engines that do not read the one in the file.
    pub(crate) fn with_tokenizer(self) -> Result<Self, EngineError> {
        if self.side.join("tokenizer.json").is_file() {
            return Ok(self);
        }
        let mend = "has no tokenizer.json; put the one of the model's repository there";
        Err(load(&self.side, mend))
    }

    pub(crate) fn files(&self) -> &[PathBuf] {
        match &self.weights {
            Weights::Gguf(file) => std::slice::from_ref(file),
            Weights::Safetensors(_, files) => files,
        }
    }
}

impl Weights {
    /// The weights at `path`, a file or a folder.
    pub(crate) fn find(path: &Path) -> Result<Self, EngineError> {
        // Not made canonical: files in a cache are links to nameless ones, and what lies beside the link counts.
        let path = std::path::absolute(path)
            .map_err(|error| load(path, &format!("cannot be opened: {error}")))?;
        let data = fs::metadata(&path)
            .map_err(|error| load(&path, &format!("cannot be opened: {error}")))?;
        if data.is_dir() {
            in_folder(&path)
        } else {
            single_file(&path)
        }
    }

    /// The folder that they lie in.
    pub(crate) fn folder(&self) -> &Path {
        match self {
            Self::Gguf(file) => file.parent().unwrap_or_else(|| Path::new("/")),
            Self::Safetensors(folder, _) => folder,
        }
    }
}

fn single_file(path: &Path) -> Result<Weights, EngineError> {
    if has_extension(path, "gguf") {
        return Ok(Weights::Gguf(path.to_owned()));
    }
    Err(load(
        path,
        "is no GGUF file; name a *.gguf file, or a folder with *.safetensors",
    ))
}

fn in_folder(folder: &Path) -> Result<Weights, EngineError> {
    let entries = fs::read_dir(folder).map_err(|error| load(folder, &error.to_string()))?;
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.sort();
    let ggufs: Vec<_> = files
        .iter()
        .filter(|file| has_extension(file, "gguf"))
        .collect();
    match ggufs.as_slice() {
        [] => {}
        [only] => return Ok(Weights::Gguf((*only).clone())),
        _ => return Err(load(folder, "has several *.gguf files; name one of them")),
    }
    files.retain(|file| has_extension(file, "safetensors"));
    if files.is_empty() {
        return Err(load(
            folder,
            "has neither a *.gguf nor a *.safetensors file",
        ));
    }
    if !folder.join("config.json").is_file() {
        return Err(load(
            folder,
            "has no config.json; put the one of the model's repository there",
        ));
    }
    Ok(Weights::Safetensors(folder.to_owned(), files))
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension()
        .is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

/// An error about `path` that says what to mend.
pub(crate) fn load(path: &Path, what: &str) -> EngineError {
    EngineError::Load(format!("{} {what}", path.display()))
}

/// SHA-256 of the files' contents one after the other, lower-case hex.
pub(crate) fn hash_files(files: &[PathBuf]) -> Result<String, EngineError> {
    let mut hasher = Sha256::new();
    for path in files {
        let file = File::open(path).map_err(|error| load(path, &error.to_string()))?;
        hash_into(&mut hasher, file).map_err(|error| load(path, &error.to_string()))?;
    }
    Ok(hex(&hasher.finalize()))
}

/// SHA-256 of `text`, lower-case hex.
pub(crate) fn hash_text(text: &str) -> String {
    hex(&Sha256::digest(text))
}

fn hash_into(hasher: &mut Sha256, mut file: File) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
            return Ok(());
        };
        hasher.update(bytes);
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
