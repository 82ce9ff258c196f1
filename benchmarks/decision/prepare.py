"""Make the database of one size, in a process of its own. Prints the key of the endpoint and the bodies of requests as JSON."""

import json
import sys
from pathlib import Path

from benchmarks.decision.bench_decision import use_database

if __name__ == "__main__":
    use_database(Path(sys.argv[1]))
    from benchmarks.decision.stage import make_namespace_that_asks
    from tests.certificates.decision_service.deciding import AUDIENCE, PRINCIPAL, TENANT

    key, bodies = make_namespace_that_asks(int(sys.argv[2]), tenant=TENANT, audience=AUDIENCE, principal=PRINCIPAL)
    print(json.dumps({"key": key, "bodies": bodies}))
