"""What a report costs beyond asking: `make bench`.

    __main__.py   one run, as numbered steps; what must hold for it to count
    scene.py      the files of a federation that exists for one run
    adapters.py   process: four provinces that really sign
    full.py       process: the real gateway
    bare.py       process: the same fan-out of the same bytes, and nothing else
    load.py       process: callers that ask, wait, and ask again
    raw_grpc.py   bytes in, bytes out, over mutual TLS
    child.py      how these processes are started, pinned, asked and measured
    figures.py    from blocks to medians, and the table
    sampler.py    where the gateway spends its time: `--profile`
    profiles.py   the table of it

Beside it, and with nothing in common: `make bench-ingest`.

    ingest.py     what taking in very many rows costs, beside PostgreSQL's COPY of the same file

Standard output is the result; the numbers behind it go to the file named by `--json`.
"""
