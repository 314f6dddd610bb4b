"""The form in a real browser: what is shown is used, and errors stand by their field."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from playwright.sync_api import expect
from safetensors.torch import save_file
from studio_visit import Visit

from core import variants
from core.checkpoints import opening


def _error(visit: Visit, field: str):
    return visit.page.locator(f"#create-error-{field}")


def test_wrong_input_is_told_beside_its_field_and_goes_with_its_cause(browser, studio_address):
    with Visit(browser, studio_address, width=390) as visit:
        page = visit.page
        page.click("#create-generate")
        _error(visit, "prompt").get_by_text("Describe the music").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.fill("#create-prompt-input", "house")
        _error(visit, "prompt").wait_for(state="hidden")

        page.fill("#create-seconds-input", "600")
        _error(visit, "seconds").get_by_text("0.1 to 480").wait_for()
        page.fill("#create-seconds-input", "")
        page.click("#create-generate")
        _error(visit, "seconds").get_by_text("type a length").wait_for()
        page.fill("#create-seconds-input", "1")
        _error(visit, "seconds").wait_for(state="hidden")

        page.locator("#create-more-box summary").click()
        page.fill("#create-seed-input", "7x")
        _error(visit, "seed").get_by_text("must be a whole number").wait_for()
        assert visit.get("/studio/jobs").json() == []  # nothing was sent with all this


def test_a_seed_that_stands_in_the_field_is_used(browser, studio_address):
    with Visit(browser, studio_address) as visit:
        page = visit.page
        page.locator("#create-more-box summary").click()
        page.evaluate("navigator.clipboard") and None
        page.locator("#create-seed-input").evaluate(
            "(field) => { field.value = '12345'; "
            "field.dispatchEvent(new Event('input', {bubbles: true})); }"
        )  # as pasting does
        visit.ask_for("house", 1)
        assert visit.get(f"/studio/results/{visit.result()}").json()["request"]["seed"] == 12345
        assert page.input_value("#create-seed-input") == "12345"


def test_the_settings_of_a_piece_come_back_whole(browser, studio_address):
    with Visit(browser, studio_address) as visit:
        page = visit.page
        for box in ("music", "structure", "more"):
            page.locator(f"#create-{box}-box summary").click()
        page.fill("#create-tempo-input", "120")
        page.select_option("#create-key-input", "D minor")
        page.fill("#create-instruments-input", "piano, flute")
        page.select_option("#create-drums-input", "no")
        page.fill("#create-negative-input", "guitar")
        page.get_by_role("button", name="Plan the sections").click()
        page.locator(".section-border").first.press("ArrowRight")
        page.fill("#create-min_seconds-input", "1")
        page.fill("#create-top_p-input", "0.9")
        page.fill("#create-seed-input", "5")
        visit.ask_for("house", 4)
        page.locator("#create-seconds-input").blur()
        request = visit.get(f"/studio/results/{visit.result()}").json()["request"]
        assert (request["tempo"], request["key"], request["drums"]) == (120, "D minor", False)
        assert request["instruments"] == ["piano", "flute"] and request["negative"] == "guitar"
        assert (request["min_seconds"], request["top_p"], request["seed"]) == (1, 0.9, 5)
        sections = request["sections"]
        assert len(sections) == 4 and sections[-1]["end"] == 4
        assert sections[0]["end"] > 0.6  # 15 % of 4 s, and the border moved to the right

        page.get_by_role("button", name="Reset all fields").click()
        expect(page.locator("#create-tempo-input")).to_have_value("")
        visit.menu("Use these settings")
        expect(page.locator("#create-tempo-input")).to_have_value("120")
        sent = page.evaluate(
            "import('/studio/web/form.js').then(({values}) => fetch('/studio/form/submit', "
            "{method: 'POST', headers: {'X-Studio': '1', 'Content-Type': 'application/json'}, "
            "body: JSON.stringify(values())})).then((answer) => answer.json())"
        )
        page.locator(f"#create-desk [data-result='{sent['ids'][0]}']").wait_for()
        again = visit.get(f"/studio/results/{sent['ids'][0]}").json()["request"]
        assert again == request


def test_fields_that_the_model_has_not_are_not_shown(browser, studio_address):
    with Visit(browser, studio_address) as visit:
        page = visit.page
        page.locator("#create-more-box summary").click()
        expect(page.locator("#create-preset")).to_be_hidden()
        page.select_option("#create-variant-input", "nano")
        expect(page.locator("#create-preset")).to_be_visible()
        expect(page.locator("#create-variant-hint")).to_contain_text("48 kHz")


def test_ideas_fill_the_prompt_and_pin_nothing(browser, studio_address):
    with Visit(browser, studio_address) as visit:
        page = visit.page
        page.get_by_role("button", name="house", exact=True).click()
        prompt = page.locator("#create-prompt-input")
        expect(prompt).to_have_value(
            "house music, four on the floor, electronic dance beat with synth bass"
        )
        page.get_by_role("button", name="Surprise me").click()
        page.wait_for_function(
            "!document.getElementById('create-prompt-input').value.includes('four on')"
        )
        page.locator(".example-fill").first.click()
        assert "rock" in prompt.input_value() and page.input_value("#create-seed-input") == ""
        page.locator(".example-play").first.click()
        page.wait_for_function(
            "document.getElementById('player-time').textContent.startsWith('0:01')"
        )


def test_another_script_gets_a_word_of_warning(browser, studio_address):
    with Visit(browser, studio_address) as visit:
        visit.page.fill("#create-prompt-input", "спокойное пианино")
        visit.page.locator("#create-warning").get_by_text("English").wait_for()
        visit.page.fill("#create-prompt-input", "calm piano")
        visit.page.locator("#create-warning").wait_for(state="hidden")


def test_the_best_as_asked_are_kept_on_one_card(browser, studio_address):
    with Visit(browser, studio_address) as visit:
        page = visit.page
        page.locator("#create-more-box summary").click()
        page.select_option("#create-choose_by-input", "adherence")
        page.fill("#create-best_of-input", "2")
        page.fill("#create-keep-input", "2")
        page.fill("#create-prompt-input", "something")
        _error(visit, "choose_by").get_by_text("finds nothing to listen for").wait_for()
        visit.ask_for("house music, 125 bpm, drums", 5)
        result = visit.result()
        card = visit.cards.first
        expect(card.get_by_role("button", name="Variation B")).to_be_visible()
        records = {r["id"]: r for r in visit.get("/studio/results").json()}
        [other] = set(records) - {result}
        best, second = (records[i]["about"]["choice"] for i in (result, other))
        assert best["score"] >= second["score"] and (best["rank"], second["rank"]) == (1, 2)
        assert {fact["name"] for fact in best["heard"]} == {"tempo", "drums", "style"}
        expect(card.locator(".facts")).to_contain_text("best of 2")
        expect(card.locator(".facts")).to_contain_text("% as asked")
        card.get_by_role("button", name="Variation B").click()
        expect(card.locator(".facts")).to_contain_text("no. 2 of 2")
        visit.menu("Details")
        expect(card.locator(".heard")).to_contain_text("125 bpm asked")
        request = records[other]["request"]  # which makes the second alone
        assert request["best_of"] == 1 and request["seed"] in (
            records[result]["request"]["seed"],
            records[result]["request"]["seed"] + 1,
        )


def test_an_adapter_is_added_as_strongly_as_its_slider_says(browser, studio_address, studio_folder):
    for name in ("warm", "dry"):
        write_adapter(studio_folder / "models" / "loras" / name)
    with Visit(browser, studio_address) as visit:
        page, made = visit.page, []
        page.locator("#create-more-box summary").click()
        page.fill("#create-seed-input", "5")
        warm = page.get_by_label("warm")
        for strength in ("0", "0.7", "0"):
            warm.fill(strength)
            visit.ask_for("house", 1)
            record = visit.get(f"/studio/results/{visit.result()}").json()
            made.append((record["request"]["lora"], record["about"]["sha256"]))
        assert [lora for lora, _ in made] == [[], ["warm:0.7"], []]
        assert made[0][1] == made[2][1] != made[1][1]
        page.get_by_label("dry").fill("1.2")
        warm.fill("0.5")
        expect(page.locator("#create-lora-input")).to_have_value("dry:1.2, warm:0.5")
        page.reload()
        expect(page.locator("#create-lora-input")).to_have_value("dry:1.2, warm:0.5")
        expect(page.get_by_label("dry")).to_have_value("1.2")
        answer = visit.context.request.post(
            studio_address + "/studio/form/submit",
            data={"prompt": "house", "seconds": "1", "lora": "/etc:1"},
            headers={"X-Studio": "1"},
        )
        assert answer.status == 400 and "no adapter here" in answer.json()["errors"]["lora"]


def write_adapter(folder: Path) -> None:
    """One of nano's size that changes what it says."""
    variant = variants.folder_of(variants.get("nano"))
    layer = "backbone.layers.0.mlp.down"
    out, inside = (
        opening.open_component(variant, "language_model").get_submodule(layer).weight.shape
    )
    draw = torch.Generator().manual_seed(len(folder.name))
    key = f"base_model.model.{layer}.lora_"
    folder.mkdir(parents=True)
    tensors = {
        "A": torch.randn(2, inside, generator=draw),
        "B": torch.randn(out, 2, generator=draw),
    }
    save_file(
        {f"{key}{side}.weight": 0.3 * tensor for side, tensor in tensors.items()},
        folder / "adapter_model.safetensors",
    )
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 2, "base_model_name_or_path": "nano"}
    (folder / "adapter_config.json").write_text(json.dumps(config))
