"""The job service: turns, batches, several workers, restarts."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from core.errors import Cancelled, FailureError, InputError
from core.requests.request import AudioPrompt, GenerationRequest
from core.result import Progress
from studio.api.metrics import Metrics
from studio.jobs import running, schedule
from studio.jobs.job import CANCELLED, DONE, FAILED, RUNNING, WAITING, Hooks, Job
from studio.jobs.kinds import BACKGROUND, BENCHMARK, GENERATION, MODEL
from studio.jobs.protocol import Failed, Finished, LiveSound, WorkerReport
from studio.jobs.schedule import Slot
from studio.jobs.service import JobLimits, JobService
from studio.jobs.speed import Speed
from studio.jobs.store import JobStore
from studio.jobs.worker import WorkerConfig

ANNE, BEN = "a" * 32, "b" * 32


class StubWorker:
    """A worker whose words the test says."""

    name = ""

    def __init__(self, service: JobService, capacity: int = 1, stays: bool = True) -> None:
        self.config = WorkerConfig("", capacity=capacity, stays=stays)
        self.slot, self.service = Slot(capacity), service
        self.started = self.ready = False
        self.last_heard = time.monotonic()
        self.given: list[Job] = []
        self.stopped: list[str] = []
        self.kills = 0

    def start(self) -> None:
        self.started = self.ready = True

    def give(self, job: Job) -> None:
        self.given.append(job)

    def stop(self, job: Job) -> None:
        self.stopped.append(job.id)

    def kill(self) -> None:
        self.kills += 1
        threading.Thread(target=self.die).start()

    def die(self) -> None:
        self.started = False
        self.service.heard(self, None)

    def say(self, job: Job, event, loaded=("nano",)) -> None:
        self.service.heard(self, WorkerReport(job.id, event, loaded))

    def close(self) -> None: ...

    def memory_bytes(self) -> int:
        return 0


@pytest.fixture
def build(tmp_path):
    """A service in a folder; built again, it is the next process's."""
    opened = []

    def make(capacity=1, workers=1, person=8, address=40, everybody=100, start=True, **options):
        service = JobService(
            JobStore(f"sqlite:///{tmp_path / 'jobs.sqlite'}"),
            JobLimits(person, address, everybody),
            options.get("hooks", {}),
            options.get("address_of", lambda person: ""),
        )
        made = [StubWorker(service, capacity) for _ in range(workers)]
        service.connect(MODEL, made)
        service.connect(BACKGROUND, [StubWorker(service, stays=False)])
        if start:
            service.start()
        opened.append(service)
        return service, made

    yield make
    for service in opened:
        service.close()


def request(variant: str = "nano", seconds: float = 10.0, **fields) -> GenerationRequest:
    return GenerationRequest("test", seconds, variant, seed=0, **fields)


def submit(service: JobService, tmp_path: Path, person: str, **fields) -> Job:
    number = service._numbers + 1
    file = tmp_path / f"{number}" / "sound.wav"
    file.parent.mkdir(exist_ok=True)
    return service.submit(person * 32, request(**fields), f"{number:024x}", file)


def states(jobs) -> list[str]:
    return [job.state for job in jobs]


def until(true) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_people_have_turns(build, tmp_path):
    service, _ = build(start=False)
    jobs = [submit(service, tmp_path, person) for person in "aaabbc"]
    ahead = [service.status(j.person, j.id)["ahead"] for j in jobs]
    assert ahead == [0, 3, 5, 1, 4, 2]  # a b c a b a
    waits = [service.status(j.person, j.id)["wait"] for j in jobs]
    assert np.allclose(waits, np.array(ahead) * waits[3])


def test_who_comes_later_does_not_pass_those_who_wait_nor_wait_for_all(build, tmp_path):
    service, [worker] = build()
    first = [submit(service, tmp_path, "a") for _ in range(4)]
    worker.say(first[0], Finished({}))
    worker.say(first[1], Finished({}))
    late = submit(service, tmp_path, "b")
    worker.say(first[2], Finished({}))
    assert late.state == WAITING and first[3].state == RUNNING  # it came long before
    again = submit(service, tmp_path, "a")
    worker.say(first[3], Finished({}))
    assert late.state == RUNNING and again.state == WAITING


def test_limits_belong_to_a_person_an_address_and_all(build, tmp_path):
    service, _ = build(person=2, address=3, everybody=4, address_of=lambda p: p[0] in "ab" and "h")
    submit(service, tmp_path, "a"), submit(service, tmp_path, "a")
    with pytest.raises(FailureError, match="jobs of yours 2"):
        submit(service, tmp_path, "a")
    submit(service, tmp_path, "b")
    with pytest.raises(FailureError, match="jobs of your network 3"):
        submit(service, tmp_path, "b")
    submit(service, tmp_path, "c")
    with pytest.raises(FailureError, match="queue"):
        submit(service, tmp_path, "d")


def test_a_job_is_its_persons(build, tmp_path):
    service, [worker] = build()
    running_job, waiting = submit(service, tmp_path, "a"), submit(service, tmp_path, "a")
    for act in (service.cancel, service.status, service.job):
        with pytest.raises(InputError):
            act(BEN, running_job.id)
    service.cancel(ANNE, waiting.id)
    service.cancel(ANNE, running_job.id)
    assert states([running_job, waiting]) == [RUNNING, CANCELLED]
    assert worker.stopped == [running_job.id]
    worker.say(running_job, Failed(Cancelled()))
    assert running_job.state == CANCELLED and service.length == 0


def test_jobs_of_one_model_run_together_and_others_wait_their_turn(build, tmp_path):
    service, [worker] = build(capacity=3)
    one, other = submit(service, tmp_path, "a"), submit(service, tmp_path, "b")
    foreign = submit(service, tmp_path, "c", variant="nano-no-flow")
    later = submit(service, tmp_path, "d")
    assert states([one, other, foreign, later]) == [RUNNING, RUNNING, WAITING, WAITING]
    worker.say(one, Finished({}))
    assert foreign.state == WAITING and later.state == WAITING  # the lane is kept for its turn
    worker.say(other, Finished({}))
    assert states([foreign, later]) == [RUNNING, WAITING]
    worker.say(foreign, Finished({}))
    assert later.state == RUNNING


def test_a_free_lane_is_taken_at_once(build, tmp_path):
    service, [worker] = build(capacity=2)
    jobs = [submit(service, tmp_path, person) for person in "abc"]
    assert states(jobs) == [RUNNING, RUNNING, WAITING]
    worker.say(jobs[1], Finished({}))
    assert states(jobs) == [RUNNING, DONE, RUNNING]


def test_variations_of_one_click_share_a_batch(build, tmp_path):
    service, workers = build(capacity=4, workers=2)
    files = [tmp_path / f"v{i}" / "sound.wav" for i in range(4)]
    for file in files:
        file.parent.mkdir()
    wanted = [(request(), f"{i + 50:024x}", file) for i, file in enumerate(files)]
    submit(service, tmp_path, "b")
    jobs = service.submit_together(ANNE, wanted)
    assert states(jobs) == [RUNNING] * 4
    assert sorted(len(worker.given) for worker in workers) == [1, 4]
    with pytest.raises(FailureError):  # all or none
        service.submit_together(ANNE, [(request(), f"{i + 60:024x}", files[0]) for i in range(5)])
    assert len(service.of_person(ANNE)) == 4


def test_what_a_worker_died_with_goes_alone(build, tmp_path):
    service, [worker] = build(capacity=4)
    one, two = submit(service, tmp_path, "a"), submit(service, tmp_path, "b", best_of=2)
    assert states([one, two]) == [RUNNING, RUNNING]
    worker.die()
    third = submit(service, tmp_path, "c")
    assert states([one, two, third]) == [RUNNING, WAITING, WAITING] and one.attempts == 2
    worker.say(one, Finished({}))
    assert states([two, third]) == [RUNNING, WAITING]
    worker.say(two, Finished({}))
    assert third.state == RUNNING


def test_a_rare_model_does_not_evict_one_in_use(build, tmp_path):
    service, [one, two] = build(workers=2)
    one.slot.loaded, two.slot.loaded = ("nano", "other"), ("nano",)
    rare = submit(service, tmp_path, "a", variant="nano-no-flow")
    assert two.given == [rare]
    known = submit(service, tmp_path, "b", variant="nano")
    assert one.given == [known]


@settings(deadline=None, max_examples=60)
@given(
    some.lists(
        some.tuples(some.sampled_from("abc"), some.sampled_from(["m", "n"]), some.booleans()),
        max_size=12,
    ),
    some.integers(1, 4),
    some.integers(1, 3),
)
def test_scheduling_serves_everybody(asked, capacity, count):
    """Whatever is asked: no worker is overfull or mixes models, and all jobs are served."""
    jobs = []
    for number, (person, model, alone) in enumerate(asked):
        variant = {"m": "nano", "n": "nano-no-flow"}[model]
        jobs.append(Job(str(number), number, GENERATION, person, request(variant), Path("x")))
        jobs[-1].attempts = int(alone)
        jobs[-1].turn = sum(j.person == person for j in jobs)
    slots, served = [Slot(capacity) for _ in range(count)], []
    for _ in range(len(jobs) + 1):
        waiting = [j for j in jobs if j.state == WAITING]
        for _, unit in schedule.assign(waiting, slots):
            for job in unit:
                job.state = RUNNING
                job.attempts += 1
                served.append(job.id)
        for slot in slots:
            assert len(slot.running) <= capacity
            assert len({j.model for j in slot.running}) <= 1
            assert len(slot.running) == 1 or not any(j.goes_alone for j in slot.running)
        for slot in slots:
            if slot.running:
                slot.running[0].state = DONE
                slot.running = slot.running[1:]
    assert sorted(served) == sorted(j.id for j in jobs)


def test_speed_knows_of_neighbours():
    speed = Speed()
    assert speed.seconds(request(), 4) > speed.seconds(request(), 1)
    speed.learn(request(), 5.3, 1.1)
    assert speed.seconds(request()) == pytest.approx(5.3)
    assert speed.seconds(request(), 3) == pytest.approx(0.3 + 10.0)
    speed.learn(request(), 12.3, 3.2)
    assert speed.seconds(request(), 3) == pytest.approx(12.3)
    assert speed.seconds(request(seconds=20.0), 1) == pytest.approx(10.3)


def test_waiting_jobs_survive_a_restart_and_a_running_one_begins_anew_once(build, tmp_path):
    service, [worker] = build()
    first, second = submit(service, tmp_path, "a"), submit(service, tmp_path, "b")
    done = submit(service, tmp_path, "c", audio=AudioPrompt("given.wav"))
    worker.say(first, Finished({}))
    # Nothing is closed: the process is killed here, with `second` running.
    service._closed = True
    service, [worker] = build()
    found = [service.job(j.person, j.id) for j in (first, second, done)]
    assert states(found) == [DONE, RUNNING, WAITING]
    assert found[1].attempts == 2 and found[2].request == done.request
    assert service.needed() == {second.id, done.id, "given.wav"}
    service._closed = True
    service, _ = build()
    again = service.job(second.person, second.id)
    assert again.state == FAILED and "stopped twice" in str(again.error)
    fresh = submit(service, tmp_path, "d")
    assert fresh.number == 4


def test_a_stopped_studio_hands_running_jobs_back(build, tmp_path):
    service, _ = build()
    job = submit(service, tmp_path, "a")
    for _ in range(3):
        service.drain(0.05)
        service.close()
        service, _ = build()
        job = service.job(job.person, job.id)
        assert job.state == RUNNING and job.attempts == 1


def test_drain_lets_running_jobs_end_and_begins_no_other(build, tmp_path):
    service, [worker] = build()
    first, second = submit(service, tmp_path, "a"), submit(service, tmp_path, "a")
    threading.Timer(0.2, worker.say, (first, Finished({}))).start()
    service.drain(30)
    assert states([first, second]) == [DONE, WAITING]


def test_a_dead_worker_costs_a_second_try_and_then_an_error(build, tmp_path):
    ended = []
    service, [worker] = build(capacity=2, hooks={GENERATION: Hooks(ended=ended.append)})
    one, two = submit(service, tmp_path, "a"), submit(service, tmp_path, "b")
    worker.say(one, LiveSound(b"12", 24000))
    assert one.live.read_bytes() == b"12"
    worker.die()
    assert states([one, two]) == [RUNNING, WAITING] and one.sound_bytes == 0
    assert not one.live.exists()
    worker.die()
    assert states([one, two]) == [FAILED, RUNNING]
    assert "press Generate once more" in str(one.error)
    worker.say(two, Finished({}))
    assert ended == [one, two] and two.state == DONE


def test_a_worker_that_does_not_answer_is_ended(build, tmp_path, monkeypatch):
    monkeypatch.setattr(running, "WATCH_SECONDS", 0.02)
    monkeypatch.setattr(running, "STOP_SECONDS", 0.2)
    service, [worker] = build(capacity=2)
    deaf, neighbour = submit(service, tmp_path, "a"), submit(service, tmp_path, "b")
    service.cancel(ANNE, deaf.id)
    until(lambda: deaf.state == CANCELLED and neighbour.attempts == 2)
    assert worker.kills >= 1 and states([neighbour]) == [RUNNING]
    worker.say(neighbour, Progress("making music", 0.5, 1.0))
    worker.last_heard = time.monotonic() - 2 * GENERATION.stall_seconds
    until(lambda: neighbour.state == FAILED)


def test_what_the_owner_of_a_kind_cannot_keep_fails_one_job(build, tmp_path):
    def keep(job, about):
        if about == {"odd": 1}:
            raise KeyError("nobody foresaw this")

    service, [worker] = build(hooks={GENERATION: Hooks(done=keep)})
    jobs = [submit(service, tmp_path, "a") for _ in range(2)]
    worker.say(jobs[0], Finished({"odd": 1}))
    worker.say(jobs[1], Finished({}))
    assert states(jobs) == [FAILED, DONE] and "could not be kept" in str(jobs[0].error)


def test_another_kind_has_its_own_worker_which_ends_with_its_job(build, tmp_path):
    service, [music] = build()
    jobs = [
        service.submit(ANNE, {"kind": "PlanRequest"}, f"{i:024x}", tmp_path, BENCHMARK)
        for i in range(2)
    ]
    piece = submit(service, tmp_path, "a")
    assert states([*jobs, piece]) == [RUNNING, WAITING, RUNNING]
    assert [job["id"] for job in service.of_person(ANNE)] == [piece.id]
    with pytest.raises(FailureError, match="benchmarks of yours 2"):
        service.submit(ANNE, {}, "f" * 24, tmp_path, BENCHMARK)
    [background] = [w for w in service.workers() if not w.config.stays]
    background.say(jobs[0], Finished({"report": "x"}))
    until(lambda: jobs[1].state == RUNNING)
    assert background.kills == 1 and len(background.given) == 2
    background.die()
    assert jobs[1].state == FAILED and "can go on" in str(jobs[1].error)


def test_metrics_count_jobs_waits_and_batches(build, tmp_path):
    metrics = Metrics()
    service, [worker] = build(capacity=2, hooks={GENERATION: Hooks(ended=metrics.ended)})
    metrics.service = service
    jobs = [submit(service, tmp_path, person) for person in "abc"]
    worker.say(jobs[0], Finished({}))
    service.cancel(BEN, jobs[1].id)
    worker.say(jobs[1], Failed(Cancelled()))
    text = metrics.text().decode()
    for line in (
        'studio_jobs{kind="generation",state="running"} 1.0',
        'studio_jobs_ended_total{kind="generation",state="done"} 1.0',
        'studio_jobs_ended_total{kind="generation",state="cancelled"} 1.0',
        "studio_wait_seconds_count 2.0",
        "studio_real_time_factor_count 1.0",
        'studio_worker_jobs{device="cpu",worker="0"} 1.0',
        'studio_worker_capacity{device="cpu",worker="0"} 2.0',
    ):
        assert line in text
