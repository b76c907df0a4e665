"""Captions of the cut HDM05 clips, written by hand after watching them; sides are those seen in the motion.

The class stands in the file name, ``HDM_ACTOR_CLASS_NNN_120`` (Mueller et al. 2007, "Documentation Mocap
Database HDM05"). "LelbowStart" brings the left elbow to the right knee; the jogged circle turns to the left.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath

from kinescale.core.errors import InputError

_NAME = re.compile(r"HDM_[a-z]+_(\w+?)_\d+_120(?:\.\w+)?")


def motion_class(file_name: str) -> str:
    """The class in a file name: ``HDM_bd_squat1Reps_001_120.amc`` to ``squat1Reps``.

    ``InputError`` for a name of another form.
    """
    match = _NAME.fullmatch(PurePath(file_name).name)
    if match is None:
        raise InputError(f"'{file_name}' is not named as HDM05's cut clips are; expected HDM_ACTOR_CLASS_NNN_120.")
    return match.group(1)


CAPTIONS: Mapping[str, tuple[str, ...]] = {
    "depositFloorR": (
        "a person bends down and puts something on the floor with the right hand",
        "places an object on the floor with the right hand",
        "someone deposits an item on the ground with their right hand",
        "a person sets something down on the floor using the right hand and stands up again",
        "a man bends forward, lays an object on the ground with his right hand and straightens up",
        "put something down on the floor with your right hand",
        "stooping to leave something on the floor with the right hand",
        "a figure lowers its right hand to the floor to put a thing down",
        "a person leans down to the ground, drops something off with the right hand and comes back up",
        "bends down to the floor",
    ),
    "elbowToKnee1RepsLelbowStart": (
        "a person touches the right knee with the left elbow",
        "brings the left elbow to the raised right knee",
        "someone lifts their right knee to meet their left elbow",
        "a person does one elbow to knee exercise, left elbow to right knee",
        "a man raises his right knee and bends his left elbow down to it",
        "touch your right knee with your left elbow",
        "doing a standing crunch with the left elbow and the right knee",
        "a figure twists to bring the left elbow and the right knee together",
        "a person stands on the left leg and lifts the right knee to the left elbow",
        "an exercise: the left elbow goes to the right knee once",
    ),
    "grabHighR": (
        "a person reaches up and grabs something with the right hand",
        "grabs something high with the right hand",
        "someone takes an object from a high shelf with their right hand",
        "a person stretches the right arm up to get something above",
        "a man reaches high with his right hand and takes hold of something",
        "reach up high with your right hand and grab",
        "reaching up to pick something off a shelf with the right hand",
        "a figure lifts its right hand above the head to fetch something",
        "a person raises the right hand to grasp an object overhead and lowers it again",
        "picks something up high with the right arm stretched",
    ),
    "hopBothLegs1hops": (
        "a person hops forward once with both legs",
        "hops once on both feet",
        "someone jumps forward with both feet together",
        "a person makes a single two-legged hop",
        "a man takes off and lands on both feet",
        "hop forward on both legs",
        "jumping forward with both legs at once",
        "a figure bends the knees and hops ahead",
        "a person jumps",
        "makes one small jump forward, feet together",
    ),
    "jogLeftCircle4StepsRstart": (
        "a person jogs in a circle to the left",
        "jogs four steps in a left circle",
        "someone jogs along a curve to the left",
        "a person runs slowly around a bend to the left",
        "a man jogs in a left-hand curve, starting with the right foot",
        "jog in a circle to your left",
        "jogging counterclockwise in a circle",
        "a figure turns left while jogging",
        "a person takes four jogging steps while turning to the left",
        "runs forward and curves to the left",
    ),
    "kickLFront1Reps": (
        "a person kicks to the front with the left leg",
        "kicks forward with the left foot",
        "someone does a front kick with their left leg",
        "a person swings the left leg up in a kick",
        "a man throws one high kick with his left foot",
        "kick forward with your left leg",
        "kicking with the left leg",
        "a figure kicks the air in front with its left foot",
        "a person lifts the left leg, kicks and sets the foot down again",
        "performs a single front kick, left leg first",
    ),
    "lieDownFloor": (
        "a person lies down on the floor",
        "lies down on the ground",
        "someone gets down on the floor and lies flat",
        "a person bends down, sits on the floor and lies back",
        "a man lowers himself to the ground and stretches out",
        "lie down on the floor",
        "going from standing to lying on the floor",
        "a figure squats, sits down and lies on the ground",
        "a person goes down to the floor to rest",
        "gets down and ends up lying on the floor",
    ),
    "rotateArmsBothBackward1Reps": (
        "a person rotates both arms backward",
        "swings both arms backward in a full circle",
        "someone makes one backward circle with both arms",
        "a person circles both arms up and back",
        "a man warms up by rotating his arms backwards",
        "rotate both arms backwards",
        "circling the arms backward, both at once",
        "a figure swings both arms up over the head and round to the back",
        "a person does one backward arm rotation with both arms",
        "does backward arm circles",
    ),
    "sneak2StepsLStart": (
        "a person sneaks forward two steps",
        "sneaks ahead, starting with the left foot",
        "someone creeps forward quietly",
        "a person tiptoes two careful steps forward",
        "a man sneaks along with slow steps, left foot first",
        "sneak forward quietly",
        "creeping ahead without making a noise",
        "a figure steals forward with two stealthy steps",
        "a person walks forward slowly and carefully, as if sneaking",
        "walks stealthily for two steps",
    ),
    "squat1Reps": (
        "a person does one squat",
        "squats once",
        "someone bends their knees into a deep squat and stands up again",
        "a person squats down and gets back up",
        "a man goes down into a squat and rises",
        "do a squat",
        "doing a single squat",
        "a figure lowers its hips by bending the knees and comes up again",
        "a person performs a knee bend",
        "crouches down low and stands up",
    ),
    "throwBasketball": (
        "a person throws a basketball",
        "throws a basketball with both hands",
        "someone shoots a basketball at the hoop",
        "a person raises both hands and throws a ball",
        "a man takes a shot at the basket",
        "throw a basketball",
        "shooting a basketball",
        "a figure throws a ball up and away",
        "a person bends the knees, lifts the ball and throws it",
        "makes a basketball shot",
    ),
}
"""Class -> its sentences; mirror them with ``phrase_book.mirror_sentence``."""
