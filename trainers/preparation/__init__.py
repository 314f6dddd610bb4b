"""Own music in: any folder of audio becomes a folder that the trainers and evaluation take.

`prepare` does it; a function from a `Description` to captions may stand in for the templates,
for instance one that asks a language model. `write_report` makes the page about it.
"""

from trainers.preparation.captioning.captions import Captioner
from trainers.preparation.captioning.templates import template_captions
from trainers.preparation.options import PreparationOptions
from trainers.preparation.preparing import prepare
from trainers.preparation.records import Description, Preparation, PreparedPiece, Remark, Tags
from trainers.preparation.report import write_report

__all__ = [
    "Captioner",
    "Description",
    "Preparation",
    "PreparationOptions",
    "PreparedPiece",
    "Remark",
    "Tags",
    "prepare",
    "template_captions",
    "write_report",
]
