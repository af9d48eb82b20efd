"""Each scenario of bench/faults.py: what is done to the service, and what it promises all the same.

churn.py     workers and Redis are killed, Redis forgets everything, all workers are replaced (kills, flushall, deploy)
poison.py    papers that kill what reads them
cancel.py    jobs cancelled in every state
network.py   a slow, cut, silent and half-open way to Redis
reread.py    a run whose workers are killed
pickle.py    hostile messages in the queue
outcome.py   the schedule of faults, their log, and the audit that every scenario ends with
"""
