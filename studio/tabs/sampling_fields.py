"""The fields that Create and Continue share: model, plan, seed, variations, Advanced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from core.errors import InputError
from core.request import PRESETS, STRUCTURES, GenerationRequest, Section, parse_sections
from studio.context import Studio
from studio.tabs import section_plan
from studio.tabs.field_errors import FieldErrors
from studio.tabs.variant_choice import variant_field

NO_STRUCTURE, PLAN = "the model's own", "a plan of sections"
NO_FLOW = (
    "The chosen model has no flow matching: it turns tokens into sound in one step, so "
    "there is no preset and no number of steps to choose."
)
MOST_VARIATIONS = 4
DEFAULTS = GenerationRequest("defaults", 1.0, seed=0)


class SamplingFields:
    """Lays the fields out where it is created; `read` turns their values into settings."""

    def __init__(self, studio: Studio, form: str, errors: FieldErrors, seconds: Any) -> None:
        self._studio = studio
        with gr.Row():
            self.seed = gr.Textbox(
                label="Seed",
                elem_id=f"{form}-seed",
                min_width=140,
                placeholder="random",
                max_lines=1,
            )
            self.keep = gr.Checkbox(
                False, label="Keep this seed", elem_id=f"{form}-keep", min_width=140
            )
        errors.line("seed", "seed")
        self.seed.input(None, None, self.keep, js="() => true", api_visibility="private")
        with gr.Row():
            self.variations = gr.Radio(
                list(range(1, MOST_VARIATIONS + 1)),
                value=1,
                label="Variations",
                elem_id=f"{form}-variations",
                min_width=220,
            )
        with gr.Accordion("Model and structure", open=False, elem_id=f"{form}-structure-box"):
            self.variant = variant_field(studio, form)
            self._structure(form, seconds)
        # Below the boxes and not in them: an error in a closed box would not be seen.
        errors.line("variant", "variant", "model folder", "weights", "tensor")
        errors.line("sections", "section", "sections")
        with gr.Accordion("Advanced", open=False, elem_id=f"{form}-advanced"):
            self._advanced(studio, form)
        errors.line("advanced", "guidance", "top-k", "top-p", "temperature", "steps", "preset")

    def _structure(self, form: str, seconds: Any) -> None:
        self.structure = gr.Dropdown(
            [NO_STRUCTURE, *STRUCTURES, PLAN],
            value=NO_STRUCTURE,
            label="Structure",
            elem_id=f"{form}-structure",
            filterable=False,
        )
        self.plan = gr.Textbox(
            label="Plan of sections",
            visible=False,
            elem_id=f"{form}-plan",
            placeholder="intro:0-2, verse:2-7, outro:7-10",
            info="structure:start-end in seconds, up to the whole length",
        )
        drawn = gr.HTML("", visible=False, elem_id=f"{form}-timeline", js_on_load=None)

        def choose(choice: str, text: str, length: float) -> tuple[Any, Any]:
            plan = text or section_plan.suggest(length)
            return (
                gr.update(visible=choice == PLAN, value=plan),
                gr.update(visible=choice == PLAN, value=section_plan.timeline(plan, length)),
            )

        def draw(text: str, length: float) -> str:
            return section_plan.timeline(text or "", length)

        quiet = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
        self.structure.change(
            choose, [self.structure, self.plan, seconds], [self.plan, drawn], **quiet
        )
        self.plan.change(draw, [self.plan, seconds], drawn, **quiet)
        seconds.change(draw, [self.plan, seconds], drawn, **quiet)

    def _advanced(self, studio: Studio, form: str) -> None:
        flow = studio.variant(studio.settings.first_variant).flow
        self.preset = gr.Radio(
            list(PRESETS),
            value=DEFAULTS.preset,
            label="Sound quality preset",
            elem_id=f"{form}-preset",
            visible=flow,
            info="How many steps the flow matching takes",
        )
        self.steps = gr.Textbox(
            label="Steps",
            placeholder="as the preset says",
            max_lines=1,
            elem_id=f"{form}-steps",
            visible=flow,
        )
        no_flow = gr.HTML(
            f'<p class="tab-note">{NO_FLOW}</p>',
            visible=not flow,
            js_on_load=None,
            apply_default_css=False,
            elem_id=f"{form}-no-flow",
        )
        self.variant.change(
            lambda name: (
                [gr.update(visible=studio.variant(name).flow)] * 2
                + [gr.update(visible=not studio.variant(name).flow)]
            ),
            self.variant,
            [self.preset, self.steps, no_flow],
            show_progress="hidden",
            api_visibility="private",
            concurrency_limit=None,
        )
        self.guidance = gr.Slider(
            0,
            10,
            DEFAULTS.guidance,
            step=0.1,
            label="Guidance",
            info="How closely the text is followed",
            elem_id=f"{form}-guidance",
            buttons=[],
        )
        self.top_k = gr.Slider(
            1,
            1000,
            DEFAULTS.top_k,
            step=1,
            label="Top-k",
            info="How many tokens may be chosen from",
            elem_id=f"{form}-top-k",
            buttons=[],
        )
        self.temperature = gr.Slider(
            0,
            2,
            DEFAULTS.temperature,
            step=0.05,
            label="Temperature",
            info="0 always takes the likeliest token",
            elem_id=f"{form}-temperature",
            buttons=[],
        )

    @property
    def inputs(self) -> list[Any]:
        """Components in the order `read` takes their values."""
        return [
            self.seed,
            self.keep,
            self.variations,
            self.variant,
            self.structure,
            self.plan,
            self.preset,
            self.steps,
            self.guidance,
            self.top_k,
            self.temperature,
        ]

    def read(self, values: Sequence[Any], seconds: float) -> dict[str, Any]:
        """Values of `inputs` -> settings of a request, plus `variations`.

        Raises: InputError for a missing number or a plan that cannot be read.
        """
        (
            seed,
            keep,
            variations,
            variant,
            structure,
            plan,
            preset,
            steps,
            guidance,
            top_k,
            temperature,
        ) = values
        if seconds is None:
            raise InputError("seconds", "(empty)", "type a length")
        return {
            "variations": int(variations),
            "seed": _whole("seed", seed) if keep else None,
            "variant": variant,
            "sections": _sections(structure, plan, float(seconds)),
            **self._flow_settings(variant, preset, steps),
            "guidance": float(guidance),
            "top_k": int(top_k),
            "temperature": float(temperature),
        }

    def _flow_settings(self, variant: str, preset: str, steps: str) -> dict[str, Any]:
        """Preset and steps, but for a model without flow, where the fields are not shown."""
        if not self._studio.variant(variant).flow:
            return {}
        return {"preset": preset, "steps": _whole("steps", steps) if steps else None}

    def filled_from(self, request: GenerationRequest) -> dict[Any, Any]:
        """Updates that show a request's settings in the fields, its seed kept."""
        plan = ", ".join(f"{s.structure}:{s.start:g}-{s.end:g}" for s in request.sections)
        return {
            self.seed: str(request.seed),
            self.keep: True,
            self.variations: 1,
            self.variant: request.variant,
            self.structure: PLAN if plan else NO_STRUCTURE,
            self.plan: gr.update(value=plan, visible=bool(plan)),
            self.preset: request.preset,
            self.steps: "" if request.steps is None else str(request.steps),
            self.guidance: request.guidance,
            self.top_k: request.top_k,
            self.temperature: request.temperature,
        }


def _whole(name: str, text: str | None) -> int:
    try:
        return int((text or "").strip())
    except ValueError as error:
        raise InputError(name, text or "(empty)", "must be a whole number") from error


def _sections(structure: str, plan: str | None, seconds: float) -> tuple[Section, ...]:
    if structure == PLAN:
        return parse_sections(plan or "")
    return () if structure == NO_STRUCTURE else (Section(structure, 0.0, seconds),)
