"""What the actions of the Bandai-Namco sets look like, in our own words, written after watching them.

What was seen: ``walk-left`` and ``walk-right`` travel diagonally forward while facing ahead, 20 to 50 degrees
to the side; ``walk-turn-*`` walk straight and turn a corner of about 90 degrees; ``bye`` waves the right
hand, ``byebye`` both; ``guide`` shows the way with the right hand; ``respond`` raises the left hand as an
answer; ``call`` leans forward with both hands at the mouth; ``kick`` spins and kicks with the right leg;
``slash`` swings a sword held in both hands. Phrases are in the base form, the commonest first; ``_grammar``
explains the marks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kinescale.description.grammar import mirror_sentence

MIRRORED = "-mirrored"
"""Ends the name of the mirror image of an action that has a side of its own but no twin in the corpora."""


@dataclass(frozen=True)
class Action:
    """Paraphrases of one action.

    ``phrases`` hold for every style; ``overhead`` only for the styles whose hands go above the head;
    ``travels``: whether the feet carry the body along, so that words about steps fit.
    """

    phrases: tuple[str, ...]
    overhead: tuple[str, ...] = ()
    travels: bool = False

    def mirrored(self) -> Action:
        """The same for the mirror image."""
        return Action(
            tuple(mirror_sentence(phrase) for phrase in self.phrases),
            tuple(mirror_sentence(phrase) for phrase in self.overhead),
            self.travels,
        )


_WALK = Action(
    (
        "*walk forward",
        "*walk",
        "*walk straight ahead",
        "*walk in a straight line",
        "*take several steps forward",
        "*walk forwards without turning",
        "*walk ahead, one step after another",
        "*go forward at a walk",
        "*walk across the room",
        "*walk along a straight path",
        "*move forward on foot",
        "*continue to walk ahead",
        "*make ~their way forward",
        "*head straight on, walking",
        "*put one foot in front of the other and *go ahead",
        "*advance step by step",
        "*walk from one place to another",
        "*cross the floor on foot",
        "*go for a walk",
    ),
    travels=True,
)

_RUN = Action(
    (
        "*run",
        "*run forward",
        "*run straight ahead",
        "*jog forward",
        "*run in a straight line",
        "*go forward at a run",
        "*run along a straight path",
        "*move ahead at a run",
        "*run across the room",
        "*continue to run ahead",
        "*take running steps forward",
        "*run from one place to another",
        "*run forwards without turning",
        "*cover the ground at a run",
        "*jog straight on",
        "*go for a run",
        "*run on, step after step",
    ),
    travels=True,
)

_DASH = Action(
    (
        "*dash forward",
        "*sprint",
        "*sprint forward",
        "*run very fast",
        "*run as fast as possible",
        "*dash straight ahead",
        "*race ahead",
        "*run forward at full speed",
        "*sprint in a straight line",
        "*dash across the room",
        "*rush forward at a run",
        "*charge ahead at top speed",
        "*make a dash forward",
        "*run hard, arms pumping",
        "*bolt forward",
        "*break away in a sprint",
        "*speed ahead with long running strides",
    ),
    travels=True,
)

_WALK_BACK = Action(
    (
        "*walk backward",
        "*walk backwards",
        "*step backward",
        "*back away",
        "*take several steps back",
        "*walk backwards in a straight line",
        "*move back, step by step",
        "*go backwards on foot",
        "*walk in reverse",
        "*retreat on foot while facing ahead",
        "*back up, one step after another",
        "*continue to step backwards",
        "*walk back without turning around",
        "*move backward while looking ahead",
        "*take backward steps",
        "*back off on foot",
        "*pace backwards",
    ),
    travels=True,
)

_WALK_LEFT = Action(
    (
        "*walk to the left",
        "*walk diagonally forward to the left",
        "*walk forward while drifting to the left",
        "*walk ahead and to the left without turning",
        "*walk forward at an angle to the left",
        "*step diagonally to the left",
        "*move forward and left on foot",
        "*walk leftward",
        "*slant off to the left while walking",
        "*veer left while walking forward",
        "*walk on a diagonal towards the left",
        "*bear left while walking",
        "*take diagonal steps to the left",
        "*move to the left at a walk while facing ahead",
        "*walk towards the front left",
        "*go left and forward, step by step",
        "*walk sideways and forward to the left",
        "*make ~their way ahead on the left diagonal",
    ),
    travels=True,
)

_WALK_TURN_LEFT = Action(
    (
        "*walk forward and *turn left",
        "*walk forward and *turn to the left",
        "*walk forward, then *turn left and *continue to walk",
        "*turn left while walking",
        "*walk around a corner to the left",
        "*walk ahead and *make a left turn",
        "*take a left turn while walking",
        "*walk straight, then *curve to the left",
        "*walk and *turn ninety degrees to the left",
        "*walk forward, then *change direction to the left",
        "*go straight at first, then *walk off to the left",
        "*turn around a corner on the left while walking",
        "*walk in a quarter circle to the left",
        "*walk a few steps, *turn leftward and *walk on",
        "*walk along a path that bends to the left",
        "*turn to ~their left while walking forward",
        "*walk a curve towards the left",
        "*round a left-hand corner at a walk",
    ),
    travels=True,
)

_RAISE_BOTH = Action(
    (
        "*raise both hands",
        "*raise both arms",
        "*lift both hands",
        "*put both hands up",
        "*lift ~their two arms",
        "*hold up both hands",
        "*bring both hands up and *lower them again",
        "*raise ~their hands",
        "*raise ~their arms, then *let them down",
        "*stand and *raise both hands",
        "*lift both arms with bent elbows",
        "*raise the left and the right hand together",
        "*show both palms with raised hands",
        "*move both hands up at once",
        "*stand still while raising both arms",
        "*raise both hands as if surrendering",
        "*lift up both hands and *hold them there",
    ),
    ("*raise both hands above ~their head", "*put both arms up in the air", "*lift both hands high"),
)

_RAISE_LEFT = Action(
    (
        "*raise the left hand",
        "*raise ~their left hand",
        "*raise ~their left arm",
        "*lift the left hand",
        "*put ~their left hand up",
        "*hold up the left hand",
        "*lift ~their left arm with a bent elbow",
        "*bring the left hand up and *lower it again",
        "*raise the left arm, then *let it down",
        "*stand and *raise the left hand",
        "*lift up the left hand and *hold it there",
        "*move ~their left hand up",
        "*stand still while raising the left arm",
        "*show ~their left palm with a raised hand",
        "*raise one hand, the left one",
        "*lift just ~their left hand",
        "*put up a hand on the left side",
    ),
    (
        "*raise the left hand above ~their head",
        "*put the left arm up in the air",
        "*lift ~their left hand high",
    ),
)

_WAVE_BOTH = Action(
    (
        "*wave both hands",
        "*wave both arms",
        "*wave with both hands",
        "*wave ~their hands from side to side",
        "*raise both hands and *wave",
        "*lift both arms and *wave them",
        "*wave with two hands",
        "*swing both raised hands to and fro",
        "*move both hands back and forth in a wave",
        "*greet someone by waving both hands",
        "*stand and *wave both hands",
        "*wave ~their arms to catch attention",
        "*hold up both hands and *wave them",
        "*shake both raised hands from side to side",
        "*continue to wave with both arms",
        "*signal with both hands raised",
        "*wave hello with both hands",
    ),
    (
        "*wave both hands above ~their head",
        "*wave both arms high in the air",
        "*wave ~their arms over the head",
    ),
)

_WAVE_LEFT = Action(
    (
        "*wave the left hand",
        "*wave ~their left hand",
        "*wave with the left hand",
        "*wave ~their left arm",
        "*raise the left hand and *wave",
        "*lift ~their left arm and *wave it",
        "*move the left hand from side to side",
        "*swing ~their raised left hand to and fro",
        "*move the left hand back and forth in a wave",
        "*greet someone with a wave of the left hand",
        "*stand and *wave the left hand",
        "*wave hello with ~their left hand",
        "*hold up the left hand and *wave it",
        "*shake ~their raised left hand from side to side",
        "*continue to wave with the left arm",
        "*wave with one hand, the left one",
        "*signal with the left hand raised",
    ),
    (
        "*wave the left hand above ~their head",
        "*wave ~their left arm high in the air",
        "*wave the left arm over ~their head",
    ),
)

_BOW = Action(
    (
        "*bow",
        "*bow forward",
        "*bow from the waist",
        "*take a bow",
        "*bend forward in a bow",
        "*make a bow",
        "*lower ~their head and *bow",
        "*bow to someone in front",
        "*bend at the hips to greet someone",
        "*give a bow and *straighten up",
        "*bow and *stand up straight again",
        "*lean the upper body forward in greeting",
        "*greet someone with a bow",
        "*stand and *bow",
        "*bow to say thank you",
        "*bend ~their upper body down and *come back up",
        "*dip forward in a bow",
    )
)

_BYE = Action(
    (
        "*wave goodbye",
        "*wave goodbye with the right hand",
        "*wave the right hand",
        "*wave bye",
        "*say goodbye with a wave",
        "*raise ~their right hand and *wave goodbye",
        "*wave ~their right hand in farewell",
        "*wave with one hand to say goodbye",
        "*bid someone farewell with a wave of the right hand",
        "*stand and *wave goodbye",
        "*lift the right hand to wave someone off",
        "*wave ~their right arm to say bye",
        "*wave farewell",
        "*see someone off with a wave",
        "*move ~their right hand from side to side as a goodbye",
        "*wave with the right hand",
        "*take leave with a wave of the hand",
    )
)

_BYEBYE = Action(
    (
        "*wave goodbye with both hands",
        "*wave both hands",
        "*wave both hands in farewell",
        "*wave bye-bye with both hands",
        "*say goodbye by waving both arms",
        "*wave both arms to say bye-bye",
        "*raise both hands and *wave goodbye",
        "*wave bye-bye",
        "*wave goodbye with two hands",
        "*see someone off, waving both hands",
        "*wave with both hands as someone leaves",
        "*bid farewell with both hands",
        "*stand and *wave goodbye with both arms",
        "*swing both hands from side to side as a goodbye",
        "*lift both arms and *wave farewell",
        "*continue to wave both hands to someone who leaves",
        "*take leave with a wave of both hands",
    )
)

_CALL = Action(
    (
        "*call out to someone",
        "*call to someone far away",
        "*shout with both hands at the mouth",
        "*cup both hands around ~their mouth and *shout",
        "*call someone over",
        "*raise both hands to ~their mouth and *call",
        "*lean forward and *call out",
        "*shout across a distance",
        "*yell to someone through cupped hands",
        "*call loudly into the distance",
        "*make a trumpet of ~their hands and *shout",
        "*hail someone who is far off",
        "*put both hands to the mouth and *call out",
        "*bring ~their hands up to the face to call somebody",
        "*call out through both hands, then *straighten up",
        "*hold both hands by the mouth while shouting",
    )
)

_DANCE = Action(
    (
        "*dance",
        "*dance around",
        "*do a dance",
        "*dance to music",
        "*perform a dance",
        "*perform a dance routine",
        "*dance with the whole body",
        "*dance on the spot, arms and legs moving",
        "*do dance moves",
        "*dance with quick changes of pose",
        "*step and *swing to music",
        "*move to a beat",
        "*dance with wide arm movements",
        "*show off some dance steps",
        "*dance through a choreography",
        "*step, *swing and *pose in a dance",
        "*continue to dance",
    )
)

_GUIDE = Action(
    (
        "*show the way",
        "*show the way with the right hand",
        "*gesture with the right hand to show the way",
        "*guide someone with a gesture",
        "*invite someone to come along with ~their right hand",
        "*point the way with the right hand",
        "*hold out the right hand to guide someone",
        "*usher someone along",
        "*direct someone with the right arm",
        "*stretch out ~their right arm to show where to go",
        "*offer the way with an open right hand",
        "*present something with ~their right hand",
        "*motion someone to go ahead",
        "*indicate a direction with the right hand",
        "*guide a visitor with a sweep of the right arm",
        "*extend the right hand as if to say this way, please",
        "*stand and *show someone where to go",
    )
)

_KICK = Action(
    (
        "*kick",
        "*kick with the right leg",
        "*kick with ~their right foot",
        "*do a spinning kick with the right leg",
        "*perform a roundhouse kick",
        "*throw high kicks with the right leg",
        "*spin around and *kick",
        "*take a fighting stance and *kick",
        "*swing ~their right leg up in a kick",
        "*kick at an opponent",
        "*practise kicks",
        "*kick high",
        "*turn and *kick with the right foot",
        "*fight with kicks of the right leg",
        "*do martial arts kicks",
        "*kick the air with ~their right leg",
        "*throw a kick and *return to a fighting stance",
    )
)

_PUNCH = Action(
    (
        "*punch",
        "*throw a punch",
        "*throw punches",
        "*punch forward",
        "*punch the air",
        "*box",
        "*take a fighting stance and *punch",
        "*strike forward with a fist",
        "*hit out at an opponent",
        "*practise punches",
        "*box with an imaginary opponent",
        "*punch straight ahead from a boxing stance",
        "*raise ~their fists and *throw a punch",
        "*hit an imaginary opponent with a fist",
        "*punch and *pull the fist back",
        "*land one punch after another",
        "*fight with ~their fists",
    )
)

_RESPOND = Action(
    (
        "*respond by raising the left hand",
        "*raise the left hand to answer",
        "*answer a call with the left hand raised",
        "*raise ~their left hand to respond to someone",
        "*put the left hand up in reply",
        "*lift ~their left hand as an answer",
        "*reply with a raised left hand",
        "*hold up the left hand to respond",
        "*put up the left hand as a pupil who is called would",
        "*raise ~their left arm and *hold it up",
        "*signal back with the left hand",
        "*acknowledge someone with a raised left hand",
        "*respond to a greeting with the left hand",
        "*raise the left hand high in response",
        "*lift the left arm to return a greeting",
        "*answer by putting up ~their left hand",
    )
)

_SLASH = Action(
    (
        "*slash",
        "*slash with a sword",
        "*swing a sword",
        "*swing a sword with both hands",
        "*cut down with a sword",
        "*raise a sword and *slash downwards",
        "*strike with a two-handed sword",
        "*slash at an opponent",
        "*lift a sword over the head and *bring it down",
        "*step forward and *slash with a sword",
        "*fight with a sword",
        "*practise sword cuts",
        "*make a slash with a blade held in both hands",
        "*slice through the air with a sword",
        "*hold a sword in both hands and *swing it",
        "*attack with a sword",
        "*chop downwards with a long blade",
    )
)

_TWINS = {
    "walk-left": _WALK_LEFT,
    "walk-turn-left": _WALK_TURN_LEFT,
    "raise-up-left-hand": _RAISE_LEFT,
    "wave-left-hand": _WAVE_LEFT,
}
_SIDED = {"bye": _BYE, "guide": _GUIDE, "kick": _KICK, "respond": _RESPOND}

CORPUS_ACTIONS: Mapping[str, Action] = {
    "bow": _BOW,
    "byebye": _BYEBYE,
    "call": _CALL,
    "dance-long": _DANCE,
    "dance-short": _DANCE,
    "dash": _DASH,
    "punch": _PUNCH,
    "raise-up-both-hands": _RAISE_BOTH,
    "run": _RUN,
    "slash": _SLASH,
    "walk": _WALK,
    "walk-back": _WALK_BACK,
    "wave-both-hands": _WAVE_BOTH,
    **_SIDED,
    **_TWINS,
    **{name.replace("left", "right"): action.mirrored() for name, action in _TWINS.items()},
}
"""The actions by the names that the corpora give them."""

ACTIONS: Mapping[str, Action] = {
    **CORPUS_ACTIONS,
    **{name + MIRRORED: action.mirrored() for name, action in _SIDED.items()},
}
"""Those, and the mirror images of the sided ones that have no twin."""
