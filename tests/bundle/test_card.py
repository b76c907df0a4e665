"""The model card says what hubs and people need to know."""

from __future__ import annotations

from dataclasses import replace

from kinescale.bundle.card import model_card
from tiny_bundle import LICENSES, tiny_bundle


def test_front_matter_names_library_task_and_licenses():
    card = model_card(tiny_bundle())
    front = card.split("---\n")[1]
    assert "library_name: kinescale\n" in front and "pipeline_tag: " in front and "text-to-motion" in front
    assert 'license_name: "CC BY-NC 4.0; free for all uses"' in front


def test_every_source_is_credited():
    card = model_card(tiny_bundle())
    for license in LICENSES:
        assert license.source in card and license.name in card and license.attribution in card
    assert "not for commercial use" in card
    assert "It has learned nothing." in card and "moscale.tiny" in card
    assert "kinescale generate" in card


def test_what_is_not_recorded_is_said():
    card = model_card(replace(tiny_bundle(), licenses=()))
    assert "ask its maker" in card


def test_a_tokenizer_alone_promises_no_generation():
    card = model_card(tiny_bundle(generator=False))
    assert "kinescale generate" not in card and "kinescale reconstruct" in card
