"""Data sets of the bundled model: reading, formatting and augmentation.

Two steps share one model. The system prompt picks the step:
INTENT_PROMPT asks for one CLINC150 label, SLOT_PROMPT for a flat JSON object.
"""

import csv
import json
import random
import re
from dataclasses import dataclass
from pathlib import Path

INTENT_PROMPT = "Name the intent of the request."
SLOT_PROMPT = "Extract the slots of the request as JSON."
OUT_OF_SCOPE = "out_of_scope"
SNIPS_INTENTS = (
    "AddToPlaylist",
    "BookRestaurant",
    "GetWeather",
    "PlayMusic",
    "RateBook",
    "SearchCreativeWork",
    "SearchScreeningEvent",
)
# These SNIPS intents have no counterpart among the 150 labels.
SNIPS_FOREIGN = ("RateBook", "SearchCreativeWork", "SearchScreeningEvent")
# Slots whose values are names: any string can stand there.
OPEN_SLOTS = frozenset(
    "artist playlist entity_name track album object_name movie_name restaurant_name "
    "location_name geographic_poi poi served_dish".split()
)
SLOT_DEV_PER_INTENT = 60


@dataclass
class SlotExample:
    """An utterance as chunks of (text, slot name or None)."""

    chunks: list
    intent: str

    def render(self):
        """Returns the utterance and the slot object."""
        text = "".join(part for part, _ in self.chunks).strip()
        slots = {}
        for part, name in self.chunks:
            value = part.strip()
            if name is None or not value:
                continue
            if name not in slots:
                slots[name] = value
            elif isinstance(slots[name], list):
                slots[name].append(value)
            else:
                slots[name] = [slots[name], value]
        return text, slots


def slot_answer(slots):
    return json.dumps(slots, ensure_ascii=False, separators=(",", ":"))


def load_clinc(folder):
    """Splits of CLINC150 as lists of (utterance, label)."""
    raw = json.loads(Path(folder, "data_full.json").read_text(encoding="utf-8"))
    return {split: [tuple(row) for row in rows] for split, rows in raw.items()}


def label_names(clinc):
    return sorted({label for _, label in clinc["train"]})


def _read_json(path):
    raw = Path(path).read_bytes()
    try:
        return json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError:  # some of the files are Latin-1
        return json.loads(raw.decode("latin-1"))


def _load_snips_file(path, intent):
    (rows,) = _read_json(path).values()
    return [
        SlotExample([(c["text"], c.get("entity")) for c in row["data"]], intent)
        for row in rows
    ]


def load_snips(folder, seed=7):
    """Returns (train, dev, test). The dev part is cut from the training files:
    SNIPS calls its test files "validate", and nothing here is chosen on them."""
    train, dev, test = [], [], []
    for intent in SNIPS_INTENTS:
        rows = _load_snips_file(Path(folder, f"train_{intent}_full.json"), intent)
        random.Random(seed).shuffle(rows)
        dev += rows[:SLOT_DEV_PER_INTENT]
        train += rows[SLOT_DEV_PER_INTENT:]
        test += _load_snips_file(Path(folder, f"validate_{intent}.json"), intent)
    return train, dev, test


def load_mmlu_questions(path, max_words=14):
    """Short questions of MMLU, written the way people type to an assistant."""
    stems = set()
    with open(path, encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            stem = row["prompt"].split("\nA.")[0].strip()
            words = stem.lower().split()
            if "\n" in stem or "_" in stem or not 3 <= len(words) <= max_words:
                continue
            if words[0] in QUESTION_WORDS and "the following" not in stem:
                stems.add(plain(stem))
    return sorted(stems)


def plain(text):
    """Lower case without sentence punctuation, the style of CLINC150."""
    return re.sub(r"\s+", " ", re.sub(r"[?!.:;\"]+(?=\s|$)", "", text.lower())).strip()


class SlotAugmenter:
    """Swaps slot values between utterances and invents names, so that the
    model learns to copy what stands in the request instead of what it knows."""

    def __init__(self, examples):
        self.pools = {}
        for example in examples:
            for part, name in example.chunks:
                if name:
                    self.pools.setdefault(name, []).append(part.strip())
        words = {w for n in OPEN_SLOTS for v in self.pools.get(n, []) for w in v.split()}
        self.words = sorted(words)

    def pseudo_word(self, rng):
        syllables = rng.randint(1, 4)
        word = "".join(
            rng.choice("b c d f g h j k l m n p r s t v w z br ch cl dr gr kr sh st th tr".split())
            + rng.choice("a e i o u ai ea ou y".split())
            + rng.choice(["", "", "l", "n", "r", "s", "t", "ck", "m"])
            for _ in range(syllables)
        )
        return word if rng.random() < 0.3 else word.capitalize()

    def invented(self, rng):
        count = rng.choice((1, 1, 2, 2, 2, 3, 3, 4, 5))
        return " ".join(
            self.pseudo_word(rng) if rng.random() < 0.35 else rng.choice(self.words)
            for _ in range(count)
        )

    def new_value(self, name, rng):
        draw = rng.random()
        if name not in OPEN_SLOTS or draw < 0.75:
            return rng.choice(self.pools[name])
        return self.invented(rng)

    def vary(self, example, rng):
        if rng.random() < 0.35:
            return example
        chunks = []
        for part, name in example.chunks:
            if name and rng.random() < 0.6:
                part = self.new_value(name, rng)
            chunks.append((part, name))
        if rng.random() < 0.05:
            chunks = [(part.lower(), name) for part, name in chunks]
        return SlotExample(chunks, example.intent)


QUESTION_WORDS = frozenset(
    "what how who when where why which is are can could do does did will would should".split()
)
OPENERS = (
    "please tell me",
    "can you tell me",
    "tell me",
    "i want to know",
    "i need to know",
    "do you know",
    "could you find out",
    "quick question,",
    "i was wondering",
    "hey,",
    "hey",
    "hello,",
    "ok,",
    "so,",
    "um,",
)


def vary_request(text, rng):
    """Sometimes puts an opener in front or writes with capitals and punctuation.
    In-scope and out-of-scope requests get the same treatment, so that neither
    an opener nor a capital letter says anything about the scope."""
    if rng.random() < 0.12:
        text = f"{rng.choice(OPENERS)} {text}"
    if rng.random() >= 0.1:
        return text
    question = not QUESTION_WORDS.isdisjoint(re.split(r"[ ']", text.lower())[:4])
    if rng.random() < 0.7:
        text += "?" if question else rng.choice(".!")
    return text[0].upper() + text[1:]
