# SPDX-License-Identifier: MIT
# io_threads: default
"""A phone whose connection breaks at every place that a session has: in both directions, while it logs in, catches up,
sends and acknowledges. Its archive ends up as that of the laptop of the same user, which was online all the time.

Each command goes through a relay that cuts its first connection after so many bytes; what the command does then (give
up, or connect again, which the relay lets pass) is its business.
"""
import subprocess

from clients import at, people, start
from relay import Relay
from sotto import wait_object
from tables import wait_for
from tap import comment, main, night, test

LOGINS = 4  # positions a direction; a login stretches a password
TOGETHER = 12  # sends at a time: each may wait for a second before it connects again
MEASURED = 3  # runs without a cut
POSITIONS = night(52, 240)  # of a read and of a send, a direction; a command may be over just before its cut
CUTS_AT_LEAST = night(200, 900)


def places(total, count):
    """Numbers of bytes after which to cut, from none to almost all."""
    return [place * total // count for place in range(count)]


def both_ways(size, count):
    return [{'up': place} for place in places(size[0], count)] + [{'down': place} for place in places(size[1], count)]


class Phone:
    """A client whose commands go through relays of their own."""

    def __init__(self, client, server):
        self.client = client
        self.address = server.tcp
        self.cuts = 0

    def spawn(self, words, **cut):
        relay = Relay(self.address)
        relay.cut_after(**cut)
        return at(self.client, relay.address).spawn('--timeout', '5', *words), relay

    def finish(self, process, relay, codes=(0, 4)):
        code = process.wait()
        relay.close()
        self.cuts += relay.has_cut
        assert code in codes, (process.command, code, process.error_text())
        return relay

    def run(self, *words, **cut):
        return self.finish(*self.spawn(words, **cut))

    def size_of(self, *words):
        """How many bytes a command sends and receives at the least when nothing breaks; sometimes it renews keys as well."""
        whole = [self.run(*words) for _ in range(MEASURED)]
        return min(len(relay.sent) for relay in whole), min(relay.received for relay in whole)

    def whole(self, *words):
        return at(self.client, self.address).run(*words)


class Writer:
    """A process that sends what it is told."""

    def __init__(self, client, chat):
        self.process = client.spawn('send', chat, '-', stdin=subprocess.PIPE)
        self.place = 0

    def say(self, text):
        self.process.child.stdin.write((text + '\n').encode())
        self.process.child.stdin.flush()
        self.place, _ = wait_object(self.process, start=self.place)

    def close(self):
        self.process.child.stdin.close()
        assert self.process.wait() == 0, self.process.error_text()


def archive(objects):
    return [{name: found[name] for name in ('id', 'seq', 'from', 'from_device', 'ts', 'text')}
            for found in objects if found['kind'] == 'text']


def login_cut_anywhere(phone):
    size = phone.size_of('login', 'alice')
    for cut in both_ways(size, LOGINS):
        phone.run('login', 'alice', **cut)
        if phone.client.attempt('whoami')[0] != 0:
            phone.whole('login', 'alice')


@test
def wherever_the_connection_breaks_both_archives_end_up_equal(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    phone = Phone(stage.client('phone', server), server)
    phone.whole('login', 'alice', '--device', 'phone')
    chat = alice.run('new', 'bob')[0]['chat']
    group = alice.run('new', 'bob', '--title', 'Garden')[0]['chat']
    laptop = alice.spawn('listen')
    wait_for(lambda: {row['state'] for row in phone.whole('chats')}, {'ready'})
    writers = [Writer(bob, chat), Writer(bob, group)]
    said = {chat: [], group: []}

    login_cut_anywhere(phone)
    size = phone.size_of('read', chat)
    for number, cut in enumerate(both_ways(size, POSITIONS)):
        where = (chat, group)[number % 2]
        said[where].append(f'bob {number}')
        writers[number % 2].say(f'bob {number}')
        phone.run('read', where, **cut)
    size = phone.size_of('send', chat, 'measure')
    said[chat] += MEASURED * ['measure']
    cuts = both_ways(size, POSITIONS)
    for begin in range(0, len(cuts), TOGETHER):
        started = []
        for number, cut in enumerate(cuts[begin:begin + TOGETHER], begin):
            said[chat].append(f'phone {number}')
            started.append(phone.spawn(('send', chat, f'phone {number}'), **cut))
        for process, relay in started:
            phone.finish(process, relay)

    for writer in writers:
        writer.close()
    for where in (chat, group):
        on_phone = archive(phone.whole('read', where, '--limit', '100000'))
        on_laptop = archive(alice.run('read', where, '--limit', '100000'))
        assert on_phone == on_laptop
        got = sorted(row['text'] for row in on_phone)
        assert got == sorted(said[where]), set(got) ^ set(said[where])
    assert laptop.running, laptop.error_text()
    assert phone.cuts >= CUTS_AT_LEAST, phone.cuts
    comment(f'{phone.cuts} cuts, {sum(map(len, said.values()))} messages')


if __name__ == '__main__':
    main()
