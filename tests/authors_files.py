"""Small checkpoints as the authors' trainers save them, with random weights, and small text models for them.

MoScale, MoSa and ScaleMoGen: the twins of ``tests/golden`` make their weights, under the authors' names. The others are
written out here by name and shape.
"""

from __future__ import annotations

import json
import pickle
import sys
from collections import OrderedDict
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent / "golden"))

from twins import cases, mosa, moscale, scalemogen
from twins.plain import Weights

State = dict[str, Tensor]
TEXT, MOMASK_HEADS = 16, 3
"""Width of the small text models."""

MOSCALE = replace(moscale.Sizes(), frames=64, text_width=TEXT, generator_heads=8, head_latent_dim=32, pool_heads=1)
MOSA = replace(mosa.Sizes(), frames=64, bins=(2, 5, 9, 16), text_width=TEXT, text_tokens=77)
SCALEMOGEN = replace(scalemogen.Sizes(), text_width=TEXT, latent_dim=64)


def save(path: Path, **content: Any) -> Path:
    """A file as trainers write it: state dicts beside counters, an optimizer's state and NumPy numbers."""
    whole = {name: OrderedDict(value) if isinstance(value, dict) else value for name, value in content.items()}
    optimizer = {"state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 1e-4}]}
    torch.save({**whole, "opt_vq_model": optimizer, "ep": 3, "best": np.float64(0.25)}, path)
    return path


def float32(weights: Weights) -> State:
    """The state as it is stored."""
    return {name: value.float() if value.is_floating_point() else value for name, value in weights.items()}


def statistics(folder: Path, width: int) -> Path:
    """``mean.npy`` and ``std.npy``."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    np.save(folder / "mean.npy", (0.01 * rng.standard_normal(width)).astype(np.float32))
    np.save(folder / "std.npy", rng.uniform(0.01, 0.02, width).astype(np.float32))
    return folder


def moscale_states(s: moscale.Sizes = MOSCALE) -> tuple[State, State]:
    """Tokenizer and generator."""
    books, w = cases.moscale_books(3, s), Weights(4)
    text, _ = cases.moscale_text(3, s, [4])
    moscale.sample(w, books, s, text[0], 4, s.latents, 5.0, [1] * len(s.scales))
    moscale.finish(w, s)
    return float32(books), float32(w)


def mosa_states(s: mosa.Sizes = MOSA) -> tuple[State, State]:
    """Tokenizer and generator."""
    books, w = cases.mosa_parts(3, s)
    mosa.sample(w, books, s, cases.words_of(3, 1, s)[0], s.frames, 4.0, len(s.bins) - 1, True)
    mosa.finish(w, s)
    return float32(books), float32(w)


def scalemogen_states(s: scalemogen.Sizes = SCALEMOGEN) -> tuple[State, State]:
    """Tokenizer and generator."""
    books, w = cases.scalemogen_books(3, s), Weights(4)
    text = cases.sentences(3, s, [4])[0]
    scalemogen.silent(w, s, 1)
    scalemogen.network(w, s, text, [], s.frames)
    return float32(books), float32(w)


class Drawn(dict[str, Tensor]):
    """Named tensors of random numbers."""

    def __init__(self, seed: int):
        super().__init__()
        self.rng = torch.Generator().manual_seed(seed)

    def put(self, name: str, *shape: int, around: float = 0.0) -> None:
        self[name] = around + 0.2 * torch.randn(*shape, generator=self.rng)

    def layer(self, name: str, *shape: int, norm: bool = False) -> None:
        self.put(f"{name}.weight", *shape, around=float(norm))
        self.put(f"{name}.bias", shape[0])

    def transformer(self, name: str, width: int, hidden: int) -> None:
        self.put(f"{name}.self_attn.in_proj_weight", 3 * width, width)
        self.put(f"{name}.self_attn.in_proj_bias", 3 * width)
        self.layer(f"{name}.self_attn.out_proj", width, width)
        self.layer(f"{name}.linear1", hidden, width)
        self.layer(f"{name}.linear2", width, hidden)
        self.layer(f"{name}.norm1", width, norm=True)
        self.layer(f"{name}.norm2", width, norm=True)


def momask_tokenizer(features: int = 263, width: int = 8, codes: int = 12, books: int = 3) -> State:
    """MoMask's tokenizer."""
    w = Drawn(5)
    w.layer("encoder.model.0", width, features, 3)
    for level in (2, 3):
        w.layer(f"encoder.model.{level}.0", width, width, 4)
        w.layer(f"decoder.model.{level}.2", width, width, 3)
        for side, place in (("encoder", 1), ("decoder", 0)):
            for block in range(2):
                w.layer(f"{side}.model.{level}.{place}.model.{block}.conv1", width, width, 3)
                w.layer(f"{side}.model.{level}.{place}.model.{block}.conv2", width, width, 1)
    w.layer("encoder.model.4", width, width, 3)
    for place, out in ((0, width), (4, width), (6, features)):
        w.layer(f"decoder.model.{place}", out, width, 3)
    for book in range(books):
        w.put(f"quantizer.layers.{book}.codebook", codes, width)
    return dict(w)


def momask_transformers(text: int = TEXT, codes: int = 12, books: int = 3, code_dim: int = 8) -> list[State]:
    """MoMask's masked and residual transformer, and its length estimator."""
    width, made = 12, []
    for kind, out in (("masked", codes), ("residual", code_dim)):
        w = Drawn(len(made) + 6)
        w.layer("cond_emb", width, text)
        w.layer("input_process.poseEmbedding", width, code_dim)
        for layer in range(2):
            w.transformer(f"seqTransEncoder.layers.{layer}", width, 16)
        w.layer("output_process.dense", width, width)
        w.layer("output_process.LayerNorm", width, norm=True)
        w.layer("output_process.poseFinal", out, width)
        if kind == "masked":
            w.put("token_emb.weight", codes + 2, code_dim)
            w.put("clip_model.logit_scale", 1)
        else:
            w.layer("quant_emb", width, books)
            w.put("token_embed_weight_", 1, codes + 1, code_dim)
            w.put("embed_proj_shared_weight", books - 2, codes + 1, code_dim)
            w.put("output_proj_weight_", 1, codes + 1, code_dim)
        made.append(dict(w))
    w, widths = Drawn(9), (text, 512, 256, 128)
    for place, (before, after) in zip((0, 4, 8), pairwise(widths), strict=True):
        w.layer(f"output.{place}", after, before)
        w.layer(f"output.{place + 1}", after, norm=True)
    w.layer("output.11", 17, 128)
    return [*made, dict(w)]


def guo_states(features: int = 263, word: int = 6, tags: int = 4) -> dict[str, State]:
    """The three networks of Guo et al.'s evaluator."""
    movement, latent, embedding = Drawn(10), 10, 8
    movement.layer("main.0", 12, features - 4, 4)
    movement.layer("main.3", latent, 12, 4)
    movement.layer("out_net", latent, latent)
    found: dict[str, State] = {"movement_encoder": dict(movement)}
    for name, read, hidden in (("text_encoder", word, 10), ("motion_encoder", latent, 14)):
        w = Drawn(11)
        w.layer("input_emb", hidden, read)
        for end in ("", "_reverse"):
            for kind in ("ih", "hh"):
                w.put(f"gru.weight_{kind}_l0{end}", 3 * hidden, hidden)
                w.put(f"gru.bias_{kind}_l0{end}", 3 * hidden)
        w.put("hidden", 2, 1, hidden)
        w.layer("output_net.0", hidden, 2 * hidden)
        w.layer("output_net.1", hidden, norm=True)
        w.layer("output_net.3", embedding, hidden)
        if name == "text_encoder":
            w.layer("pos_emb", word, tags)
        found[name] = dict(w)
    return found


def snapmogen_states(text: int = TEXT) -> dict[str, State]:
    """Both networks of SnapMoGen's evaluator."""
    found: dict[str, State] = {}
    for seed, (name, read) in enumerate((("latent_enc", 148), ("text_enc", text))):
        w, width = Drawn(20 + seed), 12
        w.layer("projection", width, read)
        w.layer("linear", width, width)
        w.put("tokens", 2, width)
        for layer in range(2):
            w.transformer(f"seqTransEncoder.layers.{layer}", width, 16)
        found[name] = dict(w)
    return found


# Text models


def t5_folder(folder: Path, width: int = TEXT) -> Path:
    """A T5 encoder of a few words, as ``transformers`` stores it."""
    from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel

    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = ["<pad>", "</s>", "<unk>", "a", "person", "walks", "someone", "left"]
    raw = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    raw.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    fast = PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"vocab_size": len(words), "d_model": width, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}
    T5EncoderModel(T5Config(**sizes)).save_pretrained(folder)
    return folder


def clip_folder(folder: Path, width: int = TEXT) -> Path:
    """A CLIP text tower of letters, with its projection, as ``transformers`` stores it."""
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection, CLIPTokenizer

    folder.mkdir()
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"vocab_size": len(words), "hidden_size": width, "intermediate_size": 16, "projection_dim": width}
    ends = {"bos_token_id": len(words) - 2, "eos_token_id": len(words) - 1, "pad_token_id": len(words) - 1}
    config = CLIPTextConfig(num_attention_heads=2, num_hidden_layers=1, **sizes, **ends)
    CLIPTextModelWithProjection(config).save_pretrained(folder)
    return folder


def word_table(folder: Path, word: int = 6) -> Path:
    """The published word table's four files, with six words."""
    folder.mkdir()
    words = ["unk", "sos", "eos", "a", "person", "walk"]
    np.save(folder / "our_vab_data.npy", np.random.default_rng(1).standard_normal((len(words), word)))
    (folder / "our_vab_words.pkl").write_bytes(pickle.dumps(words))
    (folder / "our_vab_idx.pkl").write_bytes(pickle.dumps({text: i for i, text in enumerate(words)}))
    (folder / "our_vab_tags.json").write_text(json.dumps({"tags": ["VERB", "NOUN", "DET", "OTHER"], "special": {}}))
    return folder


def published_folder(folder: Path) -> Path:
    """What the reader of docs/howto/use_the_authors_weights.md has, by the names of the page."""
    books, network = moscale_states()
    for place, name, state in (("hrvqvae", "vq_model", books), ("moscale", "moscale", network)):
        (folder / place).mkdir()
        save(folder / place / "net_best_fid.tar", **{name: state})
    (folder / "Comp_v6_KLD005").mkdir()
    statistics(folder / "Comp_v6_KLD005" / "meta", 263)
    (folder / "text_mot_match" / "model").mkdir(parents=True)
    save(folder / "text_mot_match" / "model" / "finest.tar", **guo_states())
    t5_folder(folder / "t5-v1_1-base")
    word_table(folder / "glove")
    for name in ("new_joint_vecs", "texts"):
        (folder / "HumanML3D" / name).mkdir(parents=True)
    for at in range(2):
        values = 0.01 * np.random.default_rng(at).standard_normal((44, 263))
        np.save(folder / "HumanML3D" / "new_joint_vecs" / f"{at:06}.npy", values.astype(np.float32))
        line = "a person walks#a/DET person/NOUN walk/VERB#0.0#0.0\n"
        (folder / "HumanML3D" / "texts" / f"{at:06}.txt").write_text(line, encoding="utf-8")
    (folder / "HumanML3D" / "test.txt").write_text("000000\n000001\n", encoding="utf-8")
    return folder
