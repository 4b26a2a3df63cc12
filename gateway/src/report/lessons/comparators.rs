//! How far one comparison can be trusted: how often the upstream differs from itself by it.

/// Answers of one kind, compared in one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Accepted answers that were compared with the upstream's.
    pub audits: u64,
    /// Those among them that differed.
    pub audits_bad: u64,
    /// Requests that the upstream answered twice.
    pub repeats: u64,
    /// Those among them where it contradicted itself.
    pub repeats_differ: u64,
}

impl Agreement {
    pub(super) fn audited(&mut self, bad: bool) {
        self.audits += 1;
        self.audits_bad += u64::from(bad);
    }

    pub(super) fn repeated(&mut self, differs: bool) {
        self.repeats += 1;
        self.repeats_differ += u64::from(differs);
    }

    pub(super) const fn add(&mut self, more: &Self) {
        self.audits += more.audits;
        self.audits_bad += more.audits_bad;
        self.repeats += more.repeats;
        self.repeats_differ += more.repeats_differ;
    }
}
