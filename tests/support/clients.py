# SPDX-License-Identifier: MIT
"""Short forms for scenarios with the terminal client."""
import sqlite3

from load import FAST_LIMITS
from relay import Relay
from server_facts import metric, wait_metric
from sotto import wait_object
from tables import without_sums

NOWHERE = '127.0.0.1:1'  # where no test has a server, unlike the port of one that was stopped


def start(stage, **options):
    """A server that does not mind many logins from one address."""
    return stage.server(conf=FAST_LIMITS, **options)


def person(stage, server, name):
    """A registered client."""
    client = stage.client(name, server)
    client.run('register', name)
    return client


def people(stage, server, *names):
    """Registered clients, who register at the same time."""
    clients = [stage.client(name, server) for name in names]
    for process in [client.spawn('register', client.name) for client in clients]:
        assert process.wait() == 0, process.error_text()
    return clients


def acquainted(stage, server, *names):
    """People of whom the first two have a chat, which both know."""
    everybody = people(stage, server, *names)
    everybody[0].run('new', names[1])
    everybody[1].run('chats')
    return everybody


def device_of(stage, server, name, label):
    """Another device of a user, logged in."""
    client = stage.client(f'{name}-{label}', server)
    client.run('login', name, '--device', label)
    return client


def joined(laptop, phone):
    """Lets the laptop take the phone into all chats; returns when it is in them."""
    phone_id = phone.run('whoami')[0]['device_id']
    waiting = [row['chat'] for row in phone.run('chats') if row['state'] != 'ready']
    ear = laptop.spawn('listen')
    for chat in waiting:
        wait_object(ear, lambda found, chat=chat: found.get('kind') == 'device_added' and
                    (found['chat'], found['from_device']) == (chat, phone_id))
    ear.kill()
    assert {row['state'] for row in phone.run('chats')} == {'ready'}


def enters(client, count):
    """Lets a device listen until it is in all of its user's chats."""
    ear = client.spawn('listen')
    is_in(ear, client, count)
    ear.kill()


def is_in(ear, client, count):
    """Waits until a listening device has told of this many chats that it is in them, and is."""
    place = 0
    for _ in range(count):
        place, _ = wait_object(ear, lambda found: found.get('kind') in ('joined', 'repaired'), place)
    assert [row['state'] for row in client.run('chats')] == ['ready'] * count


def laptop_and_phone(stage, server):
    """alice on two devices, both in her chat with bob: laptop, phone, bob, chat."""
    laptop = stage.client('alice', server)
    laptop.run('register', 'alice', '--device', 'laptop')
    bob = person(stage, server, 'bob')
    chat = laptop.run('new', 'bob')[0]['chat']
    phone = device_of(stage, server, 'alice', 'phone')
    joined(laptop, phone)
    return laptop, phone, bob, chat


def listening(server, *clients):
    """Listeners of these clients that have begun: they show what comes from now on even if another process of the same
    profile reads it first. Nobody else connects to the server meanwhile."""
    before = metric(server, 'sotto_connections_accepted_total')
    ears = [client.spawn('listen') for client in clients]
    wait_metric(server, 'sotto_connections_accepted_total', lambda count: count >= before + len(ears))
    return ears


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


def write_offline(client, server, chat, *lines):
    """Lets a client write without a server, all in one go: each message waits in its queue."""
    process = at(client, NOWHERE).spawn_with('\n'.join(lines) + '\n', 'send', chat, '-')
    assert process.wait() == 4, process.error_text()
    at(client, server.tcp)


def break_off(stage, client, server, method, *words):
    """Runs a command whose call of the method is answered into the void, kills the client then."""
    relay = Relay(stage.address(server))
    relay.lose_reply_to(method)
    process = at(client, relay.address).spawn(*words)
    relay.wait_lost()
    process.child.kill()
    process.wait()
    relay.close()
    at(client, stage.address(server))


def database(server):
    """The server's database, for a test that plays the dishonest operator. The server is stopped."""
    connection = sqlite3.connect(without_sums(server.data / 'sotto.db'))
    connection.isolation_level = None
    return connection
