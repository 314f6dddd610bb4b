"""Tokens a second of the language-model trainer beside a plain transformers Trainer.

The same blocks (Qwen2's), the same crops, in turns in one process. The plain side is what one would
write without this project: `Qwen2ForCausalLM` over one vocabulary of texts, sounds and markers, a
collator that pads to the longest, transformers' Trainer with its defaults. A token is a position of
a piece (text, conditions, audio); padding is not counted on either side. Seconds are those of steps
alone: no loading, validation or saving.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from core.compatibility import ready_torchaudio, ready_torchvision
from core.language_model import LanguageModelConfig, LanguageModelExample
from core.workspace import claim_machine
from trainers.runs import config as run_config
from trainers.runs.loop import Loop

LIMIT = 1.5
CONFIG = Path(__file__).parent / "configs" / "nano-language-model.yaml"


def main(argv: list[str]) -> int:
    """Compare the language-model trainer with a plain transformers Trainer."""
    parser = argparse.ArgumentParser("python -m trainers bench", description=main.__doc__)
    parser.add_argument("config", type=Path, nargs="?", default=CONFIG)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20, help="a round of each")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    run = run_config.read(args.config)
    # As the stages' configs have it; the model and the crops are the file's.
    run = dataclasses.replace(
        run, training={**run.training, "packed": True, "bf16": True, "validation_crops": 8}
    )
    with claim_machine(), tempfile.TemporaryDirectory() as folder:
        found = compare(run, args.rounds, args.steps, args.threads, Path(folder))
    if args.json:
        print(json.dumps(found))
        return 0
    for name, rates in found["tokens_per_second"].items():
        print(
            f"{name:34s} {statistics.median(rates):8.0f} tokens/s   rounds: "
            + " ".join(f"{rate:.0f}" for rate in rates)
        )
    for name, ratio in found["ratios"].items():
        print(f"ours / {name}: {ratio:.2f}" + (f" (at least {LIMIT})" if "fp32" in name else ""))
    return 0


def compare(
    run: run_config.RunConfig, rounds: int, steps: int, threads: int, folder: Path
) -> dict[str, Any]:
    """Tokens a second of every round, and the medians' ratios."""
    ours = OurTrainer(run, threads, folder / "ours")
    batches = [ours.task.examples(step)[0] for step in range(steps)]
    kinds: dict[str, OurTrainer | PlainTrainer] = {
        "ours (bf16, packed)": ours,
        "transformers Trainer (fp32, padded)": PlainTrainer(
            ours.task.model.config, batches, False, folder / "fp32"
        ),
        "transformers Trainer (bf16, padded)": PlainTrainer(
            ours.task.model.config, batches, True, folder / "bf16"
        ),
    }
    rates: dict[str, list[float]] = {name: [] for name in kinds}
    for number in range(rounds + 1):
        for name, trainer in kinds.items():
            rate = trainer.tokens_per_second(steps)
            if number:  # the first round warms up
                rates[name].append(rate)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    first, *others = medians
    return {
        "tokens_per_second": rates,
        "medians": medians,
        "steps": steps,
        "threads": threads,
        "ratios": {name: medians[first] / medians[name] for name in others},
    }


def positions(example: LanguageModelExample) -> int:
    """Length of a piece as the model sees it: two markers, three vectors a section, text, audio."""
    return 2 + 3 * len(example.sections) + len(example.text_ids) + len(example.audio_ids)


class OurTrainer:
    """The loop and its task, a round of steps at a time, over the same batches in every round."""

    def __init__(self, run: run_config.RunConfig, threads: int, folder: Path) -> None:
        self.task: Any = run_config.task_of(run)
        config = dataclasses.replace(run.loop, threads=threads, decay_steps=0)
        self.loop = Loop(self.task, config, folder, run.raw)

    def tokens_per_second(self, steps: int) -> float:
        """Of the next round. Not `loop.run`, which would wait for the machine that this holds."""
        begun, examples = self.loop.step, self.task.examples
        self.task.examples = lambda step: examples(step - begun)
        try:
            began = time.monotonic()
            for _ in range(steps):
                self.loop.advance()
            seconds = time.monotonic() - began
        finally:
            self.task.examples = examples
        return sum(positions(e) for step in range(steps) for e in examples(step)[0]) / seconds


class PlainTrainer:
    """transformers' Trainer over the same crops; a batch has as many as ours has on average."""

    def __init__(
        self,
        config: LanguageModelConfig,
        batches: Sequence[Sequence[LanguageModelExample]],
        bf16: bool,
        folder: Path,
    ) -> None:
        ready_torchvision()
        ready_torchaudio()
        from transformers import Qwen2Config, Qwen2ForCausalLM

        self.bf16, self.folder, self.config = bf16, folder, config
        self.examples = [e for batch in batches for e in batch]
        self.size = max(1, round(len(self.examples) / len(batches)))
        self.sounds = config.text_vocabulary
        self.markers = self.sounds + config.audio_vocabulary + 1  # after the end of a piece
        torch.manual_seed(0)
        sizes: Any = Qwen2Config  # its signature is made at run time
        self.model = Qwen2ForCausalLM(
            sizes(
                vocab_size=self.markers + 8,
                hidden_size=config.hidden,
                intermediate_size=config.mlp,
                num_hidden_layers=config.layers,
                num_attention_heads=config.heads,
                num_key_value_heads=config.kv_heads,
                head_dim=config.head_dim,
                rms_norm_eps=config.eps,
                use_cache=False,
                rope_theta=config.rope_theta,
                tie_word_embeddings=False,
            )
        )
        self.tokens = 0
        self.model.register_forward_pre_hook(self._count, with_kwargs=True)

    def _count(self, model: torch.nn.Module, args: tuple, inputs: dict[str, Any]) -> None:
        seen = inputs["attention_mask"]
        self.tokens += int(seen.sum()) - len(seen)  # the end is a target alone on our side

    def _item(self, example: LanguageModelExample) -> dict[str, torch.Tensor]:
        conditions = [self.markers + n % 8 for n in range(2 + 3 * len(example.sections))]
        before = torch.tensor([*conditions, *example.text_ids])
        audio = torch.as_tensor(example.audio_ids) + self.sounds
        end = torch.tensor([self.markers - 1])
        ids = torch.cat((before, audio, end))
        return {"input_ids": ids, "labels": torch.cat((torch.full_like(before, -100), audio, end))}

    def _padded(self, items: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
        pad = torch.nn.utils.rnn.pad_sequence
        ids = [item["input_ids"] for item in items]
        return {
            "input_ids": pad(ids, True),
            "labels": pad([item["labels"] for item in items], True, -100),
            "attention_mask": pad([torch.ones_like(i) for i in ids], True),
        }

    def tokens_per_second(self, steps: int) -> float:
        """Of a round of its own; steps alone are timed, the batch's collation with them."""
        from transformers import Trainer, TrainerCallback, TrainingArguments

        class Clock(TrainerCallback):
            began = ended = 0.0

            def on_train_begin(self, *_: Any, **__: Any) -> None:
                self.began = time.monotonic()

            def on_step_end(self, *_: Any, **__: Any) -> None:
                self.ended = time.monotonic()

        clock = Clock()
        arguments = TrainingArguments(
            output_dir=str(self.folder),
            max_steps=steps,
            per_device_train_batch_size=self.size,
            bf16=self.bf16,
            use_cpu=True,
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            remove_unused_columns=False,
            disable_tqdm=True,
            learning_rate=1e-3,
        )
        trainer = Trainer(
            self.model,
            arguments,
            data_collator=self._padded,
            train_dataset=[self._item(e) for e in self.examples],
            callbacks=[clock],
        )
        self.tokens = 0
        trainer.train()
        return self.tokens / (clock.ended - clock.began)
