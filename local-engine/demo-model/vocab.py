"""The byte-level BPE tokenizer and the chat format."""

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from data import INTENT_PROMPT, OUT_OF_SCOPE, SLOT_PROMPT

# The end token has number 0, because the grammar engine of some runtimes takes
# token 0 for the end where it does not know the model's own name for it.
END, PAD, SYSTEM, USER, ASSISTANT = SPECIALS = ["<|end|>", "<|pad|>", "<|system|>", "<|user|>", "<|assistant|>"]
CHAT_TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
# A space is a token of its own, and so is each piece of JSON syntax. A word then
# has the same tokens in the request and after a JSON quote, which makes copying
# a slot value a matter of repeating tokens. The price is longer requests.
PIECES = r"""\{"|":\["|"\],"|"\]\}|":"|","|"\}|'\p{L}+|[\p{L}\p{M}_]+|\p{N}|\s|[^\s\p{L}\p{M}\p{N}_]"""
LABEL_WEIGHT = 400  # how often a label or slot name is repeated for the BPE statistics


def train_tokenizer(texts, names, vocab_size):
    """`names` are the labels and slot names; their weight makes most of them one token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    prompts = [INTENT_PROMPT, SLOT_PROMPT]
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(prompts),
        special_tokens=SPECIALS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    syntax = ['{"', '":["', '"],"', '"]}', '":"', '","', '"}']
    weighted = [text for text in [*names, OUT_OF_SCOPE, *syntax] for _ in range(LABEL_WEIGHT)]
    tokenizer.train_from_iterator(list(texts) + weighted, trainer)
    # The two fixed system prompts cost one token each.
    tokenizer.add_special_tokens([AddedToken(prompt, normalized=False, special=True) for prompt in prompts])
    return tokenizer


def prompt_text(system, user):
    """What CHAT_TEMPLATE renders for a system and a user message."""
    return f"{SYSTEM}{system}{END}{USER}{user}{END}{ASSISTANT}"
