"""The error that all rules raise."""


class RuleError(ValueError):
    """Raised when a rule rejects a change.

    Attributes: `field` (the form field, "" for the whole form), `code` (stable), `sentence` (shown to the user).
    """

    def __init__(self, field: str, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field
        self.code = code
        self.sentence = sentence
