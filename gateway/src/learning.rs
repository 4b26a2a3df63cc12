//! Certificates: made from labelled requests, kept on disk, read at start.

mod calibrate;
mod compare;
mod labelled;
mod store;

pub use calibrate::{Calibration, CalibrationError, calibrate};
pub use compare::agrees;
pub use labelled::{LabelledError, LabelledRequest, read_labelled};
pub use store::{StoreError, certificate_id, load_certificates, save_certificate};
