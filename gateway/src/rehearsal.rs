//! What would become of a request under a configuration, without sending it anywhere: for tests of policies and for
//! comparing two of them.

mod call;
pub(crate) mod cases;
mod course;
mod verify;

pub(crate) use call::{Call, Written};
pub(crate) use course::course;
