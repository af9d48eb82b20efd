"""The door of the service: HTTP in, one call of the flow, the answer shaped. One file per resource, joined by `app.create_app`.

A newcomer would let the routes do the work. They do not: what is accepted is in the ledger before it is answered, workers do
the rest, and no request waits for a conversion or a model. Every error leaves as RFC 9457 problem+json with a stable code.
"""
