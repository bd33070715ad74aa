"""The floor: the same pages as a plain Django project would have them, with neither seal nor audit."""
