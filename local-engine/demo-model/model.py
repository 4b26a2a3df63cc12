"""A small Llama decoder in plain PyTorch, with the names and the conventions
of Hugging Face's LlamaForCausalLM (rotate-half rotary embedding, tied output)."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn





@dataclass
class Config:
    vocab_size: int
    hidden_size: int = 256
    layers: int = 4
    heads: int = 4
    ffn: int = 640
    max_positions: int = 512
    rope_theta: float = 10000.0
    eps: float = 1e-5
    dropout: float = 0.1

    @property
    def head_dim(self):
        return self.hidden_size // self.heads


class RmsNorm(nn.Module):
    def __init__(self, size, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x):
        return F.rms_norm(x, self.weight.shape, self.weight, self.eps)


def rotary_tables(config):
    half = torch.arange(0, config.head_dim, 2).float() / config.head_dim
    angles = torch.outer(torch.arange(config.max_positions).float(), config.rope_theta**-half)
    angles = torch.cat([angles, angles], dim=-1)
    return angles.cos(), angles.sin()


def rotate(x, cos, sin):
    left, right = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-right, left], dim=-1) * sin


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        size = config.hidden_size
        self.heads, self.head_dim = config.heads, config.head_dim
        self.q_proj = nn.Linear(size, size, bias=False)
        self.k_proj = nn.Linear(size, size, bias=False)
        self.v_proj = nn.Linear(size, size, bias=False)
        self.o_proj = nn.Linear(size, size, bias=False)

    def forward(self, x, cos, sin):
        batch, length, size = x.shape
        shape = (batch, length, self.heads, self.head_dim)
        q, k, v = (proj(x).view(shape).transpose(1, 2) for proj in (self.q_proj, self.k_proj, self.v_proj))
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(out.transpose(1, 2).reshape(batch, length, size))


class Mlp(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.ffn, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.ffn, bias=False)
        self.down_proj = nn.Linear(config.ffn, config.hidden_size, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class FeatureDropout(nn.Module):
    """Drops the same features at every position of a row. The mask is small,
    so it costs little on a CPU, where random numbers are expensive."""

    def __init__(self, rate):
        super().__init__()
        self.rate = rate

    def forward(self, x):
        if not self.training or self.rate == 0:
            return x
        keep = 1 - self.rate
        return x * (torch.rand(x.shape[0], 1, x.shape[2]) < keep).to(x.dtype).div_(keep)


class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.self_attn = Attention(config)
        self.mlp = Mlp(config)
        self.input_layernorm = RmsNorm(config.hidden_size, config.eps)
        self.post_attention_layernorm = RmsNorm(config.hidden_size, config.eps)
        self.dropout = FeatureDropout(config.dropout)

    def forward(self, x, cos, sin):
        x = x + self.dropout(self.self_attn(self.input_layernorm(x), cos, sin))
        return x + self.dropout(self.mlp(self.post_attention_layernorm(x)))


class Llama(nn.Module):
    embedding_spread = 0.05

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = RmsNorm(config.hidden_size, config.eps)
        self.dropout = FeatureDropout(config.dropout)
        cos, sin = rotary_tables(config)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.apply(self._init)
        for layer in self.layers:  # keeps the residual stream's scale independent of depth
            for proj in (layer.self_attn.o_proj, layer.mlp.down_proj):
                proj.weight.data.div_((2 * config.layers) ** 0.5)

    def _init(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=self.embedding_spread)

    def hidden(self, ids):
        """Final hidden states. Padding stands on the right, where the causal mask hides it."""
        x = self.dropout(self.embed_tokens(ids))
        cos, sin = self.cos[: ids.shape[1]], self.sin[: ids.shape[1]]
        for layer in self.layers:
            x = layer(x, cos, sin)
        return self.norm(x)

    def logits(self, hidden):
        return F.linear(hidden, self.embed_tokens.weight)
