"""Writes the model folder: GGUF in Q8_0, tokenizer and configuration files."""

import json
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.torch import save_file

from model import Config, Llama
from vocab import CHAT_TEMPLATE, END, PAD, SPECIALS

GGUF_NAME = "model-q8_0.gguf"
LAYER_TENSORS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
ROTARY_TENSORS = ("attn_q", "attn_k")


def gguf_names(layers):
    """Pairs of (name in this model, name in the GGUF file)."""
    yield "embed_tokens.weight", "token_embd.weight"
    yield "norm.weight", "output_norm.weight"
    for layer in range(layers):
        for ours, theirs in LAYER_TENSORS.items():
            yield f"layers.{layer}.{ours}.weight", f"blk.{layer}.{theirs}.weight"


def interleave(weight, heads):
    """GGUF's llama architecture pairs neighbouring rows for the rotary
    embedding; Hugging Face pairs row i with row i + head_dim / 2."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def deinterleave(weight, heads):
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _write_header(writer, config, tokenizer):
    end = tokenizer.token_to_id(END)
    writer.add_name("Intent and slot demo model")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_context_length(config.max_positions)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.layers)
    writer.add_feed_forward_length(config.ffn)
    writer.add_head_count(config.heads)
    writer.add_head_count_kv(config.heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_layer_norm_rms_eps(config.eps)
    writer.add_vocab_size(config.vocab_size)
    described = json.loads(tokenizer.to_str())
    added = {token["id"]: token["special"] for token in described["added_tokens"]}
    kinds = {True: gguf.TokenType.CONTROL, False: gguf.TokenType.USER_DEFINED}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([tokenizer.id_to_token(i) for i in range(config.vocab_size)])
    writer.add_token_types(
        [kinds[added[i]] if i in added else gguf.TokenType.NORMAL for i in range(config.vocab_size)]
    )
    writer.add_token_merges([" ".join(pair) for pair in described["model"]["merges"]])
    writer.add_eos_token_id(end)
    writer.add_pad_token_id(tokenizer.token_to_id(PAD))
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def write_gguf(path, model, tokenizer):
    config = model.config
    weights = {name: tensor.detach().float().numpy() for name, tensor in model.state_dict().items()}
    writer = gguf.GGUFWriter(str(path), "llama")
    _write_header(writer, config, tokenizer)
    q8 = gguf.GGMLQuantizationType.Q8_0
    for ours, theirs in gguf_names(config.layers):
        weight = weights[ours]
        if any(f".{name}." in theirs for name in ROTARY_TENSORS):
            weight = interleave(weight, config.heads)
        weight = np.ascontiguousarray(weight)
        if weight.ndim == 2:
            writer.add_tensor(theirs, gguf.quants.quantize(weight, q8), raw_dtype=q8)
        else:
            writer.add_tensor(theirs, weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def read_gguf(path):
    """Loads the quantized file back, dequantized: what the gateway computes with."""
    reader = gguf.GGUFReader(str(path))

    def field(name):
        return reader.fields[f"llama.{name}"].contents()

    config = Config(
        vocab_size=field("vocab_size"),
        hidden_size=field("embedding_length"),
        layers=field("block_count"),
        heads=field("attention.head_count"),
        ffn=field("feed_forward_length"),
        max_positions=field("context_length"),
        rope_theta=field("rope.freq_base"),
        eps=field("attention.layer_norm_rms_epsilon"),
    )
    tensors = {t.name: gguf.quants.dequantize(t.data, t.tensor_type) for t in reader.tensors}
    weights = {}
    for ours, theirs in gguf_names(config.layers):
        weight = tensors[theirs]
        if any(f".{name}." in theirs for name in ROTARY_TENSORS):
            weight = deinterleave(weight, config.heads)
        weights[ours] = torch.from_numpy(np.array(weight, dtype=np.float32))
    model = Llama(config)
    model.load_state_dict(weights)
    return model.eval()


def _write_json(path, value):
    Path(path).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def tokenizer_settings(config):
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "add_bos_token": False,
        "eos_token": END,
        "pad_token": PAD,
        "additional_special_tokens": SPECIALS[2:],
        "clean_up_tokenization_spaces": False,
        "model_max_length": config.max_positions,
        "chat_template": CHAT_TEMPLATE,
    }


def model_settings(config):
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "hidden_size": config.hidden_size,
        "intermediate_size": config.ffn,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.heads,
        "head_dim": config.head_dim,
        "max_position_embeddings": config.max_positions,
        "rms_norm_eps": config.eps,
        "rope_theta": config.rope_theta,
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": True,
        "vocab_size": config.vocab_size,
        "torch_dtype": "float32",
    }


def write_config_files(folder, config, tokenizer):
    folder = Path(folder)
    ends = {"eos_token_id": tokenizer.token_to_id(END), "pad_token_id": tokenizer.token_to_id(PAD)}
    generation = {"do_sample": False, "max_new_tokens": 128}
    tokenizer.save(str(folder / "tokenizer.json"))
    _write_json(folder / "tokenizer_config.json", tokenizer_settings(config))
    _write_json(folder / "config.json", {**model_settings(config), **ends})
    _write_json(folder / "generation_config.json", {**generation, **ends})


def export(folder, model, tokenizer, labels, full_precision=None):
    """Writes everything the gateway reads. `full_precision` names a second
    folder for an unquantized copy in safetensors format."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_gguf(folder / GGUF_NAME, model, tokenizer)
    write_config_files(folder, model.config, tokenizer)
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")
    if full_precision:
        Path(full_precision).mkdir(parents=True, exist_ok=True)
        write_config_files(full_precision, model.config, tokenizer)
        weights = {f"model.{k}": v.detach().float().contiguous() for k, v in model.state_dict().items()}
        save_file(weights, str(Path(full_precision, "model.safetensors")), metadata={"format": "pt"})
