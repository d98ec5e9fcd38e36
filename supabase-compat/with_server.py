"""Runs a command against a fresh `walkie dev` and ends with the command's status.

    python3 with_server.py node --test

The command finds the server in SUPABASE_URL, SUPABASE_ANON_KEY and SUPABASE_SERVICE_ROLE_KEY, its
database in SUPABASE_DB_URL, and the binary in WALKIE_BIN.
That is WALKIE_BIN as it was given, else the one built last in ../target. Only the standard library is used.
"""

import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

# Keys that nothing but tests knows.
KEYS = Path(__file__).resolve().parent.parent / "tests" / "keys"
START_SECONDS = 120
STOP_SECONDS = 30
# The only settings that may come from outside; all others would change what is proven.
INHERITED = {"WALKIE_PG_BIN", "WALKIE_CACHE", "WALKIE_LOG"}


def main(command):
    if not command:
        sys.exit(__doc__)
    folder = Path(tempfile.mkdtemp(prefix="walkie-promise-"))
    # Started by root, Postgres runs under an account that has to get in here.
    folder.chmod(0o755)
    log = folder / "log"
    server, status = None, 1
    try:
        port, database_port = free_ports(2)
        server = start(folder, log, port, database_port)
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(server, url)
        keys = printed_keys(log.read_text())
        environment = os.environ | {
            "SUPABASE_URL": url,
            "SUPABASE_ANON_KEY": keys["anon"],
            "SUPABASE_SERVICE_ROLE_KEY": keys["service_role"],
            "SUPABASE_DB_URL": f"postgresql://postgres:postgres@127.0.0.1:{database_port}/postgres",
            "WALKIE_BIN": binary(),
        }
        status = subprocess.run(command, env=environment, check=False).returncode
    finally:
        stopped = server is None or stop(server)
        if status != 0 or not stopped:
            print(log.read_text()[-20_000:] if log.exists() else "", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
    if not stopped:
        sys.exit("walkie dev did not stop cleanly; its output is above")
    sys.exit(status)


def start(folder, log, port, database_port):
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("WALKIE_") or name in INHERITED
    }
    with log.open("wb") as output:
        return subprocess.Popen(
            [binary(), "dev", "--port", str(port), "--db-port", str(database_port),
             "--data", str(folder / "data"),
             # What the promise holds with, and is off unless an operator wants it.
             "--auth-manual-linking-enabled", "true",
             # Passkeys need a domain, which 127.0.0.1 is none.
             "--auth-webauthn-rp-id", "localhost", "--auth-webauthn-rp-origins", "http://localhost:3000",
             "--auth-web3-chains", "solana,ethereum",
             "--auth-saml-enabled", "true", "--auth-saml-private-key", (KEYS / "saml.pem").read_text(),
             "--auth-oauth-server-enabled", "true"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def binary():
    named = os.environ.get("WALKIE_BIN")
    target = Path(__file__).resolve().parent.parent / "target"
    candidates = [Path(named)] if named else [target / kind / "walkie" for kind in ("debug", "release")]
    built = [path for path in candidates if path.exists()]
    if not built:
        sys.exit(f"There is no {' or '.join(map(str, candidates))}. Build it: cargo build")
    return str(max(built, key=lambda path: path.stat().st_mtime).resolve())


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_until_ready(server, url):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise SystemExit(f"walkie dev ended with status {server.returncode}; its output is below")
        try:
            with urllib.request.urlopen(f"{url}/ready", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise SystemExit(f"walkie dev was not ready after {START_SECONDS} s; its output is below")


def printed_keys(text):
    """The keys that `walkie dev` prints, by the role they carry."""
    keys = {}
    for key, payload in re.findall(r"(eyJ[\w-]+\.(eyJ[\w-]+)\.[\w-]+)", text):
        padded = payload + "=" * (-len(payload) % 4)
        keys[json.loads(base64.urlsafe_b64decode(padded))["role"]] = key
    missing = {"anon", "service_role"} - keys.keys()
    if missing:
        raise SystemExit(f"walkie dev printed no key for {' and '.join(sorted(missing))}; its output is below")
    return keys


def stop(server):
    if server.poll() is None:
        server.send_signal(signal.SIGINT)
    try:
        return server.wait(STOP_SECONDS) == 0
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
        return False


if __name__ == "__main__":
    main(sys.argv[1:])
