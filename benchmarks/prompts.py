"""Sentences from outside: what the parser understands of them, and what the motions drawn for them keep.

    python benchmarks/prompts.py --parser
    python benchmarks/prompts.py --sentences outside --every 6 --offset 1 --candidates 1,6
    python benchmarks/prompts.py --sentences held-out --candidates 6
    python benchmarks/prompts.py --sentences instructions --count 48

The first compares the parser's claims with the hand-written ones of all sentences; the others draw a motion of each and
measure its hand-written claims. Each run adds its row to ``docs/results/prompts.json`` under ``--name``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from _claim_coverage import covers
from _record import RESULTS, rounded, save, table

from kinescale.core.randomness import derive_seed
from kinescale.description.claim_language import MeasuredMotion, claim_holds
from kinescale.description.claim_rates import rates
from kinescale.description.claim_scores import score
from kinescale.description.instructions import instructions
from kinescale.description.prompts import parse_prompt
from kinescale.evaluation.prompts import Prompt, held_out_prompts, prompts
from kinescale.metrics import peaks
from kinescale.motion import Motion

FILE = "prompts"
SENTENCES: dict[str, Callable[[], tuple[Prompt, ...]]] = {"outside": prompts, "held-out": held_out_prompts}
INSTRUCTION_SECONDS, INSTRUCTION_SEED = 6.0, 11


def main() -> None:
    """Parse the command line and do what it asks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parser", action="store_true", help="what the parser understands; nothing is drawn")
    parser.add_argument("--sentences", default="outside", choices=[*SENTENCES, "instructions"])
    parser.add_argument("--every", type=int, default=1, help="every so many sentences (1)")
    parser.add_argument("--offset", type=int, default=0, help="from this one on (0)")
    parser.add_argument("--count", type=int, default=48, help="instructions (48)")
    parser.add_argument("--candidates", default="6", help="draws, or several numbers with commas between (6)")
    parser.add_argument("--bundle", default="default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--name", help="name of the row; by default of the sentences")
    chosen = parser.parse_args()
    if chosen.parser:
        _store(chosen.name or "parser", {name: _understood(read()) for name, read in SENTENCES.items()})
        return
    for draws in (int(word) for word in chosen.candidates.split(",")):
        name = chosen.name or f"{chosen.sentences} {chosen.offset}/{chosen.every}"
        _store(f"{name}, {draws} candidates", _drawn(chosen, draws))


def _store(name: str, row: dict[str, Any]) -> None:
    path = RESULTS / f"{FILE}.json"
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else {}
    save(FILE, {"rows": {**rows, name: rounded(row)}})
    print(name)


# ---------------------------------------------------------------- parser


def _understood(some: Iterable[Prompt]) -> dict[str, Any]:
    """Shares of sentences that make any claim, and of hand-written claims that the parser's claims cover, by kind."""
    kinds: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for prompt in some:
        request = parse_prompt(prompt.text)
        made = (*request.main, *request.minor)
        found = sum(any(covers(one, claim) for one in made) for claim in prompt.claims)
        kinds[prompt.kind].append((bool(request.main), found, len(prompt.claims)))
    kinds["all"] = [one for some in kinds.values() for one in some]
    rows = {
        kind: {
            "sentences": len(ones),
            "any_claim": sum(one[0] for one in ones) / len(ones),
            "claims_covered": sum(one[1] for one in ones) / sum(one[2] for one in ones),
            "sentences_covered": sum(one[1] == one[2] for one in ones) / len(ones),
        }
        for kind, ones in kinds.items()
    }
    print(_table(rows))
    return rows


# ---------------------------------------------------------------- motions


def _drawn(chosen: argparse.Namespace, draws: int) -> dict[str, Any]:
    from kinescale.pipelines import TextToMotion

    pipe = TextToMotion.from_pretrained(chosen.bundle)
    start, used = time.process_time(), 0

    def draw(text: str, seconds: float) -> Motion:
        nonlocal used
        seed = derive_seed(chosen.seed, "benchmark", text)
        motion = pipe(text, min(seconds, pipe.seconds_range[1]), seed=seed, candidates=draws).motions[0]
        used += int(motion.meta.get("candidates_drawn", 1))
        return motion

    if chosen.sentences == "instructions":
        rows = _instructions(draw, chosen.count)
    else:
        rows = _sentences(draw, SENTENCES[chosen.sentences]()[chosen.offset :: chosen.every])
    rows["processor_s"], rows["draws"], rows["bundle"] = time.process_time() - start, used, pipe.bundle.content_hash
    return rows


def _sentences(draw: Callable[[str, float], Motion], some: Sequence[Prompt]) -> dict[str, Any]:
    kinds: dict[str, list[list[bool]]] = defaultdict(list)
    missed: dict[str, list[str]] = {}
    for prompt in some:
        motion = draw(prompt.text, prompt.seconds)
        seen = MeasuredMotion(motion, peaks.peaks)
        kept = [claim_holds(claim, seen) for claim in prompt.claims]
        kinds[prompt.kind].append(kept)
        if not all(kept):
            missed[prompt.text[:80]] = [c for c, done in zip(prompt.claims, kept, strict=True) if not done]
    kinds["all"] = [one for ones in kinds.values() for one in ones]
    rows: dict[str, Any] = {
        kind: {
            "sentences": len(ones),
            "claims_kept": sum(map(sum, ones)) / sum(map(len, ones)),
            "sentences_kept": sum(map(all, ones)) / len(ones),
        }
        for kind, ones in kinds.items()
    }
    print(_table(rows))
    return {"kinds": rows, "missed": missed}


def _instructions(draw: Callable[[str, float], Motion], count: int) -> dict[str, Any]:
    done, missed = [], {}
    for one in instructions(count, INSTRUCTION_SEED):
        found = score(one.claim, MeasuredMotion(draw(one.prompt, INSTRUCTION_SECONDS), peaks.peaks).description)
        done.append((one.kind, found.fulfilled))
        if not found.fulfilled:
            missed[one.prompt] = found.measured
    rows = {rate.kind: {"done": rate.done, "count": rate.count, "rate": rate.rate} for rate in rates(done)}
    print(_table(rows))
    return {"kinds": rows, "missed": missed}


def _table(rows: dict[str, dict[str, Any]]) -> str:
    head = list(next(iter(rows.values())))
    cells = [[name, *(f"{row[key]:.2f}" if isinstance(row[key], float) else str(row[key]) for key in head)]
             for name, row in rows.items()]  # fmt: skip
    return table(["", *head], cells)


if __name__ == "__main__":
    main()
