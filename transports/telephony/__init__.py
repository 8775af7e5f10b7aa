"""Telephone lines as transports: what providers speak over WebSocket and TCP, one module each."""

from __future__ import annotations

from .asterisk import AsteriskLine
from .audiosocket import AudioSocketLine
from .connection import WireClosed
from .genesys import GenesysLine
from .line import Line
from .phone import Phone, PhoneLimits
from .plivo import PlivoLine
from .telnyx import TelnyxLine
from .twilio import TwilioLine
from .vonage import VonageLine

__all__ = [
    "AsteriskLine",
    "AudioSocketLine",
    "GenesysLine",
    "Line",
    "Phone",
    "PhoneLimits",
    "PlivoLine",
    "TelnyxLine",
    "TwilioLine",
    "VonageLine",
    "WireClosed",
]
