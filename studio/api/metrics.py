"""/metrics: jobs, waits, speed, batches and memory, in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Iterator

import psutil
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from studio.jobs.job import DONE, Job
from studio.jobs.kinds import GENERATION
from studio.jobs.service import JobService

WAITS = (0.5, 1, 2, 5, 10, 20, 60, 120, 300, 900, 3600)
FACTORS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


class Metrics:
    """Counts ended jobs, and looks at the service when asked."""

    def __init__(self) -> None:
        """`service` is set before the first look."""
        self.service: JobService | None = None
        self._registry = CollectorRegistry()
        self._ended = Counter(
            "studio_jobs_ended", "Jobs that ended", ["kind", "state"], registry=self._registry
        )
        self._waited = Histogram(
            "studio_wait_seconds", "Wait until a job began", buckets=WAITS, registry=self._registry
        )
        self._factor = Histogram(
            "studio_real_time_factor",
            "Seconds from begin to end a second of new music",
            buckets=FACTORS,
            registry=self._registry,
        )
        self._registry.register(self)

    def ended(self, job: Job) -> None:
        """A job has ended."""
        self._ended.labels(job.kind.name, job.state).inc()
        if job.began is None or job.ended is None:
            return
        self._waited.observe(job.began - job.submitted)
        if job.kind is GENERATION and job.state == DONE:
            self._factor.observe((job.ended - job.began) / job.request.seconds)

    def describe(self) -> list[Metric]:
        """Nothing to look at before the service runs."""
        return []

    def collect(self) -> Iterator[Metric]:
        """What is so at the moment."""
        if self.service is None:
            return
        jobs = GaugeMetricFamily("studio_jobs", "Jobs that wait or run", labels=["kind", "state"])
        for (kind, state), count in self.service.counts().items():
            jobs.add_metric([kind, state], count)
        labels = ["worker", "device"]
        batch = GaugeMetricFamily("studio_worker_jobs", "Jobs made together", labels=labels)
        lanes = GaugeMetricFamily("studio_worker_capacity", "At most", labels=labels)
        memory = GaugeMetricFamily("studio_worker_memory_bytes", "Resident", labels=labels)
        for number, worker in enumerate(w for w in self.service.workers() if w.config.stays):
            name = [worker.name or str(number), worker.config.device]
            batch.add_metric(name, len(worker.slot.running))
            lanes.add_metric(name, worker.config.capacity)
            memory.add_metric(name, worker.memory_bytes())
        web = GaugeMetricFamily("studio_web_memory_bytes", "Resident memory of the page's process")
        web.add_metric([], psutil.Process().memory_info().rss)
        yield from (jobs, batch, lanes, memory, web)

    def text(self) -> bytes:
        """All of it."""
        return generate_latest(self._registry)
