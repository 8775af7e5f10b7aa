"""What every endpoint of the server works with."""

from __future__ import annotations

from dataclasses import dataclass

from ..runtime.settings import Settings
from .access import Access
from .calls import Calls
from .loop_lag import LoopLag
from .pipeline import PipelineHost
from .resumption import Resumptions


@dataclass(frozen=True, slots=True)
class Desk:
    """Made when the server starts, gone when it has stopped."""

    settings: Settings
    host: PipelineHost
    calls: Calls
    lag: LoopLag
    access: Access
    resumptions: Resumptions
