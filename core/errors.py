"""The two kinds of error a person meets: wrong input (exit 2) and a failure (exit 1)."""

from __future__ import annotations

from typing import Any


class StudioError(Exception):
    """An error that names the thing, its value and the hint, in one line.

    Attributes:
        name: what is wrong, in the field's words ("seconds", "prompt audio").
        value: the offending value as given.
        hint: what to do about it.
        exit_code: the process's exit status on the command line.
    """

    exit_code = 1

    def __init__(self, name: str, value: Any, hint: str) -> None:
        self.name, self.value, self.hint = name, value, hint
        super().__init__(name, value, hint)

    def __str__(self) -> str:
        shown = " ".join(str(self.value).split())
        if len(shown) > 80:
            shown = shown[:77] + "..."
        middle = f" {shown}" if shown else ""
        return f"{self.name}{middle}: {self.hint}"

    def as_dict(self) -> dict[str, str]:
        """The same error for JSON: name, value, hint (also under its old key, mend)."""
        value = str(self.value)[:200]
        return {"name": self.name, "value": value, "hint": self.hint, "mend": self.hint}


class InputError(StudioError):
    """What the person gave cannot be used (exit 2)."""

    exit_code = 2


class FailureError(StudioError):
    """What the person gave was fine, but it could not be done (exit 1)."""


def of_system(error: OSError) -> FailureError:
    """What the system refused (a folder that may not be written, a full disk), in one line."""
    return FailureError(
        "file or folder",
        error.filename or "",
        f"{error.strerror or error}; choose another place, or make room there",
    )


class Cancelled(FailureError):
    """The person stopped the job."""

    def __init__(self) -> None:
        super().__init__("job", "", "cancelled on request; start it again to get music")

    def __reduce__(self) -> tuple[type[Cancelled], tuple[()]]:
        """It takes nothing when it comes out of another process."""
        return Cancelled, ()
