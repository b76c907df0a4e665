"""folder: anyone's own directory of motion files, any skeleton, with captions beside them.

    ROOT/**/NAME.{bvh,glb,gltf,npz,csv,amc,npy}
    ROOT/captions.tsv (or captions.txt): NAME<TAB>caption, several lines a name      or NAME.txt beside NAME.bvh
    ROOT/{train,val,test}.txt, optional: names, one a line       ROOT/license.json, optional: name, url, attribution ...

NAME is the path below ROOT with or without its suffix. Captions may be missing: a tokenizer needs none, and
``kinescale prepare folder --measured N`` writes some from the motion. Joints are recognized by name and geometry;
clips of skeletons that cannot be are reported and left out.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from kinescale.core.errors import KinescaleError
from kinescale.core.records import read_json
from kinescale.data.datasets.base import License, RawClip, need
from kinescale.data.datasets.base.texts import checked_caption, read_ids, read_lines
from kinescale.formats import read_motion
from kinescale.motion import Motion

LICENSE = License(
    name="not stated",
    url="https://example.org/",
    attribution="The owner of the motion files; no license.json was given with them.",
    commercial_use=False,
)
SUFFIXES = (".bvh", ".glb", ".gltf", ".npz", ".csv", ".amc", ".npy")
TABLES = ("captions.tsv", "captions.txt")
SPLITS = ("train", "val", "test")
RESERVED = {"license", "licence", "readme", "captions", *SPLITS}
MOST_FILES = 1_000_000


def find(folder: Path) -> list[RawClip]:
    """Every motion file below ``folder``, with its captions; captioned names without a file are listed too."""
    files = [file for file in sorted(folder.rglob("*")) if file.suffix.lower() in SUFFIXES and file.is_file()]
    if len(files) > MOST_FILES:
        files = files[:MOST_FILES]
    captioned, problems = _table(folder)
    splits = _splits(folder)
    names = {file: file.relative_to(folder).with_suffix("").as_posix() for file in files}
    several = {name for name, count in Counter(names.values()).items() if count > 1}
    clips = []
    for file, stem in names.items():
        full = file.relative_to(folder).as_posix()
        name = full if stem in several else stem
        captions = [*captioned.pop(full, ()), *captioned.pop(stem, ())]
        clip = RawClip(id=f"folder/{name}", corpus="folder", files=(file,), action="", captions=())
        beside = file.with_suffix(".txt")
        if beside.is_file() and beside.stem.lower() not in RESERVED:
            found, bad = _beside(beside)
            captions += found
            problems += [(name, text) for text in bad]
        split = splits.get(full, splits.get(stem))
        clips.append(clip.but(captions=tuple(captions), mirrorable=True, split=split))
    problems += [(name, "has a caption, but there is no such motion file.") for name in captioned]
    problems += [(name, "is listed in a split, but there is no such motion file.") for name in _unknown(splits, names)]
    clips += [_bad(folder, name, text) for name, text in problems]
    return need(clips, folder, f"motion files ({', '.join(SUFFIXES)})")


def load(clip: RawClip) -> Motion:
    """The motion on its own skeleton, with the roles that its names and geometry tell."""
    return read_motion(clip.files[0])


def license(folder: Path) -> License:
    """License of ``license.json`` (``licence.json`` in older folders), else one that states nothing."""
    for name in ("license.json", "licence.json"):
        if (folder / name).is_file():
            return License.parse(read_json(folder / name), where=name)
    return LICENSE


def _bad(folder: Path, name: str, problem: str) -> RawClip:
    shown = "".join(c if c.isprintable() else "?" for c in name)[:200]
    return RawClip(id=f"folder/{shown}", corpus="folder", files=(folder,), action="", problem=problem)


def _table(folder: Path) -> tuple[dict[str, list[str]], list[tuple[str, str]]]:
    """name -> captions, and what was wrong with lines that were left out."""
    captioned: dict[str, list[str]] = {}
    problems: list[tuple[str, str]] = []
    for table in TABLES:
        file = folder / table
        if not file.is_file():
            continue
        try:
            lines = read_lines(file)
        except KinescaleError as problem:
            problems.append((table, str(problem)))
            continue
        for number, line in enumerate(lines, start=1):
            name, tab, caption = line.partition("\t")
            try:
                if not tab:
                    problems.append((f"{table} line {number}", "expected NAME, a tab and a caption."))
                    continue
                captioned.setdefault(name.strip(), []).append(checked_caption(caption))
            except KinescaleError as problem:
                problems.append((name.strip(), f"{table}, line {number}: {problem}"))
    return captioned, problems


def _beside(file: Path) -> tuple[list[str], list[str]]:
    try:
        lines = read_lines(file)
    except KinescaleError as problem:
        return [], [str(problem)]
    found, bad = [], [] if lines else [f"{file.name} holds no caption."]
    for line in lines:
        try:
            found.append(checked_caption(line))
        except KinescaleError as problem:
            bad.append(f"{file.name}: {problem}")
    return found, bad


def _splits(folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for split in SPLITS:
        file = folder / f"{split}.txt"
        if file.is_file():
            found |= dict.fromkeys(read_ids(file), split)
    return found


def _unknown(splits: dict[str, str], names: dict[Path, str]) -> list[str]:
    known = set(names.values()) | {f"{stem}{file.suffix}" for file, stem in names.items()}
    return [name for name in splits if name not in known]
