"""The REST API of a home gateway: what people, their browsers and the programs of enterprises do, over HTTP.

    ../openapi.yaml   the source: operations, bodies, parameters, answers
    description.py    reads it, and holds requests against it
    access.py         who may call which operation: one table, one place that decides
    callers.py        who calls: cookie or token, forged requests refused
    bodies.py         bodies, read strictly, within limits of size and time
    documents.py      messages of the contract as JSON, and back
    application.py    what happens to every request, from outside to inside; `PeopleParts`
    ports.py          the services that it stands on
    session.py, mandates.py, reports.py, grants.py, look_ups.py, window.py, batches.py
                      one method for each operation

- An operation that is not described is not served, and one that is described is.
- Nothing is echoed: an error names members and parameters that are described, never what was sent.
- No code of an enterprise stands in a URL, and nothing logs bodies, cookies or tokens.

Source: docs/protocols/rest.md
"""
