"""The phrase book: enough sentences, none twice, sound grammar, sides that are true and mirror."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinescale.core.errors import InputError, UnknownNameError
from kinescale.data.captions import phrase_book
from kinescale.data.captions.phrase_book import ACTIONS, MIRRORED, STYLES
from kinescale.description.grammar import article, conjugate

BANDAI_ACTIONS = (
    *("bow", "bye", "byebye", "call", "dance-long", "dance-short", "dash", "guide", "kick", "punch"),
    *("raise-up-both-hands", "raise-up-left-hand", "raise-up-right-hand", "respond", "run", "slash", "walk"),
    *("walk-back", "walk-left", "walk-right", "walk-turn-left", "walk-turn-right"),
    *("wave-both-hands", "wave-left-hand", "wave-right-hand"),
)
BANDAI_STYLES = (
    *("active", "angry", "childish", "chimpira", "elderly", "exhausted", "feminine", "giant", "happy"),
    *("masculine", "masculinity", "musical", "normal", "not-confident", "old", "proud", "sad", "tired", "youthful"),
)
LEFT = re.compile(r"\bleft", re.IGNORECASE)
RIGHT = re.compile(r"\bright", re.IGNORECASE)
BAD_GRAMMAR = re.compile(
    r"  |^ | $|[.*~{}_]|[A-Z]| ,"  # stray spaces and marks
    r"|\ba [aeiou]|\ban [^aeiou]|\b(\w+) \1\b"  # articles, a word said twice
    r"|\w(?:iing|[sc]hs|eing)\b(?<!seeing)|\b(?:dos|gos|their their)\b",  # verb forms
    re.MULTILINE,
)


def test_names():
    assert phrase_book.actions() == BANDAI_ACTIONS
    assert phrase_book.styles() == BANDAI_STYLES
    assert len(BANDAI_ACTIONS) == 25 and len(BANDAI_STYLES) == 19


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_enough_paraphrases(action):
    phrases = ACTIONS[action].phrases
    assert len(set(phrases)) == len(phrases) >= 15
    assert all("*" in phrase for phrase in phrases)


@pytest.mark.parametrize("style", [style for style in BANDAI_STYLES if style != "normal"])
def test_enough_words_for_a_style(style):
    expressions = STYLES[style].expressions()
    assert len(set(expressions)) == len(expressions) >= 8


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_hundreds_of_distinct_sentences_for_every_pair(action):
    for style in BANDAI_STYLES:
        sentences = phrase_book.sentences(action, style)
        assert len(sentences) >= 300, (action, style)
        assert len(set(sentences)) == len(sentences)


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_sentences_are_sound_english(action):
    """Every style's words are read beside ``walk`` and ``bow``, every action's beside four styles."""
    every = action in ("walk", "bow")
    for style in BANDAI_STYLES if every else ("normal", "angry", "old", "proud"):
        fault = BAD_GRAMMAR.search("\n".join(phrase_book.sentences(action, style)))
        assert fault is None, fault


def test_plain_sentences_name_no_style():
    plain = {"a person walks forward", "walks forward", "walk forward", "walking forward", "a man is walking"}
    for style in ("normal", "tired", "youthful"):
        assert plain <= set(phrase_book.sentences("walk", style))
    assert "a woman walks" not in phrase_book.sentences("walk", "masculine")
    assert "a man walks" not in phrase_book.sentences("walk", "feminine")


@pytest.mark.parametrize(
    ("action", "prompt"),
    [
        ("walk-turn-left", "a person walks forward and turns to the left"),
        ("walk", "walks forward"),
        ("run", "runs"),
        ("wave-right-hand", "waves the right hand"),
        ("raise-up-both-hands", "raises both hands"),
        ("walk-turn-right", "turns right while walking"),
        ("kick", "kicks"),
        ("dance-short", "dances"),
        ("walk-back", "a person walks backward"),
        ("raise-up-left-hand", "a person raises their left hand"),
    ],
)
def test_what_newcomers_type_is_there(action, prompt):
    assert prompt in phrase_book.sentences(action)


def test_sided_actions_never_name_the_other_side():
    for action in (*BANDAI_ACTIONS, *(name for name in ACTIONS if name.endswith(MIRRORED))):
        for style in ("normal", "old", "musical", "active"):
            text = "\n".join(phrase_book.sentences(action, style))
            left, right = bool(LEFT.search(text)), bool(RIGHT.search(text))
            if "left" in action or action in ("respond", "bye-mirrored", "guide-mirrored", "kick-mirrored"):
                assert left and not right, action
            elif "right" in action or action in ("respond-mirrored", "bye", "guide", "kick"):
                assert right and not left, action
            else:
                assert left == right, action


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_mirrored_sentences_are_the_mirrored_actions_sentences(action):
    twin = phrase_book.mirror_action(action)
    assert phrase_book.mirror_action(twin) == action
    for style in ("normal", "chimpira", "exhausted"):
        mirrored = {phrase_book.mirror_sentence(sentence) for sentence in phrase_book.sentences(action, style)}
        unsided = {s for s in mirrored if LEFT.search(s) and RIGHT.search(s)}
        assert mirrored - unsided == set(phrase_book.sentences(twin, style)) - {
            s for s in phrase_book.sentences(twin, style) if LEFT.search(s) and RIGHT.search(s)
        }


def test_hands_go_overhead_only_in_the_styles_that_do():
    for style in BANDAI_STYLES:
        high = [s for s in phrase_book.sentences("raise-up-both-hands", style) if "above" in s]
        assert bool(high) == STYLES[style].overhead


@given(st.text(alphabet="lefright LEFTcounkwse-,.' ", max_size=40))
@settings(max_examples=50, deadline=None)
def test_mirroring_twice_gives_the_text_back(text):
    if "anti" not in text.lower():
        twice = phrase_book.mirror_sentence(phrase_book.mirror_sentence(text))
        assert twice.replace("counter-", "counter") == text.replace("counter-", "counter")


@pytest.mark.parametrize(
    ("text", "mirrored"),
    [
        ("a person turns Left, then right", "a person turns Right, then left"),
        ("takes a left-hand turn", "takes a right-hand turn"),
        ("goes rightwards on the leftmost path", "goes leftwards on the rightmost path"),
        ("runs counterclockwise", "runs clockwise"),
        ("runs anticlockwise", "runs clockwise"),
        ("spins clockwise", "spins counterclockwise"),
        ("stands upright in a bright cleft", "stands upright in a bright cleft"),
        ("LEFT", "RIGHT"),
    ],
)
def test_sides_are_swapped_as_words(text, mirrored):
    assert phrase_book.mirror_sentence(text) == mirrored


@pytest.mark.parametrize("style", ["normal", "tired", "masculinity"])
def test_pick_is_fixed_by_its_key_and_begins_plain(style):
    plain = set(phrase_book.sentences("bow", "normal"))
    known = set(phrase_book.sentences("bow", style))
    seen = set()
    for number in range(20):
        chosen = phrase_book.pick("bow", style, f"clip {number}", 6)
        assert chosen == phrase_book.pick("bow", style, f"clip {number}", 6)
        assert len(set(chosen)) == 6 and set(chosen) <= known
        assert chosen[0] in plain
        assert chosen[:3] == phrase_book.pick("bow", style, f"clip {number}", 3)
        if style != "normal":
            assert sum(sentence not in plain for sentence in chosen) >= 3
        seen.update(chosen)
    assert len(seen) > 60


def test_pick_spreads_over_short_and_long_forms():
    chosen = [phrase_book.pick("walk", "normal", str(n), 1)[0] for n in range(300)]
    for start in ("walk ", "walks", "walking", "a person"):
        assert sum(sentence.startswith(start) for sentence in chosen) > 5, start


def test_pick_more_than_there_are_gives_all():
    everything = phrase_book.sentences("bow")
    assert sorted(phrase_book.pick("bow", "normal", "k", 10**6)) == sorted(everything)


def test_unknown_names_and_counts_are_refused():
    with pytest.raises(UnknownNameError, match=r"no action 'wlak'.*Did you mean 'walk'.*Known: bow"):
        phrase_book.sentences("wlak")
    with pytest.raises(UnknownNameError, match=r"no style 'hapy'.*Did you mean 'happy'.*Known: active"):
        phrase_book.pick("walk", "hapy", "k", 1)
    with pytest.raises(UnknownNameError):
        phrase_book.mirror_action("fly")
    with pytest.raises(InputError, match="at least 1"):
        phrase_book.pick("walk", "normal", "k", 0)


@pytest.mark.parametrize(
    ("verb", "third", "gerund"),
    [
        ("walk", "walks", "walking"),
        ("wave", "waves", "waving"),
        ("punch", "punches", "punching"),
        ("run", "runs", "running"),
        ("go", "goes", "going"),
        ("dash", "dashes", "dashing"),
        ("see", "sees", "seeing"),
        ("say", "says", "saying"),
        ("bid", "bids", "bidding"),
        ("hit", "hits", "hitting"),
        ("signal", "signals", "signalling"),
        ("box", "boxes", "boxing"),
        ("bow", "bows", "bowing"),
        ("lean", "leans", "leaning"),
        ("answer", "answers", "answering"),
        ("lift", "lifts", "lifting"),
    ],
)
def test_verbs(verb, third, gerund):
    assert (conjugate(verb, "base"), conjugate(verb, "third"), conjugate(verb, "gerund")) == (verb, third, gerund)


def test_which_verbs_of_the_book_double_their_last_letter():
    phrases = [phrase for action in ACTIONS.values() for phrase in action.phrases + action.overhead]
    gerunds = {conjugate(verb, "gerund") for phrase in phrases for verb in re.findall(r"\*(\w+)", phrase)}
    assert len(gerunds) > 80
    doubled = {gerund for gerund in gerunds if re.search(r"([^aeiou])\1ing$", gerund)}
    assert doubled == {
        *("bidding", "chopping", "cupping", "cutting", "dipping", "hitting", "jogging", "letting", "putting"),
        *("running", "signalling", "spinning", "stepping", "calling", "crossing", "pulling", "yelling"),
    }


def test_article():
    assert [article(noun) for noun in ("angry man", "tired man", "old figure", "youthful person")] == [
        "an angry man",
        "a tired man",
        "an old figure",
        "a youthful person",
    ]
