"""An evaluation: the same numbers twice, twins of its figures, nothing half written, no evaluator needed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

pytest.importorskip("pyarrow", reason="prepared data needs the extra 'train'")

from evaluated import POOL, request, tiny_evaluator

from kinescale import metrics
from kinescale.core.errors import BundleError, DataError, InputError
from kinescale.data.prepared import Prepared, open_prepared
from kinescale.evaluation import pages, protocol
from kinescale.evaluation.clips import choose, generate
from kinescale.evaluation.generated_motions import SheetClip
from kinescale.evaluation.record import Evaluation
from kinescale.evaluation.run import find_evaluator, run
from kinescale.evaluation.sections import sections
from kinescale.metrics import jitter
from kinescale.pipelines import TextToMotion, mean_joint_error, onto_feature, reconstruct
from tiny_bundle import tiny_bundle
from toy_training import toy_prepared

FILES = {"report.json", "report.md", "report.html", "sheet.png"}


@pytest.fixture(scope="module", autouse=True)
def small_sheet() -> Iterator[None]:
    """Pictures take long; one row of two poses is enough."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "POSES", 2)
        patch.setattr("kinescale.evaluation.generated_motions.SHEET_CLIPS", 1)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return open_prepared(toy_prepared(tmp_path_factory.mktemp("data"), 30, corpus="bandai_namco"))


@pytest.fixture(scope="module")
def done(data: Prepared) -> tuple[Evaluation, list[SheetClip]]:
    return run(tiny_bundle(), data, request(), evaluator=tiny_evaluator())


@pytest.fixture(scope="module")
def prompted(data: Prepared) -> Evaluation:
    asked = request(limit=3, repeats=1, instructions=8)
    return run(tiny_bundle(), data, asked, note="There is no evaluator.")[0]


def test_candidates_are_named(prompted: Evaluation, data: Prepared) -> None:
    several = replace(tiny_bundle(), candidates=2)
    notes = run(several, data, request(limit=2, repeats=1))[0].notes
    assert any("best of up to 2 draws" in note for note in notes)
    assert not any("draws" in note for note in prompted.notes)


def test_evaluating_twice_writes_the_same_bytes(done, data: Prepared, tmp_path: Path) -> None:
    again = run(tiny_bundle(), data, request(), evaluator=tiny_evaluator())
    one, two = pages.save(*done, tmp_path / "one"), pages.save(*again, tmp_path / "two")
    assert {file.name for file in one.iterdir()} == FILES
    assert all((one / name).read_bytes() == (two / name).read_bytes() for name in FILES)
    read = Evaluation.parse(json.loads((one / "report.json").read_text(encoding="utf-8")))
    assert read == done[0]


def test_the_ground_truth_comes_first_and_knows_nothing_of_the_system(done, data: Prepared) -> None:
    found = done[0]
    assert all(section.rows[0][0] == "ground truth" for section in sections(found)[:2])
    other = run(tiny_bundle(seed=1), data, request(repeats=1), evaluator=tiny_evaluator())[0]
    for whose, same in (("real", True), ("generated", False)):
        here, there = (one.settings[0].report.rows[whose]["top1"].mean for one in (found, other))
        assert same <= (here == there)
        here, there = (one.settings[0].physical[whose]["jitter_m_s3"].mean for one in (found, other))
        assert (here == there) is same


def test_physical_figures_and_reconstruction_agree_with_naive_twins(done, data: Prepared) -> None:
    found, bundle = done[0], tiny_bundle()
    chosen = choose(data, "train", bundle, None, 6)
    jitters = [jitter.jitter(motion.positions(), motion.fps) for motion in chosen.motions()]
    physical = found.settings[0].physical
    assert physical["real"]["jitter_m_s3"].mean == pytest.approx(sum(jitters) / 6, rel=1e-4)
    assert {"foot_skate_m_s", "skid_share", "peak_jerk_m_s3", "area_under_jerk_m_s2"} < set(physical["real"])
    assert set(physical["real"]) == {
        column for name in metrics.with_input("motion") for column in metrics.columns(name)
    }
    assert 0 <= physical["generated"]["skid_share"].mean <= 1
    pairs = [(reconstruct(bundle, motion), onto_feature(motion, bundle.feature)) for motion in chosen.motions()]
    errors = [1000 * mean_joint_error(made, real) for made, real in pairs]
    assert found.reconstruction["mpjpe_mm"].mean == pytest.approx(sum(errors) / 6, rel=1e-4)
    generated = [row for row in found.codebook if row.source == "generated"]
    lengths = [clip.frames // 4 for clip in chosen.clips]
    assert [row.scale for row in generated] == [1, 2, 3] and generated[-1].tokens >= 2 * sum(lengths)


def test_a_clips_motion_is_its_own_whatever_else_is_evaluated(done, data: Prepared) -> None:
    pipe = TextToMotion(tiny_bundle())
    chosen, fewer = (choose(data, "train", pipe.bundle, None, limit) for limit in (6, 2))
    at = chosen.rows.index(fewer.rows[1])
    options = {"seed": 3, "samples": [1], "sampling": {}}
    one, two = (
        next(generate(pipe, some, ["a person does walk"] * len(some), index=[i], **options))
        for some, i in ((chosen, at), (fewer, 1))
    )
    assert torch.equal(one.motions[0].rotations, two.motions[0].rotations)
    assert len(one.motions[0]) == chosen.clips[at].frames
    apart = {next(generate(pipe, chosen, ["x"] * 6, index=[i], **options)).seeds for i in range(6)}
    assert len(apart) == 6


def test_every_clip_of_the_split_is_evaluated_or_counted_as_left_out(data: Prepared) -> None:
    bundle = tiny_bundle()
    every = choose(data, "train", bundle, tiny_evaluator(), None)
    there = sum(clip.split == "train" for clip in data.clips)
    assert len(every) + sum(every.left_out.values()) == there and 6 < len(every) < there
    assert all(bundle.stride <= clip.frames <= bundle.max_frames for clip in every.clips)
    few = choose(data, "train", bundle, None, 4)
    assert len(few) == 4 and set(few.rows) <= set(every.rows)
    with pytest.raises(DataError, match=r"split 'nope' has no clip.*train"):
        choose(data, "nope", bundle, None, None)


def test_without_an_evaluator_the_rest_is_measured(prompted: Evaluation) -> None:
    assert prompted.evaluator is None and prompted.settings[0].report is None
    assert prompted.notes[0] == "There is no evaluator." and prompted.settings[0].physical["real"]
    assert sum(one.count for one in prompted.instructions) == 8 and len(prompted.instructions) == 8
    direction = prompted.instructions[0]
    assert direction.kind == "direction" and direction.count == 1 and direction.real_count > 0
    assert "Text and motion" not in pages.markdown(prompted)


def test_the_default_evaluator_is_said_to_be_absent_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kinescale.evaluation import run as room

    monkeypatch.setattr(room.bundle_room, "__file__", str(tmp_path / "__init__.py"))
    evaluator, note = find_evaluator("default")
    assert evaluator is None and "--evaluator" in note and note.count(". ") == 0
    assert find_evaluator("none")[0] is None
    with pytest.raises(BundleError, match="there is no evaluator folder"):
        find_evaluator(str(tmp_path / "nowhere"))


def test_an_evaluator_of_another_feature_sees_all_motions_by_its_own(data: Prepared) -> None:
    found = run(tiny_bundle(), data, request(limit=4, repeats=1), evaluator=tiny_evaluator("humanml3d"))[0]
    assert found.evaluator is not None and found.evaluator.feature == "humanml3d"
    assert any("20 fps" in note for note in found.notes)
    report = found.settings[0].report
    assert report is not None and report.rows["generated"]["fid"].mean > 0


@pytest.mark.slow
def test_several_settings_are_rows_of_their_own_and_none_is_chosen(data: Prepared) -> None:
    settings = {f"guidance_scale {value}": {"guidance_scale": float(value)} for value in (1, 4)}
    found = run(tiny_bundle(), data, request(repeats=1, settings=settings), evaluator=tiny_evaluator())[0]
    table = sections(found)[0]
    assert [row[0] for row in table.rows] == ["ground truth", "guidance_scale 1", "guidance_scale 4"]
    assert table.plot.startswith("<svg") and table.plot.count("<circle") == 2
    assert any("none is chosen" in note for note in found.notes)


@pytest.mark.slow
def test_the_fields_protocol_with_its_samples(data: Prepared) -> None:
    small = protocol.HUMANML3D_2022.but(pool=POOL, prompts=2, samples=4, sample_pairs=4, diversity_pairs=3)
    asked = request(limit=4, repeats=1, protocol=small, multimodality=True)
    found = run(tiny_bundle(), data, asked, evaluator=tiny_evaluator())[0]
    report = found.settings[0].report
    assert report is not None and report.rows["generated"]["multimodality"].mean > 0
    assert "random captions" in pages.markdown(found) and "1 clips" in pages.markdown(found)


def test_the_page_fetches_nothing_and_shows_titles_as_text(done) -> None:
    found, _ = done
    evil = found.but(bundle=found.bundle.but(title="<script>alert(1)</script>"))
    page = pages.html(evil, b"picture")
    assert "<script" not in page and "&lt;script&gt;" in page and "<svg" in page
    assert "data:image/png;base64," in page and page.count("http") == page.count("http-equiv") + page.count("xmlns=")
    assert "<script>" not in pages.markdown(evil)
    assert found.bundle.hash in page and found.data.hash in page and found.evaluator.hash in page


EVIL = [
    "[here](http://evil.example/x)",
    "![x](https://evil.example/a.png)",
    "<https://evil.example>",
    "www.evil.example",
    "https://evil.example/bare",
    "a|b `code` **bold** _em_ # head",
    "me@evil.example",
    "[a]: http://evil.example",
]


@pytest.mark.parametrize("name", EVIL)
def test_names_from_outside_are_no_links_in_the_page(done, name: str) -> None:
    found, _ = done
    page = pages.markdown(found.but(bundle=found.bundle.but(title=name), notes=[name]))
    assert not re.search(r"(?<!\\)\]\(", page.replace("](sheet.png)", "")) and "://" not in page and "www." not in page
    assert "<" not in page and "@evil" not in page and not re.search(r"(?<!\\)`", page)
    assert page.count("R@1") == pages.markdown(found).count("R@1")


def test_what_fails_leaves_no_half_folder(done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pages, "html", broken)
        with pytest.raises(KeyboardInterrupt):
            pages.save(done[0], [], tmp_path / "out")
    assert not list(tmp_path.iterdir())
    pages.save(done[0], [], tmp_path / "out")
    with pytest.raises(InputError, match="give --force"):
        pages.save(done[0], [], tmp_path / "out")
    assert pages.save(done[0], [], tmp_path / "out", force=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious.txt").write_text("x")
    with pytest.raises(InputError, match="not an evaluation"):
        pages.save(done[0], [], tmp_path / "mine", force=True)


def test_bad_requests_are_one_sentence(data: Prepared) -> None:
    with pytest.raises(BundleError, match="no generator"):
        run(tiny_bundle(generator=False), data, request())
    with pytest.raises(InputError, match="choose a smaller"):
        run(tiny_bundle(), data, request(protocol=protocol.FIXED), evaluator=tiny_evaluator())
    with pytest.raises(InputError, match="repeats"):
        run(tiny_bundle(), data, request(repeats=0))
