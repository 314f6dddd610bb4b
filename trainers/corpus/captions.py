"""Captions: many true ways of asking for a piece, from two words to a paragraph."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from trainers.corpus.piece import Piece
from trainers.corpus.vocabulary import Words, article, joined

Writer = Callable[[Words], str]


def keywords(w: Words) -> str:
    """ "calm solo piano, slow, minor key"."""
    lead = w.instrument(w.roles()[0])
    opening = f"{w.mood()} {'solo ' if w.is_solo() else ''}{lead}"
    rest = [w.tempo(), w.mode(), w.style(), w.quality()]
    w.rng.shuffle(rest)
    return ", ".join([opening, *rest[: w.rng.randint(1, 3)]])


def aspects(w: Words) -> str:
    """A shuffled list of aspects, as MusicCaps lists them."""
    items = [w.style(), w.mood(), w.quality(), w.tempo(), *(w.described(r) for r in w.roles()[:3])]
    items.append(w.described("drums") if w.piece.has_drums else w.no_drums())
    if w.is_solo():
        items.append(w.alone())
    if w.rng.random() < 0.5:
        items.append(w.no_vocals())
    if w.rng.random() < 0.3:
        items.append(w.key())
    w.rng.shuffle(items)
    return ", ".join(dict.fromkeys(items[: w.rng.randint(4, len(items))]))


def prose(w: Words) -> str:
    """Several sentences, as MusicCaps captions are written."""
    opening = w.pick(
        (
            f"This is an instrumental {w.style()} piece.",
            f"This music is instrumental {w.style()}.",
            f"The song is an instrumental {w.style()} track.",
            f"This is {article(w.style())} instrumental.",
            f"{_capital(article(w.mood()))} {w.style()} instrumental.",
        )
    )
    sentences = [
        w.pick(
            (
                f"The tempo is {_plain(w.tempo())}.",
                f"It is played at {w.bpm()}.",
                f"The tempo of this song is {_plain(w.tempo())}.",
            )
        )
    ]
    sentences += _instrument_sentences(w)
    sentences.append(_drum_sentence(w))
    mood = joined(w.moods(w.rng.randint(1, 3)))
    sentences.append(
        w.pick(
            (
                f"The mood of this music is {mood}.",
                f"The atmosphere is {mood}.",
                f"The song is {mood}.",
                f"It sounds {mood} and {w.quality()}.",
            )
        )
    )
    if w.rng.random() < 0.3:
        sentences.append(f"It is in {_in_key(w)}.")
    if w.rng.random() < 0.6:
        sentences.append(
            w.pick(
                (
                    f"It could be used for {w.use()}.",
                    f"This music would fit {w.use()}.",
                    f"This piece could be playing in the background of {w.use()}.",
                )
            )
        )
    keep = w.rng.randint(3, len(sentences))
    kept = sorted(w.rng.sample(range(len(sentences)), keep))
    return " ".join([opening, *(sentences[i] for i in kept)])


def _instrument_sentences(w: Words) -> list[str]:
    """Who leads, and who accompanies."""
    lead = w.roles()[0]
    sentences = []
    sentences.append(
        w.pick(
            (
                f"{_capital(article(w.described(lead)))} carries the piece.",
                f"The {w.instrument(lead)} plays the main melody.",
                f"The main melody is played by the {w.instrument(lead)}.",
            )
        )
        if lead == "lead"
        else f"It is built on the {w.instrument(lead)}."
    )
    others = w.roles()[1:]
    if others:
        chosen = w.rng.sample(others, min(len(others), w.rng.randint(1, 3)))
        backing = joined(list(dict.fromkeys(w.described(role) for role in chosen)))
        sentences.append(
            w.pick(
                (
                    f"It is accompanied by {backing}.",
                    f"In the background there is {backing}.",
                    f"The song also has {backing}.",
                )
            )
        )
    return sentences


def imperative(w: Words) -> str:
    """A request: "make a slow jazz piece with saxophone"."""
    verb = w.pick(("make", "create", "compose", "generate", "write", "I want", "give me", "play"))
    what = w.pick(("track", "piece", "song", "instrumental", "tune"))
    text = f"{verb} {article(f'{w.mood()} {w.style()} {what}')}"
    extras = [
        f"with {joined(w.instruments(w.rng.randint(1, 3)))}",
        f"at {w.bpm()}",
        f"in {_in_key(w)}",
        f"for {w.use()}",
    ]
    if not w.piece.has_drums:
        extras.append(w.pick(("without drums", "with no drums", "without percussion")))
    chosen = w.rng.sample(range(len(extras)), w.rng.randint(1, 2))
    return " ".join([text, *(extras[i] for i in sorted(chosen))])


def medium(w: Words) -> str:
    """One or two sentences, as Song Describer has them."""
    instruments = joined(w.instruments(3))
    return w.pick(
        (
            f"{_capital(article(w.mood()))} {w.style()} instrumental featuring {instruments}, "
            f"{w.tempo()}.",
            f"{_capital(w.quality())} {w.style()} with {instruments}. {_drum_sentence(w)}",
            f"{_capital(article(_plain(w.tempo())))} and {w.mood()} {w.style()} track driven by "
            f"{article(w.described(w.roles()[0]))}.",
            f"An instrumental {w.style()} song in {_in_key(w)} with {article(w.mood())} feel, "
            f"played on {instruments}.",
            f"{_capital(w.style())} music that would suit {w.use()}, with {instruments}.",
            f"{_capital(joined(w.moods(2)))} {w.style()}, {w.bpm()}, with {instruments}.",
        )
    )


def partial(w: Words) -> str:
    """A few words: what most people type."""
    drums = w.instrument("drums") if w.piece.has_drums else w.no_drums()
    return w.pick(
        (
            w.style(),
            f"{w.mood()} {w.style()}",
            f"{w.mood()} {w.instrument(w.roles()[0])}",
            f"{w.style()} with {w.instrument(w.roles()[-1])}",
            f"{w.style()}, {w.bpm()}",
            f"{w.style()} {w.tempo()}",
            f"{w.mood()} music for {w.use()}",
            f"{w.style()}, {drums}",
            f"{w.instrument(w.roles()[0])}, {w.mood()}, {w.mode()}",
            f"{w.quality()} {w.style()} music",
            f"{w.style()} in {_in_key(w)}",
        )
    )


def factual(w: Words) -> str:
    """Style, tempo as a number, key and instruments: a producer's description."""
    facts = [w.style(), w.bpm(), w.key(), *w.instruments(4)]
    if not w.piece.has_drums:
        facts.append(w.no_drums())
    if w.piece.meter != (4, 4):
        facts.append(f"{w.piece.meter[0]}/{w.piece.meter[1]} time")
    return ", ".join(dict.fromkeys(facts))


def exact(w: Words) -> str:
    """Tempo and key in a few words."""
    return w.pick(
        (
            f"{w.style()} in {w.key()} at {w.bpm()}",
            f"{w.bpm()}, {w.key()}, {w.style()}",
            f"{w.mood()} {w.style()}, {w.key()}, {w.bpm()}",
            f"{w.style()}, {w.bpm()}, {w.key()}",
            f"{w.style()} at {w.bpm()} in {w.key()}, {joined(w.instruments(2))}",
            f"{w.style()} with {w.instrument(w.roles()[0])}, {w.bpm()}, {w.key()}",
        )
    )


def listed(w: Words) -> str:
    """Facts in any order, tempo and key always among them, and whether there are drums."""
    facts = [w.style(), w.bpm(), w.key(), *w.instruments(w.rng.randint(1, 3), drums=False)]
    facts += [w.mood()] if w.rng.random() < 0.4 else []
    facts.append(w.pick(("drums", w.instrument("drums"))) if w.piece.has_drums else w.no_drums())
    if w.rng.random() < 0.5:
        w.rng.shuffle(facts)
    return ", ".join(dict.fromkeys(facts))


def ordered(w: Words) -> str:
    """A request that names tempo and key."""
    verb = w.pick(("make", "create", "compose", "generate", "write", "I want", "give me"))
    what = w.pick(("track", "piece", "song", "loop", "tune"))
    text = f"{verb} {article(f'{w.mood()} {w.style()} {what}')} in {w.key()} at {w.bpm()}"
    ending = [f", with {joined(w.instruments(w.rng.randint(1, 3)))}", f" for {w.use()}", ""]
    ending += [f", {w.no_drums()}"] * 2 if not w.piece.has_drums else []
    return text + w.rng.choice(ending)


def told(w: Words) -> str:
    """Sentences that name tempo and key."""
    music = w.pick(
        (
            f"{_capital(article(w.mood()))} {w.style()} instrumental.",
            f"This is {article(w.style())} track played on {joined(w.instruments(3))}.",
            f"{_capital(w.style())} with {joined(w.instruments(2))}.",
        )
    )
    numbers = w.pick(
        (
            f"It is in {w.key()} at {w.bpm()}.",
            f"Key: {w.key()}. Tempo: {w.bpm()}.",
            f"The key is {w.key()} and the tempo is {w.bpm()}.",
        )
    )
    sentences = [music, numbers, _drum_sentence(w)]
    return " ".join(sentences[: w.rng.randint(2, 3)])


WRITERS: tuple[Writer, ...] = (
    keywords,
    aspects,
    prose,
    imperative,
    medium,
    partial,
    factual,
    prose,
    partial,
    keywords,
    medium,
    aspects,
)


# These name tempo and key, so that half of all captions do: rarer, a small model does not learn
# what the words mean.
EXACT_WRITERS: tuple[Writer, ...] = (exact, listed, ordered, told, listed, exact, factual, listed)


def captions(piece: Piece) -> tuple[str, ...]:
    """At least six distinct captions, all true of the piece. The same piece, the same captions."""
    return tuple(
        dict.fromkeys(
            (*everyday_captions(piece), *_written(piece, EXACT_WRITERS, "exact captions"))
        )
    )


def everyday_captions(piece: Piece) -> tuple[str, ...]:
    """Those of them that say what most people say: few name tempo and key."""
    return _written(piece, WRITERS, "captions")


def _written(piece: Piece, writers: Sequence[Writer], purpose: str) -> tuple[str, ...]:
    rng = random.Random(f"{piece.seed}/{piece.style}/{purpose}")
    words = Words(piece, rng)
    texts = [writer(words) for writer in writers]
    return tuple(
        dict.fromkeys(text[0].lower() + text[1:] if rng.random() < 0.15 else text for text in texts)
    )


def _plain(tempo: str) -> str:
    """A tempo phrase as an adjective."""
    spoken = {
        "mid-tempo": "medium",
        "uptempo": "medium fast",
        "medium to uptempo": "medium to fast",
    }.get(tempo, tempo)
    return spoken.removesuffix(" tempo").removesuffix(" paced")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _in_key(w: Words) -> str:
    key = w.key()
    return article(key) if key.endswith(" key") else key


def _drum_sentence(w: Words) -> str:
    if not w.piece.has_drums:
        return w.pick(
            (
                "There are no drums.",
                "There is no percussion in this song.",
                "It has no percussion.",
                "It is played without drums.",
            )
        )
    name = w.instrument("drums")
    return w.pick(
        (
            f"The rhythm comes from {name}.",
            f"The beat is played on {name}.",
            f"There is {w.described('drums')}.",
            f"The percussion plays {article(w.groove())} beat.",
        )
    )
