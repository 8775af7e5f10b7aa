"""Speech to text beside the engine: streaming Whisper in a process of its own."""
