"""What the encoders that run through ``transformers`` share: quiet loading, padding to a fixed length, encoding.

Every sentence is padded to the same length and encoded by itself, so that it gives the same numbers alone and in a
batch: products of other shapes round differently. It costs 13 ms a sentence instead of 8 (MiniLM, one thread).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from kinescale.core.errors import BundleError, InputError
from kinescale.text.base import check_prompt
from kinescale.tokens.text_features import TextFeatures


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


def encode_each(
    sentences: Sequence[str],
    tokenise: Callable[[list[str]], tuple[Int[Tensor, "B N"], Int[Tensor, "B N"]]],
    forward: Callable[[Tensor, Tensor], Float[Tensor, "B M W"]],
) -> TextFeatures:
    """Check, tokenise and encode ``sentences``; masked places come back as zeros.

    ``forward`` may give fewer places than there are tokens: one for a pooled sentence.
    """
    if not sentences:
        raise InputError("there is no sentence to encode; give at least one.")
    clean = [check_prompt(sentence) for sentence in sentences]
    tokens, masks = [], []
    with torch.inference_mode():
        for sentence in clean:
            ids, mask = tokenise([sentence])
            hidden = forward(ids, mask).float()
            mask = mask[:, : hidden.shape[1]]
            tokens.append(hidden * mask[..., None])
            masks.append(mask.bool())
    # cloned outside inference mode, so that a trainer may use them in a graph
    return TextFeatures(torch.cat(tokens).clone(), torch.cat(masks).clone())


def pad_tokens(tokenizer: Any, sentences: list[str], length: int) -> tuple[Tensor, Tensor]:
    """Ids and mask [B, length] from a ``transformers`` tokenizer."""
    batch = tokenizer(sentences, padding="max_length", truncation=True, max_length=length, return_tensors="pt")
    return batch["input_ids"], batch["attention_mask"]
