"""The OpenAPI documents at REST's root, in the eyes of a validator that is not ours."""

import json
import os
import unittest
import urllib.request

from openapi_spec_validator import OpenAPIV2SpecValidator, OpenAPIV31SpecValidator

URL = os.environ["SUPABASE_URL"]
KEYS = {name: os.environ[f"SUPABASE_{name}_KEY"] for name in ("ANON", "SERVICE_ROLE")}
EDITIONS = {
    "application/openapi+json": OpenAPIV2SpecValidator,
    "application/openapi+json;version=3.1": OpenAPIV31SpecValidator,
}


def document(key, accept="application/openapi+json"):
    headers = {"apikey": key, "Accept": accept}
    request = urllib.request.Request(f"{URL}/rest/v1/", headers=headers)
    with urllib.request.urlopen(request, timeout=15) as answer:
        return json.load(answer)


class OpenAPI(unittest.TestCase):
    def test_documents_are_valid_whoever_asks(self):
        for accept, validator in EDITIONS.items():
            seen = {}
            for name, key in KEYS.items():
                told = document(key, accept)
                faults = [fault.message for fault in validator(told).iter_errors()]
                self.assertEqual(faults, [], (accept, name))
                seen[name] = set(told["paths"])
            self.assertIn("/rpc/send_message", seen["SERVICE_ROLE"])
            self.assertLess(seen["ANON"], seen["SERVICE_ROLE"])

    def test_broken_documents_are_found(self):
        for accept, validator in EDITIONS.items():
            told = document(KEYS["ANON"], accept)
            told["paths"]["/"]["get"]["responses"] = {}
            self.assertNotEqual(list(validator(told).iter_errors()), [], accept)
