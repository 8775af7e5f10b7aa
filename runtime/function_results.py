"""What functions of this process return: an item of the conversation, and then the model goes on.

A model that can't read what they return says it as it stands.
"""

from __future__ import annotations

from dataclasses import replace

from . import messages
from .effects import Effect, InsertItem
from .events import ToolFinished
from .item_edits import ItemEdits
from .response_options import ResponseOptions
from .session_state import words_in
from .tools import recited


class FunctionResults(ItemEdits):
    """From the end of a function to the answer that it leads to."""

    def _tool_finished(self, event: ToolFinished, now: float) -> list[Effect]:
        if event.call_id not in self._calls:
            return []
        called_by = self._calls.pop(event.call_id)
        item_id = self.narrator.new_id("item")
        item = messages.output_item(item_id, event.call_id, event.output)
        before = self.narrator.items.last
        effects = self.narrator.created(item_id, item)
        if self.abilities.history:
            effects.append(InsertItem(item, before))
        self._hand(text=words_in(event.output))
        if called_by is None:
            return effects
        if not self.abilities.history:
            self._recitals.append(event.output)
        self._result_for = called_by
        return effects if self._is_responding else effects + self._go_on(now)

    def _go_on(self, now: float) -> list[Effect]:
        options = self._result_for
        if options is None or any(self._calls.values()) or self._is_responding:
            return []
        self._result_for = None
        options = replace(options, metadata=None)  # that is of the response which called
        if self._utterance is not None:
            self._recitals.clear()
            return []  # the person speaks: what they say is answered with it
        if not self.abilities.history:
            return self._recite(options, now)
        self._continuations += 1
        is_last = self._continuations >= self.tool_rounds or options.tool_choice == "none"
        options = replace(options, tool_choice="none" if is_last else "auto")
        return [*self._let_play_out(now), *self._answer_now(None, options, None, now)]

    def _recite(self, options: ResponseOptions, now: float) -> list[Effect]:
        """A model that can't read what functions return says it as it stands."""
        said = [recited(output) for output in self._recitals]
        self._recitals.clear()
        text = recited(" ".join(text for text in said if text))
        if not text:
            return []
        return [*self._let_play_out(now), *self._answer_now(text, options, None, now)]
