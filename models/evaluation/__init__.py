"""How often the embedded model is right, how sure it is of it, and what each of its parts is worth."""
