"""A language model that calls a function of this process.

Any server that speaks OpenAI's chat completions will do; say where it is:

    VISAVIS__LANGUAGE_MODEL__URL=http://127.0.0.1:8000/v1 python examples/custom_tool.py
"""

import os
from typing import Literal

from visavis import Agent, load_settings

agent = Agent(load_settings(env=os.environ), pipeline="cascade")
STOCK = {"red": 3, "green": 0, "blue": 12}


@agent.tool
def in_stock(colour: Literal["red", "green", "blue"], wanted: int = 1) -> dict[str, object]:
    """Tells how many lamps of a colour there are, and whether that is enough."""
    return {"lamps": STOCK[colour], "is_enough": STOCK[colour] >= wanted}


if __name__ == "__main__":
    raise SystemExit(agent.run())
