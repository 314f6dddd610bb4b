"""One service for everything that takes long: generations, benchmarks, fine-tunes, downloads.

`service.JobService` takes jobs, keeps them in a database and gives them to worker processes
(`worker`), several at once where their kind allows (`kinds`). Every kind is run by a `Runner` in
a worker and says how far it is by the messages of `protocol`.
"""
