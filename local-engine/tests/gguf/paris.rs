//! The answer that engines are held against: what the chain says, and how exactly.
//!
//! Include it beside `chain.rs` with `#[path = "gguf/paris.rs"] mod paris;`.

use local_engine::Token;

use crate::chain::{Chain, END, VOCABULARY};

pub(crate) const REPLY: &str = "Parisé";
const PROBABILITIES: [f64; 7] = [0.97, 0.90, 0.60, 0.97, 0.97, 0.99, 0.99];

/// Says [`REPLY`], whose fourth step is a doubtful one and whose last letter takes two tokens.
pub(crate) fn paris() -> Chain {
    Chain::saying(REPLY, &PROBABILITIES)
}

/// Statistics of the greedy answer, from the table of probabilities, within `tolerance` nats.
pub(crate) fn assert_golden(chain: &Chain, tokens: &[Token], tolerance: f64) {
    let ids: Vec<_> = tokens.iter().map(|token| token.id).collect();
    let expected: Vec<_> = REPLY.bytes().map(u32::from).chain([END]).collect();
    assert_eq!(ids, expected);
    let mut current = u32::from(b'\n');
    for token in tokens {
        assert_step(chain, current, token, tolerance);
        current = token.id;
    }
}

fn assert_step(chain: &Chain, current: u32, token: &Token, tolerance: f64) {
    let row: Vec<f64> = (0..VOCABULARY).map(|next| chain.p(current, next)).collect();
    let logprob = chain.p(current, token.id).ln();
    let others = (0..VOCABULARY).filter(|next| *next != token.id);
    let other = others
        .map(|next| chain.p(current, next))
        .fold(0.0, f64::max);
    let entropy: f64 = -row.iter().map(|p| p * p.ln()).sum::<f64>();
    let close = |ours: f32, exact: f64, tolerance: f64| {
        let off = (f64::from(ours) - exact).abs();
        assert!(off < tolerance, "{token:?}: {exact}");
    };
    close(token.stats.logprob, logprob, tolerance);
    close(token.stats.margin, logprob - other.ln(), tolerance * 4.0);
    close(token.stats.entropy, entropy, tolerance * 4.0);
    assert!((token.stats.legal_mass - 1.0).abs() < 1e-6 && !token.stats.forced);
}
