"""The OpenAPI document at REST's root, in the eyes of a validator that is not ours."""

import json
import os
import unittest
import urllib.request

from openapi_spec_validator import OpenAPIV2SpecValidator

URL = os.environ["SUPABASE_URL"]
KEYS = {name: os.environ[f"SUPABASE_{name}_KEY"] for name in ("ANON", "SERVICE_ROLE")}


def document(key):
    headers = {"apikey": key, "Accept": "application/openapi+json"}
    request = urllib.request.Request(f"{URL}/rest/v1/", headers=headers)
    with urllib.request.urlopen(request, timeout=15) as answer:
        return json.load(answer)


class OpenAPI(unittest.TestCase):
    def test_document_is_valid_whoever_asks(self):
        seen = {}
        for name, key in KEYS.items():
            told = document(key)
            faults = [fault.message for fault in OpenAPIV2SpecValidator(told).iter_errors()]
            self.assertEqual(faults, [], name)
            seen[name] = set(told["paths"])
        self.assertIn("/rpc/send_message", seen["SERVICE_ROLE"])
        self.assertLess(seen["ANON"], seen["SERVICE_ROLE"])

    def test_broken_documents_are_found(self):
        told = document(KEYS["ANON"])
        told["paths"]["/"]["get"]["responses"] = {}
        self.assertNotEqual(list(OpenAPIV2SpecValidator(told).iter_errors()), [])
