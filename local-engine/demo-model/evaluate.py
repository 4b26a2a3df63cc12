"""Measures the exported model the way the gateway uses it.

    python evaluate.py --clinc DIR --snips DIR [--model DIR]

Intents: greedy decoding over a token trie of the 150 labels. The confidence is
the log-probability of the chosen tokens under the full vocabulary, before the
trie masks it, so that mass on `out_of_scope` or on anything else lowers it.
Slots: greedy decoding, exact match of the answer.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from data import INTENT_PROMPT, SLOT_PROMPT, label_names, load_clinc, load_snips, slot_answer
from export import GGUF_NAME, read_gguf
from vocab import END, PAD, prompt_text


def auroc(positive, negative):
    """Probability that a positive's score exceeds a negative's, ties count half."""
    scores = np.concatenate([positive, negative])
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    below = ranks[: len(positive)].sum() - len(positive) * (len(positive) + 1) / 2
    return below / (len(positive) * len(negative))


def label_trie(tokenizer, labels):
    """Maps each prefix of label tokens to its legal next tokens."""
    trie = {}
    end = tokenizer.token_to_id(END)
    for label in labels:
        ids = tokenizer.encode(label).ids + [end]
        for depth, token in enumerate(ids):
            trie.setdefault(tuple(ids[:depth]), set()).add(token)
    return {prefix: torch.tensor(sorted(legal)) for prefix, legal in trie.items()}


def last_log_probs(model, rows, pad):
    """Log-probabilities of the token that follows each row."""
    ids = torch.full((len(rows), max(map(len, rows))), pad)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
    hidden = model.hidden(ids)[torch.arange(len(rows)), torch.tensor([len(r) - 1 for r in rows])]
    return torch.log_softmax(model.logits(hidden), dim=-1)


@torch.no_grad()
def name_intents(model, tokenizer, labels, utterances, batch=256):
    """Returns the chosen labels and their confidences (log-probabilities)."""
    model.eval()
    pad, end = tokenizer.token_to_id(PAD), tokenizer.token_to_id(END)
    trie = label_trie(tokenizer, labels)
    prompts = [e.ids for e in tokenizer.encode_batch([prompt_text(INTENT_PROMPT, u) for u in utterances])]
    chosen, scores = [()] * len(prompts), np.zeros(len(prompts))
    open_rows = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    while open_rows:
        for start in range(0, len(open_rows), batch):
            part = open_rows[start : start + batch]
            logs = last_log_probs(model, [prompts[i] + list(chosen[i]) for i in part], pad)
            for row, i in zip(logs, part):
                legal = trie[chosen[i]]
                token = legal[row[legal].argmax()].item()
                scores[i] += row[token].item()
                chosen[i] += (token,)
        open_rows = [i for i in open_rows if chosen[i][-1] != end]
    return [tokenizer.decode(list(c[:-1])) for c in chosen], scores


@torch.no_grad()
def slots_exact(model, tokenizer, examples, batch=64):
    """Whether greedy decoding gives the gold answer. It does exactly if every
    gold token is the most probable one after the gold tokens before it, so one
    pass over prompt and gold answer is enough."""
    model.eval()
    pad, end = tokenizer.token_to_id(PAD), tokenizer.token_to_id(END)
    rows = []
    for text, slots in (example.render() for example in examples):
        prompt = tokenizer.encode(prompt_text(SLOT_PROMPT, text)).ids
        rows.append((prompt, tokenizer.encode(slot_answer(slots)).ids + [end]))
    exact = np.zeros(len(rows), dtype=bool)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]) + len(rows[i][1]))
    for start in range(0, len(order), batch):
        part = order[start : start + batch]
        ids = torch.full((len(part), max(len(rows[i][0]) + len(rows[i][1]) for i in part)), pad)
        for n, i in enumerate(part):
            joined = rows[i][0] + rows[i][1]
            ids[n, : len(joined)] = torch.tensor(joined)
        best = model.logits(model.hidden(ids)).argmax(-1)
        for n, i in enumerate(part):
            prompt, answer = rows[i]
            said = best[n, len(prompt) - 1 : len(prompt) + len(answer) - 1]
            exact[i] = said.tolist() == answer
    return exact


def intent_figures(model, tokenizer, labels, in_scope, out_of_scope):
    """Accuracy, AUROC right/wrong within the in-scope rows, AUROC right/out-of-scope."""
    named, scores = name_intents(model, tokenizer, labels, [text for text, _ in in_scope])
    right = np.array([a == b for a, (_, b) in zip(named, in_scope)])
    _, foreign = name_intents(model, tokenizer, labels, [text for text, _ in out_of_scope])
    return {
        "intent_accuracy": float(right.mean()),
        "auroc_right_wrong": float(auroc(scores[right], scores[~right])),
        "auroc_right_oos": float(auroc(scores[right], foreign)),
        "oos_above_half": float((foreign > np.log(0.5)).mean()),
        "right_above_half": float((scores[right] > np.log(0.5)).mean()),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clinc", required=True, help="folder with data_full.json")
    parser.add_argument("--snips", required=True, help="folder with train_*_full.json and validate_*.json")
    parser.add_argument("--model", default=Path(__file__).parent, type=Path)
    parser.add_argument("--splits", nargs="+", default=["val", "test"])
    args = parser.parse_args()
    model = read_gguf(args.model / GGUF_NAME)
    tokenizer = Tokenizer.from_file(str(args.model / "tokenizer.json"))
    clinc, (_, slot_dev, slot_test) = load_clinc(args.clinc), load_snips(args.snips)
    for split in args.splits:
        figures = intent_figures(model, tokenizer, label_names(clinc), clinc[split], clinc[f"oos_{split}"])
        slots = slots_exact(model, tokenizer, slot_dev if split == "val" else slot_test)
        print(split, json.dumps({**figures, "slots_exact": float(slots.mean())}, indent=2))


if __name__ == "__main__":
    main()
