"""A small evaluation to test on: toy data, a system and an evaluator with random weights."""

from __future__ import annotations

import torch

from kinescale import evaluators, features
from kinescale.bundle.evaluator import EvaluatorBundle
from kinescale.bundle.manifest import Part
from kinescale.evaluation import protocol
from kinescale.evaluation.record import Request
from kinescale.features import Normalizer

SMALL = ("motions", "codes", "instructions")

POOL = 3
"""The toy data's clips have three first sentences."""


def tiny_evaluator(feature_name: str = "rotations", seed: int = 0, **sizes: int) -> EvaluatorBundle:
    """A ``tmr`` of random weights."""
    feature = features.FAMILY.get(feature_name, "build")(features.FAMILY.get(feature_name, "Config")())
    module = evaluators.FAMILY.load("tmr")
    small = {"width": 16, "heads": 2, "motion_layers": 1, "text_layers": 1, "embedding": 8, "max_frames": 64, **sizes}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = module.Evaluator(
            module.Config(feature=feature_name, feature_width=feature.width, text_width=16, **small)
        )
    normalizer = Normalizer(torch.zeros(feature.width), torch.ones(feature.width))
    text = Part(name="hashed", config={"width": 16, "max_tokens": 16})
    return EvaluatorBundle(feature, normalizer, network, text, title="Tiny evaluator")


def request(**changes) -> Request:
    """Six clips of the toy data's largest split, two repeats, no prompts."""
    small = {"split": "train", "limit": 6, "repeats": 2, "instructions": 0, "seed": 3, "draws": 2, "sections": SMALL}
    return Request(**{**small, "protocol": protocol.FIXED.but(pool=POOL), **changes})
