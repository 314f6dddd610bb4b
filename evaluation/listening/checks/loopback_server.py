"""Serves one study on loopback as JSON, for checks: the service alone, without a page.

`python -m evaluation.listening.checks.loopback_server STUDY CLIPS DATABASE PORT`. Routes:
POST /listening_start {token, consent}, /listening_answer {token, trial_id, scores},
/listening_withdraw {token}, with the study's name or without; each answers with a
RaterView. What is wrong is 400, what failed 500.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from core.errors import InputError, StudioError
from evaluation.listening.clips.preparation import read_prepared
from evaluation.listening.design.study_file import read_study
from evaluation.listening.service import RaterView, RatingService
from evaluation.listening.store.storage import Store


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, service: RatingService, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.routes: dict[str, Callable[..., RaterView]] = {
            "/listening_start": service.start,
            "/listening_answer": service.answer,
            "/listening_withdraw": service.withdraw,
        }


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body.pop("study", None)
        try:
            view = self.server.routes[self.path](**body)
        except StudioError as error:
            self._reply(400 if isinstance(error, InputError) else 500, error.as_dict())
        else:
            self._reply(200, dataclasses.asdict(view))

    def _reply(self, status: int, content: dict) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """No log of requests."""


def main() -> None:
    study_path, clips, database, port = sys.argv[1:]
    study = read_study(study_path)
    service = RatingService(study, read_prepared(study, Path(clips)), Store(database))
    _Server(service, int(port)).serve_forever()


if __name__ == "__main__":
    main()
