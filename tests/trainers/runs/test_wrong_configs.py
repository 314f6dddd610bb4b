"""Wrong configs: each is one line that names the line, the setting, its value and the remedy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.errors import InputError
from tests.trainers import tiny
from trainers.__main__ import main
from trainers.runs import config as run_config

RIGHT = """\
task: language_model
data:
  shards: /nowhere/shards
  text_tokenizer: /nowhere/tokenizer.json
model:
  hidden: 32
  layers: 2
  heads: 2
  kv_heads: 1
  head_dim: 16
  mlp: 32
  text_vocabulary: 300
  audio_vocabulary: 64
training:
  batch_tokens: 600
  bf16: auto
  crop_seconds: [1.0, 2.0]
  crop_weights: [0.5, 0.5]
loop:
  steps: 10
  learning_rate: 1e-3
  betas: [0.9, 0.99]
"""
# (what is replaced, by what, the line told, what is told)
WRONG = {
    "quoted no": ("bf16: auto", 'bf16: "no"', 16, r"training.bf16 no: must be true or false"),
    "bf16 a number": ("bf16: auto", "bf16: 1", 16, "must be true or false"),
    "negative batch": ("batch_tokens: 600", "batch_tokens: -5", 15, "batch_tokens -5: .* least 1"),
    "zero parts": ("bf16: auto", "parts: 0", 16, "parts 0: must be at least 1"),
    "half a part": ("bf16: auto", "parts: 1.5", 16, "must be a whole number"),
    "misspelled": ("batch_tokens: 600", "batch_tokns: 600", 15, "did you mean batch_tokens?"),
    "misspelled loop": ("learning_rate: 1e-3", "learing_rate: 1", 21, "did you mean learning_rate"),
    "misspelled model": ("kv_heads: 1", "kv_head: 1", 9, "did you mean kv_heads"),
    "misspelled data": ("text_tokenizer:", "text_tokeniser:", 4, "did you mean text_tokenizer"),
    "misspelled part": ("loop:\n", "lop:\n", 19, "did you mean loop"),
    "unknown task": ("language_model", "langage_model", 1, "must be one of"),
    "no task": ("task: language_model\n", "", 1, "task None: must be one of"),
    "task a list": ("task: language_model", "task: [srfm]", 1, "must be one of"),
    "no shards": ("  shards: /nowhere/shards\n", "", 2, "shards is missing"),
    "shards a number": ("/nowhere/shards", "5", 3, "data.shards 5: must be a path"),
    "shards empty": ("/nowhere/shards", '""', 3, "must be a path"),
    "data a text": ("data:\n", "data: here\nx:\n", 2, "must name folders|is unknown"),
    "address of a file": ("/nowhere/tokenizer.json", "https://x.org/t.json", 4, "on this machine"),
    "rate a word": ("1e-3", "fast", 21, "learning_rate fast: must be a number"),
    "rate zero": ("1e-3", "0", 21, "must be more than 0"),
    "rate negative": ("1e-3", "-1e-3", 21, "must be more than 0"),
    "rate infinite": ("1e-3", ".inf", 21, "finite"),
    "rate not a number": ("1e-3", ".nan", 21, "finite"),
    "rate true": ("1e-3", "true", 21, "must be a number"),
    "steps negative": ("steps: 10", "steps: -1", 20, "must be 0 or more"),
    "steps zero without minutes": ("steps: 10", "steps: 0", 20, "give steps, or minutes"),
    "steps a list": ("steps: 10", "steps: [10]", 20, "must be a whole number"),
    "steps a fraction": ("steps: 10", "steps: 10.5", 20, "must be a whole number"),
    "steps null": ("steps: 10", "steps: null", 20, "must be a whole number"),
    "decay longer": ("steps: 10", "steps: 10\n  decay_steps: 11", 21, "at most the 10 steps"),
    "one beta": ("[0.9, 0.99]", "[0.9]", 22, "must be a list of 2"),
    "beta of one": ("[0.9, 0.99]", "[0.9, 1.0]", 22, "from 0 to below 1"),
    "betas a number": ("[0.9, 0.99]", "0.9", 22, "must be a list"),
    "ema of one": ("steps: 10", "steps: 10\n  ema: 1.0", 21, "from 0 to below 1"),
    "both names": ("steps: 10", "steps: 10\n  ema: 0.9\n  average: 0.9", 22, "old name of ema"),
    "set twice": ("steps: 10", "steps: 10\n  steps: 20", 21, "set twice, first in line 20"),
    "threads zero": ("steps: 10", "steps: 10\n  threads: 0", 21, "at least 1"),
    "shard yes": ("steps: 10", 'steps: 10\n  shard: "yes"', 21, "true or false, without quotes"),
    "keep none": ("steps: 10", "steps: 10\n  keep_last: 0", 21, "at least 1"),
    "too few weights": ("[0.5, 0.5]", "[0.5]", 18, "as many as crop_seconds"),
    "weights zero": ("[0.5, 0.5]", "[0, 0]", 18, "must not all be 0"),
    "weights negative": ("[0.5, 0.5]", "[1.5, -0.5]", 18, "must be 0 or more"),
    "crops zero": ("[1.0, 2.0]", "[0.0, 2.0]", 17, "must be more than 0"),
    "crops of words": ("[1.0, 2.0]", "[one, two]", 17, "must be a number"),
    "drop above one": ("bf16: auto", "drop_text: 1.5", 16, "share from 0 to 1"),
    "lora a number": ("bf16: auto", "lora: 8", 16, "must be settings"),
    "lora rank zero": ("bf16: auto", "lora: {rank: 0}", 16, "lora.rank 0: must be at least 1"),
    "lora unknown": ("bf16: auto", "lora: {ranks: 8}", 16, "did you mean rank"),
    "hidden zero": ("hidden: 32", "hidden: 0", 6, "model.hidden 0: must be at least 1"),
    "hidden negative": ("hidden: 32", "hidden: -32", 6, "model.hidden -32"),
    "hidden a text": ("hidden: 32", "hidden: wide", 6, "must be a whole number"),
    "hidden missing": ("  hidden: 32\n", "", 5, "hidden is missing"),
    "model a list": ("model:\n", "model: [1]\nx:\n", 5, "must be settings|is unknown"),
    "training a text": ("training:\n", "training: much\nx:\n", 14, "must be settings|is unknown"),
    "a key that is no text": ("steps: 10", "5: 10", 20, "is no setting's name"),
    "broken yaml": ("steps: 10", "steps: [10", None, "is not readable yaml"),
    "a tab": ("  steps: 10", "\tsteps: 10", None, "is not readable yaml"),
    "a tag": ("steps: 10", "steps: !!python/object:os.system 1", None, "is not readable yaml"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_config_is_told_in_one_line(tmp_path, case, capsys):
    old, new, line, told = WRONG[case]
    assert RIGHT.count(old) >= 1
    path = tmp_path / "run.yaml"
    path.write_text(RIGHT.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        run_config.read(path)
    text = f"{caught.value.name} {caught.value.value}: {caught.value.hint}"
    assert re.search(told, text.replace(" : ", ": ")), text
    if line is not None:
        assert f"line {line}," in text
    assert main(["train", str(path)]) == 2
    shown = capsys.readouterr().err.splitlines()
    assert shown[-1].startswith("error: ") and "Traceback" not in "".join(shown)


def test_there_are_enough_of_them_and_the_right_one_is_right(tmp_path):
    assert len(WRONG) >= 40
    path = tmp_path / "run.yaml"
    path.write_text(RIGHT)
    run = run_config.read(path)
    assert run.loop.learning_rate == 1e-3 and run.loop.steps == 10


def test_all_mistakes_are_told_at_once(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(RIGHT.replace("steps: 10", "steps: -1").replace("mlp: 32", "mlp: none"))
    with pytest.raises(InputError, match="and 1 more: line 20, loop.steps -1: must be 0 or more"):
        run_config.read(path)


@pytest.mark.parametrize(
    ("text", "told"), [("", "must name its parts"), ("- 1\n", "must name its parts")]
)
def test_files_that_are_no_config(tmp_path, text, told):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=told):
        run_config.read(path)
    with pytest.raises(InputError, match="does not exist"):
        run_config.read(tmp_path / "none.yaml")


@pytest.mark.parametrize("task", sorted(tiny.RUNS))
def test_sizes_of_which_no_model_can_be_made(tmp_path, task):
    wrong = {
        "wavtokenizer": {"encoder": "no such"},
        "hificodec": {"encoder": "no such"},
        "language_model": {"heads": 3, "kv_heads": 2},
        "srfm": {"channels": "wide"},
    }[task]
    path: Path = tiny.write(
        tmp_path / "run.yaml", tiny.RUNS[task], tiny.data_of(tmp_path, task), model=wrong
    )
    with pytest.raises(InputError, match="line .*model"):
        run_config.read(path)
