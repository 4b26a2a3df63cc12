//! Problems that are about something that is not written.

use super::PolicyProblem;

impl PolicyProblem {
    /// Whether it could come of a preset that is not there either.
    pub(crate) const fn is_gap(&self) -> bool {
        matches!(
            self,
            Self::MissingKey { .. }
                | Self::MissingLocal { .. }
                | Self::MissingUpstream { .. }
                | Self::MissingSplit
                | Self::NoTrust
                | Self::PinnedWithoutLocal
                | Self::BudgetWithoutLocal
        )
    }
}
