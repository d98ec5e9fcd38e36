"""Whatever OpenAPI 3.1 allows to be asked of REST, and what it does not, is never answered by a fault.

Asked of a `walkie rest` of its own over the same database, where every transaction is undone. FUZZ_EXAMPLES says how
often each operation is tried, each way.
"""

import os
import socket
import subprocess
import time
import unittest

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
START_SECONDS = 30
ANSWER_SECONDS = 10


def free_port():
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return place.getsockname()[1]


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        port = free_port()
        cls.url = f"http://127.0.0.1:{port}"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("WALKIE_")}
        environment |= {
            "PGRST_DB_URI": os.environ["SUPABASE_DB_URL"] + "?options=-c%20statement_timeout%3D5s",
            "PGRST_DB_SCHEMAS": "public",
            "PGRST_DB_ANON_ROLE": "service_role",
            "PGRST_DB_TX_END": "rollback",
            "PGRST_DB_AGGREGATES_ENABLED": "true",
            "PGRST_DB_CHANNEL_ENABLED": "false",
            "PGRST_LOG_LEVEL": "crit",
            "PGRST_SERVER_HOST": "127.0.0.1",
            "PGRST_SERVER_PORT": str(port),
        }
        server = subprocess.Popen([os.environ["WALKIE_BIN"], "rest"], env=environment)
        cls.addClassCleanup(server.wait, START_SECONDS)
        cls.addClassCleanup(server.terminate)
        cls.document = cls.wait_for_document(server)

    @classmethod
    def wait_for_document(cls, server):
        request = {"Accept": "application/openapi+json;version=3.1"}
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and server.poll() is None:
            try:
                answer = requests.get(cls.url, headers=request, timeout=ANSWER_SECONDS)
                if answer.status_code == 200 and len(answer.json()["paths"]) > 1:
                    return answer.json()
            except requests.ConnectionError:
                pass
            time.sleep(0.05)
        raise AssertionError("the server does not answer")

    def test_every_operation_is_answered_without_a_fault(self):
        session, asked, faults = requests.Session(), 0, {}
        operations = [found.ok() for found in schemathesis.openapi.from_dict(self.document).get_all_operations()]
        for operation in operations:
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

                @seed(SEED)
                @settings(
                    max_examples=EXAMPLES,
                    database=None,
                    deadline=None,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                )
                @given(case=operation.as_strategy(generation_mode=mode))
                def ask(case):
                    nonlocal asked
                    asked += 1
                    answer = case.call(base_url=self.url, session=session, timeout=ANSWER_SECONDS)
                    if answer.status_code >= 500:
                        faults.setdefault(operation.label, f"{answer.status_code} {answer.text}: {case.as_curl_command()}")

                try:
                    ask()
                except Unsatisfiable:
                    # What takes anything, or nothing at all, cannot be asked wrongly.
                    self.assertEqual(mode, GenerationMode.NEGATIVE, operation.label)
        self.assertGreaterEqual(asked, len(operations))
        self.assertEqual(faults, {})


if __name__ == "__main__":
    unittest.main()
