"""From any folder of audio to a folder that store, tokenise and evaluation take."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.errors import InputError
from trainers.preparation import sections as sections_of
from trainers.preparation.captioning.captions import (
    Captioner,
    Notes,
    captions_of,
    find_table,
    read_notes,
)
from trainers.preparation.captioning.templates import template_captions
from trainers.preparation.cutting import cut_long
from trainers.preparation.decoding import VIDEO_SUFFIXES
from trainers.preparation.discovery import FileIndex, find_audio, printable
from trainers.preparation.folder import write_folder
from trainers.preparation.measuring import LEDGER, SAMPLE_RATE, measure_all, picture_of
from trainers.preparation.options import PreparationOptions
from trainers.preparation.records import (
    Measured,
    Preparation,
    PreparedPiece,
    Remark,
    Source,
    TimedSection,
)
from trainers.preparation.same_song import same_songs
from trainers.preparation.splits import song_keys, splits, together

FULL_BAND_RATE = 32_000  # below it the 48 kHz side of the models hears no highs

NO_VALIDATION = Remark(
    "(all pieces)",
    "used",
    "no validation piece: trainers need one; give two songs or more and --validation above 0",
)


def prepare(
    folder: Path, out: Path, options: PreparationOptions, captioner: Captioner = template_captions
) -> Preparation:
    """Prepare `folder` into `out` (ID.flac, ID.json, corpus.csv, corpus.jsonl, remarks.csv).

    Args:
        captioner: writes captions for files that have none.
    Returns: the pieces and what was left out; `out` holds exactly these pieces afterwards.
    Raises: InputError for wrong input or when no file can be used, FailureError when the output
        cannot be written.
    """
    sources, others = find_audio(folder, out)
    cut: list[Remark] = []
    if options.cut_minutes:
        sources, cut = cut_long(sources, out / LEDGER, options.cut_minutes)
    index = FileIndex(sources)
    notes, plans, said = _tables(folder, index, options)
    remarks: list[Remark] = [*others, *cut, *said]
    measured = measure_all(sources, out, options)
    copies, said = _choose(sources, measured, options)
    remarks += said
    groups, said = _groups(copies, notes, out)
    remarks += said
    split_of = splits(groups, options.validation, options.test)
    pieces = []
    for name in sorted(copies):
        source = copies[name][0]
        sections, said = _sections(copies[name], plans, measured[source], options)
        remarks += said
        captions, origin = captions_of(copies[name], notes, measured[source], captioner)
        if not captions:
            remarks.append(
                Remark(source.name, "left out", "has no caption, and the captioner wrote none")
            )
            continue
        pieces.append(
            _piece(
                name,
                copies[name],
                measured[source],
                notes,
                options,
                split=split_of[name],
                captions=captions,
                caption_source=origin,
                sections=sections,
            )
        )
    if pieces and not any(piece.split == "validation" for piece in pieces):
        remarks.append(NO_VALIDATION)
    shown = printable(folder.resolve().name)
    prepared = Preparation(shown, len(sources), tuple(pieces), tuple(remarks))
    write_folder(prepared, out)
    if not pieces:
        raise _nothing_usable(folder, len(sources), remarks, out)
    return prepared


def _nothing_usable(folder: Path, files: int, remarks: list[Remark], out: Path) -> InputError:
    first = next(r for r in remarks if r.outcome == "left out")
    return InputError(
        "folder",
        folder,
        f"none of its {files} audio files can be used "
        f"({first.file} {first.reason}); {out / 'remarks.csv'} lists all",
    )


def _tables(
    folder: Path, index: FileIndex, options: PreparationOptions
) -> tuple[dict[Source, Notes], dict[Source, tuple[TimedSection, ...]], list[Remark]]:
    """Captions and sections that tables give, and what could not be read of them."""
    notes: dict[Source, Notes] = {}
    plans: dict[Source, tuple[TimedSection, ...]] = {}
    remarks: list[Remark] = []
    if table := options.captions or find_table(folder):
        notes, said = read_notes(table, index)
        remarks += said
    if options.sections:
        plans, said = sections_of.read_sections(options.sections, index)
        remarks += said
    return notes, plans, remarks


def _choose(
    sources: Sequence[Source], measured: Mapping[Source, Measured], options: PreparationOptions
) -> tuple[dict[str, list[Source]], list[Remark]]:
    """id -> its files, the one that is used first; and why the others are not."""
    copies: dict[str, list[Source]] = defaultdict(list)
    remarks = []
    for source in sources:
        facts = measured[source]
        reason = facts.problem or options.refusal(facts)
        if not reason and facts.id in copies:
            reason = f"has the same sound as {copies[facts.id][0].name}"
            copies[facts.id].append(source)
        if reason:
            remarks.append(Remark(source.name, "left out", reason))
            continue
        copies[facts.id].append(source)
        remarks += [Remark(source.name, "used", oddity) for oddity in _oddities(source, facts)]
    return dict(copies), remarks


def _groups(
    copies: Mapping[str, Sequence[Source]], notes: Mapping[Source, Notes], out: Path
) -> tuple[dict[str, str], list[Remark]]:
    """id -> the id that stands for its song, as the table, the files' names or their sound tell."""
    alike = same_songs({name: picture_of(out, name) for name in copies}, _say)
    heard: dict[str, set[str]] = defaultdict(set)
    for match in alike:
        for name in (match.first, match.second):
            heard[name].add(f"sound/{match.first}/{match.second}")

    def grouped(parts: bool) -> dict[str, str]:
        return together(
            {
                name: heard[name].union(
                    *(
                        song_keys(source.name, notes.get(source, Notes()).group, parts)
                        for source in sources
                    )
                )
                for name, sources in copies.items()
            }
        )

    groups, apart, remarks = grouped(parts=True), grouped(parts=False), []
    if len(set(groups.values())) == 1 < len(set(apart.values())):
        groups = apart  # nothing could be held out
        remarks.append(
            Remark(
                "(all pieces)",
                "used",
                "numbers at the end of names are taken as "
                "those of different songs, because all names are the same else; a "
                "column `group` in the table of captions tells which are one song",
            )
        )
    for match in alike:
        one, two = copies[match.first][0].name, copies[match.second][0].name
        told = f"is the same song as {two} by its sound (correlation {match.correlation:.2f})"
        remarks.append(Remark(one, "joined", f"{told}; both stand in one split"))
    many = [count for count in Counter(groups.values()).values() if count > 1]
    if many:
        remarks.append(
            Remark(
                "(all pieces)",
                "used",
                f"{sum(many)} files are of {len(many)} songs "
                "by their names, their sound or the table's column `group`; the files of a song "
                "are kept together in one split",
            )
        )
    return groups, remarks


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _oddities(source: Source, facts: Measured) -> list[str]:
    found = []
    if source.path.suffix.lower() in VIDEO_SUFFIXES:
        found.append("is a video; its sound is used")
    if facts.channels > 2:
        found.append(f"{facts.channels} channels, averaged to one")
    if facts.sample_rate < FULL_BAND_RATE:
        found.append(
            f"{facts.sample_rate} Hz: nothing sounds above "
            f"{facts.sample_rate / 2000:g} kHz; --min-rate leaves such files out"
        )
    if facts.peak > 1:
        found.append(f"its peak of {facts.peak:.3g} is above full scale; scaled down")
    return found


def _sections(
    copies: Sequence[Source],
    plans: Mapping[Source, tuple[TimedSection, ...]],
    facts: Measured,
    options: PreparationOptions,
) -> tuple[tuple[TimedSection, ...], list[Remark]]:
    """The piece's sections from the file, or one whole where there are none that fit."""
    remarks = []
    plan = next((plans[copy] for copy in copies if copy in plans), None)
    if plan is not None:
        try:
            return sections_of.fit(plan, facts.seconds), []
        except InputError as error:
            remarks.append(Remark(copies[0].name, "used", f"as one whole: {error}"))
    return sections_of.whole(options.structure, round(facts.seconds, 6)), remarks


def _piece(
    name: str,
    copies: Sequence[Source],
    facts: Measured,
    notes: Mapping[Source, Notes],
    options: PreparationOptions,
    **given: Any,
) -> PreparedPiece:
    known = [notes[copy] for copy in copies if copy in notes]
    licence = next((note.licence for note in known if note.licence), "")
    credit = next((note.attribution for note in known if note.attribution), "")
    tags = facts.tags
    return PreparedPiece(
        id=name,
        title=tags.title or Path(copies[0].name).stem,
        style=tags.genre.lower() or "unlabelled",
        duration_s=round(facts.seconds, 6),
        sample_rate=SAMPLE_RATE,
        licence=licence or options.licence or tags.licence,
        attribution=credit or tags.artist or options.attribution,
        source=copies[0].name,
        copies=tuple(copy.name for copy in copies[1:]),
        source_sample_rate=facts.sample_rate,
        source_channels=facts.channels,
        tempo=tags.tempo,
        key=tags.key,
        mood=tags.mood,
        **given,
    )
