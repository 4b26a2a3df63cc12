//! llama.cpp by its Python binding, in a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::{Contender, Options, Round, Task};

/// Reads a line for each round, and answers with two times in seconds. The binding's own sampling is left out, which
/// favours it.
const PROGRAM: &str = r#"
import sys, time
from llama_cpp import Llama
model = Llama(sys.argv[1], n_ctx=2048, n_threads=int(sys.argv[2]), n_threads_batch=int(sys.argv[2]), n_batch=512, verbose=False)
print("ready", flush=True)
for line in sys.stdin:
    prompt, answer, number = map(int, line.split())
    tokens = [(i * 7 + number) % 200 + 32 for i in range(prompt)]
    model.reset()
    begun = time.perf_counter()
    model.eval(tokens)
    read = time.perf_counter()
    for i in range(answer):
        model.eval([(i * 11 + number) % 200 + 32])
    print(read - begun, time.perf_counter() - read, flush=True)
"#;

pub(crate) struct Binding {
    child: Child,
    rounds: ChildStdin,
    times: BufReader<ChildStdout>,
}

impl Binding {
    pub(crate) fn start(python: &Path, options: &Options) -> Self {
        let mut child = Command::new(python)
            .args(["-c", PROGRAM])
            .arg(&options.model)
            .arg(options.threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let rounds = child.stdin.take().unwrap();
        let times = BufReader::new(child.stdout.take().unwrap());
        let mut binding = Self {
            child,
            rounds,
            times,
        };
        assert_eq!(binding.line(), "ready", "the binding does not start");
        binding
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.times.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

impl Contender for Binding {
    fn name(&self) -> &str {
        "llama-cpp-python"
    }

    fn play(&mut self, task: Task, number: usize) -> Round {
        writeln!(self.rounds, "{} {} {number}", task.prompt, task.answer).unwrap();
        let line = self.line();
        let mut times = line
            .split(' ')
            .map(|seconds| Duration::from_secs_f64(seconds.parse().unwrap()));
        Round {
            prompt: (task.prompt, times.next().unwrap()),
            answer: (task.answer, times.next().unwrap()),
        }
    }
}

impl Drop for Binding {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
