"""The job ledger: what is to be done and by whom, what is done, which runs there are, who may ask. The only truth about work.

Celery and Redis are a doorbell: a message says that there is something to do, the ledger says what. So a broker that forgets
everything loses nothing, and a message that comes twice finds nothing left to take.

    database.py   SQLite for one host, PostgreSQL for many: one dialect, one writer at a time
    schema.py     the tables, and the steps that bring an older ledger to them
    queue.py      submit, claim with a lease and a fence, hand over, finish, fail, sweep
    control.py    look at a job, cancel, pause, resume, retry, prioritise; what happened to it, as events
    manifest.py   what is whole
    runs.py       prompts put to documents
    access.py     API keys, quotas, repeated requests
    notices.py    webhooks and what is still to be delivered
    presence.py   who holds a role, which workers are there, what they measured
"""

from jobs.ledger import Ledger
from jobs.manifest import Done
from jobs.queue import LEASE_S, MAX_LOSSES

__all__ = ["LEASE_S", "MAX_LOSSES", "Done", "Ledger"]
