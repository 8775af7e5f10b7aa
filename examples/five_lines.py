"""An agent to talk to and show things, in five lines. Run it and open the address it prints."""

from visavis import Agent

agent = Agent({"turn.eager_silence_ms": 160})

if __name__ == "__main__":
    raise SystemExit(agent.run())
