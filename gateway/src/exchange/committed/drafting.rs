//! A committed draft on its way to the client, token by token.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::{Committed, PATIENCE};
use crate::exchange::Exchange;
use crate::exchange::decide::Told;
use crate::exchange::drafting::{Drafted, NoDraft, Pause};
use crate::exchange::examine::{Examined, examine};
use crate::exchange::leaves::Leaves;
use crate::exchange::local::{end_of, finish_word, usage_shown};
use crate::exchange::relay::{Stage, error_event};
use crate::fault::{Fault, FaultKind};
use crate::learning::Learning;
use crate::ledger::{AttemptOutcome, Usage};
use crate::openai::{Answer, closing_chunks, comment, opening_chunk, piece_chunk};

/// A committed draft that is being made.
pub(in crate::exchange) struct Drafting {
    exchange: Exchange,
    told: Told,
    committed: Committed,
    /// What the events have in common; its pieces stay empty.
    answer: Answer,
    /// Pieces that are events already.
    sent: usize,
    waiting: VecDeque<Bytes>,
    first_byte: Option<Duration>,
}

impl Drafting {
    pub(in crate::exchange) fn new(exchange: Exchange, told: Told, committed: Committed) -> Self {
        let answer = Answer {
            id: format!("chatcmpl-{}", exchange.id),
            created: jiff::Timestamp::now().as_second(),
            model: exchange.request.model.clone(),
            pieces: Vec::new(),
            finish_reason: "stop",
            usage: <_>::default(),
        };
        let opening = opening_chunk(&answer, exchange.request.include_usage);
        let mut drafting = Self {
            exchange,
            told,
            committed,
            answer,
            sent: 0,
            waiting: VecDeque::from([opening]),
            first_byte: None,
        };
        drafting.queue_pieces();
        drafting
    }

    /// The next event for the client.
    pub(in crate::exchange) async fn next(mut self: Box<Self>) -> (Bytes, Stage) {
        loop {
            if let Some(bytes) = self.waiting.pop_front() {
                self.first_byte
                    .get_or_insert_with(|| self.exchange.account.elapsed());
                return (bytes, Stage::Drafting(self));
            }
            let Committed { run, attempt, .. } = &mut self.committed;
            match run.go_on(|_| Some(())).await {
                Ok(Pause::Finished(drafted)) => return self.end(*drafted).await,
                Ok(Pause::Seen(()) | Pause::Overtaken) => {
                    let usage = run.usage();
                    attempt.observe(Usage {
                        input: usage.prompt_tokens.into(),
                        output: usage.completion_tokens.into(),
                        ..Usage::default()
                    });
                    run.commit(PATIENCE);
                    self.queue_pieces();
                }
                Err(none) => return self.broken(none).await,
            }
        }
    }

    /// Makes events of the text that came.
    fn queue_pieces(&mut self) {
        let include_usage = self.exchange.request.include_usage;
        let pieces = self.committed.run.pieces();
        let fresh = pieces.iter().skip(self.sent);
        self.waiting
            .extend(fresh.map(|piece| piece_chunk(&self.answer, include_usage, piece)));
        self.sent = pieces.len();
    }

    /// Books the draft; what is left to be sent settles the account.
    async fn end(self: Box<Self>, mut drafted: Drafted) -> (Bytes, Stage) {
        let Self {
            exchange,
            told,
            committed,
            mut answer,
            sent,
            first_byte,
            ..
        } = *self;
        let Committed {
            attempt,
            shape,
            label,
            ..
        } = committed;
        let (usage, include_usage) = (drafted.usage, exchange.request.include_usage);
        answer.finish_reason = finish_word(drafted.finish);
        answer.usage = usage_shown(&usage);
        let rest = drafted.pieces.iter().skip(sent);
        let rest = rest.map(|piece| piece_chunk(&answer, include_usage, piece));
        let chunks: Vec<Bytes> = rest.chain(closing_chunks(&answer, include_usage)).collect();
        let messages = || exchange.request.messages();
        let Examined { text, failed } = examine(&shape, &mut drafted, messages);
        attempt
            .finish(end_of(AttemptOutcome::Accepted, &usage, usage.busy, None))
            .await;
        let leaves = if failed.is_some() {
            let learning = exchange.app.learning();
            label.failed(learning, exchange.id).await;
            Learning::tend(&exchange.app);
            Leaves::Nothing
        } else {
            label.whole(exchange.id, shape, text)
        };
        let first_byte = first_byte.unwrap_or_else(|| exchange.account.elapsed());
        let mut chunks = chunks.into_iter();
        let next = chunks.next().unwrap_or_default();
        let sending = Stage::Sending {
            exchange: Box::new(exchange),
            told,
            chunks,
            first_byte,
            leaves,
            said: None,
        };
        (next, sending)
    }

    /// The engine failed in the middle of an answer: nothing is left but to say so.
    async fn broken(self: Box<Self>, none: NoDraft) -> (Bytes, Stage) {
        let Self {
            exchange,
            committed,
            ..
        } = *self;
        let Committed {
            run,
            attempt,
            label,
            ..
        } = committed;
        let usage = run.usage();
        drop(run);
        let end = end_of(AttemptOutcome::Failed, &usage, usage.busy, Some(none.error));
        attempt.finish(end).await;
        label.failed(exchange.app.learning(), exchange.id).await;
        Learning::tend(&exchange.app);
        let fault = Fault::new(FaultKind::LocalBroken, "the local model broke off");
        exchange.break_off(&fault).await;
        (comment("cut"), Stage::Last(error_event(&fault)))
    }
}
