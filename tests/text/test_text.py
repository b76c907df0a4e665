"""Laws of every text encoder: shape, mask, determinism, batch independence, refusal of empty prompts."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
import torch

from kinescale.core.errors import BundleError, ConfigError, InputError
from kinescale.text import FAMILY

SENTENCES = [
    "a person walks forward",
    "someone jumps",
    "a tired man slowly turns around to the left while waving both hands above the head " * 4,
]


@pytest.fixture(scope="module")
def tiny_t5(tmp_path_factory):
    from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel

    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = ["<pad>", "</s>", "<unk>", "a", "person", "walks", "forward", "someone", "jumps", "left"]
    raw = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    raw.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    folder = tmp_path_factory.mktemp("t5")
    PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    sizes = {"vocab_size": len(words), "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}
    torch.manual_seed(0)
    T5EncoderModel(T5Config(**sizes)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def tiny_clip(tmp_path_factory):
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    folder = tmp_path_factory.mktemp("clip")
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    words = [*letters, *[f"{c}</w>" for c in letters], "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({w: i for i, w in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt")).save_pretrained(folder)
    sizes = {"vocab_size": len(words), "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
    ends = {"bos_token_id": len(words) - 2, "eos_token_id": len(words) - 1, "pad_token_id": len(words) - 1}
    torch.manual_seed(0)
    CLIPTextModel(CLIPTextConfig(num_attention_heads=2, **sizes, **ends)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def encoders(tiny_t5, tiny_clip):
    options = {"t5": {"model": str(tiny_t5)}, "clip": {"model": str(tiny_clip)}, "minilm": {}, "hashed": {}}
    made = {}
    for name in options:
        module = FAMILY.load(name)
        made[name] = module.TextEncoder(module.Config(**options[name]))
    return made


def test_family_is_known():
    assert FAMILY.names() == ("clip", "hashed", "minilm", "t5", "word_vectors")


@pytest.mark.parametrize("name", ["clip", "hashed", "minilm", "t5"])
def test_encoder_laws(encoders, name):
    encoder = encoders[name]
    before = torch.random.get_rng_state()
    batch = encoder.encode(SENTENCES)
    assert torch.equal(before, torch.random.get_rng_state())
    assert batch.tokens.shape == (3, encoder.max_tokens, encoder.width)
    assert batch.tokens.dtype == torch.float32 and not batch.tokens.requires_grad
    assert not batch.tokens.is_inference()
    counts = batch.mask.sum(1)
    assert 0 < counts[1] < counts[2] == encoder.max_tokens
    # real tokens come first, and what is masked is zero
    assert torch.equal(batch.mask, torch.arange(encoder.max_tokens)[None] < counts[:, None])
    assert (batch.tokens[~batch.mask] == 0).all()
    for row, sentence in enumerate(SENTENCES):
        alone = encoder.encode([sentence])
        assert torch.equal(alone.mask[0], batch.mask[row])
        assert torch.equal(alone.tokens[0], batch.tokens[row])
    # white space is folded; another sentence gives other numbers
    assert torch.equal(encoder.encode(["  someone \n jumps"]).tokens[0], encoder.encode([SENTENCES[1]]).tokens[0])
    assert not torch.allclose(batch.tokens[0, :9], batch.tokens[2, :9])


@pytest.mark.parametrize("name", ["clip", "hashed", "minilm", "t5"])
@pytest.mark.parametrize("bad", [[], [""], ["  \n"], ["?!"], ["walk " * 1000]])
def test_bad_prompts_are_refused(encoders, name, bad):
    with pytest.raises(InputError):
        encoders[name].encode(bad)


@pytest.mark.parametrize("name", ["clip", "t5"])
def test_absent_weights_give_one_sentence(name, tmp_path):
    module = FAMILY.load(name)
    for model in (str(tmp_path / "nowhere"), "no-one/no-such-model", str(tmp_path)):
        with pytest.raises(BundleError) as caught:
            module.TextEncoder(module.Config(model=model))
        assert "\n" not in str(caught.value) and model in str(caught.value)


def test_clip_pools_a_sentence_into_one_token_and_refuses_weights_without_the_projection(tiny_clip, tmp_path):
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    module = FAMILY.load("clip")
    with pytest.raises(BundleError, match="text_projection"):
        module.TextEncoder(module.Config(model=str(tiny_clip), pooled=True))
    shutil.copytree(tiny_clip, tmp_path / "whole")
    config = CLIPTextConfig.from_pretrained(tiny_clip, projection_dim=12)
    torch.manual_seed(1)
    CLIPTextModelWithProjection(config).save_pretrained(tmp_path / "whole")
    encoder = module.TextEncoder(module.Config(model=str(tmp_path / "whole"), pooled=True))
    made = encoder.encode(SENTENCES)
    assert made.tokens.shape == (len(SENTENCES), 1, 12) == (len(SENTENCES), encoder.max_tokens, encoder.width)
    assert made.mask.all()
    assert not torch.equal(made.tokens[0], made.tokens[1])
    torch.testing.assert_close(encoder.encode(SENTENCES[1:2]).tokens, made.tokens[1:2])


def test_clip_refuses_more_tokens_than_it_has(tiny_clip):
    module = FAMILY.load("clip")
    with pytest.raises(BundleError, match="at most 77"):
        module.TextEncoder(module.Config(model=str(tiny_clip), max_tokens=100))


def test_configs_are_checked():
    for name in FAMILY.names():
        with pytest.raises(ConfigError):
            FAMILY.get(name, "Config").parse({"max_tokens": 0})
        with pytest.raises(ConfigError):
            FAMILY.get(name, "Config").parse({"unknown": 1})


def test_minilm_knows_meaning(encoders):
    texts = ["a person walks forward", "someone strolls ahead", "a man kicks a ball"]
    batch = encoders["minilm"].encode(texts)
    weight = batch.mask[..., None].float()
    pooled = torch.nn.functional.normalize((batch.tokens * weight).sum(1) / weight.sum(1), dim=-1)
    assert encoders["minilm"].width == 384
    assert pooled[0] @ pooled[1] > pooled[0] @ pooled[2]


def test_hashed_words_do_not_depend_on_their_place_or_case(encoders):
    out = encoders["hashed"].encode(["Walk then stop", "stop, walk"]).tokens
    assert torch.equal(out[0, 0], out[1, 1]) and torch.equal(out[0, 2], out[1, 0])
    # pinned: bundles made with it must mean the same on every machine
    assert out[0, 0, :3].tolist() == pytest.approx(PINNED, abs=1e-6)
    assert abs(out[0].std().item()) < 2


PINNED = [-0.1652630, 1.5627970, 1.3108718]


def test_minilm_is_silent():
    code = (
        "from kinescale.text import FAMILY; m = FAMILY.load('minilm');"
        "m.TextEncoder(m.Config()).encode(['a person walks'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_clip_unmasked_reads_what_fills_a_sentence_up_as_words(tiny_clip):
    module = FAMILY.load("clip")
    plain = module.TextEncoder(module.Config(model=str(tiny_clip)))
    whole = module.TextEncoder(module.Config(model=str(tiny_clip), masked=False))
    words, all_of_it = plain.encode(SENTENCES), whole.encode(SENTENCES)
    assert all_of_it.tokens.shape == (len(SENTENCES), 77, plain.width) and bool(all_of_it.mask.all())
    # the tower looks back only, so that a sentence's own words are the same either way
    for row, other, mask in zip(words.tokens, all_of_it.tokens, words.mask, strict=True):
        torch.testing.assert_close(other[: len(row)][mask], row[mask])
        assert bool(other[int(mask.sum()) :].abs().sum(1).gt(0).all())
