"""The model card, rendered from the JSON of `python -m evaluation nano` and nothing else."""

from __future__ import annotations

from typing import Any


def _mean(figure: dict[str, Any], digits: int = 3) -> str:
    low, high = figure["ci95"]
    return (f"{figure['mean']:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}], "
            f"n = {figure['n']}")


def _share(figure: dict[str, Any]) -> str:
    low, high = figure["ci95"]
    return f"{figure['share']:.0%} [{low:.0%}, {high:.0%}], n = {figure['n']}"


def render(figures: dict[str, Any]) -> str:
    """Markdown; every number stands beside its recipe."""
    model, recipe = figures["model"], figures["recipe"]
    codec, lm, styles = figures["wavtokenizer"], figures["language_model"], figures["styles"]
    parameters = ", ".join(f"{name} {count / 1e6:.2f} M"
                           for name, count in figures["parameters"].items())
    trained = "\n".join(
        f"| {name}, stage {number} | {run['steps']} | {run['hours']} | {run['seed']} |"
        for name in figures["parameters"] for number, run in enumerate(model.get(name, ()), 1))
    prompts = "\n".join(f"| {style} | {text} | {styles['by_prompt'][style]:.0%} |"
                        for style, text in styles["prompts"].items())
    return f"""---
license: apache-2.0
language: en
pipeline_tag: text-to-audio
tags: [music, text-to-music, inspiremusic]
---
# {model.get('name', 'nano')}

A small model of InspireMusic's architecture, trained on two CPU cores from a procedural corpus.
It makes short instrumental music from English text. Parameters: {parameters}.

## Where it differs from the paper
* WavTokenizer: log-mel encoder instead of SEANet with LSTM, factorised 16-dimensional codes
  instead of 512-dimensional Euclidean ones, four consecutive tokens coded together with a quarter
  of the codebook each, a decoder head that counts phases from steady tones, no attention in the
  decoder. One codebook of 4096 at 75 tokens a second from 24 kHz and a Vocos decoder with inverse
  STFT, as in the paper.
* Language model: Qwen2 blocks of its own small size with a text tokenizer of its own; times are
  counted from the start of what it hears at once.

## Data and licence
Trained only on pieces composed by `python -m trainers corpus` ({recipe['corpus_pieces']['train']}
training pieces in the folder measured here) and rendered with the FluidR3 GM soundfont (MIT
licence). Weights: Apache-2.0.

## Training
| part | steps | hours (CPU) | seed |
|---|---|---|---|
{trained}

## What was measured
`{recipe['command']}` on held-out pieces of the corpus (test split,
{recipe['corpus_pieces']['test']} pieces); mean or share with 95 % interval.

| figure | value |
|---|---|
| WavTokenizer: log-mel distance (nats; {codec['clips']}) | {_mean(codec['mel_distance'])} |
| WavTokenizer: SI-SDR, dB | {_mean(codec['si_sdr_db'], 2)} |
| WavTokenizer: codes used of 4096 | {codec['codes_used']} |
| language model: cross-entropy, nats a token ({lm['clips']}) | {_mean(lm['trained'])} |
| the same, untrained | {_mean(lm['untrained'])} |
| the same, token frequencies ({lm['unigram_from']}) | {_mean(lm['unigram'])} |
| style of generated clips recognised | {_share(styles['generated'])} |
| style of held-out corpus clips recognised (the tool's ceiling) | \
{_share(styles['ground_truth'])} |

Style classifier: {styles['classifier']}; chance {styles['chance']:.0%}; seeds
{styles['seeds'][0]} to {styles['seeds'][1]}, defaults of the command line.

| style | prompt | recognised |
|---|---|---|
{prompts}

## Limits
English prompts only; instrumental only (no vocals, no lyrics); the styles of the corpus; real
instruments and recordings were never heard. This first version was trained for minutes, not hours.
Read the figures above: what it makes is texture more than music. Partials below 2 kHz are mostly
not where they should be even after the codec alone, and its clips are not told apart by style.
"""
