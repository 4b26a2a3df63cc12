//! What would become of a request under a configuration, without sending it anywhere: for tests of policies and for
//! comparing two of them.

mod because;
mod call;
pub(crate) mod cases;
mod compare;
mod course;
mod explain;
mod verify;

pub(crate) use call::{Call, Written};
pub(crate) use compare::{Change, Comparison, Group, changes, each_recorded};
pub(crate) use course::course;
pub(crate) use explain::explain;
