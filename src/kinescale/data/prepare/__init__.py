"""Preparation of published corpora for training."""

from kinescale.data.prepare.corpus import PrepareReport, prepare
from kinescale.data.prepare.settings import Settings

__all__ = ["PrepareReport", "Settings", "prepare"]
