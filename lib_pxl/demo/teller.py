"""What a person reads while it is played: steps, sentences, and bytes exactly as they are."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Mapping
from typing import TextIO

WIDEST = 100
BOLD, FAINT, PLAIN = "\033[1m", "\033[2m", "\033[0m"


class Teller:
    """Writes to a terminal, or to whatever takes text."""

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = out or sys.stdout
        self.width = min(shutil.get_terminal_size().columns, WIDEST)
        self.is_bright = self.out.isatty() and "NO_COLOR" not in os.environ
        self.steps = 0

    def step(self, name: str) -> None:
        """The next step's name."""
        self.steps += 1
        self._write(f"\n{self._lit(BOLD, f'{self.steps}. {name}')}")

    def say(self, words: str) -> None:
        """A sentence, in lines that fit."""
        self._write(textwrap.fill(words, self.width, initial_indent="   ", subsequent_indent="   "))

    def table(self, rows: Mapping[str, str]) -> None:
        """Names with what they are, one below another."""
        wide = max(map(len, rows))
        for name, told in rows.items():
            head, rest = f"   {name:<{wide}}  ", " " * (wide + 5)
            self._write(textwrap.fill(told, self.width, initial_indent=head, subsequent_indent=rest))

    def exact(self, line: str) -> None:
        """Text that is shown to the letter, on one line however long."""
        self._write(f"   {self._lit(FAINT, '|')} {line}")

    def ask(self) -> bool:
        """Two answers, of which only a plain yes is one; where nobody can answer, the one of this play agrees."""
        if not sys.stdin.isatty():
            self.say("(Nobody is at the keyboard: the person of this demonstration says yes.)")
            return True
        self.out.write("   [yes] [no]: ")
        self.out.flush()
        return sys.stdin.readline().strip().lower() in ("yes", "y")

    def _lit(self, how: str, text: str) -> str:
        return f"{how}{text}{PLAIN}" if self.is_bright else text

    def _write(self, text: str) -> None:
        self.out.write(f"{text}\n")
        self.out.flush()
