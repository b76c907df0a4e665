"""The head of a BVH file: its tree of joints and channels, its number of frames and its frame rate."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, localcontext

from kinescale.core.conventions import MAX_FPS, MAX_FRAMES, MAX_JOINTS, MIN_FPS
from kinescale.formats._scan import Tokens, shown, to_count, to_name, to_number

SNAP = 1.5e-3
"""Largest relative distance at which a rounded frame time is taken for a whole number of frames a second."""

_CHANNELS = {f"{axis}{kind}".encode(): (kind, i) for kind in ("POSITION", "ROTATION") for i, axis in enumerate("XYZ")}


@dataclass
class Node:
    """One joint while the header is read: ``positions`` axis -> column, ``turns`` (axis, column) in order."""

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


def read_hierarchy(tokens: Tokens) -> Hierarchy:
    """The HIERARCHY section, up to and with the word MOTION."""
    tree = Hierarchy()
    names: set[str] = set()
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
            _read_end_site(tokens, tree, joint)
        elif word == b"}":
            _check_complete(tokens, tree.nodes[joint])
            stack.pop()
        else:
            tokens.fail(f"got '{shown(got)}'; expected OFFSET, CHANNELS, JOINT, End Site or '}}'.")
    tokens.expect(b"MOTION", "MOTION after the closing brace of the one ROOT")
    if not tree.columns:
        tokens.fail("no joint has a channel; expected at least one.")
    return tree


def _open_joint(tokens: Tokens, tree: Hierarchy, names: set[str], parent: int) -> None:
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
    if name in names:
        tokens.source.fail(f"a second joint is named '{name}'; expected unique names.", start)
    if len(tree.nodes) == MAX_JOINTS:
        tokens.fail(f"more than {MAX_JOINTS} joints; expected at most that many.")
    names.add(name)
    tree.nodes.append(Node(name, parent))


def _read_offset(tokens: Tokens) -> tuple[float, float, float]:
    return (tokens.number("an offset"), tokens.number("an offset"), tokens.number("an offset"))


def _read_end_site(tokens: Tokens, tree: Hierarchy, joint: int) -> None:
    for word in (b"SITE", b"{", b"OFFSET"):
        tokens.expect(word)
    if len(tree.ends) == MAX_JOINTS:
        tokens.fail(f"more than {MAX_JOINTS} end sites; expected at most that many.")
    tree.ends.append((joint, _read_offset(tokens)))
    tokens.expect(b"}")


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


def read_motion_header(tokens: Tokens) -> tuple[int, float]:
    """``Frames:`` and ``Frame Time:``."""
    tokens.expect(b"Frames:")
    word = tokens.take("the number of frames")
    frames = to_count(word)
    if frames is None or not 1 <= frames <= MAX_FRAMES:
        tokens.fail(f"got '{shown(word)}' frames; expected 1 to {MAX_FRAMES}.")
    tokens.expect(b"Frame")
    tokens.expect(b"Time:")
    word = tokens.take("the frame time")
    seconds = to_number(word)
    if seconds is None or not 1 / (MAX_FPS * (1 + SNAP)) <= seconds <= 1 / MIN_FPS:
        expected = f"seconds, from {1 / MAX_FPS:g} to {1 / MIN_FPS:g}"
        tokens.fail(f"got '{shown(word)}' for the frame time; expected {expected}.")
    return frames, min(frame_rate(word.decode()), MAX_FPS)


def frame_rate(text: str) -> float:
    """Frames a second of a frame time as written.

    Frame times are rounded in files: a whole rate is taken when it is near and the text is that rate's frame
    time to within one unit of its last digit, so that 0.033333 is 30 and 0.033367 stays 29.97.
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
