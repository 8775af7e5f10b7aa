"""What a conversation decides, in plain code: no I/O, no framework, no model."""
