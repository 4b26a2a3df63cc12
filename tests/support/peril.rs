//! An engine that can be made to die, from within: what a library with a bug would do.

use std::io::Write as _;
use std::net::Shutdown;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use local_engine::{
    EngineError, Estimate, Generation, Health, Job, LocalEngine, Message, ModelInfo,
};

/// Does what the last message says, if that is one of [`PERILS`](Self::PERILS); else the engine within answers.
#[derive(Debug)]
pub struct Perilous(pub Arc<dyn LocalEngine>);

impl Perilous {
    /// Words that end the process, each in its own way, with the cause that is told of it.
    pub const PERILS: [(&'static str, &'static str); 6] = [
        ("abort!", "crashed"),
        ("panic!", "exited"),
        ("segfault!", "crashed"),
        ("gorge!", "memory"),
        ("garble!", "garbled"),
        ("hang up!", "exited"),
    ];
}

impl LocalEngine for Perilous {
    fn info(&self) -> Option<Arc<ModelInfo>> {
        self.0.info()
    }

    fn health(&self) -> Health {
        self.0.health()
    }

    fn count_tokens(&self, messages: Vec<Message>) -> BoxFuture<'_, Result<u32, EngineError>> {
        self.0.count_tokens(messages)
    }

    fn estimate(&self, prompt_tokens: u32) -> Estimate {
        self.0.estimate(prompt_tokens)
    }

    fn generate(&self, job: Job) -> Generation {
        match job.messages.last().map(|last| last.content.as_str()) {
            Some("abort!") => std::process::abort(),
            Some("panic!") => panic!("a bug"),
            Some("segfault!") => segfault(),
            Some("gorge!") => gorge(),
            Some("garble!") => garble(),
            Some("hang up!") => hang_up(),
            _ => self.0.generate(job),
        }
    }
}

/// The first of these signals only takes away the handler that looks for the end of a stack.
fn segfault() -> ! {
    loop {
        let own = std::process::id().to_string();
        let _sent = Command::new("kill").args(["-11", &own]).status();
    }
}

/// Takes memory until it is refused.
fn gorge() -> ! {
    let mut taken = Vec::new();
    loop {
        taken.push(vec![1_u8; 1 << 20]);
        std::hint::black_box(&taken);
    }
}

/// Writes something on the way to the parent that is no frame.
fn garble() -> ! {
    to_parent()
        .write_all(&[0xff; 64])
        .expect("a parent that reads");
    loop {
        std::thread::park();
    }
}

/// Closes the way to the parent, and lives on.
fn hang_up() -> ! {
    to_parent()
        .shutdown(Shutdown::Both)
        .expect("an open socket");
    loop {
        std::thread::park();
    }
}

fn to_parent() -> UnixStream {
    let socket = std::io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .expect("standard input");
    UnixStream::from(socket)
}
