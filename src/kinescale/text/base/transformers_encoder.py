"""What the encoders that run through ``transformers`` share: quiet loading and fixed-length batches."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import logging
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from kinescale.core.errors import BundleError, MissingDependencyError


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence ``transformers``: its warnings and progress bars; both are as before afterwards."""
    from transformers.utils import logging as noise

    level, bars = noise.get_verbosity(), noise.is_progress_bar_enabled()
    logger = logging.getLogger("huggingface_hub")
    hub_level = logger.level
    noise.set_verbosity_error()
    noise.disable_progress_bar()
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        noise.set_verbosity(level)
        logger.setLevel(hub_level)
        if bars:
            noise.enable_progress_bar()


def load_pretrained(model_class: str, name: str, *, offline: bool) -> tuple[Any, Any]:
    """The named (or local) text model in float32 and its tokenizer; ``BundleError`` when it cannot be had.

    No code that comes with a model is run; the global random state is left as it was.
    """
    if importlib.util.find_spec("transformers") is None:
        raise MissingDependencyError(f"the text model '{name}' needs transformers; pip install 'kinescale[text]'.")
    try:
        with quiet(), torch.random.fork_rng(devices=[]):
            import transformers

            options = {"local_files_only": offline, "trust_remote_code": False}
            tokenizer = transformers.AutoTokenizer.from_pretrained(name, **options)
            kind = getattr(transformers, model_class)
            model, found = kind.from_pretrained(name, dtype=torch.float32, output_loading_info=True, **options)
    except Exception as problem:
        # whatever a damaged or absent model makes the library raise, the reader gets one sentence
        reason = " ".join(str(problem).split())[:160] or type(problem).__name__
        advice = "download it first or set offline to false" if offline else "check the name and the network"
        raise BundleError(f"the text model '{name}' cannot be loaded ({reason}); {advice}.") from None
    missing = sorted(found["missing_keys"])
    if missing:
        # the library would go on with random numbers in their place
        raise BundleError(f"the text model '{name}' lacks '{missing[0]}'; expected the weights of a {model_class}.")
    return freeze(model), tokenizer


def freeze(model: nn.Module) -> Any:
    """The model in evaluation mode, without gradients."""
    return model.eval().requires_grad_(False)


def digest(model: nn.Module) -> str:
    """SHA-256 over the names and numbers of a model's weights, in the order of their names."""
    whole = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        whole.update(f"{name} {tuple(value.shape)} ".encode())
        whole.update(value.contiguous().flatten().view(torch.uint8).numpy())
    return whole.hexdigest()


def pad_tokens(tokenizer: Any, sentences: list[str], length: int) -> tuple[Tensor, Tensor]:
    """Ids and mask [B, length] from a ``transformers`` tokenizer."""
    batch = tokenizer(sentences, padding="max_length", truncation=True, max_length=length, return_tensors="pt")
    return batch["input_ids"], batch["attention_mask"]
