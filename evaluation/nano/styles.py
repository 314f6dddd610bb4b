"""Are clips of eight very different prompts told apart? musicnn embeddings + logistic regression.

The classifier learns from training audio only; it is then shown held-out music, the same music
after each codec, and generated clips, so that what the codec loses and what the language model
misses stand apart.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluation.adherence.recognition import LabelRecogniser
from evaluation.nano import intervals
from evaluation.nano.bench import SECONDS, Bench

CLIPS_A_PROMPT = 10
HELD_OUT_CLIPS = 10  # at most, a style
PROMPTS = {
    "piano ballad": "calm solo piano ballad, slow, no drums",
    "string quartet": "a string quartet, classical chamber music",
    "rock": "energetic rock with distorted electric guitar and drums",
    "house": "house music, four on the floor, electronic dance beat with synth bass",
    "jazz": "swing jazz trio with piano, upright bass and brushed drums",
    "celtic": "celtic folk tune with flute and fiddle",
    "chiptune": "8-bit chiptune video game music, fast",
    "ambient": "ambient pads, slow and dreamy, no drums",
}


def measure(bench: Bench) -> dict[str, Any]:
    """Share of clips whose style is recognised: generated, ground truth, through the codecs."""
    styles = tuple(PROMPTS)
    heard, pieces = bench.training_clips(styles)
    recogniser = LabelRecogniser(heard, [p.style for p in pieces])
    held_out = [
        p
        for style in styles
        for p in [q for q in bench.held_out if q.style == style][: bench.at_most(HELD_OUT_CLIPS)]
    ]
    sounds = [p.sound(p.verse(SECONDS), SECONDS) for p in held_out]
    names = np.array([p.style for p in held_out])
    systems = {
        "ground_truth": intervals.share(recogniser(bench.heard(sounds, "held-out")) == names)
    }
    for codec in bench.codecs:
        passed = [bench.through(s, codec) for s in bench.told(sounds, codec)]
        systems[codec] = intervals.share(recogniser(bench.heard(passed, codec)) == names)
    each = bench.at_most(CLIPS_A_PROMPT)
    asked = np.repeat(styles, each)
    requests = [bench.request(PROMPTS[style], number % each) for number, style in enumerate(asked)]
    made = [clip.sound for clip in bench.generated(requests)]
    guesses = recogniser(bench.heard(made, "generated"))
    return {
        "classifier": f"musicnn penultimate (mean over patches) + logistic regression, "
        f"{len(heard)} training clips of {SECONDS:g} s",
        "chance": 1 / len(styles),
        "prompts": PROMPTS,
        "seeds": [bench.setting.seed, bench.setting.seed + each - 1],
        "generated": intervals.share(guesses == asked),
        **systems,
        "by_prompt": {s: float((guesses == asked)[asked == s].mean()) for s in styles},
        "heard_as": {
            s: {str(g): int(n) for g, n in zip(*np.unique(guesses[asked == s], return_counts=True))}
            for s in styles
        },
    }
