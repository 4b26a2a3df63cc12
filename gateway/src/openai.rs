//! The OpenAI wire format: requests in, answers, streams and errors out.

mod answer;
mod chat;
mod error_body;
mod replay;
mod sse;

pub use answer::{
    Answer, AnswerUsage, Chunks, chunks_of, closing_chunks, completion_of, opening_chunk,
    piece_chunk,
};
pub use chat::{ChatRequest, Obstacle};
pub use error_body::error_body;
pub use replay::replayed;
pub use sse::{DONE, Event, EventTooLong, SseDecoder, comment, encode};

use serde_json::{Value, json};

/// Body of `GET /v1/models`, in the order given.
#[must_use]
pub fn model_list(models: &[String], created: i64) -> Value {
    let data: Vec<Value> = models.iter().map(|id| model_card(id, created)).collect();
    json!({ "object": "list", "data": data })
}

/// One entry of the model list.
#[must_use]
pub fn model_card(id: &str, created: i64) -> Value {
    json!({ "id": id, "object": "model", "created": created, "owned_by": "smallfirst" })
}
