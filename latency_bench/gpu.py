"""`python -m visavis.latency_bench gpu`: what a large model could do on this machine, beside what
physics allows. One call, a table and a line of JSON; needs torch and numpy and nothing else.

The model is a *performance model*: real sizes, real data path, random weights.
"""

from __future__ import annotations

import gc
import json
import math
import os
import sys
import time
from functools import partial
from pathlib import Path

import torch

from ..models.performance.batches import Batches
from ..models.performance.config import PerformanceConfig, performance_config
from ..models.performance.model import Built, PerformanceModel, needed_bytes
from ..models.performance.stepper import PerformanceStepper, choose_device
from ..models.tensors import gpu_memory
from ..runtime.errors import ConfigError
from .circumstances import circumstances
from .gpu_ceilings import Still, fill_with_noise, measure_ceilings
from .gpu_energy import Meter, open_meter
from .gpu_lines import Ceilings, Line, table
from .gpu_load import LIMIT_MS, fusion_under_load
from .gpu_options import GpuBench
from .gpu_plan import LeftOut, Outcome, Task, carry_out
from .gpu_steps import StepBench, decoder_tasks, encoder_tasks

SHARE_OF_MEMORY = 0.75
"""Of the free memory, what weights and caches may take; steps need the rest."""
IDLE_S = 1.0
"""Seconds over which the idle machine's power is read."""
LOAD_SHARE = 8.0
"""Share of the time for a number of sessions; a single step has one or two."""


def run_gpu(asked: GpuBench, path: Path | None) -> int:
    """Measure, show, and write; returns the exit status: 1 where a measurement failed."""
    began = time.perf_counter()
    device = choose_device(asked.device)
    name = asked.config or ("1b" if device.type == "cuda" else "small")
    config = performance_config(name)
    if asked.threads:
        torch.set_num_threads(asked.threads)
    kind = torch.bfloat16 if device.type == "cuda" else torch.float32
    item = torch.empty((), dtype=kind).element_size()
    budget_s = asked.minutes * 60.0
    meter, driver = open_meter(is_cuda=device.type == "cuda")
    _tell(f"performance model {name!r}: random weights, {kind}, on {device_name(device)}")
    _tell("what the device can do ...")
    ceilings, lines = measure_ceilings(device, kind, min(12.0, budget_s * 0.06))
    gc.collect()
    idle_w = _idle_watts(meter)
    sessions = asked.sessions or ((1, 8, 32, 128, 512) if device.type == "cuda" else (1, 4, 8))
    most = max(*sessions, *config.decode_rows)
    slots = fitting_slots(config, most, item, free_bytes(device))
    _tell(f"building it with {slots} slots, preparing its steps ...")
    model_began = time.perf_counter()
    model = PerformanceModel(config, Built(slots, device, kind))
    fill_with_noise([model.decoder.keys, model.decoder.values, model.audio.keys])
    batches = Batches(model)
    stepper = PerformanceStepper(batches)
    stepper.warm_up()
    ready_s = time.perf_counter() - model_began
    _tell(f"ready after {ready_s:.1f} s: {len(batches.steps.names)} steps")

    bench = StepBench(batches, ceilings, Still(device), item)
    tasks = decoder_tasks(bench)
    for count in sessions:
        measure = partial(_fusion, stepper, bench, count, meter, idle_w)
        tasks.append(Task(f"fusion with {count} sessions", LOAD_SHARE, measure))
    tasks += encoder_tasks(bench)
    left_s = budget_s - (time.perf_counter() - began)
    outcome = carry_out(tasks, left_s, _tell)
    outcome.lines = lines + outcome.lines
    result = _result(asked, name, config, device, driver, ceilings, outcome, batches, meter)
    result["slots"] = slots
    result["slots_asked"] = most
    result["ready_s"] = round(ready_s, 2)
    result["idle_w"] = idle_w
    result["seconds"] = round(time.perf_counter() - began, 1)
    _show(name, device, outcome, batches, meter, idle_w, slots, most)
    text = json.dumps(result, ensure_ascii=False)
    if path is not None:
        path.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
    return 1 if outcome.failed else 0


# Memory and names -------------------------------------------------------------------------------


def free_bytes(device: torch.device) -> int:
    """Memory that can be had now."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def fitting_slots(config: PerformanceConfig, most: int, item: int, free: int) -> int:
    """As many slots as asked for, or as fit into SHARE_OF_MEMORY. Raises `ConfigError` when not
    even one fits."""
    room = free * SHARE_OF_MEMORY
    one, two = needed_bytes(config, 1, item), needed_bytes(config, 2, item)
    if one > room:
        raise ConfigError(
            f"the performance model {config.name!r} needs {one / 2**30:.1f} GiB for one slot and "
            f"{room / 2**30:.1f} GiB may be taken: choose --config small"
        )
    return min(most, 1 + math.floor((room - one) / (two - one)))


def device_name(device: torch.device) -> str:
    """As the driver calls it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads"


# One number of sessions -------------------------------------------------------------------------


def _fusion(
    stepper: PerformanceStepper,
    bench: StepBench,
    sessions: int,
    meter: Meter,
    idle_w: dict[str, float],
    seconds: float,
) -> list[Line]:
    if sessions > stepper.slots:
        raise LeftOut(f"{sessions} sessions need as many slots; {stepper.slots} fit into memory")
    new_contexts, lost = stepper.new_contexts, stepper.lost_latents
    meter.start()
    load = fusion_under_load(stepper, sessions, max(1.0, seconds - 1.0))
    elapsed, joules = meter.stop()
    facts: dict[str, float | str] = {
        f"of {len(load.whole) + load.unanswered}, {LIMIT_MS:g} ms or later": float(load.late),
        "engine busy": f"{load.busy_s / max(load.seconds, 1e-9):.0%}",
    }
    load.counts["contexts begun anew"] = stepper.new_contexts - new_contexts
    load.counts["latents lost"] = stepper.lost_latents - lost
    # What is not named did not happen: drops, failures, contexts begun anew.
    facts |= {name: float(count) for name, count in load.counts.items() if count}
    for counter, spent in joules.items():
        facts[f"J per session and second, {counter}"] = round(spent / elapsed / sessions, 3)
        above = spent / elapsed - idle_w.get(counter, 0.0)
        facts[f"of it above idle, {counter}"] = round(above / sessions, 3)
    floor = bench.last_chunk_floor()
    lines: list[Line] = []
    for number, (what, figures) in enumerate(load.figures().items()):
        at = f"{sessions} {'session' if sessions == 1 else 'sessions'}"
        if number == 0:
            lines.append(Line(what, at, figures, floor, facts))
        else:
            lines.append(Line(what, at, figures))
    return lines


def _idle_watts(meter: Meter) -> dict[str, float]:
    meter.start()
    time.sleep(IDLE_S)
    seconds, joules = meter.stop()
    return {name: round(spent / seconds, 2) for name, spent in joules.items()}


# Showing ----------------------------------------------------------------------------------------


def _result(
    asked: GpuBench,
    name: str,
    config: PerformanceConfig,
    device: torch.device,
    driver: str | None,
    ceilings: Ceilings,
    outcome: Outcome,
    batches: Batches,
    meter: Meter,
) -> dict[str, object]:
    described: dict[str, object] = {"kind": device.type, "name": device_name(device)}
    if device.type == "cuda":
        described["memory_gib"] = round(gpu_memory(device) / 2**30, 1)
        described["driver"] = driver or f"not told ({meter.absent.get('GPU', 'NVML is absent')})"
    return {
        "bench": "gpu",
        "note": asked.note,
        "model": {
            "name": name,
            "is": "a performance model: random weights",
            "parameters": config.parameters,
        },
        "device": described,
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "steps": "CUDA graphs" if device.type == "cuda" else "plain calls",
        "ceilings": {"bytes_per_s": ceilings.bytes_per_s, "flops_per_s": ceilings.flops_per_s},
        "lines": [line.record() for line in outcome.lines],
        "breaks_at": batches.preparation.broke,
        "left_out": outcome.left_out,
        "failed": outcome.failed,
        "no_energy_counter": meter.absent,
        "preparing_s": {key: round(s, 3) for key, s in batches.preparation.seconds.items()},
        **circumstances(),
    }


def _show(
    name: str,
    device: torch.device,
    outcome: Outcome,
    batches: Batches,
    meter: Meter,
    idle_w: dict[str, float],
    slots: int,
    most: int,
) -> None:
    out = sys.stdout
    out.write(f"\nperformance model {name!r} (random weights) on {device_name(device)}; ms\n")
    out.write(table(outcome.lines) + "\n\n")
    if slots < most:
        out.write(f"memory ends at {slots} slots; {most} were asked for\n")
    for step, why in batches.preparation.broke.items():
        out.write(f"out of memory: {step} ({why})\n")
    for task, why in outcome.left_out.items():
        out.write(f"left out: {task}: {why}\n")
    for counter, watts in idle_w.items():
        out.write(f"idle: {watts:g} W, {counter}\n")
    for part, why in meter.absent.items():
        out.write(f"no energy of the {part}: {why}\n")
    for task in outcome.failed:
        out.write(f"FAILED: {task} (the trace is in the JSON)\n")


def _tell(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
