"""Markdown escaping of untrusted text: no emphasis, links, images, tables or HTML result from it."""

from __future__ import annotations

import re

# an underscore between letters or digits is no emphasis, and stays readable
_MARKS = re.compile(r"[\\`*\[\]|~#!]|(?<![^\W_])_|_(?![^\W_])")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_LINKS = re.compile(r"://|(?i:www)\.|@(?=[\w.-]*\.)")


def plain_markdown(text: str) -> str:
    """One line that CommonMark and GitHub's Markdown show as ``text`` itself.

    White space is folded, and characters that cannot be printed (control and direction marks too) become a
    replacement character. Addresses are not turned into links.

    Example
    -------
    >>> print(plain_markdown("[here](http://x.y)"))
    \\[here\\](http&#58;//x.y)
    """
    folded = " ".join(text.split())
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in folded)
    entities = "".join(_ENTITIES.get(c, c) for c in _MARKS.sub(lambda found: "\\" + found.group(), shown))
    return _LINKS.sub(
        lambda found: found.group().replace(":", "&#58;").replace(".", "&#46;").replace("@", "&#64;"), entities
    )


def markdown_link(text: str, url: str) -> str:
    """A Markdown link to a web address; the escaped text alone for any other kind of address."""
    name = plain_markdown(text)
    sound = re.fullmatch(r"https?://[\w\-.~:/?#@!$&'*+,;=%]{1,2000}", url, re.ASCII)
    return f"[{name}](<{url}>)" if sound else name
