"""A call center's media loop with the agent inside its own process: 8 kHz in, 8 kHz out.

    python examples/embed_in_process.py question.wav answer.wav

`question.wav` stands for the caller: mono, 16 bit, 8000 Hz. What the agent says is written to
`answer.wav`. In a product both are RTP packets, every 20 ms, of as many calls as there are places.
"""

import asyncio
import sys
import wave
from pathlib import Path

from visavis import Agent, AgentAudio, Call, Ended, Heard, Interrupted, Problem, Said

RATE = 8_000
PACKET = RATE // 50 * 2
"""Bytes of 20 ms."""
PATIENCE_S = 60.0
SILENCE = bytes(PACKET)


async def caller(call: Call, question: bytes) -> None:
    """Every 20 ms a packet, as from a telephone: the question, then silence."""
    loop = asyncio.get_running_loop()
    due, at = loop.time(), 0
    while call.is_open:
        packet = question[at : at + PACKET] or SILENCE
        call.hear(packet)
        at += PACKET
        due += 0.02
        await asyncio.sleep(max(0.0, due - loop.time()))


async def callee(call: Call) -> bytes:
    """What the caller is played, until the agent has answered once and fallen silent."""
    played: list[bytes] = []
    is_answered = False
    async for event in call:
        match event:
            case AgentAudio(payload=payload):
                played.append(payload)
            case Interrupted():
                pass  # drop here what your own playout still holds
            case Heard(text=text):
                print("caller:", text)
            case Said(text=text):
                print("agent: ", text)
                is_answered = True
            case Problem(message=message):
                print("problem:", message)
            case Ended(why=why):
                print("ended: ", why)
            case _:
                # The ledger of a turn comes when all of it was played.
                if is_answered and getattr(event, "message", {}).get("type") == "visavis.ledger":
                    break
    return b"".join(played)


async def converse(agent: Agent, question: bytes) -> bytes:
    """One call from its first packet to its last."""
    async with agent.call(rate=RATE) as call:
        speaking = asyncio.create_task(caller(call, question))
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await callee(call)
        finally:
            speaking.cancel()


async def main(question: bytes) -> bytes:
    """Load once, then take calls; everything is given back at the end."""
    async with Agent(pipeline="echo") as agent:
        answer = await converse(agent, question)
        print("latencies:", sorted(agent.latencies()))
        return answer


def read(path: Path) -> bytes:
    """The samples of a WAV file of the right kind."""
    with wave.open(str(path)) as file:
        if (file.getnchannels(), file.getsampwidth(), file.getframerate()) != (1, 2, RATE):
            sys.exit(f"{path} is not mono, 16 bit, {RATE} Hz")
        return file.readframes(file.getnframes())


def write(path: Path, samples: bytes) -> None:
    """A WAV file of the same kind."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: embed_in_process.py question.wav answer.wav")
    answer = asyncio.run(main(read(Path(sys.argv[1]))))
    write(Path(sys.argv[2]), answer)
    print(f"{len(answer) / 2 / RATE:.1f} s of voice in {sys.argv[2]}")
