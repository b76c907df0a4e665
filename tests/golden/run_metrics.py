"""Golden runners of metrics and evaluator networks, the latter through the authors' key names."""

from __future__ import annotations

import torch
from golden_case import Case, Runner

from kinescale.bundle.imports import guo2022, snapmogen_evaluator
from kinescale.evaluators.guo2022 import STRIDE
from kinescale.metrics import (
    clip_score,
    diversity,
    fid,
    jitter,
    matching,
    mpjpe,
    multimodality,
    r_precision,
)
from kinescale.metrics.base import distances, similarities
from kinescale.tokens import TextFeatures

POOL = 32
END_JOINTS = [10, 14, 18, 19, 22, 23]
"""SnapMoGen's, by the notes on its evaluation."""

FPS = 30.0


def run_metrics_guo(case: Case) -> None:
    real, generated = case.tensor("fid.real"), case.tensor("fid.generated")
    fitted = fid.gaussian(real)
    case.check("fid.real_mean", fitted.mean)
    case.check("fid.real_covariance", fitted.covariance)
    case.check("fid.value", fid.fid(real, generated))
    case.check("fid.value_few", fid.fid(real[: case.number("fid.value_few", r"first (\d+) real rows")], generated))
    case.check("fid.value_same", fid.fid(real, real))
    text, motion = case.tensor("retrieval.text"), case.tensor("retrieval.motion")
    pool = case.number("retrieval.text", r"pools of (\d+)", POOL)
    pools = torch.arange(len(text)).view(-1, pool)
    case.check("retrieval.hits", r_precision.hits(text, motion, pools).flatten(0, 1).to(torch.uint8))
    case.check("retrieval.top", torch.tensor(r_precision.r_precision(text, motion, pools)))
    case.check("retrieval.matching", matching.matching(text, motion))
    case.check("retrieval.matching_direct", matching.matching(text, motion))
    case.check("retrieval.distances_first_pool", distances(text[:pool], motion[:pool]))
    pairs = case.tensors("diversity")
    case.check("diversity.value", diversity.diversity(real, pairs["first"], pairs["second"]))
    samples = case.tensors("multimodality")
    found = multimodality.multimodality(samples["embeddings"], samples["first"], samples["second"])
    case.check("multimodality.value", found)
    errors = mpjpe.frame_errors(case.tensor("mpjpe.real"), case.tensor("mpjpe.generated"), root=0)
    case.check("mpjpe.per_frame", errors)


def run_metrics_snapmogen(case: Case) -> None:
    text, motion = case.tensor("text"), case.tensor("motion")
    case.check("similarity", similarities(text, motion))
    case.check("clip_score", clip_score.clip_score(text, motion))
    pools = torch.arange(len(text)).view(-1, case.number("top", r"pool of (\d+)", len(text)))
    case.check("top", torch.tensor(r_precision.r_precision(text, motion, pools, cosine=True)))
    real, made, valid = case.tensor("joints"), case.tensor("joints_generated"), case.tensor("mask")
    # The case is in the data's own unit; ours takes meters and gives millimeters.
    case.check("mpjpe_global", mpjpe.mpjpe(real, made, valid) / mpjpe.MM_PER_M)
    case.check("mpjpe_local", mpjpe.mpjpe_aligned(real, made, valid) / mpjpe.MM_PER_M)
    case.check("jitter_all_joints", jitter.jitter(real, FPS, valid))
    case.check("jitter_end_joints", jitter.jitter(real[:, :, END_JOINTS], FPS, valid))


@torch.no_grad()
def run_guo(case: Case) -> None:
    weights = (case.weights("weights_movement"), case.weights("weights_text"), case.weights("weights_motion"))
    evaluator = guo2022.import_evaluator(*weights)
    numbers = case.config
    ours = {"feature_width": "motion_features", "word_width": "word", "pos_width": "pos", "embedding": "embedding"}
    case.agree(evaluator.config, numbers, ours)
    motion, lengths = case.tensor("motion"), case.tensor("lengths")
    movements = evaluator.movements(motion)
    case.check("movements", movements)
    # The case's clips go on past their length; a data set's are zero there, which ``embed_motion`` sees to.
    case.check("motion_embedding", evaluator.motion(movements, lengths // STRIDE))
    words, count = torch.cat([case.tensor("words"), case.tensor("pos")], dim=-1), case.tensor("caption_lengths")
    mask = torch.arange(words.shape[1])[None] < count[:, None]
    case.check("text_embedding", evaluator.embed_text(TextFeatures(words, mask)))


@torch.no_grad()
def run_snapmogen(case: Case) -> None:
    numbers, motion = case.config, case.tensor("motion")
    evaluator = snapmogen_evaluator.import_evaluator(
        case.weights("weights_motion"),
        case.weights("weights_text"),
        heads=numbers["heads"],
        feature_width=motion.shape[2],
    )
    names = {n: n for n in ("width", "layers", "text_width", "heads")}
    case.agree(evaluator.config, numbers, {**names, "hidden": "ff"})
    mask = case.tensor("motion_mask")
    lengths = mask.sum(1)
    assert torch.equal(mask, torch.arange(mask.shape[1])[None] < lengths[:, None])
    case.check("motion_mean", evaluator.embed_motion(motion, lengths))
    case.check("fid_embedding", evaluator.fid_features(motion, lengths))
    case.check("motion_logvar", evaluator.motion(motion, mask)[:, 1])
    text = TextFeatures(case.tensor("text"), case.tensor("text_mask"))
    case.check("text_mean", evaluator.embed_text(text))
    case.check("text_logvar", evaluator.text(text.tokens, text.mask)[:, 1])


RUNNERS: dict[tuple[str, str], Runner] = {
    (
        "metrics",
        "FID, R-precision, matching, diversity, multimodality, MPJPE (MoMask repository, common to the field)",
    ): run_metrics_guo,
    ("metrics", "cosine retrieval, MPJPE, jitter (ScaleMoGen repository)"): run_metrics_snapmogen,
    ("Guo et al. evaluator", "movement, motion and text encoder"): run_guo,
    ("SnapMoGen evaluator", "motion and text encoder"): run_snapmogen,
}
