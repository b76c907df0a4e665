"""Print a script that completes commands and options in bash, zsh or fish."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from kinescale.cli.base.options import flags, parse, with_shared
from kinescale.core.family import Family

EXAMPLES = (
    'eval "$(kinescale completion bash)"           # in ~/.bashrc',
    'eval "$(kinescale completion zsh)"            # in ~/.zshrc, after compinit',
    "kinescale completion fish > ~/.config/fish/completions/kinescale.fish",
)

BASH = """\
_kinescale() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" choices=""
    if [ "$COMP_CWORD" -eq 1 ]; then
        choices="help {commands}"
    elif [ "$COMP_CWORD" -eq 2 ] && [ "${{COMP_WORDS[1]}}" = help ]; then
        choices="{commands}"
    else
        case "${{COMP_WORDS[1]}}" in
{cases}
        esac
        case "$word" in -*) ;; *) choices="" ;; esac
    fi
    COMPREPLY=($(compgen -W "$choices" -- "$word"))
}}
complete -o default -F _kinescale kinescale
"""
ZSH = "autoload -U +X bashcompinit && bashcompinit\n"


@dataclass(frozen=True)
class Options:
    """Print a completion script for a shell; the examples say where it goes.

    Commands are completed first, then the options of the command; everything else is completed as file names.
    """

    shell: tyro.conf.Positional[Annotated[Literal["bash", "zsh", "fish"], tyro.conf.arg(metavar="{bash,zsh,fish}")]]
    """Shell to complete in."""


def run(argv: list[str]) -> int:
    """Parse ``argv`` and print the script."""
    options = parse(Options, argv, "completion")
    family = Family("kinescale.cli", "command")
    known = {name: _options_of(family, name) for name in family.names()}
    print(_fish(family, known) if options.shell == "fish" else _bash(known, options.shell), end="")
    return 0


def _options_of(family: Family, name: str) -> list[str]:
    """The long options of a command, --help first."""
    record = getattr(family.load(name), "Options", None)
    return ["--help", *([] if record is None else sorted(flags(with_shared(record))))]


def _bash(known: dict[str, list[str]], shell: str) -> str:
    cases = "\n".join(f'            {name}) choices="{" ".join(words)}" ;;' for name, words in known.items())
    return (ZSH if shell == "zsh" else "") + BASH.format(commands=" ".join(known), cases=cases)


def _fish(family: Family, known: dict[str, list[str]]) -> str:
    lines = []
    for name, words in known.items():
        about = family.summary(name).replace("\\", "\\\\").replace("'", "\\'")
        lines.append(f"complete -c kinescale -f -n __fish_use_subcommand -a {name} -d '{about}'")
        lines += [f"complete -c kinescale -n '__fish_seen_subcommand_from {name}' -l {word[2:]}" for word in words]
    return "\n".join(lines) + "\n"
