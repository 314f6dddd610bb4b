"""What strangers do who mean harm: floods of one kind each, and random actions of many kinds.

Each is bounded by its seconds and runs in a process of its own, so that the check's clock is not
slowed by it. All come from one network address, which is not the honest visitor's.
"""

from __future__ import annotations

import io
import random
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from urllib.parse import urlsplit

import httpx
import numpy as np
import soundfile

STRANGER = "127.0.0.2"
CALLERS, SILENT, DECODERS, SOAKING = 60, 400, 24, 8
LONGEST_PROMPT = "\ufdfa" * 2000  # 2,000 characters, 66,000 tokens
GIVEN_MINUTES = 15
Told = dict[str, int]  # what a flood counts


def stranger(address: str) -> httpx.Client:
    """A client at the strangers' address, without a cookie yet."""
    transport = httpx.HTTPTransport(local_address=STRANGER)
    return httpx.Client(
        base_url=address, timeout=60, transport=transport, headers={"X-Studio": "1"}
    )


def long_prompts(address: str, seconds: float) -> Told:
    """Item 3: what would hold the models for hours. By its tokens: the job fails at once; by its
    steps or candidates: it is not taken (`taken` counts those that were)."""
    until, refused, taken = time.monotonic() + seconds, 0, 0
    with stranger(address) as client:
        client.get("/")
        wanted = (
            {"prompt": "a tune", "seconds": "480", "steps": "1000"},
            {"prompt": "a tune", "seconds": "480", "best_of": "16", "variations": "4"},
        )
        while time.monotonic() < until:
            for form in wanted:
                answer = client.post("/studio/form/submit", json=form)
                refused += answer.status_code == 400
                taken += answer.status_code == 200
            client.post("/studio/form/submit", json={"prompt": LONGEST_PROMPT, "seconds": "480"})
            call(client, LONGEST_PROMPT, 480.0)
    return {"refused": refused, "taken": taken}


def waiting_calls(address: str, seconds: float) -> Told:
    """Item 4: sixty callers of long pieces at once, each with a cookie, who read and then leave."""
    until = time.monotonic() + seconds

    def caller(number: int) -> int:
        with stranger(address) as client, suppress(httpx.HTTPError):
            client.get("/")
            event = call(client, "a long tune", 60.0)
            if '"event_id"' not in event:
                return 0
            path = "/gradio_api/call/generate/" + event.split('"')[3]
            with client.stream("GET", path, timeout=5.0) as lines:
                for line in lines.iter_lines():
                    if line.startswith(("event: error", "event: complete")):
                        return 0
                    if time.monotonic() > until:
                        break
        return 1

    with ThreadPoolExecutor(CALLERS) as pool:
        return {"callers": CALLERS, "waited": sum(pool.map(caller, range(CALLERS)))}


def wrong_tokens(address: str, seconds: float) -> Told:
    """Item 8: guesses of the admin token, with addresses that are made up."""
    until, guesses = time.monotonic() + seconds, 0

    def guesser(number: int) -> int:
        count = 0
        with stranger(address) as client:
            while time.monotonic() < until:
                headers = {
                    "X-Admin-Token": f"wrong guess {number} {count}",
                    "X-Forwarded-For": f"10.0.{number}.{count % 256}",
                }
                client.get("/rate/results/none", headers=headers)
                count += 1
        return count

    with ThreadPoolExecutor(8) as pool:
        guesses = sum(pool.map(guesser, range(8)))
    return {"guesses": guesses}


def half_open(address: str, seconds: float) -> Told:
    """Item 9: connections that never finish their first request."""
    until, opened = time.monotonic() + seconds, []
    for _ in range(SILENT):
        with suppress(OSError):
            one = _connected(address)
            one.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Never: ")
            opened.append(one)
    time.sleep(max(0.0, until - time.monotonic()))
    for one in opened:
        one.close()
    return {"opened": len(opened)}


def aborted_uploads(address: str, seconds: float) -> Told:
    """Item 9: uploads that break off, at both doors."""
    until, count = time.monotonic() + seconds, 0
    form = (
        b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 900000\r\n\r\n"
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
    )
    plain = b"X-Studio: 1\r\nCookie: studio_person=" + b"k" * 43
    plain += b"\r\nContent-Length: 900000\r\n\r\n"
    while time.monotonic() < until:
        for path, head in ((b"/gradio_api/upload", form), (b"/studio/uploads", plain)):
            with suppress(OSError), _connected(address) as one:
                one.sendall(b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\n" + head)
                one.sendall(bytes(10_000))
                count += 1
        time.sleep(0.02)
    return {"aborted": count}


def decoding(address: str, seconds: float) -> Told:
    """Item 5: many at once who give a quarter of an hour of sound, and ask for all they have."""
    until, sound = time.monotonic() + seconds, io.BytesIO()
    noise = np.random.default_rng(0).normal(0, 0.05, 8000 * 60 * GIVEN_MINUTES)
    soundfile.write(sound, noise, 8000, format="FLAC")

    def giver(number: int) -> tuple[int, int]:
        taken = refused = 0
        with stranger(address) as client:
            client.get("/")
            while time.monotonic() < until:
                with suppress(httpx.HTTPError):
                    status = client.post("/studio/uploads", content=sound.getvalue()).status_code
                    taken, refused = taken + (status == 200), refused + (status in (429, 503))
                    client.get("/studio/results.zip")
                time.sleep(0.1)
        return taken, refused

    with ThreadPoolExecutor(DECODERS) as pool:
        counts = list(pool.map(giver, range(DECODERS)))
    return {"taken": sum(t for t, _ in counts), "refused": sum(r for _, r in counts)}


FLOODS: dict[str, Callable[[str, float], Told]] = {
    "long prompts": long_prompts,
    "waiting calls": waiting_calls,
    "wrong tokens": wrong_tokens,
    "half-open connections": half_open,
    "aborted uploads": aborted_uploads,
    "decoding": decoding,
}


def visits(address: str, first: int, count: int) -> None:
    """Item 6: people who open the page, look, press once, and never come back."""
    for number in range(first, first + count):
        with stranger(address) as client:
            client.get("/")
            client.get("/config")
            client.get("/studio/jobs")
            body = {"data": [None] * 12, "fn_index": 0, "session_hash": f"visit{number}"}
            client.post("/gradio_api/queue/join", json=body)


def soak(address: str, seconds: float) -> Told:
    """Random actions of eight visitors; counts them, and the errors of the server."""
    until = time.monotonic() + seconds

    def visitor(number: int) -> tuple[int, int, int]:
        draw, asked, wrong, lost = random.Random(number), 0, 0, 0
        with stranger(address) as client:
            client.get("/")
            while time.monotonic() < until:
                try:
                    answers = act(client, draw)
                    asked += len(answers)
                    wrong += sum(answer.status_code == 500 for answer in answers)
                except httpx.HTTPError:
                    lost += 1
                time.sleep(draw.uniform(0.0, 0.5))
            _cancel(client)
        return asked, wrong, lost

    with ThreadPoolExecutor(SOAKING) as pool:
        counts = list(pool.map(visitor, range(SOAKING)))
    asked, wrong, lost = (sum(column) for column in zip(*counts))
    return {"requests": asked, "server_errors": wrong, "without_answer": lost}


def act(client: httpx.Client, draw: random.Random) -> list[httpx.Response]:
    """One random action of a visitor; what was answered."""
    choice = draw.choice(["continue", "submit", "cancel", "look", "odd", "delete", "call"])
    if choice == "continue":
        sound = io.BytesIO()
        length = 16000 * draw.randint(1, 60)
        noise = np.random.default_rng(draw.randrange(99)).normal(0, 0.1, length)
        soundfile.write(sound, noise, 16000, format="FLAC")
        given = client.post("/studio/uploads", content=sound.getvalue())
        if given.status_code != 200:
            return [given]
        form = {"prompt": "on", "seconds": "2", "upload": given.json()["upload"]}
        return [given, client.post("/studio/form/submit", json=form)]
    if choice == "submit":
        form = {"prompt": "a tune", "seconds": str(draw.randint(1, 5)), "variations": "2"}
        return [client.post("/studio/form/submit", json=form)]
    if choice == "cancel":
        return _cancel(client)
    if choice == "call":
        call(client, "a tune", 1.0)
        return []
    if choice == "odd":
        return [
            client.post("/studio/uploads", content=draw.randbytes(2000)),
            client.post("/studio/form/submit", json={"prompt": "\U0001f600" * 900, "seconds": "x"}),
            client.post("/studio/form/check", content=b'{"prompt": "a", "variations": Infinity}'),
            client.post("/studio/batches", json={"text": '"' + "a" * 200_000, "form": {}}),
            client.get("/studio/results/" + "0" * 24),
        ]
    if choice == "delete":
        return [client.delete("/studio/results")]
    answers = [client.get("/studio/results"), client.get("/studio/jobs"), client.get("/")]
    return answers + [
        client.get(f"/studio/results/{each['id']}/play.mp3") for each in answers[0].json()[:2]
    ]


def _cancel(client: httpx.Client) -> list[httpx.Response]:
    listed = client.get("/studio/jobs")
    return [listed] + [
        client.post(f"/studio/jobs/{job['id']}/cancel")
        for job in listed.json()
        if job["state"] in ("waiting", "running")
    ]


def call(client: httpx.Client, prompt: str, seconds: float) -> str:
    """Ask the named endpoint; what was answered at once."""
    data = [prompt, seconds, "", "1", "", None, None, None, "", None, None, None]
    return client.post("/gradio_api/call/generate", json={"data": data}).text


def _connected(address: str) -> socket.socket:
    place = urlsplit(address)
    return socket.create_connection(
        (str(place.hostname), int(place.port or 80)), timeout=5, source_address=(STRANGER, 0)
    )
