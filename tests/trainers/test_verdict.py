"""What a fine-tuning achieved is said in words, and never praised where nothing was learned."""

from __future__ import annotations

import pytest

from core.errors import InputError
from trainers.fine_tuning import verdict
from trainers.fine_tuning.budget import AFTER, BEFORE, TOKENS, Budget
from trainers.fine_tuning.verdict import Change, judge


def change(low: float | None, high: float | None, difference: float = -0.1) -> Change:
    return Change(
        "loss on held-out pieces", "nats a token", 2.0, 2.0 + difference, difference, low, high, 9
    )


BETTER, WORSE, OPEN = change(-0.2, -0.05), change(0.05, 0.2, 0.1), change(-0.2, 0.1)


@pytest.mark.parametrize(
    ("loss", "distance", "kept", "same", "outcome"),
    [
        (BETTER, BETTER, 50, False, "better"),
        (BETTER, OPEN, 50, False, "better"),
        (BETTER, None, 50, False, "better"),
        (BETTER, WORSE, 50, False, "mixed"),
        (OPEN, BETTER, 50, False, "not shown"),
        (change(None, None), OPEN, 50, False, "not shown"),
        (WORSE, BETTER, 50, False, "worse"),
        (BETTER, BETTER, 0, False, "no better"),
        (BETTER, BETTER, 50, True, "no better"),
    ],
)
def test_outcomes(loss, distance, kept, same, outcome, tmp_path):
    found = judge("mine", "nano", loss, distance, kept, 100, same, 0.5, 8)
    assert found.outcome == outcome
    assert "learned" not in found.text
    assert ("better than nano" in found.headline) or outcome in ("worse",)
    assert bool(found.advice) == (outcome not in ("better",))
    if outcome == "no better":
        assert "kept weights are those of nano" in found.text
        assert "more music (0.50 hours" in found.text and "--rank 16" in found.text
    elif outcome == "better":
        assert "by 0.1" in found.text and "-0.2 to -0.05" in found.text
        assert "step 50 of 100" in found.text
    verdict.write(found, tmp_path)
    assert verdict.read(tmp_path) == found


def test_advice_follows_where_the_best_step_was():
    late = judge("m", "nano", OPEN, None, 95, 100, False, 9.0, None)
    assert "more --minutes" in late.text and "lower learning rate" not in late.text
    early = judge("m", "nano", OPEN, None, 5, 100, False, 9.0, None)
    assert "lower learning rate" in early.text and "LoRA, which forgets less" in early.text


def test_minutes_are_shared_and_too_few_are_refused_with_the_figures(tmp_path):
    budget = Budget.of(tmp_path, 20)
    budget.expected |= {TOKENS: 120.0, BEFORE: 180.0, AFTER: 240.0}
    assert budget.training_minutes() == 20 - 2 - 3 - 4
    assert "20 minutes in all" in budget.told() and "11.0 training" in budget.told()
    with budget.stage(TOKENS):
        pass
    again = Budget.of(tmp_path, 8)
    again.expected |= {TOKENS: 120.0, BEFORE: 180.0, AFTER: 240.0}
    assert again.used[TOKENS] > 0
    with pytest.raises(InputError, match="tokens take about 2.0.*give at least 10"):
        again.training_minutes()
    assert Budget.of(tmp_path, 0).training_minutes() == 0  # by steps
