"""The data desk (数据质量工作台): rows that could not be used as they are, and what officers do about them.

    tables.py      what is kept, in the adapter's own database
    items.py       values: items, corrections, rulings
    rows.py        what tells two states of a row apart
    store.py       the only SQL of the desk
    service.py     what an officer may do, as numbered steps
    servicer.py    the edge: huren.desk.v1

What opens items is `adapters/sdk/following.py` (everything that the platform is supplied with) and `adapters/sdk/answering.py`
(what holds a subject up at this moment). What an officer decided is applied before a row is read, in `adapters/sdk/findings.py`.
"""
