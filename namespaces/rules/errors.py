"""The error of every rule."""


class RuleError(ValueError):
    """A change that the rules refuse. `field` is the form field ("" for the whole), `code` is for machines."""

    def __init__(self, field: str, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field
        self.code = code
        self.sentence = sentence
