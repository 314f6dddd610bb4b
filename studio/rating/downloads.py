"""Everything a study found, as files to take away."""

from __future__ import annotations

import io
import zipfile

from evaluation.listening import RatingService, result_files, results


def results_archive(service: RatingService) -> bytes:
    """A ZIP of the answers and of every table as CSV."""
    found = results(service.study, service.store)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in result_files(service.study, service.store, found).items():
            archive.writestr(name, text)
    return packed.getvalue()
