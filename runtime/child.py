"""Runs a module as a child that does not outlive its parent: `python -m runtime.child PARENT_PID MODULE [ARGUMENT ...]`.

The child ties itself to its parent after it was started, and not between fork and exec: code that runs there would make the parent
fork in the full sense, and gRPC's threads, once they have run in the parent, do not survive that in the child.
"""

from __future__ import annotations

import runpy
import sys

from runtime.process import die_with_parent


def main() -> None:
    """Ties this process to its parent, then runs the module as `python -m` would."""
    _, parent, module, *arguments = sys.argv
    die_with_parent(int(parent))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
