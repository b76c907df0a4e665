"""What game clips show, by the words of their names (``*`` marks verbs): written after the names, sides left out.

Loops stand in place and say so; a clip whose root moves has its own entry.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

LASTING: frozenset[str] = frozenset(
    {"walk", "walk formal", "walking", "running", "sprint", "jog fwd", "crouch fwd", "crawl", "crawling", "sneaking"}
    | {"idle", "unarmed idle", "idle talking", "idle listening", "idle torch", "sitting idle", "sitting talking"}
    | {"driving", "swim fwd", "swim idle", "push", "blocking", "defend", "fixing kneeling", "dance", "waving"}
    | {"walking backwards", "running strafe left", "running strafe right", "lie idle", "sit chair idle"}
    | {"sit floor idle", "crouch idle", "dizzy", "sleeping", "meditate", "kneeling tired", "tired hunched"}
)

_STROKE = ("*swing a weapon", "*strike with a weapon", "*attack with a sword")
_SHOOT = ("*shoot", "*fire a gun", "*take a shot")
_SPELL = ("*cast a spell", "*do magic with ~their hands", "*work a spell")

WORDS: Mapping[str, tuple[str, ...]] = {
    # going, in place
    "walk": ("*walk in place", "*walk on the spot", "*march on the spot"),
    "walking": ("*walk in place", "*walk on the spot", "*take steps on the spot"),
    "walk formal": ("*walk in place, upright and stiff", "*walk on the spot in a formal manner"),
    "walking backwards": ("*walk backward in place", "*step backward on the spot"),
    "running": ("*run in place", "*run on the spot", "*jog on the spot"),
    "running holding bow": ("*run in place holding a bow", "*run on the spot with a bow in hand"),
    "running holding rifle": ("*run in place holding a rifle", "*run on the spot with a gun in both hands"),
    "running strafe left": ("*run sideways to the left in place", "*sidestep to the left on the spot"),
    "running strafe right": ("*run sideways to the right in place", "*sidestep to the right on the spot"),
    "run anime": ("*run in place bent forward with arms trailing behind", "*dash on the spot like a cartoon hero"),
    "jog fwd": ("*jog in place", "*run on the spot at an easy pace"),
    "sprint": ("*sprint in place", "*run very fast on the spot"),
    "sneaking": ("*sneak in place", "*creep on the spot with bent knees", "*tiptoe without getting anywhere"),
    "crouch fwd": ("*walk crouched in place", "*sneak on the spot, bent low", "*creep along on the spot"),
    "crouching": ("*walk crouched in place", "*creep on the spot with bent knees"),
    "crouch idle": ("*stay crouched", "*crouch and *wait", "*squat low without moving"),
    "crawl": ("*crawl in place", "*crawl on hands and knees on the spot"),
    "crawling": ("*crawl in place", "*crawl on hands and knees on the spot"),
    "crawl rm": ("*crawl forward", "*crawl along on the floor"),
    "swim fwd": ("*swim forward, lying flat", "*swim with strokes of both arms", "*swim on the spot"),
    "swim idle": ("*tread water", "*float upright and *paddle with ~their arms"),
    "flying forward": ("*fly forward, lying flat in the air", "*fly flat on the spot"),
    "flying forward super": ("*fly like a superhero, one fist ahead", "*fly flat with an arm stretched out"),
    "levitate entrance": ("*rise and *begin to float", "*begin to levitate"),
    "levitate idle": ("*levitate", "*float above the ground"),
    "driving": ("*drive a car", "*sit and *hold a steering wheel", "*sit at the wheel"),
    "push": ("*push something heavy", "*lean into a heavy object and *push", "*push with both hands"),
    "dodge backward": ("*dodge backward", "*hop back", "*jump back out of the way"),
    "dodge forward": ("*dodge forward", "*hop forward", "*jump ahead out of the way"),
    "dodge left": ("*dodge to the left", "*hop aside to the left", "*jump to the left out of the way"),
    "dodge right": ("*dodge to the right", "*hop aside to the right", "*jump to the right out of the way"),
    "roll": ("*roll forward over the shoulder on the spot", "*do a forward roll", "*dive into a roll"),
    "roll rm": ("*roll forward", "*dive into a forward roll", "*do a somersault and *stand up"),
    # jumping and exercising
    "jump full long": ("*jump high and *land", "*jump up and *come down again"),
    "jump full short": ("*jump", "*make a short jump", "*jump up and *land"),
    "jump start": ("*crouch and *jump off", "*take off for a jump"),
    "jump land": ("*land from a jump", "*land on both feet with bent knees"),
    "jump idle": ("*hang in the air", "*float in the middle of a jump"),
    "jump": ("*hang in the air during a jump", "*float in the air"),
    "backflip": ("*do a backflip", "*jump into a backward somersault"),
    "jumping jacks": ("*do jumping jacks", "*do a jumping jack"),
    "push ups": ("*do push-ups", "*do a push-up on the floor"),
    "pushup": ("*do a push-up", "*do push-ups"),
    "sit ups": ("*do sit-ups", "*lie on ~their back and *do sit-ups"),
    "power up": ("*power up with clenched fists", "*stand wide and *tense every muscle"),
    "meditate": ("*meditate with crossed legs", "*sit cross-legged and *meditate"),
    # sitting and lying
    "sit chair down": ("*sit down on a chair", "*take a seat"),
    "sit chair idle": ("*sit on a chair", "*stay seated on a chair"),
    "sit chair stand up": ("*stand up from a chair", "*get up from a seat"),
    "sit floor down": ("*sit down on the floor", "*lower ~their body to the floor and *sit"),
    "sit floor idle": ("*sit on the floor", "*stay seated on the ground"),
    "sit floor stand up": ("*stand up from the floor", "*get up from sitting on the ground"),
    "sitting enter": ("*sit down", "*take a seat", "*sit down on a chair"),
    "sitting exit": ("*stand up from a chair", "*get up from a seat"),
    "sitting idle": ("*sit on a chair", "*sit still", "*stay seated"),
    "sitting talking": ("*sit and *talk", "*talk while sitting", "*sit and *gesture"),
    "lie down": ("*lie down on the floor", "*get down and *lie on ~their back"),
    "lie idle": ("*lie on the floor", "*lie on ~their back without moving"),
    "lie stand up": ("*get up from the floor", "*stand up from lying"),
    "sleeping": ("*sleep on the floor", "*lie asleep"),
    "death": ("*fall down dead", "*collapse to the floor", "*fall to the ground and *lie still"),
    "spawn air": ("*drop in from above", "*fall from the air and *land"),
    "spawn ground": ("*rise out of the ground", "*come up out of the floor"),
    "kneeling tired": ("*kneel, exhausted", "*kneel on the floor and *catch ~their breath"),
    "tired hunched": ("*stand bent over, out of breath", "*rest with both hands on the knees, tired"),
    "fixing kneeling": ("*kneel down and *repair something", "*work on something while kneeling"),
    # standing
    "idle": ("*stand still", "*stand and *wait", "*stand in place and *breathe"),
    "unarmed idle": ("*stand ready to fight", "*stand in a fighting stance"),
    "fighting idle": ("*stand in a boxing stance", "*bounce in a fighting stance"),
    "2h idle": ("*stand ready with a weapon in both hands", "*wait with a heavy sword in both hands"),
    "sword idle": ("*stand ready with a sword", "*wait in a sword fighter's stance"),
    "pistol idle": ("*aim a pistol", "*stand and *aim a handgun"),
    "bow idle": ("*stand with a bow", "*wait with a bow in hand"),
    "idle talking": ("*stand and *talk", "*talk with small gestures", "*chat while standing"),
    "idle listening": ("*stand and *listen", "*listen to someone"),
    "idle torch": ("*stand holding a torch", "*hold a torch up"),
    "spell simple idle": ("*stand ready to cast a spell", "*hold out a hand for a spell"),
    # gestures and everyday acts
    "waving": ("*wave", "*wave hello", "*wave a hand"),
    "greeting": ("*greet someone", "*wave hello", "*raise a hand to greet"),
    "bow": ("*bow", "*take a bow", "*bow politely"),
    "cheer": ("*cheer", "*cheer with both arms up", "*throw ~their arms up and *cheer"),
    "cheering": ("*cheer", "*cheer with raised arms", "*celebrate"),
    "victory": ("*celebrate a victory", "*jump for joy", "*cheer about a victory"),
    "victory fist pump": ("*pump a fist in victory", "*celebrate with a fist pump"),
    "angry": ("*shake ~their fists in anger", "*act angry", "*stamp about angrily"),
    "confused": ("*look confused", "*scratch ~their head", "*shrug, confused"),
    "reject": ("*reject something with a wave of the hands", "*shake ~their head and *refuse"),
    "head nod": ("*nod", "*nod ~their head"),
    "dizzy": ("*sway dizzily", "*stagger, dizzy"),
    "consume item": ("*eat something", "*bring something to ~their mouth and *eat it", "*drink something"),
    "use item": ("*use something held in one hand", "*drink a potion", "*lift something to ~their mouth"),
    "interact": ("*reach out and *use something", "*touch something in front", "*push a button"),
    "pick up": ("*pick something up", "*bend down and *pick something up", "*take something from the ground"),
    "pick up table": ("*pick something up from a table", "*take something from a table"),
    "throw": ("*throw something", "*throw something ahead", "*toss an object forward"),
    "throw object": ("*throw something", "*throw an object ahead", "*hurl something forward"),
    # dances
    "dance": ("*dance", "*dance on the spot", "*move to the music"),
    "dance body roll": ("*dance with body rolls", "*dance, rolling the body"),
    "dance charleston": ("*dance the charleston", "*dance, kicking the feet out"),
    "dance reach hip": ("*dance with arms up and swinging hips", "*dance, reaching up and swaying the hips"),
    # fighting
    "1h attack chop": ("*chop down with a sword in one hand", *_STROKE),
    "1h attack slice diagonal": ("*slash diagonally with a sword in one hand", *_STROKE),
    "1h attack slice horizontal": ("*slash from side to side with a sword in one hand", *_STROKE),
    "1h attack stab": ("*stab with a sword", "*thrust a sword forward", "*lunge and *stab"),
    "1h attack jump chop": ("*jump and *chop down with a sword", "*leap and *strike"),
    "2h attack chop": ("*chop down with a heavy weapon in both hands", *_STROKE),
    "2h attack slice": ("*swing a heavy weapon with both hands", *_STROKE),
    "2h attack spin": ("*spin around with a heavy weapon", "*whirl around and *strike with both hands"),
    "2h attack spinning": ("*keep spinning with a weapon held out", "*whirl round and round with a weapon"),
    "2h attack stab": ("*thrust a long weapon forward with both hands", "*stab with a spear"),
    "dualwield attack chop": ("*chop down with a weapon in each hand", *_STROKE),
    "dualwield attack slice": ("*slash with a blade in each hand", *_STROKE),
    "dualwield attack stab": ("*stab with a blade in each hand", "*thrust both blades forward"),
    "sword attack": ("*attack with a sword", "*swing a sword", "*slash with a sword"),
    "sword attack rm": ("*step forward and *attack with a sword", "*advance, swinging a sword"),
    "block": ("*raise a shield", "*block with a shield", "*bring ~their arm up to block"),
    "blocking": ("*hold up a shield", "*stay behind a raised shield", "*keep blocking"),
    "block attack": ("*block and *strike back", "*bash with a shield"),
    "block hit": ("*take a hit on a shield", "*block a blow and *flinch"),
    "defend": ("*crouch behind ~their arms to defend", "*guard ~their head with both arms"),
    "hit": ("*get hit and *flinch", "*reel from a blow", "*stagger back from a hit"),
    "hit head": ("*get hit on the head", "*flinch from a blow to the head"),
    "unarmed attack kick": ("*kick", "*kick forward", "*kick as in a fight"),
    "unarmed attack punch": ("*punch", "*throw a punch", "*punch as in a fight"),
    "punch cross": ("*throw a cross punch", "*punch straight ahead"),
    "punch jab": ("*throw a jab", "*jab with one fist"),
    "punch enter": ("*raise ~their fists for a fight", "*take up a boxing stance"),
    "fighting left jab": ("*jab with the left fist", "*throw a left jab", "*punch with the left hand"),
    "fighting right jab": ("*jab with the right fist", "*throw a right jab", "*punch with the right hand"),
    # shooting and spells
    "1h aiming": ("*aim with one hand", "*raise a hand and *aim a crossbow"),
    "1h reload": ("*reload a small crossbow", "*reload a weapon held in one hand"),
    "1h shoot": ("*shoot with one hand", *_SHOOT),
    "1h shooting": ("*keep shooting with one hand", *_SHOOT),
    "2h aiming": ("*aim with both hands", "*aim a rifle"),
    "2h reload": ("*reload a rifle", "*reload a weapon held in both hands"),
    "2h shoot": ("*shoot a rifle", *_SHOOT),
    "2h shooting": ("*keep shooting with a rifle", *_SHOOT),
    "pistol shoot": ("*shoot a pistol", "*fire a handgun"),
    "pistol reload": ("*reload a pistol", "*change the magazine of a handgun"),
    "bow aiming idle": ("*aim with a drawn bow", "*hold a bow drawn"),
    "bow draw": ("*draw a bow", "*pull the string of a bow back"),
    "bow draw up": ("*draw a bow and *aim up", "*aim upward with a bow"),
    "bow release": ("*shoot an arrow", "*let an arrow go"),
    "bow release up": ("*shoot an arrow upward", "*shoot an arrow into the air"),
    "magic raise": ("*raise ~their arms to conjure", *_SPELL),
    "magic shoot": ("*hurl a spell forward", *_SPELL),
    "magic spellcasting": _SPELL,
    "magic spellcasting long": ("*cast a long spell", *_SPELL),
    "magic summon": ("*summon something with a long spell", "*conjure with both arms", *_SPELL),
    "spellcast long": ("*cast a long spell", *_SPELL),
    "spellcast raise": ("*raise ~their arms to conjure", *_SPELL),
    "spellcast shoot": ("*hurl a spell forward", *_SPELL),
    "spellcasting": _SPELL,
    "spell simple enter": ("*raise a hand to cast a spell", "*begin a spell"),
    "spell simple exit": ("*lower ~their hand after a spell", "*end a spell"),
    "spell simple shoot": ("*shoot a spell from one hand", *_SPELL),
    "two hand blast": ("*blast energy from both hands", "*push both hands forward for a blast"),
}

_HOW = re.compile(r"\b(loop|melee|ranged|a|b|c)\b")


def phrases(action: str) -> tuple[tuple[str, ...], bool]:
    """Phrases for the words of a name, and whether the clip shows one thing throughout."""
    words = " ".join(_HOW.sub(" ", action).split())
    plain = words.removesuffix(" rm")
    found = WORDS.get(words) or WORDS.get(plain) or (f"*show {plain or 'a pose'}",)
    return found, plain in LASTING
