"""Runs the stand-alone verifier on one file in a process that may use little: `python -m gateway.verification.confined FILE TRUST`.

The file comes from anybody. So it is never read by the gateway itself: this process gives up what it does not need, sets its
own limits, and becomes the verifier (exec), for which the limits then hold. Limits that are set before exec need no code
between fork and exec, which would not be safe beside gRPC's threads.

POSIX only, as the gateway is.
"""

from __future__ import annotations

import os
import resource
import sys
from typing import Final

MEMORY_BYTES: Final = 1024 * 1024 * 1024
"""Address space. The verifier's libraries map about 300 MB, a file within the limit and what is made of it the rest."""

PROCESSOR_SECONDS: Final = 20
"""After it the kernel ends the process."""

OPEN_FILES: Final = 64

_LIMITS: Final = {
    resource.RLIMIT_AS: MEMORY_BYTES,
    resource.RLIMIT_CPU: PROCESSOR_SECONDS,
    resource.RLIMIT_NOFILE: OPEN_FILES,
    resource.RLIMIT_FSIZE: 0,  # it writes nothing but its answer, to a pipe
    resource.RLIMIT_CORE: 0,
}


def main() -> None:
    """Sets the limits and becomes the verifier."""
    file, trust = sys.argv[1:]
    for kind, limit in _LIMITS.items():
        resource.setrlimit(kind, (limit, limit))
    command = [sys.executable, "-I", "-X", "utf8", "-m", "verifier.command", "--json", "--trust", trust, "--", file]
    os.execv(command[0], command)  # noqa: S606  # itself, with arguments that are no shell's


if __name__ == "__main__":
    main()
