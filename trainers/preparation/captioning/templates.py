"""Captions from tags, for files that nobody described."""

from __future__ import annotations

import re

from trainers.preparation.records import Description, Tags

_NUMBER = re.compile(r"^[\d\s._-]+")
_ONLY_A_NUMBER = re.compile(r"(track|titel|piste|audio|untitled|take)?[\s#_.-]*\d*", re.IGNORECASE)


def template_captions(description: Description) -> tuple[str, ...]:
    """A few phrasings of what the tags say; the title, or the file's name, only without others.

    Artists stay out on purpose: a prompt should ask for a sound, not for a person.
    """
    tags = description.tags
    words = _facts(tags)
    if words:
        return (", ".join(words), _sentence(tags), "I want " + _phrase(tags))
    name = tags.title or _NUMBER.sub("", description.path.stem).replace("_", " ").strip()
    said = name and not _ONLY_A_NUMBER.fullmatch(name)
    return (f'music called "{name}"',) if said else ("music",)


def _facts(tags: Tags) -> list[str]:
    tempo = f"{tags.tempo} BPM" if tags.tempo else ""
    return [
        fact
        for fact in (
            tags.genre.lower(),
            tags.mood.lower(),
            tags.instruments.lower(),
            tempo,
            tags.key,
        )
        if fact
    ]


def _phrase(tags: Tags) -> str:
    kind = " ".join(word for word in (tags.mood.lower(), tags.genre.lower()) if word)
    article = "an" if kind[:1] in "aeiou" and kind else "a"
    phrase = f"{article} {kind} piece" if kind else "a piece of music"
    phrase += f" with {tags.instruments.lower()}" if tags.instruments else ""
    phrase += f" in {tags.key}" if tags.key else ""
    return phrase + (f" at {tags.tempo} BPM" if tags.tempo else "")


def _sentence(tags: Tags) -> str:
    return f"This is {_phrase(tags)}."
