"""Write the table of docs/recombination.md by trying every tokenizer under every generator, as the tests do."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from recombination import PAGE, begun_tokenizer, generator_parts, retold, table, tokenizer_parts, try_pair


def main() -> None:
    """Two training steps, a draw and a decoded motion of each pair at debug size."""
    pairs = {}
    for name, part in tokenizer_parts().items():
        tokenizer = begun_tokenizer(part)
        for other, generator in generator_parts().items():
            pairs[name, other] = try_pair(tokenizer, generator)
    PAGE.write_text(retold(PAGE.read_text(encoding="utf-8"), table(pairs)), encoding="utf-8")


if __name__ == "__main__":
    main()
