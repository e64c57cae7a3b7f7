"""The mutant of an index: which file is changed how follows from the seed and the index alone."""

import base64
import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass

from fuzzing.labour import add_labour
from fuzzing.manifest_text import mutate_manifest
from fuzzing.mind_files import mutate_mind
from fuzzing.model_tree import GRAPH, mutate_model
from fuzzing.protobuf import BYTES, Field, Message
from fuzzing.raw_bytes import mutate_bytes

KEY = b"gameagent.manifest"
ADAPTATION = b"gameagent.adaptation"  # the entry with the graph of gradient steps
METADATA = 14  # field of ModelProto
SHARES = {
    "mind": 0.18,
    "bytes of the file": 0.1,
    "bytes of the graph": 0.1,
    "manifest": 0.12,
    "tree": 0.38,
    "labour": 0.06,
    "gradient steps": 0.06,
}
RIGHT_HASH = 0.95  # share of the mutants with a changed graph whose manifest has the right hash of it


@dataclass(frozen=True)
class Source:
    """A sound bundle and a mind saved with it."""

    bundle: bytes
    mind: bytes


@dataclass(frozen=True)
class Mutant:
    """A file to be shown.

    Attributes:
        way: of SHARES: what was changed.
        source: position of the bundle that it is, or that the mind belongs to.
        data: the file.
    """

    way: str
    source: int
    data: bytes


def make_mutant(seed: int, index: int, sources: Sequence[Source]) -> Mutant:
    """The mutant of an index."""
    rng = random.Random(f"{seed} {index}")
    (way,) = rng.choices(list(SHARES), list(SHARES.values()))
    i, j = rng.randrange(len(sources)), rng.randrange(len(sources))
    source, other = sources[i], sources[j]
    if way == "mind":
        return Mutant(way, i, mutate_mind(source.mind, other.mind, rng))
    if way == "bytes of the file":
        return Mutant(way, i, mutate_bytes(source.bundle, other.bundle, rng))
    return Mutant(way, i, _mutate_parts(way, source.bundle, other.bundle, rng))


def _mutate_parts(way: str, bundle: bytes, other: bytes, rng: random.Random) -> bytes:
    """The model without its manifest and the manifest, one of them changed, put together again."""
    model, text = _apart(bundle)
    if way == "manifest":
        text = mutate_manifest(text, rng)
    elif way == "labour":
        add_labour(model, rng)
    elif way == "gradient steps":
        text = _mutate_gradient_steps(model, text, _apart(other)[0], rng)
    elif way == "tree":
        mutate_model(model, _apart(other)[0], rng)
    else:
        graph = mutate_bytes(model.message(GRAPH).encode(), other, rng)
        model.fields = [Field(GRAPH, BYTES, graph) if one.number == GRAPH else one for one in model.fields]
    if rng.random() < RIGHT_HASH:
        text = _with_hash(text, model)
    entry = Message("entry", [Field(1, BYTES, KEY), Field(2, BYTES, text)])
    return model.encode() + Message("", [Field(METADATA, BYTES, entry)]).encode()


def _mutate_gradient_steps(model: Message, text: bytes, other: Message, rng: random.Random) -> bytes:
    """Changes the second graph, where there is one; gives the manifest's text with the right hash of it."""
    entries = [one.value for one in model.all(METADATA) if isinstance(one.value, Message)]
    for entry in entries:
        if entry.texts(1) == [ADAPTATION]:
            steps = Message.parse(base64.b64decode(entry.texts(2)[0]))
            (add_labour if rng.random() < 0.3 else lambda m, r: mutate_model(m, other, r))(steps, rng)
            data = steps.encode()
            entry.fields = [Field(1, BYTES, ADAPTATION), Field(2, BYTES, base64.b64encode(data))]
            fields = json.loads(text)
            fields["gradient"]["graph_sha256"] = hashlib.sha256(data).hexdigest()
            return json.dumps(fields).encode()
    mutate_model(model, other, rng)
    return text


def _apart(bundle: bytes) -> tuple[Message, bytes]:
    """The model without its manifest, and the manifest's text."""
    model = Message.parse(bundle)
    entries = [one for one in model.all(METADATA) if isinstance(one.value, Message) and one.value.texts(1) == [KEY]]
    (text,) = (text for one in entries for text in one.value.texts(2))  # type: ignore[union-attr]
    model.fields = [one for one in model.fields if one not in entries]
    return model, text


def _with_hash(text: bytes, model: Message) -> bytes:
    """The manifest's text with the hash of the first graph there is."""
    graphs = [one.value for one in model.all(GRAPH)]
    payload = graphs[0].encode() if graphs and isinstance(graphs[0], Message) else graphs[0] if graphs else b""
    digest = hashlib.sha256(payload if isinstance(payload, bytes) else b"").hexdigest().encode()
    start = text.rfind(b'"graph_sha256": "')  # the last is the policy step's own, the gradient steps' stands before it
    if start < 0:
        return text
    start += len(b'"graph_sha256": "')
    return text[:start] + digest + text[text.find(b'"', start) :]
