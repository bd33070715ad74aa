"""Words that may mean danger: found in what patients write, in every language the rules know.

Nothing here refuses anything. It says what it found and how pressing that is; pages show help, verbs flag work.
"""

from messaging.red_flags.finding import Finding, Grade, Sign
from messaging.red_flags.reading import look

__all__ = ["Finding", "Grade", "Sign", "look"]
