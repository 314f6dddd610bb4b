"""Raters that answer as fast as they are served, lose connections and send twice."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from core.errors import FailureError
from evaluation.listening.design.study import Study
from evaluation.listening.store.records import new_token

RETRY_SECONDS = 0.2
REQUEST_SECONDS = 60
SEND_TWICE = 0.15  # share of answers that are sent again though they were acknowledged


class RaterClient(Protocol):
    """How a simulated rater reaches a server; raises OSError or HTTPException when it is down."""

    def start(self, token: str) -> Mapping[str, Any]: ...

    def answer(self, token: str, trial_id: str, scores: Mapping[str, int]) -> Mapping[str, Any]: ...

    def withdraw(self, token: str) -> Mapping[str, Any]: ...


class LoopbackClient:
    """Speaks to `loopback_server`, or to the studio's own routes, which read the study's name."""

    def __init__(self, port: int, study: str) -> None:
        self.port, self.study = port, study

    def start(self, token: str) -> Mapping[str, Any]:
        return self._post("/listening_start", {"token": token, "consent": True})

    def answer(self, token: str, trial_id: str, scores: Mapping[str, int]) -> Mapping[str, Any]:
        return self._post(
            "/listening_answer", {"token": token, "trial_id": trial_id, "scores": dict(scores)}
        )

    def withdraw(self, token: str) -> Mapping[str, Any]:
        return self._post("/listening_withdraw", {"token": token})

    def _post(self, route: str, content: dict) -> Mapping[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=REQUEST_SECONDS)
        try:
            body = json.dumps({"study": self.study, **content}).encode()
            connection.request("POST", route, body)
            reply = connection.getresponse()
            if reply.status == 503:
                raise ConnectionError("the server asks to try again")
            content = json.loads(reply.read())
            if reply.status != 200:
                raise FailureError("server", reply.status, json.dumps(content))
            return content
        finally:
            connection.close()


@dataclass
class Acknowledged:
    """What servers acknowledged, shared by all raters: {trial id: (token, scores)}."""

    answers: dict[str, tuple[str, dict[str, int]]] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


class SimulatedRater(threading.Thread):
    """One rater from link to completion code; asks any of `clients`, retries until `deadline`."""

    def __init__(
        self,
        study: Study,
        clients: list[RaterClient],
        seed: int,
        acknowledged: Acknowledged,
        deadline: float,
    ) -> None:
        super().__init__(daemon=True)
        self.study, self.clients, self.deadline = study, clients, deadline
        self.random, self.acknowledged, self.token = random.Random(seed), acknowledged, new_token()

    def run(self) -> None:
        try:
            view = self._insist(lambda client: client.start(self.token))
            while view["state"] == "trial":
                view = self._answer(view["trial"]["id"])
            with self.acknowledged.lock:
                self.acknowledged.codes[self.token] = view["completion_code"]
        except FailureError as error:
            with self.acknowledged.lock:
                self.acknowledged.errors.append(str(error))

    def _answer(self, trial_id: str) -> Mapping[str, Any]:
        scores = {axis.name: self.random.randint(*self.study.scale) for axis in self.study.axes}
        view = self._insist(lambda client: client.answer(self.token, trial_id, scores))
        with self.acknowledged.lock:
            self.acknowledged.answers[trial_id] = (self.token, scores)
        if self.random.random() < SEND_TWICE:
            # A double tap with another score: acknowledged, but the first answer stands.
            other = {name: self.study.scale[0] for name in scores}
            view = self._insist(lambda client: client.answer(self.token, trial_id, other))
        return view

    def _insist(self, ask: Callable[[RaterClient], Mapping[str, Any]]) -> Mapping[str, Any]:
        while time.monotonic() < self.deadline:
            try:
                return ask(self.random.choice(self.clients))
            except (OSError, http.client.HTTPException):
                time.sleep(RETRY_SECONDS * (0.5 + self.random.random()))
        raise FailureError("rater", "", "was not served before the deadline")
