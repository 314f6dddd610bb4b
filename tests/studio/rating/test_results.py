"""Results of a listening test: as tables and charts, and in the tab behind the token."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest
from rating_visit import TOKEN, WAIT_MS, open_study, results_tab, work_folder_of_its_own

from evaluation.listening import new_token, report_tables, results, screening_table
from evaluation.report import table_html
from studio.rating import AdminGate, Studies, result_charts

# Legends that leave their chart, and tables whose last columns no scrolling reaches.
CUT_OFF = """() => {
  const out = [];
  for (const legend of document.querySelectorAll('#results-forest .legend')) {
    const own = legend.getBoundingClientRect();
    const plot = legend.closest('.svg-container').getBoundingClientRect();
    if (own.left < plot.left - 1 || own.right > plot.right + 1 || own.top < plot.top - 1)
      out.push('legend');
  }
  for (const table of document.querySelectorAll('#results-tables table')) {
    const frame = table.parentElement;
    frame.scrollLeft = 1e6;
    const last = table.querySelector('thead tr').lastElementChild.getBoundingClientRect();
    if (last.right > frame.getBoundingClientRect().right + 2) out.push('table');
    frame.scrollLeft = 0;
  }
  return out;
}"""
EVIL = "<img src=x onerror=alert(1)>"


def answer_all(service, raters):
    chooser = random.Random(5)
    low, high = service.study.scale
    for _ in range(raters):
        token = new_token()
        view = service.start(token, True)
        while view.state == "trial":
            scores = {axis.name: chooser.randint(low, high) for axis in service.study.axes}
            view = service.answer(token, view.trial.id, scores, EVIL)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    axes = [{"name": "quality", "label": EVIL, "question": EVIL}, "overall"]
    with work_folder_of_its_own(tmp_path_factory.mktemp("rating")) as work:
        open_study(work, "secret-mos", 2, 4, 8, axes=axes, controls={"anchors": 2, "attention": 1})
        open_study(
            work,
            "secret-pairs",
            3,
            4,
            8,
            axes=["overall"],
            method="CCR",
            baseline="system-a",
            controls={"identical_pairs": 1},
        )
        studies = Studies()
        for name in studies.names():
            answer_all(studies.service(name), 4)
        yield work


def shown(work, name, screened):
    service = Studies().service(name)
    found = results(service.study, service.store)
    tables = {table.title: table for table in report_tables(service.study, found, screened)}
    return service.study, found, tables


def test_ratings_are_shown_with_both_intervals_and_sizes(work):
    study, found, tables = shown(work, "secret-mos", False)
    means = next(table for title, table in tables.items() if title.startswith("Mean by system"))
    assert len(means.rows) == 4 and means.rows[0].labels == (EVIL, "system-a")
    (interval,) = [
        mean.interval
        for mean in found.everyone.means
        if (mean.axis, mean.system) == ("quality", "system-a")
    ]
    cells = means.rows[0].cells
    assert (cells[0].value, cells[0].low, cells[0].high) == (
        interval.mean,
        interval.lo_95,
        interval.hi_95,
    )
    assert cells[1].text == f"± {interval.naive_half:.2f}"
    assert [cell.value for cell in cells[2:5]] == [4, 4, 16]
    text = table_html(means)
    assert found.interval_method in " ".join(means.notes) and "naive" in text
    assert EVIL not in text and "&lt;img" in text
    for start in ("Paired differences", "Hidden controls", "Agreement", "Layout of Table 6"):
        assert any(title.startswith(start) for title in tables), start


def test_screening_tells_who_and_why(work):
    _, found, tables = shown(work, "secret-mos", True)
    rows = screening_table(found).rows
    assert len(rows) == 4
    for row, verdict in zip(rows, found.verdicts):
        assert row.cells[0].text == ("yes" if verdict.kept else "no")
        assert row.cells[-1].text == "; ".join(verdict.reasons)
    assert not any("all raters" in title for title in tables)


def test_pairs_are_shown_with_outcomes_and_order(work):
    study, found, tables = shown(work, "secret-pairs", False)
    compared = next(t for title, t in tables.items() if title.startswith("Compared"))
    result = found.everyone.comparisons["overall"].systems[0]
    share = round(100 * result.wins / (result.wins + result.ties + result.losses))
    assert compared.rows[0].cells[5].text.startswith(f"{share} % / ")
    assert "system-a" in compared.note
    order = next(t for title, t in tables.items() if title.startswith("Order effect"))
    assert [column.name for column in order.columns][-2:] == ["p", "note"]
    for row in order.rows:  # an interval that fell back says so here too
        axis, system = "overall", row.labels[1]
        interval = found.everyone.comparisons[axis].order_by_system.get(system)
        if interval is not None:
            assert row.cells[-1].text == interval.note
    fixed = next(t for title, t in tables.items() if title.startswith("Test with these items"))
    assert fixed.rows[0].cells[0].value == result.test.p_exact
    tested = compared.rows[0].cells
    assert tested[7].value == result.interval.p and tested[8].value == result.p_adjusted_axis
    assert tested[6].value == result.n_system_second
    assert any(title.startswith("Identical pairs") for title in tables)


@pytest.mark.parametrize("name", ["secret-mos", "secret-pairs"])
def test_charts_hold_what_was_found(work, name):
    study, found, _ = shown(work, name, False)
    table = found.everyone
    forest = result_charts.forest(study, table)
    assert len(forest.data) == 2 * len(study.axes)
    axis = study.axes[0].name
    first = (
        next((mean for mean in table.means if mean.axis == axis), None)
        or (table.comparisons[axis].systems[0])
    )
    assert first.interval.mean in forest.data[0].x
    assert first.interval.half_95 in forest.data[0].error_x.array
    shares = result_charts.distributions(study, table)
    low, high = study.scale
    assert len(shares.data) == (high - low + 1) * len(study.axes)
    raters = result_charts.rater_map(study, table)
    assert len(raters.data[0].y) == 4
    titles = [
        title.text for chart in (forest, shares, raters) for title in chart.layout.annotations
    ]
    assert titles and EVIL not in titles  # plotly would take it for markup


@pytest.fixture(scope="module")
def address(work):
    with results_tab() as address:
        yield address


def test_tab_answers_the_token_alone(browser, address, tmp_path):
    context = browser.new_context(viewport={"width": 390, "height": 844})
    context.route(
        lambda url: not url.startswith((address, "blob:", "data:")), lambda route: route.abort()
    )
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    received: list[bytes] = []
    page.on(
        "response",
        lambda answer: received.append(
            answer.body()
            if "gradio_api" in answer.url
            and answer.ok
            and "stream" not in answer.headers.get("content-type", "")
            else b""
        ),
    )
    page.goto(address, wait_until="domcontentloaded")
    page.fill("#results-token input", TOKEN[:-1])
    page.click("#results-open")
    page.locator("#results-error-form").get_by_text("not right").wait_for()
    assert "secret" not in page.content() and not any(b"secret-" in one for one in received)

    page.fill("#results-token input", TOKEN)
    page.click("#results-open")
    page.locator("#results-tables").get_by_text("Mean by system").first.wait_for()
    assert page.locator("#results-tables img").count() == 0  # a label stays text
    page.locator("#results-progress").get_by_text("4 finished").wait_for()
    page.locator("#results-forest .js-plotly-plot .legend").wait_for()
    assert page.evaluate(CUT_OFF) == []
    with page.expect_download() as waiting:
        page.click("#results-download")
    file = tmp_path / "results.zip"
    waiting.value.save_as(file)
    assert file.read_bytes()[:2] == b"PK"
    page.get_by_role("button", name="Power").click()
    page.click("#results-plan")
    page.locator("#results-power").get_by_text("raters for 80 %").wait_for()
    context.close()


def test_a_tab_left_open_with_a_wrong_token_stops_asking(work):
    import gradio as gr

    from studio.tabs import results as tab

    with gr.Blocks(analytics_enabled=False) as blocks:
        tab.build(SimpleNamespace(admin=AdminGate(TOKEN), studies=Studies()))
    [tick] = [one.fn for one in blocks.fns.values() if getattr(one.fn, "__name__", "") == "tick"]
    request = SimpleNamespace(request=SimpleNamespace(client=SimpleNamespace(host="a")))
    [(shown, text)] = tick(TOKEN, "secret-mos", request).items()
    assert shown.elem_id == "results-progress" and "4 finished" in text
    for token, study in ((TOKEN + "x", "secret-mos"), (TOKEN, "no-study")):
        [(timer, update)] = tick(token, study, request).items()
        assert isinstance(timer, gr.Timer) and update.active is False


def test_the_benchmark_tab_shows_what_was_measured_to_everybody():
    import gradio as gr

    from studio.context import Studio
    from studio.settings import Settings
    from studio.tabs import benchmark

    with gr.Blocks(analytics_enabled=False) as blocks:
        benchmark.build(Studio(Settings()))
    (shown,) = (block for block in blocks.children if block.elem_id == "benchmark-shipped")
    for told in ("Table 10", "Table 11", "26.032 [20.723, 32.594]", "python -m evaluation run"):
        assert told in shown.value
    assert "Stable Audio" not in shown.value  # what was not measured has no empty row
