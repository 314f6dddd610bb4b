"""The model card, rendered from the JSON of `python -m evaluation nano` and nothing else."""

from __future__ import annotations

from typing import Any

from evaluation.nano.card.figures import DASH, share, table, value
from evaluation.nano.card.models import CODECS, codecs, language_model, srfm

FACTS = {
    "style": "style",
    "with_drums": "drums, where asked",
    "no_drums": "no drums, where asked",
    "drums": "drums or none",
    "tempo": "tempo within 8 % (or its half, its double)",
    "key": "key and mode",
    "tonic": "tonic",
    "mode": "mode",
}


RENAMED = {
    "clips_a_half": "clips_per_half",
    "clips_a_side": "clips_per_set",
    "level_slope_db_a_minute": "level_slope_db_per_minute",
}  # keys of figures that were measured before


def _renamed(figures: Any) -> Any:
    """The same figures under their present keys."""
    if isinstance(figures, dict):
        return {RENAMED.get(key, key): _renamed(value) for key, value in figures.items()}
    return [_renamed(one) for one in figures] if isinstance(figures, list) else figures


def render(figures: dict[str, Any]) -> str:
    """Markdown; every number stands beside its recipe. Parts that were not measured say why."""
    figures = _renamed(figures)
    model, recipe = figures["model"], figures["recipe"]
    parameters = ", ".join(
        f"{name} {count / 1e6:.2f} M" for name, count in figures["parameters"].items()
    )
    trained = table(
        ("part", "steps", "hours (CPU)", "seed"),
        (
            (f"{name}, stage {number}", run["steps"], run["hours"], run["seed"])
            for name in figures["parameters"]
            for number, run in enumerate(model.get(name, ()), 1)
        ),
    )
    parts = "\n\n".join(
        f"### {title}\n{write(figures[name])}"
        for name, (title, write) in PARTS.items()
        if name in figures
    )
    missing = "\n".join(f"* {name}: {why}" for name, why in figures["not_measured"].items())
    return f"""---
license: apache-2.0
language: en
pipeline_tag: text-to-audio
tags: [music, text-to-music, inspiremusic]
---
# {model.get("name", "nano")}

A small model of InspireMusic's architecture, trained on two CPU cores from a procedural corpus.
It makes instrumental music from English text. Parameters: {parameters}.

## Where it differs from the paper
* WavTokenizer: log-mel encoder instead of SEANet with LSTM, factorised codes instead of
  512-dimensional Euclidean ones, several consecutive tokens coded together with a part of the
  codebook each, another decoder head, no attention in the decoder. One codebook at 75 tokens a
  second from 24 kHz, as in the paper. `config.json` has every size.
* Language model: Qwen2 blocks of its own small size with a text tokenizer of its own; times are
  counted from the start of what it hears at once.

## Data and licence
Trained only on pieces composed by `python -m trainers corpus` and rendered with the FluidR3 GM
soundfont (MIT licence). Weights: Apache-2.0.

## Training
{trained}

## What was measured
`{recipe["command"]}`, on {recipe["pieces"]["held_out"]} held-out pieces (`python -m trainers
corpus --seed 100000`). Means and shares stand with 95 % intervals; each tool's score on
ground-truth audio stands beside it.

{parts}
{f"{chr(10)}### Not measured{chr(10)}{missing}{chr(10)}" if missing else ""}
## Limits
English prompts only; instrumental only (no vocals, no lyrics); the styles of the corpus; real
instruments and recordings were never heard. The figures above say how far it gets.
"""


def _styles(part: dict[str, Any]) -> str:
    systems = [("held-out audio (the tool's ceiling)", part["ground_truth"])]
    systems += [(f"the same through {CODECS[c]}", part[c]) for c in CODECS if c in part]
    systems += [("generated", part["generated"])]
    rows = [(name, share(figure)) for name, figure in systems]
    prompts = [
        (style, text, f"{part['by_prompt'][style]:.0%}") for style, text in part["prompts"].items()
    ]
    first, last = part["seeds"]
    return (
        f"Classifier: {part['classifier']}; chance {part['chance']:.0%}; seeds {first} to "
        f"{last}.\n\n{table(('clips', 'style recognised'), rows)}\n\n"
        f"{table(('style', 'prompt', 'recognised'), prompts)}"
    )


def _prompts(part: dict[str, Any]) -> str:
    systems = part["systems"]
    names = ["ground_truth", *(c for c in CODECS if c in systems), "generated"]
    titles = {"ground_truth": "held-out audio", "generated": "generated", **CODECS}
    rows = [
        (
            text,
            *(share(systems[n][fact]) for n in names),
            f"{part['of_ground_truth'][fact]:.0%}" if fact in part["of_ground_truth"] else DASH,
        )
        for fact, text in FACTS.items()
    ]
    tools = "\n".join(f"* {name}: {tool}" for name, tool in part["tools"].items())
    return (
        f'{part["clips"]}; a prompt reads "{part["prompt"]}". Chance: style '
        f"{part['chance']['style']:.0%}, key {part['chance']['key']:.0%}.\n{tools}\n\n"
        + table(("heard", *(titles[n] for n in names), "generated / held-out"), rows)
    )


def _distance(part: dict[str, Any]) -> str:
    titles = {
        "floor": "held-out audio (floor)",
        "generated": "generated",
        "without_flow": "the same tokens without flow",
        "generated_minus_floor": "generated minus floor",
        "without_flow_minus_floor": "without flow minus floor",
        "generated_minus_without_flow": "generated minus without flow",
    }
    rows = [
        (
            title,
            value(part["fd_musicnn"][name]),
            value(part["kad"][name], 3),
            f"{part['fd_over_floor'][name]:.1f}" if name in part["fd_over_floor"] else "",
        )
        for name, title in titles.items()
        if name in part["fd_musicnn"]
    ]
    return (
        f"To held-out music, {part['clips_per_set']} clips of {part['seconds']:g} s in each set "
        f"({part['asked_for']} wanted); {part['interval']}.\n\n"
        + table(("clips", "FD-musicnn", "KAD", "times the floor"), rows)
    )


def _sections(part: dict[str, Any]) -> str:
    rows = [
        (name, share(part[key]), share(part[f"{key}_chance"]))
        for key, name in (("ground_truth", "held-out audio"), ("generated", "generated"))
    ]
    return (
        f"Plan {part['plan']}; {part['pieces']} pieces; as many novelty peaks as boundaries, "
        f"within {part['tolerance_seconds']:g} s. n: {part['n_is']}.\n\n"
        + table(("pieces", "boundaries found", "at random"), rows)
    )


def _long(part: dict[str, Any]) -> str:
    rows = [
        (
            p["prompt"],
            f"{p['seconds']:g}",
            p["longest_silence_seconds"],
            p["samples_at_ceiling"],
            ", ".join(f"{v:.0f}" for v in p["level_by_minute_dbfs"]),
            f"{p['longest_repeat_seconds']:.2f}",
        )
        for p in part["pieces"]
    ]
    truth = part["ground_truth"]
    repeats = ", ".join(f"{s:.2f}" for s in truth["longest_repeat_seconds"])
    return table(
        (
            "prompt",
            "s",
            "longest silence, s",
            "samples at the ceiling",
            "level by minute, dBFS",
            "longest exact token repeat, s",
        ),
        rows,
    ) + (
        f"\n\nGround truth: longest repeat {repeats} s ({truth['longest_repeat_of']}); level slope "
        f"{value(truth['level_slope_db_per_minute'])} dB per minute."
    )


def _free(part: dict[str, Any]) -> str:
    rows = [
        (tag, f"{f['auc']:.2f} [{f['ci95'][0]:.2f}, {f['ci95'][1]:.2f}]", f["captions"])
        for tag, f in part["tags"].items()
    ]
    faults = ", ".join(f"{name} {count}" for name, count in part["faults"].items()) or "none"
    return (
        f"{part['captions']}; {part['seconds']:g} s each. Valid music: {share(part['valid'])}; "
        f"faults: {faults}. musicnn tags named in at least {part['named_in_at_least']} "
        "captions, chance that a clip whose caption names the tag scores higher:\n\n"
        + table(("tag", "AUC", "captions"), rows)
    )


def _continuation(part: dict[str, Any]) -> str:
    truth = part["ground_truth"]
    rank, ratio = part["join"]["flux_rank"], part["join"]["flux_over_median"]
    return (
        f"{part['clips']}.\n\n"
        + table(
            ("kept", "continuation", "the piece itself"),
            [
                (name, share(part[key]), share(truth[key]))
                for key, name in (
                    ("tempo_kept", "tempo within 8 % (or half, double)"),
                    ("key_kept", "key and mode"),
                )
            ],
        )
        + f"\n\nThe join: {part['join']['is']}: {value(rank)}, {value(ratio)}."
    )


PARTS = {
    "codecs": ("What the codecs keep", codecs),
    "language_model": ("The language model", language_model),
    "styles": ("Eight styles told apart", _styles),
    "prompts": ("Held-out prompts obeyed", _prompts),
    "srfm": ("Super-resolution flow matching", srfm),
    "distance": ("Distance to held-out music", _distance),
    "sections": ("Section plans", _sections),
    "long": ("Five minutes", _long),
    "free": ("Captions people wrote", _free),
    "continuation": ("Continuation", _continuation),
}
