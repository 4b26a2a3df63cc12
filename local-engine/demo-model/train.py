"""Trains the bundled model from scratch on the CPU and writes the model folder.

    python train.py --clinc DIR --snips DIR --mmlu FILE --out DIR

--clinc: folder with CLINC150's data_full.json
--snips: folder with the SNIPS files train_*_full.json and validate_*.json
--mmlu:  CSV file with a column `prompt` of MMLU questions (out-of-scope text)
"""

import argparse
import json
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F

from copying import start_copying
from data import (
    INTENT_PROMPT,
    OUT_OF_SCOPE,
    SLOT_PROMPT,
    SlotAugmenter,
    label_names,
    load_clinc,
    load_mmlu_questions,
    load_snips,
    slot_answer,
    vary_request,
)
from evaluate import intent_figures, slots_exact
from export import GGUF_NAME, export, read_gguf
from model import Config, Llama
from oos import OutOfScope
from vocab import END, PAD, prompt_text, train_tokenizer

SEED = 1
VOCAB_SIZE = 3584
BATCH_TOKENS = 2048
PEAK_RATE = 1.5e-3
WEIGHT_DECAY = 0.1
WARMUP_STEPS = 200
DECAY_EPOCHS = 9
REPLACED_TOKENS = 0.15  # share of an intent request's tokens replaced at random
BFLOAT16 = True  # matrix products only; nearly twice as fast where the CPU has AVX512-BF16
SLOT_TOKEN_WEIGHT = 0.5  # an intent answer has two tokens, a slot answer some thirty
SLOT_SHARE = 0.6  # share of the slot examples that an epoch sees
PROMPT_WEIGHT = 0.08  # weight of the language-model loss on a request token
PROMPT_SHARE = 0.25  # share of the request tokens that the language-model loss sees


class Epochs:
    """Makes the token sequences of an epoch: prompt ids, answer ids, answer weight."""

    def __init__(self, tokenizer, clinc, snips, questions):
        self.tokenizer = tokenizer
        self.intents = clinc["train"]
        self.slots = snips
        self.augmenter = SlotAugmenter(snips)
        self.foreign = OutOfScope(clinc, snips, questions)
        self.end = tokenizer.token_to_id(END)
        self.replacements = range(len(json.loads(tokenizer.to_str())["added_tokens"]), tokenizer.get_vocab_size())
        space = tokenizer.encode(" ").ids
        self.kept = {a["id"] for a in json.loads(tokenizer.to_str())["added_tokens"]} | set(space)

    def _encode(self, texts):
        return [encoding.ids for encoding in self.tokenizer.encode_batch(texts)]

    def _corrupt(self, ids, rng):
        """Replaced words keep the model from trusting a single word."""
        return [
            rng.choice(self.replacements) if token not in self.kept and rng.random() < REPLACED_TOKENS else token
            for token in ids
        ]

    def make(self, epoch):
        rng = random.Random(SEED * 1000 + epoch)
        rows = [(vary_request(text, rng), label) for text, label in self.intents]
        rows += [(vary_request(text, rng), OUT_OF_SCOPE) for text in self.foreign.draw(rng)]
        prompts = self._encode([prompt_text(INTENT_PROMPT, text) for text, _ in rows])
        answers = self._encode([label for _, label in rows])
        items = [
            (self._corrupt(prompt, rng), prompt, answer + [self.end], 1.0) for prompt, answer in zip(prompts, answers)
        ]
        chosen = rng.sample(self.slots, int(SLOT_SHARE * len(self.slots)))
        rendered = [self.augmenter.vary(example, rng).render() for example in chosen]
        prompts = self._encode([prompt_text(SLOT_PROMPT, text) for text, _ in rendered])
        answers = self._encode([slot_answer(slots) for _, slots in rendered])
        items += [
            (prompt, prompt, answer + [self.end], SLOT_TOKEN_WEIGHT) for prompt, answer in zip(prompts, answers)
        ]
        return batches(items, rng)


def batches(items, rng):
    """Groups items of similar length, so that little of a batch is padding."""
    items.sort(key=lambda item: len(item[0]) + len(item[2]) + rng.random() * 2)
    groups, group, longest = [], [], 0
    for item in items:
        length = len(item[0]) + len(item[2])
        if group and max(longest, length) * (len(group) + 1) > BATCH_TOKENS:
            groups.append(group)
            group, longest = [], 0
        group.append(item)
        longest = max(longest, length)
    groups.append(group)
    rng.shuffle(groups)
    return groups


def tensors(group, pad, generator):
    """Inputs, targets and loss weights of a batch."""
    longest = max(len(prompt) + len(answer) for prompt, _, answer, _ in group)
    inputs = torch.full((len(group), longest), pad)
    targets = torch.full((len(group), longest), pad)
    weights = torch.zeros(len(group), longest)
    for i, (shown, prompt, answer, weight) in enumerate(group):
        both = len(prompt) + len(answer)
        inputs[i, :both] = torch.tensor(shown + answer)
        targets[i, : both - 1] = torch.tensor((prompt + answer)[1:])
        # From the request's second token on; the first tokens are fixed.
        weights[i, 4 : len(prompt) - 1] = PROMPT_WEIGHT / PROMPT_SHARE
        weights[i, len(prompt) - 1 : both - 1] = weight
    on_prompt = weights == PROMPT_WEIGHT / PROMPT_SHARE
    weights[on_prompt & (torch.rand(weights.shape, generator=generator) > PROMPT_SHARE)] = 0
    return inputs, targets, weights


def loss_of(model, inputs, targets, weights):
    """Weighted cross-entropy; logits are computed only where a weight is not zero."""
    seen = weights > 0
    logits = model.logits(model.hidden(inputs)[seen])
    losses = F.cross_entropy(logits, targets[seen], reduction="none")
    return (losses * weights[seen]).sum() / weights[seen].sum()


def make_optimizer(model):
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    groups = [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=PEAK_RATE, betas=(0.9, 0.98), fused=True)


def rate_factor(position, epochs, step):
    """Short warm-up, a constant part, a straight line down."""
    return min(1.0, step / WARMUP_STEPS) * min(1.0, (epochs - position) / DECAY_EPOCHS)


def train_epoch(model, optimizer, groups, epoch, epochs, step, pad, generator):
    model.train()
    total = 0.0
    for n, group in enumerate(groups):
        step += 1
        factor = rate_factor(epoch + n / len(groups), epochs, step)
        for part in optimizer.param_groups:
            part["lr"] = PEAK_RATE * factor
        with torch.autocast("cpu", torch.bfloat16, enabled=BFLOAT16):
            loss = loss_of(model, *tensors(group, pad, generator))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item()
    return step, total / len(groups)


def fit(model, epochs_of, epochs, tokenizer, checkpoint, on_epoch):
    """Trains; a checkpoint per epoch lets an interrupted run go on where it was."""
    optimizer = make_optimizer(model)
    generator = torch.Generator().manual_seed(SEED)
    pad, first, step = tokenizer.token_to_id(PAD), 0, 0
    if checkpoint.exists():
        state = torch.load(checkpoint)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        generator.set_state(state["generator"])
        torch.set_rng_state(state["dropout"])
        first, step = state["epoch"], state["step"]
    for epoch in range(first, epochs):
        started = time.monotonic()
        groups = epochs_of.make(epoch)
        step, loss = train_epoch(model, optimizer, groups, epoch, epochs, step, pad, generator)
        print(f"epoch {epoch + 1}: loss {loss:.3f}, {len(groups)} steps, {time.monotonic() - started:.0f} s", flush=True)
        state = {"epoch": epoch + 1, "step": step, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save({**state, "generator": generator.get_state(), "dropout": torch.get_rng_state()}, checkpoint)
        on_epoch(epoch + 1)


def validation(model, tokenizer, labels, clinc, slot_dev):
    figures = intent_figures(model, tokenizer, labels, clinc["val"], clinc["oos_val"])
    figures["slots_exact"] = float(slots_exact(model, tokenizer, slot_dev).mean())
    return " ".join(f"{name} {value:.4f}" for name, value in figures.items())


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clinc", required=True)
    parser.add_argument("--snips", required=True)
    parser.add_argument("--mmlu", required=True)
    parser.add_argument("--out", required=True, type=Path, help="the model folder")
    parser.add_argument("--full-precision", type=Path, help="folder for an unquantized copy")
    parser.add_argument("--checkpoint", type=Path, default=Path("checkpoint.pt"))
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--ffn", type=int, default=640)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def main():
    args = parse_arguments()
    torch.manual_seed(SEED)
    torch.set_num_threads(args.threads)
    clinc, (snips, slot_dev, _) = load_clinc(args.clinc), load_snips(args.snips)
    labels = label_names(clinc)
    rendered = [example.render() for example in snips]
    texts = [text for text, _ in clinc["train"]] + [text for text, _ in rendered]
    slot_names = sorted({name for _, slots in rendered for name in slots})
    tokenizer = train_tokenizer(texts, labels + slot_names, VOCAB_SIZE)
    config = Config(
        tokenizer.get_vocab_size(), args.hidden, args.layers, heads=args.hidden // 64, ffn=args.ffn
    )
    model = Llama(config)
    start_copying(model, SEED)
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {config.vocab_size} tokens", flush=True)
    epochs_of = Epochs(tokenizer, clinc, snips, load_mmlu_questions(args.mmlu))

    def on_epoch(done):
        if done % 6 == 0 or done == args.epochs:
            print(validation(model, tokenizer, labels, clinc, slot_dev), flush=True)

    fit(model, epochs_of, args.epochs, tokenizer, args.checkpoint, on_epoch)
    export(args.out, model, tokenizer, labels, args.full_precision)
    print("quantized:", validation(read_gguf(args.out / GGUF_NAME), tokenizer, labels, clinc, slot_dev))


if __name__ == "__main__":
    main()
