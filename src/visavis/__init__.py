"""A streaming real-time audio-visual agent runtime: talk to it and show it things.

```python
from visavis import Agent

agent = Agent()
agent.run()
```

Names are imported when they are first used, so that `import visavis` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .models.stepper import Stepper
    from .models.voice.threaded import Synthesiser
    from .pipelines.agent import Agent
    from .pipelines.brains import Brain, Question
    from .pipelines.call import Call
    from .pipelines.call_events import (
        AgentAudio,
        CallEvent,
        Ended,
        Heard,
        Hearing,
        Interrupted,
        Other,
        Problem,
        Said,
        Saying,
    )
    from .pipelines.pipeline import Pipeline
    from .pipelines.toolbox import Tool, Toolbox
    from .runtime.errors import (
        BadInput,
        ConfigError,
        EngineDied,
        EngineFull,
        VisavisError,
        WeightsError,
    )
    from .runtime.events import Head
    from .runtime.frame_sampler import FrameSampler
    from .runtime.settings import Settings
    from .runtime.settings import load as load_settings
    from .runtime.speech_gate import SpeechGate

__all__ = [
    "Agent",
    "AgentAudio",
    "BadInput",
    "Brain",
    "Call",
    "CallEvent",
    "ConfigError",
    "Ended",
    "EngineDied",
    "EngineFull",
    "FrameSampler",
    "Head",
    "Heard",
    "Hearing",
    "Interrupted",
    "Other",
    "Pipeline",
    "Problem",
    "Question",
    "Said",
    "Saying",
    "Settings",
    "SpeechGate",
    "Stepper",
    "Synthesiser",
    "Tool",
    "Toolbox",
    "VisavisError",
    "WeightsError",
    "load_settings",
]

_HOMES = {
    "models.stepper": ("Stepper",),
    "models.voice.threaded": ("Synthesiser",),
    "pipelines.agent": ("Agent",),
    "pipelines.brains": ("Brain", "Question"),
    "pipelines.call": ("Call",),
    "pipelines.call_events": (
        "AgentAudio",
        "CallEvent",
        "Ended",
        "Heard",
        "Hearing",
        "Interrupted",
        "Other",
        "Problem",
        "Said",
        "Saying",
    ),
    "pipelines.pipeline": ("Pipeline",),
    "pipelines.toolbox": ("Tool", "Toolbox"),
    "runtime.errors": (
        "BadInput",
        "ConfigError",
        "EngineDied",
        "EngineFull",
        "VisavisError",
        "WeightsError",
    ),
    "runtime.events": ("Head",),
    "runtime.frame_sampler": ("FrameSampler",),
    "runtime.settings": ("Settings",),
    "runtime.speech_gate": ("SpeechGate",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name == "load_settings":
        value: object = import_module(".runtime.settings", __name__).load
    elif name in _HOME_OF:
        value = getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
