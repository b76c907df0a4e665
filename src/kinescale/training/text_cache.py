"""TextCache: features of every distinct caption, encoded once and kept on disk, ragged, in half precision."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from kinescale import text
from kinescale.bundle.manifest import Part
from kinescale.core.errors import DataError
from kinescale.core.files import atomic_path, sha256_bytes, sweep_temporaries
from kinescale.core.records import json_hash
from kinescale.text import TextEncoder
from kinescale.tokens import TextFeatures
from kinescale.training.checkpoint import digest
from kinescale.training.watch import Watch

CHUNK = 1024


class TextCache:
    """Features by sentence.

    ``values`` holds all tokens in a row; sentence i has rows ``starts[i]`` to ``starts[i+1] - 1``.
    """

    def __init__(
        self,
        sentences: Sequence[str],
        values: Float[Tensor, "M W"],
        starts: Int[Tensor, "_"],
        max_tokens: int,
    ):
        self.values, self.starts, self.max_tokens = values, starts, max_tokens
        self._index = {sentence: i for i, sentence in enumerate(sentences)}

    @property
    def width(self) -> int:
        """W, features a token."""
        return self.values.shape[1]

    def __len__(self) -> int:
        return len(self._index)

    def look_up(self, sentences: Sequence[str]) -> TextFeatures:
        """float32 features padded to the encoder's ``max_tokens``.

        ``DataError`` for a sentence that is not held.
        """
        tokens = torch.zeros(len(sentences), self.max_tokens, self.width)
        mask = torch.zeros(len(sentences), self.max_tokens, dtype=torch.bool)
        for row, sentence in enumerate(sentences):
            if sentence not in self._index:
                raise DataError(f"the text cache does not hold {sentence!r}; remove the cache to have it made again.")
            at = self._index[sentence]
            first, last = int(self.starts[at]), int(self.starts[at + 1])
            tokens[row, : last - first] = self.values[first:last].float()
            mask[row, : last - first] = True
        return TextFeatures(tokens, mask)


def build_text_encoder(part: Part) -> TextEncoder:
    """The text encoder of a run."""
    config = text.FAMILY.get(part.name, "Config").parse(part.config, where=f"text encoder '{part.name}'")
    return text.FAMILY.get(part.name, "TextEncoder")(config)


def open_text_cache(part: Part, sentences: Sequence[str], folder: Path, *, watch: Watch | None = None) -> TextCache:
    """The cache of these sentences under this encoder, from ``folder`` or made and put there."""
    if not sentences:
        raise DataError(
            "no clip has a caption, so there is nothing to train a generator on; prepare data with captions."
        )
    ordered = sorted(set(sentences))
    encoder = build_text_encoder(part)
    made_by = {"text": part.name, "config": encoder.config.to_json(), "weights": encoder.weights_digest()}
    key = json_hash({**made_by, "sentences": ordered})
    path = folder / f"text-{key[:16]}.safetensors"
    found = _read(path, key)
    if found is None:
        found = _made(encoder, ordered, folder, json_hash(made_by), watch or Watch())
        folder.mkdir(parents=True, exist_ok=True)
        sweep_temporaries(path)
        with atomic_path(path) as temporary:
            save_file(found, temporary, {"key": key, "encoder": json_hash(made_by), "sha256": digest(found)})
    return TextCache(ordered, found["values"], found["starts"], encoder.max_tokens)


def _made(encoder: TextEncoder, sentences: list[str], folder: Path, key: str, watch: Watch) -> dict[str, Tensor]:
    """Features of the sentences: those of another cache of the same encoder where one holds them, else encoded."""
    names = _names(sentences)
    rows: dict[int, Tensor] = {}
    for path in sorted(folder.glob("text-*.safetensors")):
        other = _read(path, key, by="encoder")
        if other is not None:
            missing = set(names.tolist()) - rows.keys()
            held = zip(other["names"].tolist(), other["starts"].tolist(), other["starts"][1:].tolist(), strict=False)
            rows |= {name: other["values"][first:last] for name, first, last in held if name in missing}
    new = [sentence for sentence, name in zip(sentences, names.tolist(), strict=True) if name not in rows]
    if new:
        rows |= dict(zip(_names(new).tolist(), _encode(encoder, new, watch), strict=True))
    ordered = [rows[name] for name in names.tolist()]
    lengths = torch.tensor([0, *(len(row) for row in ordered)])
    return {"values": torch.cat(ordered), "starts": lengths.cumsum(0), "names": names}


def _names(sentences: Sequence[str]) -> Tensor:
    """A number of 63 bits for every sentence, from its digest."""
    return torch.tensor([int(sha256_bytes(sentence.encode())[:16], 16) >> 1 for sentence in sentences])


def _read(path: Path, key: str, by: str = "key") -> dict[str, Tensor] | None:
    """The cached tensors; ``None`` when there are none or the file is not as it was written: it is made again."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            told = file.metadata() or {}
            if told.get(by) != key:
                return None
            # copies, so that nothing hangs on the file
            found = {name: file.get_tensor(name).clone() for name in ("values", "starts", "names")}
            return found if told.get("sha256") == digest(found) else None
    except (SafetensorError, OSError, ValueError):
        return None


def _encode(encoder: TextEncoder, sentences: list[str], watch: Watch) -> list[Float[Tensor, "_ W"]]:
    # Sentences of one length share a pass, so neighbors in length go together.
    order = sorted(range(len(sentences)), key=lambda i: (len(sentences[i].split()), i))
    rows: list[Tensor] = [torch.empty(0)] * len(sentences)
    watch.begin("captions", 0, len(sentences))
    for at in range(0, len(order), CHUNK):
        chunk = order[at : at + CHUNK]
        found = encoder.encode_together([sentences[i] for i in chunk])
        for i, tokens, mask in zip(chunk, found.tokens, found.mask, strict=True):
            rows[i] = tokens[mask].half()
        watch.advance("captions", at + len(chunk))
    watch.end("captions")
    return rows
