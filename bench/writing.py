"""What people write in the bench: made up from a seed, so that every run loads the same clinic."""

from __future__ import annotations

from random import Random

GIVEN = (  # noqa: SIM905
    "Ada Ben Carla Dan Elsa Femi Grace Hugo Ines Jonas Kira Leo Mina Noah Olga Pavel Quinn Rosa Sven Tara "
         "Uma Vera Walt Xena Yara Zoe").split()  # fmt: skip
FAMILY = (  # noqa: SIM905
    "Abbot Baker Castillo Diaz Eriksen Fofana Grant Haddad Ivanova Jensen Kaya Lopez Meyer Novak Osei Park "
          "Quist Rossi Silva Tanaka Usman Vega Weber Xu Young Zeller").split()  # fmt: skip
WORDS = (  # noqa: SIM905
    "I have had this since Tuesday and it is a little better in the morning but worse at night after food the "
         "tablets help when I take them with water should I keep going or come in to see you my daughter says the "
         "knee is swollen again please call before noon thank you for asking about the test last week the doctor "
         "said to wait for two days and write if the fever comes back so I am writing now").split()  # fmt: skip


class Writer:
    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311  (texts to measure with, nothing secret)

    def name(self) -> str:
        return f"{self.random.choice(GIVEN)} {self.random.choice(FAMILY)}"

    def subject(self) -> str:
        return self._words(3, 7).capitalize()

    def body(self) -> str:
        """About 400 letters in two paragraphs."""
        return f"{self._words(25, 50).capitalize()}.\n\n{self._words(20, 40).capitalize()}."

    def _words(self, least: int, most: int) -> str:
        return " ".join(self.random.choices(WORDS, k=self.random.randint(least, most)))
