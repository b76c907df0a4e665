"""Number words to figures: "ninety", "a hundred and eighty", "a couple of", "half a dozen", "2 and a half"."""

from __future__ import annotations

import re

UNITS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
PHRASES = {
    "a single": "1", "a couple of": "2", "a pair of": "2", "a couple": "2", "a dozen": "12", "half a dozen": "6",
    "a hundred": "hundred",
}  # fmt: skip
_COUNTED = (
    r"(?:small |big |little |long |short |more |side |single |quick )?"
    r"(?:step|pace|stride|met(?:er|re)|yard|jump|hop|leap|kick|punch|jab|squat|turn|clap|bow|time|lunge|bounce|circle)"
)
_ONE = re.compile(rf"\bone (?={_COUNTED})")
_ARTICLE = re.compile(r"\ba (?=(?:met(?:er|re)|yard)s?\b)")
_WORDS = "|".join([*UNITS, *TENS, "hundred"])
_RUN = re.compile(rf"\b(?:\d+ )?(?:{_WORDS})(?: (?:and )?(?:{_WORDS}))*\b")
_HALF = re.compile(r"(\d+) and a half\b")
_HALF_UNIT = re.compile(r"\bhalf an? (met(?:er|re)|yard)")
_AND_A_HALF = re.compile(r"(\d+) (met(?:er|re)s?|yards?) and a half\b")


def with_figures(text: str) -> str:
    """Lower-case text with number words in figures; "one" alone stays, unless it counts something ("one step")."""
    for phrase, figure in sorted(PHRASES.items(), key=lambda item: -len(item[0])):
        text = re.sub(rf"\b{phrase}\b", figure, text)
    text = _HALF_UNIT.sub(r"0.5 \1", _RUN.sub(_figure, _ONE.sub("1 ", text)))
    text = _HALF.sub(lambda m: f"{int(m.group(1)) + 0.5}", text)
    return _AND_A_HALF.sub(lambda m: f"{int(m.group(1)) + 0.5} {m.group(2)}", _ARTICLE.sub("1 ", text))


def _figure(found: re.Match[str]) -> str:
    words = [word for word in found.group(0).split() if word != "and"]
    if words == ["one"]:
        return "one"
    total, tens = 0, False
    said: list[int] = []
    for word in words:
        if word == "hundred":
            total, tens = max(total, 1) * 100, False
        elif word in TENS:
            total, tens = total + TENS[word], True
        else:
            value = int(word) if word.isdigit() else UNITS[word]
            if total and not (tens and value < 10) and total % 100:
                said.append(total)
                total = 0
            total, tens = total + value, False
    return " ".join(str(value) for value in [*said, total])
