"""What the actions of a class refuse."""


class ClassError(ValueError):
    """A change that is not possible. `field` (of the form, "" for the whole), `code` (stable), `sentence` (for people)."""

    def __init__(self, field: str, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field, self.code, self.sentence = field, code, sentence
