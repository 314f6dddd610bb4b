"""Plans: all shipped ones can be read, and every wrong field is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from core.errors import InputError
from evaluation.benchmark import Plan, read_plan, shipped_plans

PLAN = {
    "recipe": "offline",
    "dataset": {"kind": "folder", "table": "captions.csv", "audio": "real"},
    "systems": [{"name": "ours", "folder": "ours"}],
}


def written(folder: Path, **changes: object) -> Path:
    path = folder / "plan.yaml"
    path.write_text(yaml.safe_dump({**PLAN, **changes}), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", sorted(shipped_plans()))
def test_shipped_plans_are_whole(name: str) -> None:
    plan = read_plan(name)
    assert isinstance(plan, Plan)
    assert name.removeprefix("nano-").replace("table-", "Table ") in plan.title
    published = [system for system in plan.systems if system.published]
    assert bool(published) == bool(plan.published_on)
    for system in published:
        assert set(system.published) == {"KL-PaSST", "FD-openl3", "CLAP"}


def test_every_objective_table_has_its_plan() -> None:
    tables = {f"table-{number}" for number in (2, 3, 4, 5, 8, 9, 10, 11)}
    assert tables <= set(shipped_plans())


def test_table_10_has_sixteen_cells_and_both_tasks() -> None:
    plan = read_plan("table-10")
    assert len(plan.systems) == 16
    assert {system.task.name for system in plan.systems} == {"text-to-music", "continuation"}
    continued = next(s for s in plan.systems if s.task.continuation)
    recipe = continued.task.recipe(plan.recipe)
    assert "without 5 s prompt" in recipe.name
    assert continued.task.spans[1].begin == 5


def test_paths_count_from_the_plan(tmp_path: Path) -> None:
    plan = read_plan(written(tmp_path))
    assert plan.dataset.table == tmp_path / "captions.csv"
    assert plan.systems[0].folder == tmp_path / "ours"


def test_dataset_can_be_replaced(tmp_path: Path) -> None:
    plan = read_plan(written(tmp_path), {"table": "/elsewhere.csv", "limit": 3})
    assert (plan.dataset.table, plan.dataset.limit) == (Path("/elsewhere.csv"), 3)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"colour": "red"}, "colour"),
        ({"recipe": "mine"}, "mine"),
        ({"recipe": None}, "recipe"),
        ({"recipe": "offline", "dataset": {"kind": "folder", "table": "a.csv"}}, "audio"),
        ({"dataset": {**PLAN["dataset"], "kind": "tape"}}, "tape"),
        ({"dataset": {**PLAN["dataset"], "table": "$NO_SUCH_VARIABLE/a.csv"}}, "NO_SUCH"),
        ({"systems": [{"name": "a", "folder": "a", "task": "dancing"}]}, "dancing"),
        ({"systems": [{"name": "a"}]}, "a, text-to-music"),
        ({"systems": [{"name": "a", "folder": "a"}] * 2}, "a-text-to-music"),
        ({"systems": [{"name": "a", "variant": "nano", "generation": {"seconds": -1}}]}, "-1"),
        ({"systems": [{"name": "a", "variant": "nano", "generation": {"loud": 1}}]}, "loud"),
        ({"tasks": {"a": {"continuation": {"prompt": 5}}}}, "prompt"),
    ],
)
def test_wrong_fields_are_named(tmp_path: Path, changes: dict, named: str) -> None:
    with pytest.raises(InputError) as caught:
        read_plan(written(tmp_path, **changes))
    assert named in str(caught.value)


def test_plan_that_is_no_yaml(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text("a: [", encoding="utf-8")
    with pytest.raises(InputError, match="plan"):
        read_plan(path)
    path.write_text("!!python/object/apply:os.system ['true']", encoding="utf-8")
    with pytest.raises(InputError, match="plan"):
        read_plan(path)
