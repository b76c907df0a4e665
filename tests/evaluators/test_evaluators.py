"""Laws of the evaluator networks: padding is never read, batches change nothing, text false negatives are left out."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from kinescale import features
from kinescale.bundle.evaluator import EvaluatorBundle
from kinescale.bundle.imports import guo2022 as guo_import
from kinescale.bundle.imports import snapmogen_evaluator
from kinescale.core.errors import BundleError, InputError
from kinescale.core.files import sha256_file
from kinescale.core.records import read_json, write_json
from kinescale.evaluators import FAMILY, Evaluator, guo2022, snapmogen, tmr
from kinescale.evaluators.base import embed_in_chunks, frozen
from kinescale.features import Normalizer
from kinescale.text.base.plain_pickle import read_plain
from kinescale.text.base.word_table import WordVectors
from kinescale.tokens import TextFeatures

TMR = {"width": 16, "heads": 2, "motion_layers": 2, "text_layers": 1, "ratio": 2, "embedding": 12, "max_frames": 64}
GUO = {"word_width": 10, "pos_width": 5, "movement_hidden": 8, "movement_latent": 8, "motion_hidden": 8}


def make_tmr(**changes: object) -> tmr.Evaluator:
    torch.manual_seed(0)
    config = tmr.Config.parse({"feature_width": 20, "text_width": 15, **TMR, **changes})
    return tmr.Evaluator(config)


def make_guo() -> guo2022.Evaluator:
    torch.manual_seed(0)
    config = {"feature_width": 20, **GUO, "text_hidden": 8, "embedding": 12, "max_frames": 64}
    return guo2022.Evaluator(guo2022.Config.parse(config))


def make_snapmogen() -> snapmogen.Evaluator:
    torch.manual_seed(0)
    config = {"feature_width": 20, "read_width": 11, "text_width": 15, "width": 12, "hidden": 16, "layers": 2}
    return snapmogen.Evaluator(snapmogen.Config.parse({**config, "max_frames": 64}))


MAKERS: dict[str, Callable[[], Evaluator]] = {"guo2022": make_guo, "snapmogen": make_snapmogen, "tmr": make_tmr}


def test_every_evaluator_is_tested() -> None:
    assert set(FAMILY.names()) == set(MAKERS)


def motions(count: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(1)
    lengths = torch.tensor([64, 17, 40, 5, 33])[:count]
    return torch.randn(count, 64, 20, generator=rng), lengths


def texts(count: int = 5, width: int = 15) -> TextFeatures:
    rng = torch.Generator().manual_seed(2)
    mask = torch.arange(9)[None] < torch.tensor([9, 3, 5, 1, 7])[:count, None]
    return TextFeatures(torch.randn(count, 9, width, generator=rng), mask)


@pytest.mark.parametrize("name", sorted(MAKERS))
@torch.no_grad()
def test_padding_is_never_read_and_a_batch_changes_nothing(name: str) -> None:
    evaluator = frozen(MAKERS[name]())
    x, lengths = motions()
    text = texts()
    whole, said = evaluator.embed_motion(x, lengths), evaluator.embed_text(text)
    assert whole.shape == said.shape == (5, evaluator.width)
    spoilt = x.clone()
    for row, length in enumerate(lengths.tolist()):
        spoilt[row, length:] = 1e3
    assert torch.allclose(evaluator.embed_motion(spoilt, lengths), whole, atol=1e-5)
    loud = TextFeatures(text.tokens.masked_fill(~text.mask[..., None], 1e3), text.mask)
    assert torch.allclose(evaluator.embed_text(loud), said, atol=1e-5)
    for row, length in enumerate(lengths.tolist()):
        cut = min(64, -(-length // 4) * 4)
        alone = evaluator.embed_motion(x[row : row + 1, :cut], lengths[row : row + 1])
        assert torch.allclose(alone, whole[row : row + 1], atol=1e-5)
        words = int(text.mask[row].sum())
        own = TextFeatures(text.tokens[row : row + 1, :words], text.mask[row : row + 1, :words])
        assert torch.allclose(evaluator.embed_text(own), said[row : row + 1], atol=1e-5)
    chunked, for_fid = embed_in_chunks(evaluator, x, lengths, chunk=2)
    assert torch.allclose(chunked, whole, atol=1e-5)
    assert torch.allclose(for_fid, evaluator.fid_features(x, lengths), atol=1e-5)


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_what_it_does_not_take_is_said(name: str) -> None:
    evaluator = frozen(MAKERS[name]())
    x, lengths = motions()
    with pytest.raises(InputError, match="a clip of 65 frames"):
        evaluator.embed_motion(torch.cat([x, x], 1), lengths.clamp(min=5).index_fill(0, torch.tensor([0]), 65))
    with pytest.raises(InputError, match="a clip of 0 frames"):
        evaluator.embed_motion(x, lengths * 0)
    with pytest.raises(InputError, match="19 wide"):
        evaluator.embed_motion(x[..., :19], lengths)
    assert not any(p.requires_grad for p in evaluator.parameters()) and not evaluator.training


# Ours


def test_a_small_step_of_training_brings_pairs_together() -> None:
    evaluator = make_tmr(dropout=0.0).train()
    x, lengths = motions()
    optimizer = torch.optim.Adam(evaluator.parameters(), lr=5e-3)
    first = None
    for _ in range(25):
        outcome = evaluator.training_loss(x, lengths, texts())
        first = first if first is not None else float(outcome.loss.detach())
        optimizer.zero_grad()
        outcome.loss.backward()
        optimizer.step()
    assert first is not None and float(outcome.loss.detach()) < 0.3 * first and outcome.logs["top1"] == 1.0
    assert evaluator.log_scale.grad is not None and outcome.logs["temperature"] != pytest.approx(0.1, abs=1e-4)


def test_equal_sentences_and_those_known_to_hold_are_no_negatives() -> None:
    evaluator = make_tmr(dropout=0.0).eval()
    x, lengths = motions()
    text = texts()
    twice = TextFeatures(
        text.tokens.index_copy(0, torch.tensor([1]), text.tokens[:1]),
        text.mask.index_copy(0, torch.tensor([1]), text.mask[:1]),
    )
    assert tmr.alike(text, 0.99).equal(torch.eye(5, dtype=torch.bool))
    assert tmr.alike(twice, 5.0).sum() == 7
    known = torch.zeros(5, 5, dtype=torch.bool)
    known[3, 0] = True
    plain, told = (evaluator.training_loss(x, lengths, text, mask) for mask in (None, known))
    assert told.loss < plain.loss and told.logs["filtered"] == pytest.approx(1 / 25)
    # all other pairs left out: nothing is left to be told apart
    alone = evaluator.training_loss(x, lengths, text, torch.ones(5, 5, dtype=torch.bool))
    assert float(alone.loss.detach()) == pytest.approx(0.0, abs=1e-6)


def test_a_stray_nan_in_padding_does_no_harm() -> None:
    evaluator = make_tmr().eval()
    x, lengths = motions()
    x[1, 17:] = torch.nan
    assert bool(torch.isfinite(evaluator.embed_motion(x, lengths)).all())


# Folders


def bundle() -> EvaluatorBundle:
    feature = features.FAMILY.get("rotations", "build")(features.FAMILY.get("rotations", "Config")())
    torch.manual_seed(0)
    config = tmr.Config.parse({"feature_width": feature.width, "text_width": 15, **TMR})
    normalizer = Normalizer(torch.randn(feature.width), torch.rand(feature.width) + 0.5)
    from kinescale.bundle.manifest import Part

    text = Part(name="hashed", config={"width": 15, "max_tokens": 8})
    return EvaluatorBundle(feature, normalizer, tmr.Evaluator(config), text, title="made")


def test_a_folder_brings_back_the_same_embeddings(tmp_path: Path) -> None:
    made = bundle()
    folder = made.save_pretrained(tmp_path / "one")
    back = EvaluatorBundle.from_pretrained(folder)
    assert back.content_hash == made.content_hash and made.content_hash in (folder / "README.md").read_text()
    sentences = ["a person walks", "a person turns to the left"]
    assert torch.equal(back.embed_text(sentences), made.embed_text(sentences))
    x, lengths = torch.randn(3, 64, made.feature.width), torch.tensor([64, 30, 9])
    assert torch.equal(back.embed_features(x, lengths)[0], made.embed_features(x, lengths)[0])
    half = EvaluatorBundle.from_pretrained(made.save_pretrained(tmp_path / "half", weights="fp16"))
    assert float((half.embed_text(sentences) - made.embed_text(sentences)).abs().max()) < 5e-3
    assert half.content_hash != made.content_hash
    with pytest.raises(InputError, match="give force"):
        made.save_pretrained(folder)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="not an evaluator"):
        made.save_pretrained(tmp_path / "other", force=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(format="kinescale-bundle"), "is not a Kinescale evaluator"),
        (lambda c: c["evaluator"].update(name="nothing"), "no evaluator 'nothing'"),
        (lambda c: c["evaluator"]["config"].update(width=10**9), "1000000000"),
        (lambda c: c["evaluator"]["config"].update(width=32), "the config asks for"),
        (lambda c: c["evaluator"]["config"].update(layers=3), "layers"),
    ],
)
def test_a_bad_folder_is_refused(tmp_path: Path, change: Callable[[dict], None], message: str) -> None:
    folder = bundle().save_pretrained(tmp_path / "one")
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(BundleError, match=message):
        EvaluatorBundle.from_pretrained(folder)


# The authors' files


def test_a_checkpoint_of_the_authors_is_read_by_its_entries(golden_root: Path, tmp_path: Path) -> None:
    case = golden_root / "evaluator_guo"
    state = {f"{n}_encoder": load_file(case / f"weights_{n}.safetensors") for n in ("movement", "text", "motion")}
    torch.save({**state, "opt": {"lr": 1.0}, "epoch": 3}, tmp_path / "finest.tar")
    read = guo_import.read_evaluator(tmp_path / "finest.tar", max_frames=200)
    direct = guo_import.import_evaluator(state["movement_encoder"], state["text_encoder"], state["motion_encoder"])
    assert read.max_frames == 200 and read.feature_width == 263
    assert all(torch.equal(a, b) for a, b in zip(read.state_dict().values(), direct.state_dict().values()))
    state["text_encoder"]["gru.weight_new"] = torch.zeros(1, 2)
    with pytest.raises(BundleError, match="no place for"):
        guo_import.import_evaluator(state["movement_encoder"], state["text_encoder"], state["motion_encoder"])
    with pytest.raises(BundleError, match=r"main\.0\.weight"):
        guo_import.import_evaluator({}, state["text_encoder"], state["motion_encoder"])


def test_a_snapmogen_checkpoint_of_another_model_is_refused(golden_root: Path) -> None:
    case = golden_root / "evaluator_snapmogen"
    motion, text = (load_file(case / f"weights_{name}.safetensors") for name in ("motion", "text"))
    extra = {**motion, "decoder.weight": torch.zeros(2)}
    with pytest.raises(BundleError, match=r"unexpected key 'decoder\.weight'"):
        snapmogen_evaluator.import_evaluator(extra, text)
    with_table = {**motion, "sequence_pos_encoding.pe": snapmogen.sinusoids(50, 32)[:, None]}
    assert snapmogen_evaluator.import_evaluator(with_table, text).width == 32


# The word table


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    words = ["unk", "sos", "eos", "man", "kick", "arm"]
    folder = tmp_path / "glove"
    folder.mkdir()
    np.save(folder / "our_vab_data.npy", np.arange(6 * 4, dtype=np.float64).reshape(6, 4))
    (folder / "our_vab_words.pkl").write_bytes(pickle.dumps(words))
    (folder / "our_vab_idx.pkl").write_bytes(pickle.dumps({word: i for i, word in enumerate(words)}))
    tags = {"tags": ["VERB", "NOUN", "BODY", "OTHER"], "special": {"BODY": ["arm"]}}
    (folder / "our_vab_tags.json").write_text(json.dumps(tags))
    return folder


def test_words_become_vectors_and_parts_of_speech(vocabulary: Path) -> None:
    table = WordVectors.open(vocabulary)
    found = table.encode(["man/NOUN kick/VERB arm/NOUN zebra/NOUN", "man/NOUN"])
    assert found.tokens.shape == (2, 6, 8) and found.mask.sum(1).tolist() == [6, 3]
    rows = found.tokens[0, :, 0].div(4).tolist()
    assert rows == [1, 3, 4, 5, 0, 2]
    assert found.tokens[0, :, 4:].argmax(1).tolist() == [3, 1, 0, 2, 3, 3]
    assert table.encode(["man/NOUN " * 30]).mask.sum() == 22
    with pytest.raises(InputError, match="no words"):
        table.encode(["  "])


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_pickles_of_every_version_are_read(tmp_path: Path, protocol: int) -> None:
    for value in (
        [],
        ["a", "é", "a" * 300, 7, -3, 70000, 2**40],
        {"x": 1, "y": "z"},
        {},
        ["one"],
        {f"{i}": i for i in range(3000)},
    ):
        (tmp_path / "x.pkl").write_bytes(pickle.dumps(value, protocol=protocol))
        assert read_plain(tmp_path / "x.pkl") == value


class Evil:
    def __reduce__(self):
        return (print, ("executed",))


def test_nothing_in_a_pickle_is_executed(tmp_path: Path, vocabulary: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.pkl"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path.write_bytes(pickle.dumps(["fine", Evil()], protocol=protocol))
        with pytest.raises(BundleError, match=r"which is not read|not a sound file"):
            read_plain(path)
    whole = pickle.dumps(["man", "kick"])
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        with pytest.raises(BundleError):
            read_plain(path)
    rng = np.random.default_rng(0)
    for _ in range(300):
        spoilt = bytearray(whole)
        spoilt[rng.integers(len(spoilt))] = rng.integers(256)
        path.write_bytes(bytes(spoilt))
        try:
            read_plain(path)
        except BundleError:
            continue
    assert "executed" not in capsys.readouterr().out
    (vocabulary / "our_vab_words.pkl").write_bytes(pickle.dumps(["unk", "missing"]))
    with pytest.raises(BundleError, match="for the word 'missing'"):
        WordVectors.open(vocabulary)
    (vocabulary / "our_vab_tags.json").unlink()
    with pytest.raises(BundleError, match=r"lacks our_vab_tags\.json"):
        WordVectors.open(vocabulary)


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    folder = bundle().save_pretrained(tmp_path / "one")
    weights = load_file(folder / "model.safetensors")
    weights["evaluator.log_scale"] = torch.tensor(torch.nan)
    save_file(weights, folder / "model.safetensors")
    config = read_json(folder / "config.json")
    write_json(folder / "config.json", {**config, "weights_sha256": sha256_file(folder / "model.safetensors")})
    with pytest.raises(BundleError, match="not finite"):
        EvaluatorBundle.from_pretrained(folder)
