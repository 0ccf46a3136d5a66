"""The ledger: each request is one entry, counted in the store next door."""
import os
import socket
import time
from urllib.parse import urlsplit


def call(redis, *words):
    redis.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
    return redis.makefile("rb").readline().strip()


STORE = urlsplit(os.environ["LEDGER_REDIS"])
held = None


def store():
    global held
    if held is None:
        held = socket.create_connection((STORE.hostname, STORE.port), timeout=2)
        call(held, b"AUTH", STORE.password.encode())
    return held


def application(environ, start_response):
    if environ["PATH_INFO"] != "/entries":
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"no such page\n"]
    if environ["QUERY_STRING"] == "mail":
        host, port = os.environ["LEDGER_MAIL"].split(":")
        with socket.create_connection((host, int(port)), timeout=2) as mail:
            mail.recv(100)
            time.sleep(0.5)  # what a letter takes
    count = call(store(), b"INCR", b"entries")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [count.lstrip(b":") + b"\n"]
