"""Captions of the CMU takes, written by hand from the published one-line descriptions and from watching them.

Source of the descriptions: mocap.cs.cmu.edu (funded by NSF EIA-0196217). Sides are those seen in the motion.
``steady`` says whether any crop of a few seconds is still well described.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class TakeCaptions:
    """Two to four sentences on one take, and whether any crop of several seconds fits them too."""

    captions: tuple[str, ...]
    steady: bool


def _steady(*captions: str) -> TakeCaptions:
    return TakeCaptions(captions, True)


def _whole(*captions: str) -> TakeCaptions:
    return TakeCaptions(captions, False)


def _turns(takes: Iterable[str], wordings: tuple[tuple[str, ...], ...]) -> dict[str, TakeCaptions]:
    """Takes of one steady thing get wordings in turn."""
    return {take: _steady(*wordings[turn % len(wordings)]) for turn, take in enumerate(takes)}


_WALKS = (
    ("a person walks forward", "someone is walking straight ahead", "walks forward at a normal pace"),
    ("a person walks in a straight line", "a man walks forward", "walking ahead", "walk forward"),
    ("someone walks straight ahead", "a person takes several steps forward", "walks"),
    ("a figure walks forward", "a person is walking at an even pace", "walk straight ahead"),
    ("a person walks ahead with swinging arms", "walking forward in a straight line", "a person walks"),
    ("a man is walking forward", "someone takes a few steps ahead", "walks in a straight line"),
)
_SLOW_WALKS = (
    ("a person walks forward slowly", "someone is walking at a slow pace", "a slow walk straight ahead"),
    ("a person slowly walks ahead", "walks slowly", "a man walks forward without hurry"),
)
_BRISK_WALKS = (
    (
        "a person walks forward briskly",
        "someone walks fast in a straight line",
        "a quick walk straight ahead",
    ),
    ("a person walks quickly", "walks forward with long, brisk steps", "a man walks ahead at a fast pace"),
)
_SALSA = (
    ("a person dances salsa", "someone dances", "dancing salsa with quick steps and swaying hips"),
    ("a dancer does salsa steps", "a person dances a lively latin dance", "dances"),
    ("a person dances salsa with turns", "someone is dancing to latin music", "dance salsa"),
    ("a person is dancing", "a figure steps back and forth in a salsa", "a dancer performs a salsa routine"),
    ("someone dances salsa with an imaginary partner", "a person dances and spins", "salsa dancing"),
)
_UNEVEN = (
    (
        "a person walks on uneven terrain",
        "someone walks forward over bumps",
        "walks with careful, high steps",
    ),
    (
        "a person walks carefully over rough ground",
        "walking up and down over obstacles",
        "a man walks over humps",
    ),
)
_INDIAN = (
    (
        "a person performs a classical indian dance",
        "someone dances with bent knees and expressive arms",
        "dances",
    ),
    ("a dancer performs an indian dance", "a person dances with stamping feet and hand gestures", "dancing"),
    (
        "a person dances an indian dance",
        "someone is dancing with arms held out to the sides",
        "dance with your arms",
    ),
)

_WALK_TAKES = (
    *("02_01", "05_01", "06_01", "07_01", "07_02", "07_03", "07_06", "07_07", "07_08", "10_04"),
    *("16_15", "16_16", "16_32", "16_47", "16_58", "35_01", "35_02", "35_05", "35_08", "35_09"),
    *("35_10", "35_11", "35_12", "35_13", "35_14", "35_15", "35_16", "35_28", "35_30", "35_31"),
    *("35_32", "35_33", "35_34", "38_01", "38_02", "39_01", "39_02", "39_03", "39_04", "39_05"),
    *("39_07", "39_08", "39_09", "39_12", "39_13", "08_01", "08_02", "07_09"),
)
_BRISK_TAKES = ("02_02", "07_10", "07_11", "07_12", "08_06", "08_08", "08_09", "16_21", "16_22")
_SLOW_TAKES = ("07_04", "07_05", "08_04", "32_01", "49_01")
_SALSA_TAKES = tuple(f"{who}_{take:02d}" for who in (60, 61) for take in (1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15))

_PLAYGROUND = {
    "01_01": _whole(
        "a person jumps forward several times, turns around and jumps back",
        "someone makes a row of forward jumps, turning around in between",
        "jumps forward again and again",
    ),
    "01_02": _whole(
        "a person walks up to playground equipment and climbs on it",
        "someone climbs on a climbing frame, steps down and climbs again",
        "walks around and climbs",
    ),
    "01_03": _whole(
        "a person climbs on playground bars, hangs and swings",
        "someone climbs up, hangs by the hands and swings",
        "climbing, hanging and swinging on a playground",
    ),
    "01_04": _whole(
        "a person climbs up and down playground equipment",
        "someone climbs a frame, holding on with both hands",
        "walks in a circle and climbs again",
    ),
    "01_05": _whole(
        "a person climbs over playground equipment and goes under it",
        "someone climbs up, gets down and ducks under a bar",
        "climbing and crouching to pass underneath",
    ),
    "01_06": _whole(
        "a person climbs up, sits, dangles the legs and climbs down",
        "someone climbs playground equipment, sits on top and descends",
        "climbs up to sit with dangling legs",
    ),
    "01_07": _whole(
        "a person climbs up, sits with dangling legs and jumps down",
        "someone climbs on playground equipment, takes a seat and jumps off",
        "climbs, sits and jumps down",
    ),
    "01_09": _whole(
        "a person climbs, hangs, swings, drops down and sits with dangling legs",
        "someone plays on climbing bars, holding the body up on straight arms",
        "climbs and swings on playground bars, then goes under them",
    ),
    "01_10": _whole(
        "a person climbs up, swings, leans back and drops to the ground",
        "someone swings from a bar and lets go",
        "climbing, swinging and dropping down on a playground",
    ),
    "01_11": _whole(
        "a person climbs, hangs, leans over a bar and jumps down",
        "someone hangs on playground equipment and jumps off",
        "climbs up, leans over and jumps down",
    ),
    "01_12": _whole(
        "a person climbs, pulls up on a bar, dangles and lowers back to the ground",
        "someone does a pull-up on playground bars, sits and climbs down",
        "hangs on a bar, pulls up and gets down again",
    ),
    "01_14": _whole(
        "a person hangs on playground equipment, jumps down and pushes off with the legs",
        "someone dangles from a bar and kicks off against it",
        "climbing, dangling and jumping down",
    ),
}
_EXPRESSIONS = {
    "02_04": _whole(
        "a person crouches, jumps straight up and regains balance on landing",
        "someone jumps high into the air and lands on both feet",
        "jumps up, then balances and stands still",
    ),
    "02_05": _steady("a person punches", "someone throws punches and strikes", "punching and striking while standing"),
    "02_07": _steady("a person swings a sword", "someone practises swordplay with both hands", "fighting with a sword"),
    "02_08": _steady("a person fights with a sword", "a swordsman attacks and parries", "swings a sword around"),
    "02_09": _steady(
        "a person practises swordplay", "someone slashes with a sword and crouches", "swinging a long sword"
    ),
    "02_10": _steady(
        "a person washes themselves",
        "someone bends down and washes their body",
        "washing the arms, body and legs",
    ),
    "32_02": _whole(
        "a person walks slowly and begins to turn to the right",
        "someone takes a few slow steps, turning right",
        "walks forward slowly and turns right",
    ),
    "49_18": _whole(
        "a person balances on the left leg with arms outstretched",
        "someone stands on one leg and lifts the right knee, arms held out to the sides",
        "balancing on one leg",
    ),
    "49_19": _whole(
        "a person stands on the left leg with the right knee raised and both arms stretched out",
        "someone keeps their balance on one leg",
        "balances on the left leg, arms out to the sides",
    ),
}
_MODERN_DANCE = {
    "05_02": _whole(
        "a dancer moves the arms expressively and spins in a pirouette",
        "a person dances with expressive arms and turns on one foot",
        "dances and does a pirouette",
    ),
    "05_03": _whole(
        "a dancer tilts sideways into an arabesque, steps into a turn and folds the arms",
        "a person dances, leaning to the side with one leg lifted",
        "dancing with a turn step and folding arms",
    ),
    "05_04": _whole(
        "a dancer holds a sideways arabesque, folds the arms and bends back",
        "a person dances slowly, balancing with one leg out and then bending backward",
        "dances with an arabesque to the side",
    ),
    "05_05": _whole(
        "a dancer lifts a leg above hip height and leaps in a turn",
        "a person dances ballet with a high leg raise and a turning jump",
        "dances, raises one leg high and turns",
    ),
    "05_06": _whole(
        "a dancer starts with a move like a cartwheel, then spins and leaps",
        "a person puts the hands down, comes up, does pirouettes and a jump",
        "dances with fast spins and a leap",
    ),
    "05_07": _whole(
        "a dancer makes small leaps, an arabesque and a tilted pirouette",
        "a person dances ballet with little jumps and spins",
        "dances with small jumps and turns",
    ),
    "05_08": _whole(
        "a dancer circles one leg in the air, leaps and turns",
        "a person dances with a leg circle, a jump and a spin",
        "leaps and turns in a dance",
    ),
    "05_09": _whole(
        "a dancer glides forward and back and lifts a leg behind in an arabesque",
        "a person dances with gliding steps and an arabesque",
        "dances ballet with gliding steps",
    ),
    "05_10": _whole(
        "a dancer does gliding steps to the front and to the back, then an arabesque",
        "a person dances and stretches one leg out behind",
        "ballet steps with a leg lifted to the back",
    ),
    "05_11": _whole(
        "a dancer steps sideways and spins in a pirouette",
        "a person takes side steps with open arms and spins around",
        "dances with side steps and a spin",
    ),
    "05_13": _whole(
        "a dancer makes small leaps and spins in a pirouette",
        "a person dances with little jumps, then spins",
        "dances with small jumps and a pirouette",
    ),
    "05_14": _whole(
        "a dancer moves forward, draws one foot up to the knee and lifts the leg behind",
        "a person dances ahead with an arabesque",
        "dances forward with a leg raised to the back",
    ),
    "05_15": _whole(
        "a dancer steps forward, pulls a foot up and extends the leg in an arabesque",
        "a person dances forward and stretches a leg out behind",
        "ballet dancing with an arabesque",
    ),
    "05_16": _whole(
        "a dancer runs forward and makes a turning leap to the left",
        "a person leaps into the air while turning",
        "dances forward with a turning jump",
    ),
    "05_17": _whole(
        "a dancer makes a big turning leap",
        "a person dances forward and does a grand jump with a turn to the left",
        "leaps high while turning",
    ),
    "05_19": _whole(
        "a dancer does an arabesque, a turning leap and bends back",
        "a person dances, leaps while turning and bends backward",
        "dances with a leap and a backward bend",
    ),
    "05_20": _whole(
        "a dancer goes through an arabesque and a turning leap and ends bending back",
        "a person dances with a turning jump and then leans back",
        "dances, leaps and bends backward",
    ),
}
_BASKETBALL = {
    "06_02": _steady(
        "a person walks forward dribbling a basketball",
        "someone dribbles a ball ahead",
        "dribbling a basketball forward",
    ),
    "06_03": _steady(
        "a person dribbles a basketball forward",
        "a basketball player walks and dribbles",
        "walks while dribbling a ball",
    ),
    "06_04": _steady(
        "a person moves forward fast, dribbling a basketball",
        "a player dribbles ahead",
        "dribble a basketball forward",
    ),
    "06_05": _steady(
        "a basketball player dribbles forward",
        "someone bounces a ball while moving ahead",
        "dribbles forward quickly",
    ),
    "06_06": _steady(
        "a person moves backward dribbling a basketball",
        "a player dribbles while backing up",
        "dribbling backwards",
    ),
    "06_07": _steady(
        "a person walks backward and dribbles a basketball",
        "someone dribbles a ball backwards",
        "dribble backward",
    ),
    "06_08": _steady(
        "a person dribbles a basketball sideways to the left",
        "a player side-steps to the left while dribbling",
        "moves left, bouncing a ball",
    ),
    "06_09": _steady(
        "a person shuffles quickly to the left while dribbling a basketball",
        "a basketball player dribbles sideways to the left",
        "side-steps left with a ball",
    ),
    "06_10": _whole(
        "a person dribbles a basketball forward and makes ninety-degree turns to the left",
        "a player dribbles, turning left again and again",
        "dribbles a ball with left turns",
    ),
    "06_12": _whole(
        "a person dribbles a basketball forward and makes ninety-degree turns to the right",
        "a player dribbles with crossovers, turning right again and again",
        "dribbles a ball with right turns",
    ),
    "06_15": _whole(
        "a person dribbles a basketball and shoots",
        "a player bounces the ball, jumps and takes a shot",
        "dribbles, then shoots a basketball",
    ),
}
_KARATE = {
    "135_03": _steady(
        "a person performs a karate kata",
        "someone does a sequence of karate blocks and punches",
        "practises karate",
    ),
    "135_04": _steady(
        "a person steps forward with karate front kicks",
        "someone does front kicks",
        "kicking forward, step by step",
    ),
    "135_05": _steady(
        "a person steps forward in a low karate stance and blocks downward",
        "someone practises the low sweeping block of karate",
        "karate walking with low blocks",
    ),
    "135_06": _steady(
        "a person performs a karate form with blocks, punches and turns",
        "someone does a beginner's kata",
        "practises a karate kata",
    ),
    "135_09": _steady(
        "a person steps forward with karate lunge punches",
        "someone punches with every long step",
        "lunge punches",
    ),
    "135_10": _steady(
        "a person steps in a karate stance with knife-hand blocks",
        "someone practises blocks with the edge of the hand",
        "karate steps with open-hand blocks",
    ),
    "135_11": _steady(
        "a person does karate side kicks",
        "someone moves along in a wide stance and kicks sideways",
        "side kicks",
    ),
}

CAPTIONS: Mapping[str, TakeCaptions] = {
    **_turns(_WALK_TAKES, _WALKS),
    **_turns(_SLOW_TAKES, _SLOW_WALKS),
    **_turns(_BRISK_TAKES, _BRISK_WALKS),
    **_turns(_SALSA_TAKES, _SALSA),
    **_turns(("03_01", "03_02", "03_03", "03_04"), _UNEVEN),
    **_turns(("94_04", "94_06", "94_07", "94_13", "94_14", "94_15"), _INDIAN),
    **_PLAYGROUND,
    **_EXPRESSIONS,
    **_MODERN_DANCE,
    **_BASKETBALL,
    **_KARATE,
}
"""Take ("01_01") -> what can be said of it."""
