//! What the machine's memory delivers, and what a token takes of it.

use std::path::Path;
use std::thread;
use std::time::Instant;

/// Far more than any cache holds.
const WORDS: usize = 64 << 20;
const TRIES: usize = 5;

/// Bytes a second that `threads` threads read together, at best.
pub(crate) fn bandwidth(threads: u32) -> f64 {
    let threads = usize::try_from(threads).unwrap();
    let words: Vec<u64> = (0..WORDS as u64).collect();
    let best = (0..TRIES)
        .map(|_| {
            let begun = Instant::now();
            let sum = thread::scope(|scope| {
                let parts: Vec<_> = words
                    .chunks(WORDS.div_ceil(threads))
                    .map(|part| scope.spawn(|| sum(part)))
                    .collect();
                parts
                    .into_iter()
                    .map(|part| part.join().unwrap())
                    .fold(0, u64::wrapping_add)
            });
            std::hint::black_box(sum);
            begun.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min);
    (WORDS * 8) as f64 / best
}

/// Several sums side by side, or the additions would wait for each other and not for the memory.
fn sum(part: &[u64]) -> u64 {
    let mut sums = [0_u64; 16];
    for words in part.chunks_exact(16) {
        for (sum, word) in sums.iter_mut().zip(words) {
            *sum = sum.wrapping_add(*word);
        }
    }
    sums.into_iter().fold(0, u64::wrapping_add)
}

/// Bytes of weights that one token reads: the file, which is nearly all weights. Where input and output have tables of
/// their own, this counts the input's too, of which a token reads a single row.
pub(crate) fn weights(model: &Path) -> f64 {
    std::fs::metadata(model).unwrap().len() as f64
}
