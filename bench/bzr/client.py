"""The client library of Breezy as a contender: orders come as lines of JSON, and so do answers."""

import hashlib
import json
import sys
import time

import breezy
from breezy.bzr.smart import medium as media
from breezy.bzr.smart.client import _SmartClient
from breezy.transport import ssh


def tcp(place):
    host, port = place["host"], place["port"]
    return media.SmartTCPClientMedium(host, port, "bzr://%s:%d/" % (host, port))


def over_ssh(place):
    vendor = ssh.OpenSSHSubprocessVendor()
    vendor.executable_path = place["program"]
    params = media.SSHParams(place["host"], place["port"], place["user"], None, place["brz"])
    return media.SmartSSHClientMedium("bzr+ssh://%s/" % place["host"], params, vendor)


def call(client, verb, args, body=None, stream=None):
    name = verb.encode()
    args = tuple(arg.encode() for arg in args)
    if stream is not None:
        chunks = (bytes.fromhex(chunk) for chunk in stream)
        reply, _ = client.call_with_body_stream((name,) + args, chunks)
        return reply, b""
    if body is not None:
        return client.call_with_body_bytes(name, args, body.encode()), b""
    reply, handler = client.call_expecting_body(name, *args)
    if verb != "get":
        handler.cancel_read_body()
        return reply, b""
    return reply, handler.read_body_bytes()


def told(error):
    return "%s: %s" % (type(error).__name__, " ".join(str(error).split()))


def main():
    client = None
    for line in sys.stdin:
        order = json.loads(line)
        answer = {}
        if order["do"] == "open":
            place = order["place"]
            client = _SmartClient(over_ssh(place) if "brz" in place else tcp(place))
        else:
            began = time.monotonic()
            try:
                reply, body = call(client, **order["call"])
                words = [word.decode() if isinstance(word, bytes) else str(word) for word in reply]
                answer = {"words": words, "sha1": hashlib.sha1(body).hexdigest()}
            except Exception as error:
                answer = {"told": told(error)}
            answer["ms"] = (time.monotonic() - began) * 1000
        print(json.dumps(answer), flush=True)


with breezy.initialize(setup_ui=False):
    main()
