"""The styles of the Bandai-Namco sets in words, after watching them.

``~their`` is the possessive mark of ``_grammar``. Two names of one look (old and elderly, tired and
exhausted, masculine and masculinity) keep lists of their own, so that the two sets differ a little in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    """Words for one style.

    adjectives : before a subject: "a tired person".
    adverbs : before or after the verb: "wearily walks", "walks wearily".
    manners : after the verb phrase: "in a tired way", "like an old man".
    moods : before the sentence or after a comma: "looking exhausted".
    gait : manners that speak of steps; only for actions that travel.
    people : (who, possessive): subjects that carry the style themselves.
    unlike : subjects this style does not go with.
    """

    adjectives: tuple[str, ...] = ()
    adverbs: tuple[str, ...] = ()
    manners: tuple[str, ...] = ()
    moods: tuple[str, ...] = ()
    gait: tuple[str, ...] = ()
    people: tuple[tuple[str, str], ...] = ()
    unlike: frozenset[str] = frozenset()

    def expressions(self) -> tuple[str, ...]:
        """Everything that can be said of this style, whatever the action."""
        return self.adjectives + self.adverbs + self.manners + self.moods + tuple(who for who, _ in self.people)


STYLES: Mapping[str, Style] = {
    "active": Style(
        adjectives=("energetic", "lively"),
        adverbs=("energetically", "briskly", "vigorously"),
        manners=("with a lot of energy", "in a lively way", "in an active way", "like someone full of life"),
        moods=("full of energy", "wide awake"),
        gait=("with springy steps",),
    ),
    "angry": Style(
        adjectives=("angry", "furious"),
        adverbs=("angrily", "furiously"),
        manners=("in an angry way", "in a rage", "like someone who is mad at everybody", "in a bad temper"),
        moods=("clearly annoyed", "full of anger"),
        gait=("with stomping steps",),
    ),
    "childish": Style(
        adjectives=("childish", "playful"),
        adverbs=("childishly", "playfully"),
        manners=("like a child", "in a childish way", "the way a little kid would", "as if playing"),
        moods=("behaving like a child",),
        gait=("with swinging arms like a kid",),
        people=(("a child", "their"), ("a little kid", "their")),
    ),
    "chimpira": Style(
        adjectives=("cocky", "swaggering"),
        adverbs=("cockily", "insolently"),
        manners=(
            "like a street thug",
            "like a small-time gangster",
            "with a swagger",
            "in a rude and threatening way",
            "like a hoodlum looking for trouble",
        ),
        moods=("acting tough",),
        gait=("with a swaggering gait", "with bandy legs"),
        people=(("a street punk", "their"), ("a thug", "their")),
    ),
    "feminine": Style(
        adjectives=("feminine", "graceful"),
        adverbs=("gracefully", "daintily", "elegantly"),
        manners=(
            "in a feminine way",
            "like a lady",
            "in a ladylike manner",
            "with soft and delicate movements",
        ),
        gait=("with swaying hips",),
        people=(("a woman", "her"), ("a graceful woman", "her")),
        unlike=frozenset({"a man"}),
    ),
    "giant": Style(
        adjectives=("gigantic", "hulking"),
        adverbs=("heavily", "ponderously"),
        manners=(
            "like a giant",
            "as if ~their body weighed a ton",
            "with slow and heavy movements",
            "in the manner of a huge monster",
            "like someone of enormous size",
        ),
        gait=("with heavy, wide steps",),
        people=(("a giant", "their"), ("a huge figure", "its")),
    ),
    "happy": Style(
        adjectives=("happy", "cheerful"),
        adverbs=("happily", "cheerfully", "joyfully"),
        manners=("in a happy way", "with joy", "as if celebrating good news", "in a great mood"),
        moods=("full of joy", "delighted"),
        gait=("with a bounce in each step",),
    ),
    "masculinity": Style(
        adjectives=("manly", "macho"),
        adverbs=("boldly", "sturdily"),
        manners=(
            "in a manly way",
            "like a tough man",
            "with masculine strength",
            "like a strong man",
            "in a macho manner",
        ),
        gait=("with broad, firm steps",),
        people=(("a manly man", "his"), ("a burly man", "his")),
        unlike=frozenset({"a woman"}),
    ),
    "musical": Style(
        adjectives=("rhythmic", "theatrical"),
        adverbs=("rhythmically", "theatrically"),
        manners=(
            "as if in a musical",
            "like a musical performer",
            "like a dancer on a stage",
            "as if following music",
            "in a theatrical, dancing way",
            "with showy arm movements",
        ),
        moods=("as though performing on stage",),
        gait=("with dancing steps",),
        people=(("a stage performer", "their"),),
    ),
    "normal": Style(),
    "not-confident": Style(
        adjectives=("timid", "shy"),
        adverbs=("timidly", "hesitantly", "nervously"),
        manners=(
            "without confidence",
            "in a timid way",
            "as if unsure of everything",
            "with both hands held close to the body",
        ),
        moods=("lacking confidence", "looking unsure"),
        gait=("with small, careful steps",),
    ),
    "old": Style(
        adjectives=("old", "frail"),
        adverbs=("feebly", "stiffly"),
        manners=(
            "like an old man",
            "like an old person",
            "as if very old",
            "with a bent back",
            "in an aged, shaky way",
        ),
        gait=("with short, stiff steps",),
        people=(("an old man", "his"), ("an old woman", "her"), ("a grandfather", "his")),
    ),
    "proud": Style(
        adjectives=("proud", "haughty"),
        adverbs=("proudly", "pompously"),
        manners=(
            "in a proud way",
            "with ~their chest out",
            "like a king",
            "with ~their head held high",
            "as if superior to everybody",
        ),
        moods=("full of pride",),
        gait=("with slow, stately steps",),
    ),
    "sad": Style(
        adjectives=("sad", "gloomy"),
        adverbs=("sadly", "gloomily"),
        manners=(
            "in a sad way",
            "with ~their head hanging",
            "as if heartbroken",
            "like someone who has lost a friend",
            "with drooping shoulders",
        ),
        moods=("feeling down", "full of sorrow"),
        gait=("with slow, heavy-hearted steps",),
    ),
    "tired": Style(
        adjectives=("tired", "weary"),
        adverbs=("wearily", "tiredly"),
        manners=(
            "in a tired way",
            "like someone after a long day at work",
            "as if short of sleep",
            "with little energy",
            "with sagging shoulders",
        ),
        moods=("looking tired", "half asleep"),
        gait=("with dragging feet",),
    ),
    "elderly": Style(
        adjectives=("elderly", "aged"),
        adverbs=("slowly and carefully", "shakily"),
        manners=(
            "like an elderly person",
            "like a senior citizen",
            "the way very old people do",
            "with an old person's stoop",
            "in an elderly way",
        ),
        gait=("with short, shuffling steps",),
        people=(("an elderly man", "his"), ("an elderly woman", "her"), ("a pensioner", "their")),
    ),
    "exhausted": Style(
        adjectives=("exhausted", "worn-out"),
        adverbs=("exhaustedly", "limply"),
        manners=(
            "as if about to collapse",
            "with the last of ~their strength",
            "like someone who has just run a marathon",
            "in an exhausted way",
            "with a slumped body",
        ),
        moods=("completely exhausted", "out of strength"),
        gait=("with unsteady steps",),
    ),
    "masculine": Style(
        adjectives=("masculine", "strong"),
        adverbs=("firmly", "forcefully"),
        manners=(
            "in a masculine way",
            "like a man",
            "like a tough guy",
            "with strong movements",
            "with wide shoulders and a firm bearing",
        ),
        gait=("with strong, firm steps",),
        people=(("a strong man", "his"), ("a guy", "his")),
        unlike=frozenset({"a woman"}),
    ),
    "youthful": Style(
        adjectives=("youthful", "young"),
        adverbs=("youthfully", "nimbly", "jauntily"),
        manners=("like a young person", "like a teenager", "in a youthful way", "with youthful spirit"),
        moods=("young at heart",),
        gait=("with light steps",),
        people=(("a young man", "his"), ("a young woman", "her"), ("a teenager", "their")),
    ),
}
"""Every style of both sets; ``normal`` adds no words."""

OVERHEAD_STYLES = frozenset({"active", "exhausted", "masculine", "youthful"})
"""Styles whose raised and waved hands go above the head in nearly every clip; elsewhere they stop lower."""
