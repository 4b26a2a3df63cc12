//! llama.cpp called from this process, token by token, with nothing around it.

use std::num::NonZeroU32;
use std::sync::OnceLock;
use std::time::Instant;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::{KvCacheType, LlamaContextParams};
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::token::LlamaToken;

use crate::{Contender, Options, Round, Task};

/// Of llama.h.
const FLASH_ATTENTION_AUTO: i32 = -1;
const FLASH_ATTENTION_OFF: i32 = 0;
const ROOM: u32 = 2048;

/// What may be set.
#[derive(Clone, Copy)]
struct Setting {
    chunk: usize,
    flash: i32,
    kept: KvCacheType,
}

pub(crate) struct Direct {
    name: String,
    context: LlamaContext<'static>,
    chunk: usize,
}

impl Direct {
    /// With the library's own settings.
    pub(crate) fn usual(options: &Options) -> Self {
        let setting = Setting {
            chunk: 512,
            flash: FLASH_ATTENTION_AUTO,
            kept: KvCacheType::F16,
        };
        Self::new("llama.cpp, called directly", options, setting)
    }

    /// With the settings of our adapter: what is left is what we add.
    pub(crate) fn like_ours(options: &Options) -> Self {
        let setting = Setting {
            chunk: local_engine::llama::CHUNK,
            flash: FLASH_ATTENTION_OFF,
            kept: KvCacheType::F16,
        };
        Self::new("the same, set like our adapter", options, setting)
    }

    /// With other sizes of steps, each with and without flash attention, and with it on keys and values in F32.
    pub(crate) fn sweep(options: &Options) -> impl Iterator<Item = Self> {
        let attentions = [
            (", flash", FLASH_ATTENTION_AUTO, KvCacheType::F16),
            (", flash, F32", FLASH_ATTENTION_AUTO, KvCacheType::F32),
            ("", FLASH_ATTENTION_OFF, KvCacheType::F16),
        ];
        [64, 128, 256].into_iter().flat_map(move |chunk| {
            attentions.map(|(what, flash, kept)| {
                let name = format!("steps of {chunk}{what}");
                Self::new(&name, options, Setting { chunk, flash, kept })
            })
        })
    }

    fn new(name: &str, options: &Options, setting: Setting) -> Self {
        let Setting { chunk, flash, kept } = setting;
        static BACKEND: OnceLock<LlamaBackend> = OnceLock::new();
        static MODEL: OnceLock<LlamaModel> = OnceLock::new();
        let backend = BACKEND.get_or_init(|| {
            let mut backend = LlamaBackend::init().unwrap();
            backend.void_logs();
            backend
        });
        let params = LlamaModelParams::default();
        let model = MODEL
            .get_or_init(|| LlamaModel::load_from_file(backend, &options.model, &params).unwrap());
        let threads = i32::try_from(options.threads).unwrap();
        let size = u32::try_from(chunk).unwrap();
        let params = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(ROOM))
            .with_n_batch(size)
            .with_n_ubatch(size)
            .with_n_threads(threads)
            .with_n_threads_batch(threads)
            .with_flash_attention_policy(flash)
            .with_type_k(kept)
            .with_type_v(kept);
        let context = model.new_context(backend, params).unwrap();
        Self {
            name: name.to_owned(),
            context,
            chunk,
        }
    }

    fn read(&mut self, tokens: &[i32], at: usize) -> i32 {
        let mut batch = LlamaBatch::new(self.chunk, 1);
        for (place, token) in tokens.iter().enumerate() {
            let position = i32::try_from(at + place).unwrap();
            let last = place + 1 == tokens.len();
            batch.add(LlamaToken(*token), position, &[0], last).unwrap();
        }
        self.context.decode(&mut batch).unwrap();
        let logits = self.context.get_logits_ith(batch.n_tokens() - 1);
        let best = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        i32::try_from(best.unwrap().0).unwrap()
    }
}

impl Contender for Direct {
    fn name(&self) -> &str {
        &self.name
    }

    fn play(&mut self, task: Task, number: usize) -> Round {
        self.context.clear_kv_cache();
        let tokens: Vec<i32> = (0..task.prompt)
            .map(|place| i32::try_from((place * 7 + number) % 200 + 32).unwrap())
            .collect();
        let begun = Instant::now();
        let (mut at, mut token) = (0, 0);
        for chunk in tokens.chunks(self.chunk) {
            token = self.read(chunk, at);
            at += chunk.len();
        }
        let read = begun.elapsed();
        let begun = Instant::now();
        for _ in 0..task.answer {
            token = self.read(&[token], at);
            at += 1;
        }
        Round {
            prompt: (task.prompt, read),
            answer: (task.answer, begun.elapsed()),
        }
    }
}
