"""Jobs made on several machines: a page, workers, PostgreSQL between them and one storage.

The page decides which worker makes which job, as on one machine (`studio.jobs.service`), and
keeps its jobs in the database. A worker (`machine`) has a queue of its own in Procrastinate, which
delivers assignments; what it says of them stands in the table `studio_reports` (`tables`), and
sound goes through the storage (`storage`). `pool` is the page's side.
"""
