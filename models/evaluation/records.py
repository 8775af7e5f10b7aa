"""What became of one question, and what many of them say: shares with their intervals, word errors,
calibration, confusions. Plain counting: no model here."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Z = 1.96
"""Standard deviations of a 95 % interval."""


@dataclass(frozen=True, slots=True)
class Record:
    """One question of a test. `key` is the fact a right answer states, `named` the fact of the same
    kind that the answer did state ("" for none); `snr_db` is infinite for clean recordings."""

    test: str
    family: str
    question: str
    heard: str
    key: str
    wanted: str
    answer: str
    named: str
    is_right: bool
    head: str
    certainty: float
    voice: str = ""
    snr_db: float = math.inf


def interval(right: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (Wilson 1927)."""
    if count == 0:
        return 0.0, 1.0
    share = right / count
    middle = share + Z * Z / (2 * count)
    reach = Z * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    return (middle - reach) / (1 + Z * Z / count), (middle + reach) / (1 + Z * Z / count)


def share(oks: Sequence[bool]) -> dict[str, Any]:
    """The share that is true, the number of samples, the interval."""
    low, high = interval(sum(oks), len(oks))
    return {
        "right": round(sum(oks) / max(1, len(oks)), 4),
        "samples": len(oks),
        "interval_95": [round(max(0.0, low), 4), round(min(1.0, high), 4)],
    }


def grouped(records: Iterable[Record], key: Callable[[Record], str]) -> dict[str, list[Record]]:
    """Records by what `key` says of them, sorted."""
    found: defaultdict[str, list[Record]] = defaultdict(list)
    for record in records:
        found[key(record)].append(record)
    return dict(sorted(found.items()))


def edits(wanted: Sequence[str], got: Sequence[str]) -> int:
    """Levenshtein distance in words."""
    row = list(range(len(got) + 1))
    for i, word in enumerate(wanted, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(got, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]


def word_errors(records: Sequence[Record]) -> dict[str, Any]:
    """Word error rate: wrong, missing and extra words by words said."""
    wrong = sum(edits(r.question.split(), r.heard.split()) for r in records)
    words = sum(len(r.question.split()) for r in records)
    return {"word_error_rate": round(wrong / max(1, words), 4), "words": words}


def snr_band(record: Record) -> str:
    """The record's signal-to-noise ratio to the next lower multiple of 5 dB."""
    if math.isinf(record.snr_db):
        return "clean"
    return f"{int(record.snr_db // 5 * 5):2d} dB"


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of like certainty: how sure they were and how often they were right."""

    certainty: float
    right: float
    samples: int


def calibration(records: Sequence[Record], bins: int = 10) -> tuple[list[Bin], float]:
    """Bins of equal width, and the expected calibration error: how far certainty is from the share
    of right answers, weighted by samples (Naeini, Cooper and Hauskrecht 2015)."""
    found: list[Bin] = []
    error = 0.0
    for index in range(bins):
        some = [r for r in records if min(bins - 1, int(r.certainty * bins)) == index]
        if some:
            sure = sum(r.certainty for r in some) / len(some)
            right = sum(r.is_right for r in some) / len(some)
            found.append(Bin(round(sure, 4), round(right, 4), len(some)))
            error += abs(sure - right) * len(some) / len(records)
    return found, error


def confusion(records: Sequence[Record], family: str) -> dict[str, dict[str, int]]:
    """What was there → what was named, how often; questions with one fact for an answer."""
    found: dict[str, dict[str, int]] = {}
    for record in records:
        if record.family == family and record.key and " " not in record.key:
            row = found.setdefault(record.key, {})
            row[record.named or "–"] = row.get(record.named or "–", 0) + 1
    return {wanted: dict(sorted(row.items())) for wanted, row in sorted(found.items())}


def report(records: Sequence[Record]) -> dict[str, Any]:
    """All of one test."""
    bins, error = calibration([r for r in records if r.answer])
    return {
        **share([r.is_right for r in records]),
        **word_errors(records),
        "heads": {
            name: len(some)
            for name, some in grouped(
                records, lambda r: r.head if r.wanted else f"not for me: {r.head}"
            ).items()
        },
        "families": {
            family: share([r.is_right for r in some])
            for family, some in grouped(records, lambda r: r.family).items()
        },
        "calibration": [[b.certainty, b.right, b.samples] for b in bins],
        "expected_calibration_error": round(error, 4),
        "word_errors_by_voice": {
            voice: word_errors(some)
            for voice, some in grouped(records, lambda r: r.voice).items()
            if voice
        },
        "word_errors_by_snr": {
            band: word_errors(some)
            for band, some in grouped([r for r in records if r.voice], snr_band).items()
        },
        "mistakes": [
            f"{r.question} | heard: {r.heard} | wanted: {r.wanted} | got: {r.answer}"
            for r in records
            if not r.is_right
        ][:40],
    }
