#!/usr/bin/env python3
"""Writes `families/*.json`: tiny models of true architectures, and what transformers computes with them.

Needs transformers 5.24 and torch 2.15 (a CPU is enough). Usage: `golden.py [FAMILY ...]`; no name means all.

A file holds the configuration as transformers writes it, the name and shape of every tensor as transformers
saves them, how the values of each tensor are drawn, the SHA-256 of all values, and the greedy answers in F32.
Tests draw the same values again, so no weights are kept.
"""

import hashlib
import json
import math
import pathlib
import sys
import tempfile

import numpy
import torch
import transformers
from safetensors import safe_open
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).parent
TOKENS, START, END = 272, 257, 258
STEPS = 10
SEEDS = 200
LONG = "".join(chr(33 + (7 * i * i + 3 * i) % 90) for i in range(180))
PROMPTS = ["?", "Grüße aus Köln, 17 Ziele.", LONG]


def base(**more):
    values = dict(
        vocab_size=TOKENS, hidden_size=128, intermediate_size=192, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=1024,
        bos_token_id=256, eos_token_id=END, pad_token_id=256, tie_word_embeddings=True,
    )
    return values | more


def plain(theta):
    return dict(rope_type="default", rope_theta=theta)


def smollm2():
    return transformers.LlamaConfig(**base(rms_norm_eps=1e-5, rope_parameters=plain(100000.0)))


def llama32():
    rope = dict(rope_type="llama3", rope_theta=500000.0, factor=32.0, low_freq_factor=1.0,
                high_freq_factor=4.0, original_max_position_embeddings=64)
    return transformers.LlamaConfig(**base(rms_norm_eps=1e-5, head_dim=32, rope_parameters=rope))


def monad():
    return transformers.LlamaConfig(**base(num_hidden_layers=16, hidden_size=64, intermediate_size=96,
                                           num_attention_heads=2, num_key_value_heads=1, head_dim=32,
                                           rms_norm_eps=1e-5, rope_parameters=plain(10000.0)))


def baguettotron():
    return transformers.LlamaConfig(**base(num_hidden_layers=20, hidden_size=96, intermediate_size=128,
                                           num_attention_heads=3, num_key_value_heads=1, head_dim=32,
                                           rms_norm_eps=1e-5, rope_parameters=plain(10000.0)))


def phi2():
    rope = plain(10000.0) | dict(partial_rotary_factor=0.4)
    return transformers.PhiConfig(**base(hidden_size=160, intermediate_size=256, num_key_value_heads=4,
                                         hidden_act="gelu_new", layer_norm_eps=1e-5,
                                         tie_word_embeddings=False, rope_parameters=rope))


def phi3():
    return transformers.Phi3Config(**base(num_key_value_heads=4, sliding_window=71, rms_norm_eps=1e-5,
                                          original_max_position_embeddings=1024, tie_word_embeddings=False,
                                          rope_parameters=plain(10000.0)))


def phi4_mini():
    count = 12
    rope = dict(rope_type="longrope", rope_theta=10000.0, partial_rotary_factor=0.75,
                original_max_position_embeddings=128, factor=8.0,
                short_factor=[1.0 + 0.02 * i for i in range(count)],
                long_factor=[1.0 + 0.25 * i * i for i in range(count)])
    return transformers.Phi3Config(**base(sliding_window=1024, rms_norm_eps=1e-5,
                                          original_max_position_embeddings=128, rope_parameters=rope))


def qwen3():
    return transformers.Qwen3Config(**base(head_dim=64, rms_norm_eps=1e-6, max_window_layers=2,
                                           use_sliding_window=False, rope_parameters=plain(1000000.0)))


def smollm3():
    return transformers.SmolLM3Config(**base(num_hidden_layers=4, rms_norm_eps=1e-6,
                                             rope_parameters=plain(5000000.0)))


def gemma4(**more):
    rope = dict(
        sliding_attention=plain(10000.0),
        full_attention=dict(rope_type="proportional", partial_rotary_factor=0.25, rope_theta=1000000.0),
    )
    kinds = ["sliding_attention", "sliding_attention", "full_attention"] * 2
    text = base(hidden_size=64, intermediate_size=96, num_hidden_layers=6, num_attention_heads=4,
                num_key_value_heads=1, head_dim=32, global_head_dim=64, sliding_window=32,
                layer_types=kinds, final_logit_softcapping=30.0, vocab_size_per_layer_input=TOKENS,
                hidden_size_per_layer_input=32, num_kv_shared_layers=3, rope_parameters=rope,
                rms_norm_eps=1e-6) | more
    ids = dict(boi_token_id=260, eoi_token_id=261, image_token_id=262, video_token_id=263,
               boa_token_id=264, eoa_token_index=265, audio_token_id=266)
    return transformers.Gemma4Config(text_config=text, vision_config=None, audio_config=None, **ids)


def ministral3():
    rope = dict(rope_type="yarn", type="yarn", rope_theta=1000000.0, factor=16.0,
                original_max_position_embeddings=64, max_position_embeddings=1024, beta_fast=32.0,
                beta_slow=1.0, mscale=1.0, mscale_all_dim=1.0, llama_4_scaling_beta=0.1)
    text = base(head_dim=64, rms_norm_eps=1e-5, rope_parameters=rope, model_type="ministral3")
    vision = dict(model_type="pixtral", hidden_size=32, intermediate_size=32, num_hidden_layers=1,
                  num_attention_heads=2, head_dim=16, patch_size=14, image_size=56, hidden_act="gelu")
    return transformers.Mistral3Config(text_config=text, vision_config=vision, image_token_index=262,
                                       tie_word_embeddings=True)


def nemotron3_nano():
    values = base(hybrid_override_pattern="M-M*-M-", head_dim=32, tie_word_embeddings=False,
                  ssm_state_size=32, mamba_num_heads=8, mamba_head_dim=16, n_groups=2, conv_kernel=4,
                  chunk_size=32, layer_norm_epsilon=1e-5, mlp_hidden_act="relu2")
    values.pop("num_hidden_layers")
    return transformers.NemotronHConfig(**values)


FAMILIES = {
    "smollm2": (smollm2, "LlamaForCausalLM"),
    "llama-3.2": (llama32, "LlamaForCausalLM"),
    "monad": (monad, "LlamaForCausalLM"),
    "baguettotron": (baguettotron, "LlamaForCausalLM"),
    "phi-2": (phi2, "PhiForCausalLM"),
    "phi-3-mini": (phi3, "Phi3ForCausalLM"),
    "phi-4-mini": (phi4_mini, "Phi3ForCausalLM"),
    "qwen3": (qwen3, "Qwen3ForCausalLM"),
    "smollm3": (smollm3, "SmolLM3ForCausalLM"),
    "gemma-4-e2b": (lambda: gemma4(use_double_wide_mlp=True), "Gemma4ForConditionalGeneration"),
    "gemma-4-e4b": (gemma4, "Gemma4ForConditionalGeneration"),
    "ministral-3": (ministral3, "Mistral3ForConditionalGeneration"),
    "nemotron-3-nano": (nemotron3_nano, "NemotronHForCausalLM"),
}


def law(name, shape, layers):
    """Centre and spread of the values: every tensor matters, and the logits are well apart."""
    if name.endswith("A_log"):
        return 0.5, 0.75
    if name.endswith("dt_bias"):
        return -1.0, 1.0
    if name.endswith("layer_scalar"):
        return 0.8, 0.2
    if name.endswith("conv1d.weight"):
        return 0.0, 0.8
    if name.endswith("bias"):
        return 0.0, 0.3
    if len(shape) == 1:
        return 1.0, 0.3
    if "embed_tokens_per_layer" in name:
        return 0.0, 0.2
    if "embed" in name or "lm_head" in name:
        return 0.0, 0.4
    gain = 1.6 if any(part in name for part in ("q_proj", "k_proj", "qkv_proj")) else 1.2
    # Deep models would make much of every rounding.
    if layers > 8 and any(part in name for part in ("o_proj", "down_proj")):
        gain = math.sqrt(2.0 / layers)
    return 0.0, round(gain * math.sqrt(3.0 / math.prod(shape[1:])), 4)


def draws(seed, name, shape):
    """splitmix64, the upper 16 bits as a number in -1..1."""
    begin = seed ^ int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    count = math.prod(shape)
    with numpy.errstate(over="ignore"):
        z = numpy.uint64(begin) + numpy.arange(1, count + 1, dtype=numpy.uint64) * numpy.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    bits = ((z >> numpy.uint64(48)) & numpy.uint64(0xFFFF)).astype(numpy.float32)
    return (bits / numpy.float32(32768.0) - numpy.float32(1.0)).reshape(shape)


def weights(seed, tensors):
    return {
        name: numpy.float32(centre) + numpy.float32(spread) * draws(seed, name, shape)
        for name, shape, centre, spread in tensors
    }


def digest(values):
    hasher = hashlib.sha256()
    for name in sorted(values):
        hasher.update(name.encode())
        hasher.update(values[name].astype("<f4").tobytes())
    return hasher.hexdigest()


def saved(model, folder):
    """Names and shapes as they lie in the file."""
    model.save_pretrained(folder)
    found = []
    for path in sorted(pathlib.Path(folder).glob("*.safetensors")):
        with safe_open(path, "np") as file:
            found += [(name, list(file.get_slice(name).get_shape())) for name in file.keys()]
    return sorted(found)


def ids(prompt):
    line = list(b"\n")
    return ([START, *b"user\n", *prompt.encode(), END] + line
            + [START, *b"assistant\n"])


def answer(model, prompt):
    """Greedy, with the cache as in a real generation."""
    tokens, logprobs, margins = [], [], []
    past, given = None, torch.tensor([ids(prompt)])
    for _ in range(STEPS):
        with torch.no_grad():
            output = model(input_ids=given, past_key_values=past, use_cache=True)
        past = output.past_key_values
        row = torch.log_softmax(output.logits[0, -1].double(), -1)
        best = torch.topk(row, 2)
        token = int(best.indices[0])
        tokens.append(token)
        logprobs.append(round(float(best.values[0]), 6))
        margins.append(round(float(best.values[0] - best.values[1]), 6))
        if token in (256, END):
            break
        given = torch.tensor([[token]])
    return dict(prompt=prompt, tokens=tokens, logprobs=logprobs, margins=margins)


def attempt(kind, folder, tensors, seed):
    values = weights(seed, tensors)
    save_file(values, pathlib.Path(folder) / "model.safetensors", metadata={"format": "pt"})
    model, report = kind.from_pretrained(folder, dtype=torch.float32, output_loading_info=True,
                                         attn_implementation="eager")
    for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        assert not report[what], (what, report[what])
    model.eval()
    return digest(values), [answer(model, prompt) for prompt in PROMPTS]


def is_clear(answers):
    """Full length, many different tokens, and never two that are about as probable."""
    steps = sum(len(each["tokens"]) for each in answers)
    kinds = len({token for each in answers for token in each["tokens"]})
    least = min(margin for each in answers for margin in each["margins"])
    # These can be compared where weights are quantized, too.
    first = min(margin for each in answers for margin in each["margins"][:3])
    return steps == STEPS * len(PROMPTS) and kinds >= 6 and least >= 0.02 and first >= 0.25


def make(name):
    config, class_name = FAMILIES[name]
    kind = getattr(transformers, class_name)
    with tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        model = kind(config()).to(torch.float32)
        found = saved(model, folder)
        layers = model.config.get_text_config().num_hidden_layers
        tensors = [[name, shape, *law(name, shape, layers)] for name, shape in found]
        written = json.loads((pathlib.Path(folder) / "config.json").read_text())
        for seed in range(1, SEEDS + 1):
            weights_hash, answers = attempt(kind, folder, tensors, seed)
            if is_clear(answers):
                break
        else:
            sys.exit(f"{name}: no seed gives clear answers")
    print(name, "seed", seed, flush=True)
    head = dict(family=name, transformers=transformers.__version__, torch=torch.__version__.split("+")[0],
                seed=seed, weights_sha256=weights_hash, config=written)
    lines = ",\n".join("  " + json.dumps(each) for each in tensors)
    said = ",\n".join("  " + json.dumps(each, ensure_ascii=False) for each in answers)
    text = json.dumps(head, indent=1, ensure_ascii=False)[:-2]
    text += f',\n "tensors": [\n{lines}\n ],\n "answers": [\n{said}\n ]\n}}\n'
    json.loads(text)
    (HERE / "families" / f"{name}.json").write_text(text)


if __name__ == "__main__":
    transformers.utils.logging.disable_progress_bar()
    for name in sys.argv[1:] or FAMILIES:
        make(name)
