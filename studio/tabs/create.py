"""The Create tab: describe, hear, choose, go on from where it was good."""

from __future__ import annotations

from html import escape

import psutil

from core import variants
from core.checkpoints import adapters
from core.errors import InputError
from core.requests.request import FIELDS
from core.variants import Variant
from core.workspace import models_folder
from studio.api.forms import MOST_VARIATIONS
from studio.context import Studio
from studio.tabs.fields import described, error_line, field, labelled, shown_fields
from studio.tabs.variants import fit_of, is_choice, sentence

LENGTHS = ((10, "10 s"), (30, "30 s"), (60, "1 min"))
SOUND_HELP = "Drop a file here, record, or pick one of your pieces. WAV, FLAC, MP3, OGG, M4A, WebM"


def build(studio: Studio) -> str:
    """The tab's markup; `web/form.js` and its neighbours bring it to life."""
    return (
        f'<div class="create"><form id="create-form" novalidate>{_modes()}{_sound(studio)}'
        f"{_prompt()}{_length()}{_variations()}{_generate()}"
        f"{_box('music', 'Tempo, key, instruments', _grid('music'))}"
        f"{_box('structure', 'Sections', _sections())}"
        f"{_box('batch', 'Many prompts', _batch())}"
        f"{_box('more', 'More', _more(studio))}</form>"
        '<section class="desk" aria-labelledby="desk-title"><div class="desk-head">'
        '<h2 id="desk-title">Your music</h2><button type="button" class="quiet" id="cancel-all" '
        'hidden>Cancel all</button></div><div id="create-desk"></div></section></div>'
    )


def _modes() -> str:
    return (
        '<div class="pills modes" role="group" aria-label="Start from">'
        '<button type="button" data-from="words" aria-pressed="true">From words</button>'
        '<button type="button" data-from="sound" aria-pressed="false">From sound</button></div>'
    )


def _sound(studio: Studio) -> str:
    """The sound to continue: what `web/sound.js` fills."""
    return (
        f'<div id="create-sound" class="sound" data-megabytes="{studio.settings.upload_megabytes}" '
        f'hidden><p class="hint">{SOUND_HELP}</p></div>{error_line("audio")}'
    )


def _prompt() -> str:
    spec = FIELDS["prompt"]
    control = (
        f'<textarea id="create-prompt-input" name="prompt" rows="3" maxlength="{spec.longest}" '
        f'placeholder="Instruments, mood, tempo, style" {described(spec)}></textarea>'
    )
    tools = (
        '<div class="ideas"><div class="chips" id="create-chips" role="group" '
        'aria-label="Styles"></div><button type="button" class="quiet" id="create-dice" '
        'title="Compose a prompt">Surprise me</button></div>'
        '<p class="hint"><a href="?tab=models" id="create-limits">What this model can do</a></p>'
    )
    return (
        field(spec, control, " ")
        + '<p class="warning" id="create-warning" hidden></p>'
        + '<p class="hint" id="create-sent" hidden></p>'
        + tools
    )


def _length() -> str:
    pills = "".join(
        f'<button type="button" data-seconds="{s}" aria-pressed="false">{name}</button>'
        for s, name in LENGTHS
    )
    control = (
        f'<div class="pills" id="create-lengths" role="group" aria-label="Lengths">{pills}'
        '<input type="text" id="create-seconds-input" name="seconds" value="0:10" '
        f'inputmode="text" autocomplete="off" size="6" {described(FIELDS["seconds"])}></div>'
    )
    return field(FIELDS["seconds"], control, "Seconds, or minutes:seconds")


def _variations() -> str:
    choices = "".join(
        f'<label><input type="radio" name="variations" value="{n}"'
        f"{' checked' if n == 1 else ''}><span>{n}</span></label>"
        for n in range(1, MOST_VARIATIONS + 1)
    )
    return (
        '<fieldset class="field" id="create-variations"><legend>Variations</legend>'
        f'<div class="pills">{choices}</div>{error_line("variations")}</fieldset>'
    )


def _generate() -> str:
    return (
        '<div class="generate-bar"><button type="submit" class="primary" id="create-generate">'
        '<b>Generate</b> <span id="create-time"></span></button></div>' + error_line("form")
    )


def _box(name: str, title: str, content: str) -> str:
    return (
        f'<details class="box" id="create-{name}-box"><summary>{title}'
        f'<span class="box-note"></span></summary><div class="box-body">{content}</div></details>'
    )


def _grid(place: str) -> str:
    return f'<div class="grid">{"".join(map(field, shown_fields(place)))}</div>'


def _sections() -> str:
    control = (
        '<div class="section-bar" id="create-section-bar"></div>'
        '<input type="hidden" id="create-sections-input" name="sections">'
    )
    note = "Seconds. Drag a border to move it. Without sections the model decides"
    return (
        f'<div class="field" id="create-sections" data-field="sections">{control}'
        f'<small id="create-sections-hint">{note}</small>{error_line("sections")}</div>'
    )


def _batch() -> str:
    control = (
        '<textarea id="create-batch-input" rows="4" placeholder="One prompt a line, or drop a CSV"'
        ' aria-describedby="create-batch-hint create-error-batch"></textarea>'
    )
    note = "Each line is made with the settings of this form; you get one ZIP"
    run = '<button type="button" class="quiet" id="create-batch-run">Generate all</button>'
    state = '<div class="tools" id="create-batch-state" role="status" hidden></div>'
    return labelled("batch", "Prompts", control, note) + run + state


def _more(studio: Studio) -> str:
    plain = "".join(map(field, shown_fields("structure")))
    return (
        f'{_model(studio)}{_adapters()}<div class="grid">{plain}'
        f"{''.join(map(field, shown_fields('sampling')))}</div>"
        '<button type="button" class="quiet" id="create-reset">Reset all fields</button>'
    )


def _model(studio: Studio) -> str:
    """The model picker: installed ones first, one plain sentence each."""
    known = sorted(variants.known().values(), key=lambda v: not variants.installed(v))
    options = "".join(
        f'<option value="{escape(v.name)}" data-sentence="{escape(sentence(v))}" '
        f'data-flow="{int(v.flow)}" data-folder="{escape(v.folder)}"'
        f"{' selected' if v.name == studio.settings.first_variant else ''}>"
        f"{escape(_title(v))}</option>"
        for v in known
        if is_choice(v)
    )
    spec = FIELDS["variant"]
    control = (
        f'<select id="create-variant-input" name="variant" {described(spec)}>{options}</select>'
    )
    return field(spec, control, sentence(studio.variant(studio.settings.first_variant)))


def _adapters() -> str:
    """A strength for each adapter; `web/form.js` shows those of the chosen model."""
    rows = "".join(_adapter(name) for name in adapters.names())
    if not rows:
        return ""
    spec = FIELDS["lora"]
    return (
        f'<fieldset class="field" id="create-lora" data-field="lora"><legend>{spec.label}</legend>'
        f'{rows}<input type="hidden" id="create-lora-input" name="lora">'
        '<small id="create-lora-hint">How strongly each is added to the model: 0 leaves it out, 1 '
        f"is as trained</small>{error_line('lora')}</fieldset>"
    )


def _adapter(name: str) -> str:
    try:
        base = adapters.base_of(models_folder() / adapters.FOLDER / name)
        folder = variants.get(base).folder if base else ""
    except InputError:
        return ""  # damaged, or of a model that is not known here
    return (
        f'<label class="adapter" data-base="{escape(folder)}"><span>{escape(name)}</span>'
        f'<input type="range" min="0" max="1.5" step="0.05" value="0" '
        f'data-adapter="{escape(name)}"><output>0</output></label>'
    )


def _title(variant: Variant) -> str:
    if variants.installed(variant):
        return variant.title
    fits = {"fits": "", "does not fit": ", too large for the free memory"}
    free = psutil.virtual_memory().available
    return f"{variant.title} (to be downloaded{fits.get(fit_of(variant, free), '')})"
