"""Text to speech, phrase by phrase, in a process of its own."""
