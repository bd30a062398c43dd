# SPDX-License-Identifier: MIT
"""Short forms for scenarios with the terminal client."""
import sqlite3

from load import FAST_LIMITS
from sotto import wait_object
from tables import without_sums


def start(stage, **options):
    """A server that does not mind many logins from one address."""
    return stage.server(conf=FAST_LIMITS, **options)


def person(stage, server, name):
    """A registered client."""
    client = stage.client(name, server)
    client.run('register', name)
    return client


def people(stage, server, *names):
    return [person(stage, server, name) for name in names]


def texts(objects):
    """The texts of messages, in order."""
    return [found['text'] for found in objects if found.get('kind') == 'text']


def wait_text(process, text, start_at=0):
    """Waits until a `listen` prints this text; returns (next start, message)."""
    return wait_object(process, lambda found: found.get('text') == text, start_at)


def at(client, address):
    """Makes a client's next commands use another address, such as a relay's. Returns the client."""
    class Elsewhere:
        tcp = web = address
    client.server = Elsewhere
    return client


def database(server):
    """The server's database, for a test that plays the dishonest operator. The server is stopped."""
    connection = sqlite3.connect(without_sums(server.data / 'sotto.db'))
    connection.isolation_level = None
    return connection
