"""Starts a model with a circuit that copies from the request.

A slot answer repeats parts of the request. Attention learns that with two kinds
of heads: one that tells each token what stood before it, and a later one that
looks for the place in the request that continues the last tokens. A model this
small finds the pair late, so training starts with a rough copy of it:

- heads 0 and 1 of layer 0 look one and two tokens back and write a code of the
  token found there into the residual stream;
- head 0 of layer 1 compares its own token and the one before it with these
  codes, and writes the token it finds into the output.

Training is free to change all of it.
"""

import torch

FAST_PAIRS = 3  # the fastest rotary pairs tell neighbouring positions apart
SLOW_PAIR = 16  # from here on a rotary pair hardly turns within a request
LOOK_BACK_SCORE = 6.0
MATCH_SCORE = 2.0
WRITE = 1.0
COPY = 12.0
QUIET = 0.1


def directions(count, size, generator):
    """`count` orthonormal rows, scaled to give unit values on unit features."""
    return torch.linalg.qr(torch.randn(size, size, generator=generator))[0][:count]


def rows_of(config, head):
    return slice(head * config.head_dim, (head + 1) * config.head_dim)


def look_back(model, head, distance, read, write, spread):
    """The query is the key turned back by `distance` tokens. Feature 0 of the
    embeddings starts as a constant and serves as the bias that this needs."""
    config, attention = model.config, model.layers[0].self_attn
    start, half = head * config.head_dim, config.head_dim // 2
    for weight in (attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight):
        weight[rows_of(config, head)] *= 0.1
    for pair in range(FAST_PAIRS):
        angle = torch.atan2(model.sin[distance, pair], model.cos[distance, pair])
        attention.k_proj.weight[start + pair, 0] = LOOK_BACK_SCORE / 3
        attention.q_proj.weight[start + pair, 0] = LOOK_BACK_SCORE / 3 * angle.cos()
        attention.q_proj.weight[start + half + pair, 0] = -LOOK_BACK_SCORE / 3 * angle.sin()
    attention.v_proj.weight[start : start + len(read)] += read
    attention.o_proj.weight[:, start : start + len(write)] += WRITE * spread * write.T


def match_and_copy(model, own, before, twice_before, generator):
    config, attention = model.config, model.layers[1].self_attn
    half = config.head_dim // 2
    rows = rows_of(config, 0)
    query, key = attention.q_proj.weight[rows], attention.k_proj.weight[rows]
    query *= 0.1
    key *= 0.1
    # Slow pairs lie at SLOW_PAIR.. in the first half and at the same places of the second.
    query[SLOW_PAIR:half] += MATCH_SCORE * own
    key[SLOW_PAIR:half] += MATCH_SCORE * before
    query[half + SLOW_PAIR :] += MATCH_SCORE * before
    key[half + SLOW_PAIR :] += MATCH_SCORE * twice_before
    token = directions(config.head_dim, config.hidden_size, generator)
    attention.v_proj.weight[rows] = token
    attention.o_proj.weight[:, rows] = COPY * model.embedding_spread * token.T


@torch.no_grad()
def start_copying(model, seed):
    generator = torch.Generator().manual_seed(seed)
    config, spread = model.config, model.embedding_spread
    count = config.head_dim // 2 - SLOW_PAIR
    basis = directions(3 * count, config.hidden_size - 1, generator)
    basis = torch.cat([torch.zeros(len(basis), 1), basis], dim=1)  # leaves the constant feature alone
    own, before, twice_before = basis.split(count)
    for layer in model.layers:  # quiet the random rest, which would drown the codes
        layer.self_attn.o_proj.weight *= QUIET
        layer.mlp.down_proj.weight *= QUIET
    codes = torch.cat([before, twice_before])  # embeddings keep out of the room for the codes
    model.embed_tokens.weight -= model.embed_tokens.weight @ codes.T @ codes
    model.embed_tokens.weight[:, 0] = 3 * spread
    look_back(model, 0, 1, own, before, spread)
    look_back(model, 1, 2, own, twice_before, spread)
    match_and_copy(model, own, before, twice_before, generator)
