"""`python -m visavis.latency_bench`: the measurements without the rest of the command line."""

from __future__ import annotations

import sys

from ..runtime.errors import VisavisError
from .cli import main

if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except VisavisError as error:
        sys.exit(f"visavis bench: {error}")
