"""Header of a BVH file: joint tree with channels, number of frames, frame rate."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, localcontext

from kinescale.core.conventions import MAX_FPS, MAX_FRAMES, MAX_JOINTS, MIN_FPS
from kinescale.io.text_scanner import Tokens, shown, to_count, to_name, to_number

SNAP = 1.5e-3
"""Largest relative deviation of a rounded frame time from a whole number of frames per second."""

_CHANNELS = {f"{axis}{kind}".encode(): (kind, i) for kind in ("POSITION", "ROTATION") for i, axis in enumerate("XYZ")}


@dataclass
class Node:
    """One joint of the header: ``positions`` axis -> column, ``turns`` (axis, column) of rotations in order."""

    name: str
    parent: int
    offset: tuple[float, float, float] | None = None
    channels: bool = False
    positions: dict[int, int] = field(default_factory=dict)
    turns: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class Hierarchy:
    nodes: list[Node] = field(default_factory=list)
    ends: list[tuple[int, tuple[float, float, float]]] = field(default_factory=list)
    columns: int = 0
    displaced: bool = False
    """Whether the position channels below the root are added to the OFFSETs."""


@dataclass
class _Names:
    """Joint names so far; ``notes`` collects changed names, ``None`` refuses them."""

    taken: set[str]
    notes: list[str] | None


def read_hierarchy(tokens: Tokens, notes: list[str] | None = None) -> Hierarchy:
    """The HIERARCHY section, up to and with the word MOTION.

    With ``notes``, a list to add to, equal joint names are numbered and names after ``End Site`` are ignored.
    """
    tree = Hierarchy()
    names = _Names(set(), notes)
    tokens.expect(b"HIERARCHY")
    tokens.expect(b"ROOT")
    _open_joint(tokens, tree, names, -1)
    stack = [0]
    while stack:
        joint = stack[-1]
        got = tokens.take("OFFSET, CHANNELS, JOINT, End Site or '}' (a brace is not closed)")
        word = got.upper()
        if word == b"OFFSET":
            if tree.nodes[joint].offset is not None:
                tokens.fail(f"joint '{tree.nodes[joint].name}' has a second OFFSET; expected one.")
            tree.nodes[joint].offset = _read_offset(tokens)
        elif word == b"CHANNELS":
            _read_channels(tokens, tree, joint)
        elif word == b"JOINT":
            _check_complete(tokens, tree.nodes[joint])
            _open_joint(tokens, tree, names, joint)
            stack.append(len(tree.nodes) - 1)
        elif word == b"END":
            _check_complete(tokens, tree.nodes[joint])
            _read_end_site(tokens, tree, joint, notes)
        elif word == b"}":
            _check_complete(tokens, tree.nodes[joint])
            stack.pop()
        else:
            tokens.fail(f"got '{shown(got)}'; expected OFFSET, CHANNELS, JOINT, End Site or '}}'.")
    tokens.expect(b"MOTION", "MOTION after the closing brace of the one ROOT")
    if not tree.columns:
        tokens.fail("no joint has a channel; expected at least one.")
    return tree


def _open_joint(tokens: Tokens, tree: Hierarchy, names: _Names, parent: int) -> None:
    words: list[bytes] = []
    start = end = tokens.end
    while (word := tokens.take("a joint name and '{'")) != b"{":
        broken = bool(words) and b"\n" in tokens.source.data[end : tokens.position]
        if len(words) == 16 or word == b"}" or broken:
            tokens.fail(f"got '{shown(word)}'; expected a joint's name and then '{{'.")
        if not words:
            start = tokens.position
        words.append(word)
        end = tokens.end
    name = to_name(b"_".join(words)) if words else None
    if name is None:
        text = f"got '{shown(b' '.join(words))}' for a joint's name; expected short printable UTF-8."
        tokens.source.fail(text, start)
    if name in names.taken:
        if names.notes is None:
            tokens.source.fail(f"a second joint is named '{name}'; expected unique names.", start)
        name = _told_apart(name, names)
    if len(tree.nodes) == MAX_JOINTS:
        tokens.fail(f"more than {MAX_JOINTS} joints; expected at most that many.")
    names.taken.add(name)
    tree.nodes.append(Node(name, parent))


def _told_apart(name: str, names: _Names) -> str:
    """The first unused of NAME_2, NAME_3 ..."""
    count = 2
    while f"{name}_{count}" in names.taken:
        count += 1
    assert names.notes is not None
    names.notes.append(f"several joints are named '{name}'; a further one is called '{name}_{count}'.")
    return f"{name}_{count}"


def _read_offset(tokens: Tokens) -> tuple[float, float, float]:
    return (tokens.number("an offset"), tokens.number("an offset"), tokens.number("an offset"))


def _read_end_site(tokens: Tokens, tree: Hierarchy, joint: int, notes: list[str] | None) -> None:
    if notes is None:
        tokens.expect(b"SITE")
        tokens.expect(b"{")
    else:
        _pass_over_name(tokens, notes)
    tokens.expect(b"OFFSET")
    if len(tree.ends) == MAX_JOINTS:
        tokens.fail(f"more than {MAX_JOINTS} end sites; expected at most that many.")
    tree.ends.append((joint, _read_offset(tokens)))
    word = tokens.take("'}'")
    if notes is not None and word.upper() == b"CHANNELS":
        count = tokens.take("the number of channels")
        if count != b"0":
            tokens.fail(f"got '{shown(count)}' channels for an end site; expected none.")
        word = tokens.take("'}'")
    if word != b"}":
        tokens.fail(f"got '{shown(word)}'; expected '}}'.")


def _pass_over_name(tokens: Tokens, notes: list[str]) -> None:
    """The words from ``End`` to the brace: ``Site``, a name, or both."""
    words: list[bytes] = []
    while (word := tokens.take("'{' of an end site")) != b"{":
        if len(words) == 4 or word == b"}" or word.upper() in (b"OFFSET", b"CHANNELS", b"JOINT"):
            tokens.fail(f"got '{shown(word)}'; expected 'Site' and then '{{'.")
        words.append(word)
    if not words:
        tokens.fail("got '{'; expected 'Site'.")
    if words[0].upper() != b"SITE" or len(words) > 1:
        notes.append("end sites have names in the file; BVH has none for them, and they are left out.")


def _read_channels(tokens: Tokens, tree: Hierarchy, joint: int) -> None:
    node = tree.nodes[joint]
    if node.channels:
        tokens.fail(f"joint '{node.name}' has a second CHANNELS; expected one.")
    word = tokens.take("the number of channels")
    count = to_count(word)
    if count is None or not 0 <= count <= 6:
        tokens.fail(f"got '{shown(word)}' channels; expected 0 to 6.")
    for _ in range(count):
        word = tokens.take("a channel name")
        if word.upper() not in _CHANNELS:
            tokens.fail(f"got '{shown(word)}' for channel of '{node.name}'; expected {count} names such as Xrotation.")
        kind, axis = _CHANNELS[word.upper()]
        if axis in (node.positions if kind == "POSITION" else [a for a, _ in node.turns]):
            tokens.fail(f"joint '{node.name}' has the channel {shown(word)} twice; expected each once.")
        if kind == "POSITION":
            node.positions[axis] = tree.columns
        else:
            node.turns.append((axis, tree.columns))
        tree.columns += 1
    node.channels = True


def _check_complete(tokens: Tokens, node: Node) -> None:
    if node.offset is None or not node.channels:
        what = "OFFSET" if node.offset is None else "CHANNELS"
        tokens.fail(f"joint '{node.name}' has no {what} before this; expected OFFSET and CHANNELS first.")


def read_motion_header(tokens: Tokens, fps: float | None = None) -> tuple[int, float]:
    """``Frames:`` and ``Frame Time:``; ``fps`` replaces the rate of the file."""
    word = tokens.take("'Frames:'")
    if not word.upper().startswith(b"FRAMES:"):
        tokens.fail(f"got '{shown(word)}'; expected 'Frames:'.")
    word = word[7:] or tokens.take("the number of frames")
    frames = to_count(word)
    if frames is None or not 1 <= frames <= MAX_FRAMES:
        tokens.fail(f"got '{shown(word)}' frames; expected 1 to {MAX_FRAMES}.")
    tokens.expect(b"Frame")
    word = tokens.take("'Time:'")
    if not word.upper().startswith(b"TIME:"):
        tokens.fail(f"got '{shown(word)}'; expected 'Time:'.")
    word = word[5:] or tokens.take("the frame time")
    if fps is not None:
        return frames, fps
    seconds = to_number(word)
    if seconds is None or not 1 / (MAX_FPS * (1 + SNAP)) <= seconds <= 1 / MIN_FPS:
        expected = f"seconds, from {1 / MAX_FPS:g} to {1 / MIN_FPS:g}; --source-fps (fps) states the rate instead"
        tokens.fail(f"got '{shown(word)}' for the frame time; expected {expected}.")
    return frames, min(frame_rate(word.decode()), MAX_FPS)


def frame_rate(text: str) -> float:
    """Frames per second of a frame time as written.

    Frame times are rounded in files: a whole rate is taken when it is near and the text equals its frame time
    within one unit of the last digit, so that 0.033333 is 30 and 0.033367 stays 29.97.
    """
    with localcontext() as context:
        context.prec = 40
        seconds = Decimal(text)
        rate = 1 / seconds
        whole = rate.to_integral_value()
        unit = Decimal(1).scaleb(int(seconds.as_tuple().exponent))
        if whole and abs(rate / whole - 1) <= Decimal(SNAP) and abs(seconds - 1 / whole) <= unit:
            return float(whole)
        return float(rate)
