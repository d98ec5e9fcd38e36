"""Tokens of the bench's people, a line each: place, token. Reads "place person" lines; takes the secret."""

import base64
import hashlib
import hmac
import json
import sys


def part(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def token(person, secret):
    claims = {"role": "authenticated", "aud": "authenticated", "sub": person, "exp": 4102444800}
    text = b".".join(part(json.dumps(each).encode()) for each in ({"alg": "HS256", "typ": "JWT"}, claims))
    return (text + b"." + part(hmac.new(secret.encode(), text, hashlib.sha256).digest())).decode()


for line in sys.stdin:
    place, person = line.split()
    print(place, token(person, sys.argv[1]))
