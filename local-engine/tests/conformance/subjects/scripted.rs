use std::sync::Arc;

use local_engine::LocalEngine;

use crate::suite::{Capability, Made, Subject, queue};
use crate::table::Table;

const LACKS: &[(Capability, &str)] = &[
    (
        Capability::Regex,
        "the table's scripts know closed lists only",
    ),
    (
        Capability::Json,
        "the table's scripts know closed lists only",
    ),
    (
        Capability::JsonSchema,
        "the table's scripts know closed lists only",
    ),
    (Capability::Embeddings, "a script is no vector"),
    (Capability::Death, "it lives in the process of the test"),
];

pub(crate) fn scripted() -> Subject {
    Subject::new("scripted", LACKS, |setup| async move {
        let table = Arc::new(Table::new(setup));
        let counted = Arc::clone(&table);
        Made::new(table).counting(move || counted.steps())
    })
}

pub(crate) fn queued() -> Subject {
    Subject::new("queued", LACKS, |setup| async move {
        let table: Arc<Table> = Arc::new(Table::new(setup));
        let counted = Arc::clone(&table);
        let engine: Arc<dyn LocalEngine> = table;
        Made::new(queue(engine, 16)).counting(move || counted.steps())
    })
}
