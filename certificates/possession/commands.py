"""The lines that sign a nonce with openssl and with step, ready to copy. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Commands:
    """Lines for one tool. `makes` is the file to upload."""

    tool: str
    lines: tuple[str, ...]
    makes: str

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def proof_commands(nonce: str) -> tuple[Commands, ...]:
    """Return the lines that make `proof.crt` from the files of the CA, `ca.crt` and `ca.key`.

    The nonce has only letters and digits, so it needs no quoting in any shell.
    """
    return (
        Commands(
            "openssl",
            (
                f'openssl req -new -newkey rsa:2048 -nodes -subj "/CN={nonce}" -keyout proof.key -out proof.csr',
                "openssl x509 -req -in proof.csr -CA ca.crt -CAkey ca.key -set_serial 1 -days 1 -sha256 -out proof.crt",
            ),
            "proof.crt",
        ),
        Commands(
            "step",
            (
                f"step certificate create {nonce} proof.crt proof.key --ca ca.crt --ca-key ca.key "
                "--no-password --insecure --not-after 24h",
            ),
            "proof.crt",
        ),
    )


def device_commands(nonce: str) -> Commands:
    """Return the lines that sign with the key of a client certificate, `device.key`, and put both into `proof.pem`."""
    return Commands(
        "openssl",
        (
            f'openssl req -new -newkey rsa:2048 -nodes -subj "/CN={nonce}" -keyout proof.key -out proof.csr',
            "openssl x509 -req -in proof.csr -CA device.crt -CAkey device.key -set_serial 1 -days 1 -sha256 -out proof.crt",
            "cat proof.crt device.crt > proof.pem",
        ),
        "proof.pem",
    )
