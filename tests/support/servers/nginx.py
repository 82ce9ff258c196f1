"""nginx with deploy/nginx.conf, or another site, in folders and on addresses of a test."""

import re
from pathlib import Path

from emulator.authority import Authority

SITE = Path(__file__).resolve().parents[3] / "deploy/nginx.conf"
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def write_configuration(
    folder: Path,
    authority: Authority,
    *,
    https: str = "",
    name: str = "portal.example.com",
    portal: int = 8000,
    site: str = "",
) -> list[str]:
    """Write a configuration that includes deploy/nginx.conf, or what `site` is instead, and return the options of nginx for it.

    `https` is where nginx listens, a Unix domain socket by default; `name` is the server's name and `portal` the port of
    the web processes.
    """
    is_ours, site = not site, site or SITE.read_text(encoding="utf-8")
    changed = {
        "/etc/ssl/mqtt-portal/fullchain.pem": str(authority.certificate_path),
        "/etc/ssl/mqtt-portal/privkey.pem": str(authority.key_path),
        "/var/log/nginx": str(folder),
        "server 127.0.0.1:8000;": f"server 127.0.0.1:{portal};",
        "server_name portal.example.com;": f"server_name {name};",
        # nginx opens what it listens on also when it only tests, and the usual ports may be taken.
        "listen 80;": f"listen unix:{folder}/80;",
        "listen 443 ": f"listen {https or f'unix:{folder}/443'} ",
    }
    for before, after in changed.items():
        assert before in site or not is_ours, before
        site = site.replace(before, after)
    site = re.sub(r"(?m)^ *listen \[::\].*\n", "", site)
    paths = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in TEMPORARY)
    (folder / "site.conf").write_text(paths + site, encoding="utf-8")
    log = folder / "error.log"
    main = f"daemon off; master_process off; pid {folder}/pid; error_log {log}; events {{}}\n"
    (folder / "nginx.conf").write_text(
        f"{main}http {{ access_log off; include {folder}/site.conf; }}\n", encoding="utf-8"
    )
    return ["-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(log)]
