"""ScaleMoGen's tokenizer: published sizes and lists, laws of padding and batches, training by its rng, bad input."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from kinescale import features, skeletons
from kinescale.core.errors import ConfigError, InputError
from kinescale.quantizers.bsq import Quantizer
from kinescale.tokenizers.scalemogen import Config, Tokenizer
from kinescale.tokenizers.scalemogen.bodies import BODIES, LATENT_PARTS, MIDDLE_EDGES, columns_of, columns_of_blocks
from kinescale.tokenizers.scalemogen.derived_body import derived_body
from kinescale.tokenizers.scalemogen.schedules import FACTORS as COUNT
from kinescale.tokenizers.scalemogen.schedules import IDS, quantized, schedule
from kinescale.tokens import Codec
from kinescale.tokens.token_map import PADDING
from scalemogen_parts import FACTORS, SCHEDULES, WIDTH, clips, rng, small_tokenizer

SNAPMOGEN = {
    "feature_width": 296, "body": "snapmogen24", "max_frames": 320, "factors": (80, 40, 20, 10, 5, 2, 1), "schedule": 3,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "whole", "frozen", "positions"),
    [({}, 18_554_840, 5_024, 864), (SNAPMOGEN, 19_173_110, 5_760, 1_057)],
)
def test_published_sizes(changes: dict, whole: int, frozen: int, positions: int) -> None:
    with torch.device("meta"):
        built = Tokenizer(Config.parse({**changes, "faithful": True}))
    joints = built.body.joints
    assert frozen == 8 * (joints**2 + 12**2)  # eight convolutions a level; ours hold no copy of the graphs
    assert sum(p.numel() for p in built.parameters()) + frozen == whole
    assert built.layout().positions == positions


def test_the_lists_of_scales_are_the_published_ones() -> None:
    def sizes(number: int) -> list[tuple[int, int]]:
        return [(49 // factor, len(groups)) for factor, groups in quantized(schedule(number, Config().factors))]

    bins = [1, 2, 3, 7, 12, 24, 49]
    assert IDS == (0, 1, 2, 3, 4, 5)
    assert sizes(0) == [*((b, 1) for b in bins), (49, 2), (49, 3), (49, 5), (49, 7)]
    assert sizes(1) == [(1, 1), (2, 1), (3, 1), (3, 2), (7, 2), (12, 2), (12, 4), (24, 4), (49, 4), (49, 7)]
    assert sizes(2) == [*((b, 1) for b in bins[:-1]), (49, 7)]
    assert sizes(3) == [(b, 7) for b in bins]
    assert sizes(4) == [*((b, 1) for b in bins), (49, 2), (49, 4), (49, 7)]
    wanted = [(1, 1), (2, 1), (2, 2), (3, 2), (7, 2), (7, 3), (12, 3), (24, 3), (24, 5), (49, 5), (49, 7)]
    assert sizes(5) == wanted and COUNT == 7
    # only list 2 is declared otherwise than it is quantized
    assert [k for k in IDS if quantized(schedule(k, Config().factors)) != schedule(k, Config().factors)] == [2]
    assert Config(schedule=2).scales == quantized(schedule(2, Config().factors))
    for number in IDS:
        for _, groups in schedule(number, Config().factors):
            assert sorted(part for group in groups for part in group) == list(range(7))


@pytest.mark.parametrize(("name", "pool"), [("humanml22", 40), ("snapmogen24", 45), ("kit21", 41)])
def test_bodies_are_connected_and_wholly_covered(name: str, pool: int) -> None:
    body = BODIES[name]
    skeleton = skeletons.get(name)
    assert body.joints == len(skeleton) and sum(len(part) for part in body.parts) == pool
    assert {joint for part in body.parts for joint in part} == set(range(body.joints)) and len(body.parts) == 12
    for members, edges, count in ((body.parts, body.edges, body.joints), (LATENT_PARTS, MIDDLE_EDGES, 12)):
        assert {place for inside in members for place in inside} == set(range(count))
        for inside in members:
            assert _connected(edges, set(inside)), f"{name}: {inside} falls apart"
        assert _connected(edges, set(range(count)))
    tree = {tuple(sorted((joint, parent))) for joint, parent in enumerate(skeleton.parents) if parent >= 0}
    if not body.missing:
        assert tree == set(body.edges)
    # KIT's contacts are of the middle of the foot and the foot
    roles = (None if name == "kit21" else "ankle", "toes")
    for (side, role), joint in zip(product(("left", "right"), roles), body.contacts, strict=True):
        assert role is None or skeleton.role(f"{side}_{role}") == joint


def test_the_derived_body_of_humanml22_is_the_published_one() -> None:
    assert derived_body(skeletons.get("humanml22")) == BODIES["humanml22"]


@pytest.mark.parametrize("name", ["cmu", "mixamo", "smplx", "unity_humanoid"])
def test_other_bodies_follow_from_tree_and_roles(name: str) -> None:
    body = derived_body(skeletons.get(name))
    assert {joint for part in body.parts for joint in part} == set(range(body.joints)) and len(body.parts) == 12
    for inside in body.parts:
        assert _connected(body.edges, set(inside)), f"{name}: {inside} falls apart"
    built = features.FAMILY.get("rotations", "build")(features.FAMILY.get("rotations", "Config")(skeleton=name))
    blocks = {block: [part.start, part.stop] for block, part in built.blocks.items()}
    tokenizer = small_tokenizer(feature_width=built.width, body=name, feature_blocks=blocks)
    lengths = torch.tensor([16])
    decoded = tokenizer.decode(tokenizer.encode(torch.randn(1, 16, built.width), lengths).tokens)
    assert decoded.shape == (1, 16, built.width)


def test_a_body_without_legs_is_refused() -> None:
    snake = skeletons.Skeleton("snake", ("hips", "tail"), (-1, 0), np.zeros((2, 3)), {"hips": "hips"})
    with pytest.raises(ConfigError, match="left_shoulder"):
        derived_body(snake)


def _connected(edges: tuple[tuple[int, int], ...], inside: set[int]) -> bool:
    reached, grown = set(), {min(inside)}
    while grown != reached:
        reached = set(grown)
        grown |= {b for edge in edges for a, b in (edge, edge[::-1]) if a in reached and b in inside}
    return reached == inside


def test_the_missing_edge_is_missing_in_the_faithful_setting_alone() -> None:
    body = BODIES["snapmogen24"]
    assert len(body.edges) == 26 and len(body.graph(faithful=True)) == 25
    assert set(body.edges) - set(body.graph(faithful=True)) == {(7, 8)}
    assert body.graph(faithful=False) == body.edges


@pytest.mark.parametrize(
    ("feature", "options", "body", "root", "others"),
    [
        ("humanml3d", {}, "humanml22", 7, 12),
        ("humanml3d", {"variant": "kit"}, "kit21", 7, 12),
        ("rotations", {}, "humanml22", 16, 12),
        ("snapmogen", {}, "snapmogen24", 16, 12),
    ],
)
def test_columns_follow_the_blocks_of_the_features(
    feature: str, options: dict, body: str, root: int, others: int
) -> None:
    built = features.FAMILY.get(feature, "build")(features.FAMILY.get(feature, "Config")(**options))
    parts = BODIES[body]
    columns = columns_of(parts, built.width)
    assert columns == columns_of_blocks(parts, {name: (b.start, b.stop) for name, b in built.blocks.items()})
    owned = columns.of_joints(parts.joints)
    assert sorted(column for own in owned for column in own) == list(range(built.width))
    extra = [1 if joint in parts.contacts else 0 for joint in range(parts.joints)]
    assert [len(own) for own in owned] == [root, *(others + more for more in extra[1:])]
    contact = built.blocks["contacts"].start
    assert [owned[joint][-1] for joint in parts.contacts] == [contact + k for k in range(4)]
    for name, per in (("positions", 3), ("rotations", 6), ("velocities", 3)):
        block = built.blocks[name]
        first = parts.joints - (block.stop - block.start) // per
        for joint in range(first, parts.joints):
            start = block.start + per * (joint - first)
            assert set(range(start, start + per)) <= set(owned[joint])
    starts = columns.starts(parts.joints)
    assert (starts[-2], starts[-1]) == (built.blocks["velocities"].start, contact)


def test_blocks_that_do_not_go_by_joints_are_refused() -> None:
    body = BODIES["humanml22"]
    for blocks in ({"positions": (4, 68)}, {"positions": (0, 66), "phase": (66, 70)}, {"phase": (0, 8)}):
        with pytest.raises(ConfigError, match="columns"):
            columns_of_blocks(body, blocks)


def test_features_without_velocities_train() -> None:
    tokenizer = small_tokenizer(feature_width=67, feature_blocks={"root_height": [0, 1], "positions": [1, 67]})
    lengths = torch.tensor([20])
    assert torch.isfinite(tokenizer.train().training_loss(clips([20], 20, width=67), lengths, rng(1)).loss)


def test_other_columns_can_be_given() -> None:
    columns = {"root": 0, "blocks": [[3, 0], [3, 0]], "contacts": []}
    tokenizer = small_tokenizer(feature_width=132, columns=columns)
    made = tokenizer.decode(tokenizer.encode(clips([20], 20, width=132), torch.tensor([20])).tokens)
    assert made.shape == (1, 20, 132)


@pytest.mark.parametrize("numbering", SCHEDULES)
@pytest.mark.parametrize("faithful", [True, False])
def test_any_list_goes_both_ways(numbering: Any, faithful: bool) -> None:
    tokenizer = small_tokenizer(schedule=numbering, faithful=faithful)
    assert isinstance(tokenizer.codec, Codec)
    lengths = torch.tensor([100, 4, 37])
    motion = clips(lengths.tolist(), 100)
    before = motion.clone(), lengths.clone()
    encoded = tokenizer.encode(motion, lengths)
    layout, latents = encoded.tokens.layout, encoded.tokens.latent_lengths
    assert layout == tokenizer.layout(100) and latents.tolist() == [25, 1, 10]
    running = tokenizer.codec.empty(layout, 3)
    for k, row in enumerate(encoded.tokens.scales):
        assert row.shape[-1] == 5 and torch.equal((row != PADDING).all(-1), encoded.tokens.valid(k))
        assert torch.equal(tokenizer.codec.quantize_scale(encoded.latent - running, k, layout, latents), row)
        running = running + tokenizer.codec.contribution(row, k, layout)
        shape = (3, layout.scales[k].bins, layout.scales[k].groups, 5)
        assert tokenizer.codec.scale_input(running, k, layout, latents).shape == shape
    torch.testing.assert_close(running, encoded.quantized)
    for count in range(1, len(layout.scales) + 1):
        decoded = tokenizer.decode(encoded.tokens.first(count))
        assert decoded.shape == (3, layout.max_frames, WIDTH) and bool(decoded.isfinite().all())
    assert torch.equal(motion, before[0]) and torch.equal(lengths, before[1])


@pytest.mark.parametrize("numbering", SCHEDULES)
@pytest.mark.parametrize("length", [5, 32, 46, 63])
def test_padding_does_not_matter(length: int, numbering: Any) -> None:
    tokenizer = small_tokenizer(schedule=numbering)
    lengths = torch.tensor([length])
    wanted: list[Any] = []
    for frames in (length, 64, 97, 128):
        encoded = tokenizer.encode(clips([length], frames), lengths)
        latents, layout = encoded.tokens.latent_lengths, encoded.tokens.layout
        assert layout.capacity == -(-frames // 4)
        tokens = [row[encoded.tokens.valid(k)] for k, row in enumerate(encoded.tokens.scales)]
        inputs = [tokenizer.codec.scale_input(encoded.quantized, k, layout, latents) for k in range(len(layout.scales))]
        inputs = [row[encoded.tokens.valid(k)] for k, row in enumerate(inputs)]
        decoded = tokenizer.decode(encoded.tokens)[0, : int(latents) * 4]
        wanted = wanted or [tokens, inputs, decoded]
        assert all(torch.equal(a, b) for a, b in zip(tokens, wanted[0], strict=True))
        for mine, theirs in zip([*inputs, decoded], [*wanted[1], wanted[2]], strict=True):
            torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-4)


def test_what_stands_past_a_length_is_not_read() -> None:
    tokenizer = small_tokenizer()
    lengths = torch.tensor([41])
    dirty = clips([41], 64)
    dirty[:, 41:] = 5.0
    clean = tokenizer.encode(clips([41], 64), lengths).tokens
    assert torch.equal(clean.flatten(), tokenizer.encode(dirty, lengths).tokens.flatten())


@pytest.mark.parametrize("faithful", [True, False])
def test_a_clip_is_the_same_alone_and_in_a_batch(faithful: bool) -> None:
    tokenizer = small_tokenizer(faithful=faithful)
    lengths = torch.tensor([128, 36, 80, 59])
    motion = clips(lengths.tolist(), 128)
    together = tokenizer.encode(motion, lengths).tokens
    decoded = tokenizer.decode(together)
    for i in range(4):
        alone = tokenizer.encode(motion[i : i + 1], lengths[i : i + 1]).tokens
        assert torch.equal(alone.flatten()[0], together.flatten()[i])
        torch.testing.assert_close(tokenizer.decode(alone)[0], decoded[i], atol=1e-4, rtol=1e-4)


def test_layouts_shrink_with_the_clip_unless_faithful() -> None:
    short, whole = small_tokenizer().layout(21), small_tokenizer().layout()
    assert (short.capacity, whole.capacity) == (6, 32) and short.positions * 4 < whole.positions
    assert [scale.bins for scale in short.scales] == [-(-6 // scale.factor) for scale in whole.scales]
    assert small_tokenizer(faithful=True).layout(8) == small_tokenizer(faithful=True).layout()
    assert [s.bins for s in small_tokenizer(faithful=True).layout().scales[:4]] == [1, 2, 2, 2]


def test_constant_codes_come_back_constant() -> None:
    """Pooling and upsampling are averages: what is the same everywhere stays so, up to the end of a clip."""
    tokenizer = small_tokenizer()
    layout, latents = tokenizer.layout(100), torch.tensor([25, 9])
    for k, spec in enumerate(layout.scales):
        bits = torch.tensor([1, 0, 0, 1, 1]).expand(2, spec.bins, spec.groups, 5)
        bits = bits.masked_fill(~layout.valid(latents, k)[..., None], PADDING)
        added = tokenizer.codec.contribution(bits, k, layout)
        code = Quantizer(tokenizer.pyramid.quantizers[0].config).dequantize(bits[0, 0, 0])
        torch.testing.assert_close(added[0], code.expand(25, 7, 5))
        torch.testing.assert_close(added[1, :9], code.expand(9, 7, 5))
        back = tokenizer.codec.scale_input(added, k, layout, latents)[layout.valid(latents, k)]
        torch.testing.assert_close(back, code.expand_as(back))


def test_training_follows_its_generator_alone_and_learns() -> None:
    lengths = torch.tensor([32, 25, 13])
    trails = []
    for run in range(2):
        tokenizer = small_tokenizer(dropout=0.1).train()
        optimizer = torch.optim.Adam(tokenizer.parameters(), 3e-3)
        source, trail = rng(7), []
        for _ in range(12):
            torch.rand(run)  # the global state must not matter
            step = tokenizer.training_loss(clips(lengths.tolist(), 32), lengths, source)
            optimizer.zero_grad()
            step.loss.backward()
            optimizer.step()
            trail.append(step.logs["loss"])
        trails.append(trail)
    assert trails[0] == trails[1]
    assert sum(trails[0][-4:]) < 0.8 * sum(trails[0][:4])
    assert all(p.grad is not None for p in tokenizer.parameters())


def test_scale_dropout_leaves_out_all_scales_but_the_last() -> None:
    tokenizer = small_tokenizer(scale_dropout=0.99).train()
    layout, latents = tokenizer.layout(64), torch.tensor([16])
    grid = tokenizer.encode(clips([64], 64), torch.tensor([64])).latent
    last = tokenizer.pyramid(grid, layout, latents, dropped=(True,) * 10 + (False,))
    assert len(last.losses) == 1
    torch.testing.assert_close(last.total, tokenizer.codec.contribution(last.tokens[-1], 10, layout))
    nothing_left_out = tokenizer.eval().training_loss(clips([64], 64), torch.tensor([64]), rng(0)).logs
    again = tokenizer.training_loss(clips([64], 64), torch.tensor([64]), rng(1)).logs
    left_out = tokenizer.train().training_loss(clips([64], 64), torch.tensor([64]), rng(1)).logs
    assert nothing_left_out == again != left_out


def test_the_loss_is_the_formula() -> None:
    tokenizer = small_tokenizer()
    lengths = torch.tensor([32, 19])
    motion = clips([32, 19], 32)
    encoded = tokenizer.encode(motion, lengths)
    decoded = tokenizer.decode(encoded.tokens)
    inside = torch.arange(32)[None] < lengths[:, None]

    def error(part: slice) -> torch.Tensor:
        return functional.smooth_l1_loss(decoded[inside][:, part], motion[inside][:, part])

    velocities = slice(4 + 9 * 22, 4 + 12 * 22)
    layout, latents = encoded.tokens.layout, encoded.tokens.latent_lengths
    losses = tokenizer.pyramid(encoded.latent, layout, latents, dropped=(False,) * 11).losses
    wanted = error(slice(0, WIDTH)) + 0.5 * error(slice(0, 4)) + 0.5 * error(velocities) + 4 * sum(losses) / 11
    torch.testing.assert_close(tokenizer.training_loss(motion, lengths, rng(0)).loss, wanted)


def test_the_loss_does_not_feel_padding_and_evaluation_changes_nothing() -> None:
    tokenizer = small_tokenizer()
    lengths = torch.tensor([40, 18])
    state = {name: value.clone() for name, value in tokenizer.state_dict().items()}
    short = tokenizer.training_loss(clips([40, 18], 40), lengths, rng(1)).loss
    long = tokenizer.training_loss(clips([40, 18], 128), lengths, rng(2)).loss
    torch.testing.assert_close(short, long)
    assert all(torch.equal(value, state[name]) for name, value in tokenizer.state_dict().items())


def test_bad_batches_are_refused_in_one_sentence() -> None:
    tokenizer = small_tokenizer()
    good, lengths = clips([40], 64), torch.tensor([40])
    nan = good.clone()
    nan[0, 3, 3] = float("nan")
    cases = [
        (good[..., :9], lengths, "9 features per frame; this tokenizer takes 272"),
        (good, torch.tensor([65]), "65 frames"),
        (good[:, :38], torch.tensor([39]), "39 frames in a tensor of 38"),
        (good, torch.tensor([3]), "expected 4"),
        (good[:0], torch.zeros(0, dtype=torch.int64), "empty"),
        (nan, lengths, "NaN"),
        (torch.zeros(1, 132, WIDTH), lengths, "132 frames"),
    ]
    for motion, given, message in cases:
        for call in (tokenizer.encode, lambda f, n: tokenizer.training_loss(f, n, rng(0))):
            with pytest.raises(InputError, match=message):
                call(motion, given)
    with pytest.raises(InputError, match="2 frames"):
        tokenizer.layout(2)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"body": "octopus8"}, "humanml22"),
        ({"feature_width": 264}, "263 or 272"),
        ({"columns": {"root": 3}}, "columns hold 258"),
        ({"columns": {"blocks": [[3, 30]]}}, "outside"),
        ({"max_frames": 130}, "multiple of 4"),
        ({"schedule": 6}, "one of"),
        ({"factors": (32, 1)}, "takes 7"),
        ({"factors": (32, 16, 12, 5, 6, 2, 1)}, "never rise"),
        ({"factors": (32, 16, 12, 6, 5, 3, 2)}, "never rise"),
        ({"factors": (99, 16, 12, 6, 5, 3, 1)}, "never rise"),
        ({"schedule": []}, "never rise"),
        ({"schedule": [[1, [[0, 1, 2, 3, 4, 5, 6]]]]}, "last scale"),
        ({"schedule": [[1, [[0], [1], [2], [3], [4], [5], [5]]]]}, "once"),
    ],
)
def test_inconsistent_configs_are_refused(changes: dict, word: str) -> None:
    with pytest.raises(ConfigError, match=word) as caught:
        Config.parse({"max_frames": 128, "factors": FACTORS, **changes})
    assert "\n" not in str(caught.value)
