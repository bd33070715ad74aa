"""Files on their way in: what they are, made safe by a program of its own, checked by the clinic's scanner."""
