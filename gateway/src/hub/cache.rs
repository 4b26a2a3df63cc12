//! The cache on disk, in the layout that the hub's own tools use: contents under their hashes, names as links to them.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::HubError;
use super::listing::Entry;
use super::model::is_name;

/// Bytes that a download leaves free.
const SPARE: u64 = 64 << 20;

/// Which snapshot of another repository holds the tokenizer of this one; ours, others leave it alone.
const BASE_NOTE: &str = ".smallfirst-base";

/// The folder of one repository.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
}

impl Cache {
    pub(super) fn new(root: &Path, repository: &str) -> Self {
        let name = format!("models--{}", repository.replace('/', "--"));
        Self {
            folder: root.join(name),
        }
    }

    fn blob(&self, entry: &Entry) -> PathBuf {
        self.folder.join("blobs").join(entry.hash.as_str())
    }

    /// Where a file grows until it is whole.
    pub(super) fn part(&self, entry: &Entry) -> PathBuf {
        let mut path = self.blob(entry).into_os_string();
        path.push(".incomplete");
        path.into()
    }

    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.folder.join("snapshots").join(commit)
    }

    pub(super) fn has(&self, entry: &Entry) -> bool {
        fs::metadata(self.blob(entry)).is_ok_and(|data| data.len() == entry.size)
    }

    /// Bytes that have still to come.
    pub(super) fn missing(&self, entry: &Entry) -> u64 {
        let there = fs::metadata(self.part(entry)).map_or(0, |data| data.len());
        entry.size.saturating_sub(there)
    }

    /// Makes the folder, and sees that `needed` bytes fit.
    pub(super) fn make_room(&self, needed: u64) -> Result<(), HubError> {
        let folder = self.folder.join("blobs");
        fs::create_dir_all(&folder).map_err(HubError::disk(&folder))?;
        let Ok(disk) = rustix::fs::statvfs(&folder) else {
            return Ok(());
        };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if needed > 0 && needed.saturating_add(SPARE) > free {
            return Err(HubError::Full {
                needed,
                folder,
                free,
            });
        }
        Ok(())
    }

    /// Gives a whole file the name of its content.
    pub(super) fn finish(&self, entry: &Entry) -> Result<(), HubError> {
        let part = self.part(entry);
        fs::rename(&part, self.blob(entry)).map_err(HubError::disk(&part))
    }

    /// Lets a file appear under its name.
    pub(super) fn show(&self, entry: &Entry, commit: &str) -> Result<PathBuf, HubError> {
        let path = self.snapshot(commit).join(&entry.name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(HubError::disk(&path))?;
        }
        let up = "../".repeat(2 + entry.name.matches('/').count());
        let target = format!("{up}blobs/{}", entry.hash.as_str());
        match symlink(target, &path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(HubError::disk(&path)(error))
            }
            _ => Ok(path),
        }
    }

    /// Notes which commit a branch or tag stands for.
    pub(super) fn refer(&self, revision: &str, commit: &str) -> Result<(), HubError> {
        if revision == commit || !revision.split('/').all(is_name) {
            return Ok(());
        }
        write(&self.folder.join("refs").join(revision), commit)
    }

    /// The commit that was noted for a revision, or that is one.
    pub(super) fn commit(&self, revision: &str) -> Option<String> {
        if !revision.split('/').all(is_name) {
            return None;
        }
        let noted = fs::read_to_string(self.folder.join("refs").join(revision)).ok();
        let commit = noted.map_or_else(|| revision.to_owned(), |text| text.trim().to_owned());
        (is_name(&commit) && self.snapshot(&commit).is_dir()).then_some(commit)
    }

    /// The files of a snapshot that are whole.
    pub(super) fn names(&self, commit: &str) -> Vec<String> {
        let mut names = Vec::new();
        let root = self.snapshot(commit);
        collect(&root, "", &mut names);
        names.sort();
        names
    }
}

fn collect(folder: &Path, prefix: &str, names: &mut Vec<String>) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        // Follows the link: one that leads nowhere is no file.
        match fs::metadata(entry.path()) {
            Ok(data) if data.is_file() => names.push(name),
            Ok(data) if data.is_dir() && prefix.matches('/').count() < 4 => {
                collect(&entry.path(), &format!("{name}/"), names);
            }
            _ => {}
        }
    }
}

fn write(path: &Path, text: &str) -> Result<(), HubError> {
    let failed = HubError::disk(path);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(&failed)?;
    }
    let new = path.with_extension("new");
    fs::write(&new, text)
        .and_then(|()| fs::rename(&new, path))
        .map_err(failed)
}

/// Notes that the tokenizer of `cache`'s model lies in `folder`.
pub(super) fn note_base(cache: &Cache, folder: &Path) -> Result<(), HubError> {
    write(&cache.folder.join(BASE_NOTE), &folder.to_string_lossy())
}

/// What was noted, if it is still there.
pub(super) fn noted_base(cache: &Cache) -> Option<PathBuf> {
    let text = fs::read_to_string(cache.folder.join(BASE_NOTE)).ok()?;
    Some(PathBuf::from(text)).filter(|folder| folder.join("tokenizer.json").is_file())
}
