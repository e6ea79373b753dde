#!/usr/bin/python3
"""A client of solod in Python: JSON over ZeroMQ, and CURVE over tcp. Needs python3-zmq and nothing of Solo's.

  client.py deploy SERVICE -- PROGRAM [ARGUMENT...]
  client.py list
  client.py kill SERVICE

Where the daemon is, and who asks, comes from options or from the environment, as with `solo`:

  --addr         SOLO_ADDR         ipc://STATE/command.sock or tcp://HOST:PORT
  --tenant       SOLO_TENANT
  --server-key   SOLO_SERVER_KEY   for tcp: the daemon's public key (`solo keys show` there), or @FILE
  --client-keys  SOLO_CLIENT_KEYS  for tcp: a file made by `solo keys generate`
  --token        SOLO_TOKEN        what the tenant was given; in the environment others do not see it
                 SOLO_TOKEN_FILE   a file that holds it, if there is neither

Prints the reply's body as JSON. Exit status: 0 done, 1 the daemon refused, 2 usage, 3 no answer.
"""
import argparse
import json
import os
import sys
import time
import uuid

import zmq
from zmq.utils.monitor import recv_monitor_message

HANDSHAKE_WITHIN_MS = 5_000
ANSWER_WITHIN_MS = 32_000
TRIES = 3


class Refused(Exception):
    """The daemon does not let this client in."""


class WronglyAsked(Exception):
    pass


def public_key(text):
    """KEY, or @FILE that holds one."""
    if text.startswith("@"):
        with open(text[1:], encoding="ascii") as file:
            text = next(word for word in file.read().split() if word != "public")
    return text.encode()


def key_pair(path):
    """The lines `public KEY` and `secret KEY`."""
    with open(path, encoding="ascii") as file:
        keys = dict(line.split() for line in file if line.strip())
    return keys["public"].encode(), keys["secret"].encode()


class Client:
    def __init__(self, options):
        self.options = options
        self.context = zmq.Context()
        self.socket = None

    def connect(self):
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.rcvtimeo = ANSWER_WITHIN_MS
        monitor = self.socket.get_monitor_socket()
        try:
            if self.options.addr.startswith("tcp://"):
                self.socket.curve_serverkey = public_key(self.options.server_key)
                self.socket.curve_publickey, self.socket.curve_secretkey = key_pair(self.options.client_keys)
            self.socket.connect(self.options.addr)
        except (OSError, KeyError, StopIteration, ValueError, zmq.ZMQError) as error:
            raise WronglyAsked(f"the address or the keys are of no use: {error!r}") from error
        try:
            return self.shake_hands(monitor)
        finally:
            self.socket.disable_monitor()

    @staticmethod
    def shake_hands(monitor):
        """Whether there is a connection. Without looking, a refused client would wait for an answer in vain."""
        end = time.monotonic() + HANDSHAKE_WITHIN_MS / 1000
        while (left := end - time.monotonic()) > 0 and monitor.poll(left * 1000):
            event = recv_monitor_message(monitor)["event"]
            if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                return True
            if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
                raise Refused("this client's key is not allowed: list it in gateway.client_keys of the daemon")
        return False

    def call(self, body_type, body):
        """The reply. Sent again by the same id when no answer comes: a command takes effect once."""
        request = {
            "id": str(uuid.uuid4()),
            "token": self.options.token,
            "tenant": self.options.tenant,
            "body_type": body_type,
            "body": body,
        }
        text = json.dumps(request).encode()
        for _ in range(TRIES):
            try:
                if not self.connect():
                    continue
                self.socket.send_multipart([b"solo/1 json", text])
                return json.loads(self.socket.recv_multipart()[-1])
            except zmq.Again:
                continue
            finally:
                self.socket.close()
        return None


def request_of(options):
    if options.command == "list":
        return "List", {}
    if options.command == "kill":
        return "Kill", {"service": options.service}
    return "Deploy", {"service": options.service, "spec": {"format": "exec", "argv": options.argv}}


def arguments():
    parser = argparse.ArgumentParser(description="a client of solod", epilog="See the file itself for the environment.")
    for name in ("addr", "tenant", "server-key", "client-keys", "token"):
        variable = "SOLO_" + name.upper().replace("-", "_")
        parser.add_argument("--" + name, default=os.environ.get(variable, ""), help="default: " + variable)
    commands = parser.add_subparsers(dest="command", required=True)
    deploy = commands.add_parser("deploy")
    deploy.add_argument("service")
    deploy.add_argument("argv", nargs="+", metavar="PROGRAM [ARGUMENT...]")
    commands.add_parser("list")
    commands.add_parser("kill").add_argument("service")
    options = parser.parse_args()
    token_file = os.environ.get("SOLO_TOKEN_FILE", "")
    if not options.token and token_file:
        try:
            with open(token_file, encoding="ascii") as file:
                options.token = file.read().strip()
        except (OSError, ValueError) as error:
            parser.error(f"SOLO_TOKEN_FILE: {error}")
    if not options.addr or not options.tenant:
        parser.error("--addr and --tenant, or SOLO_ADDR and SOLO_TENANT, say where and for whom")
    if not options.addr.startswith(("tcp://", "ipc://")):
        parser.error("an address is ipc://PATH or tcp://HOST:PORT")
    if options.addr.startswith("tcp://") and not (options.server_key and options.client_keys):
        parser.error("tcp needs --server-key and --client-keys")
    return options


def main():
    options = arguments()
    try:
        reply = Client(options).call(*request_of(options))
    except WronglyAsked as error:
        print(error, file=sys.stderr)
        return 2
    except Refused as error:
        print(error, file=sys.stderr)
        return 1
    if reply is None:
        print("no answer: is the daemon there, and is --server-key its key?", file=sys.stderr)
        return 3
    if not reply["ok"]:
        error = reply["error"]
        print(f"{error['code']}: {error['message']}", file=sys.stderr)
        if error.get("hint"):
            print(f"hint: {error['hint']}", file=sys.stderr)
        return 1
    print(json.dumps(reply["body"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
