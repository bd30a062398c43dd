# SPDX-License-Identifier: MIT
# timeout: 1200
# io_threads: default
"""Ctrl-C at 200 points: the profile opens afterwards, nothing that was acknowledged is missing, nothing is there twice.

strace counts the calls of one run that change the disk or talk to the server, and then delivers SIGINT at the n-th. A device that
enters a chat alone is killed instead, between any two of its calls: what others say once it is in, it reads.
"""
import collections
import re
import shutil
import signal

from clients import device_of, people, start, texts, wait_text
from process import under_strace
from tap import main, night, test

# What a run does to the disk and to the server; every point lies before or behind one of these.
CALLS = ('openat', 'pwrite64', 'fdatasync', 'ftruncate', 'unlink', 'connect', 'sendto', 'recvfrom')
POINTS = {'send': night(80, 400), 'read': night(60, 300), 'new': night(60, 300),
          'enter': night(8, 100), 'change': night(6, 20)}


def traced(stage, client, words, *options):
    """Runs a command under strace; returns its exit code."""
    process = stage.process(['env', '--default-signal=INT', *under_strace(*options), *client.command(words)],
                            stage.folder / 'strace.stderr')
    return process.wait()


def calls_of(stage, client, words):
    """The lines of one run's trace, each with its (call, n)."""
    log = stage.folder / 'calls'
    counts, lines = collections.Counter(), []
    assert traced(stage, client, words, '-s', '300', '-o', log, '-e', f'trace={",".join(CALLS)}') == 0
    for line in log.read_text(errors='replace').splitlines():
        found = re.match(r'(?:\d+ +)?(\w+)\(', line)
        if found:
            counts[found[1]] += 1
            lines.append((line, (found[1], counts[found[1]])))
    return lines


def spread(points, wanted):
    assert len(points) >= 30, points
    return [points[at * len(points) // wanted] for at in range(wanted)]


def points_of(stage, client, words, wanted):
    """(call, n) spread over all such calls of one run."""
    points = [point for _, point in calls_of(stage, client, words)]
    return spread(sorted(points, key=lambda point: CALLS.index(point[0])), wanted)


def interrupt(stage, client, words, point, by=signal.SIGINT):
    """Runs a command that gets a signal at the point; true when that was the end of it."""
    call, n = point
    code = traced(stage, client, words, '-o', '/dev/null', '-e', f'trace={call}',
                  '-e', f'inject={call}:signal={by.name[3:]}:when={n}')
    assert code in (0, -by, 128 + by), (
        words, point, code, (stage.folder / 'strace.stderr').read_text()[-300:])
    return code != 0


def two(stage):
    server = start(stage, module_conf={'keyx': 'claims_per_contact_per_hour = 10000\n'})
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')
    bob.run('chats')
    return alice, bob


def agree(alice, bob):
    """Both read the same, each thing once."""
    mine = alice.run('read', 'bob', '--limit', '2000')
    yours = bob.run('read', 'alice', '--limit', '2000')
    assert [(m['seq'], m['text']) for m in mine] == [(m['seq'], m['text']) for m in yours]
    assert len(set(texts(mine))) == len(mine)
    return texts(mine)


@test
def sending_may_be_interrupted_anywhere(stage):
    alice, bob = two(stage)
    ear, heard, ended = bob.spawn('listen'), 0, 0

    for number, point in enumerate(points_of(stage, alice, ['send', 'bob', 'zero'], POINTS['send'])):
        ended += interrupt(stage, alice, ['send', 'bob', f'cut {number}'], point)
        alice.run('send', 'bob', f'after {number}')
        heard, _ = wait_text(ear, f'after {number}', heard)

    said = agree(alice, bob)
    assert ended >= POINTS['send'] * 3 // 4, ended
    assert [text for text in said if text.startswith('after')] == [f'after {n}' for n in range(POINTS['send'])]


@test
def receiving_may_be_interrupted_anywhere(stage):
    alice, bob = two(stage)
    ended = 0
    alice.run('send', 'bob', 'zero')
    for number, point in enumerate(points_of(stage, bob, ['read', 'alice'], POINTS['read'])):
        alice.run('send', 'bob', f'text {number}')
        ended += interrupt(stage, bob, ['read', 'alice', '--limit', '1'], point)
        assert texts(bob.run('read', 'alice', '--limit', '1')) == [f'text {number}']

    bob.run('send', 'alice', 'all of it')
    said = agree(alice, bob)
    assert ended >= POINTS['read'] * 3 // 4, ended
    assert said == ['zero', *(f'text {n}' for n in range(POINTS['read'])), 'all of it']


@test
def making_a_chat_may_be_interrupted_anywhere(stage):
    alice, bob = two(stage)
    ended = 0
    for number, point in enumerate(points_of(stage, alice, ['new', 'bob', '--title', 'zero'], POINTS['new'])):
        ended += interrupt(stage, alice, ['new', 'bob', '--title', f'cut {number}'], point)
        alice.run('send', 'bob', f'after {number}')

    titles = [chat['title'] for chat in alice.run('chats')]
    assert ended >= POINTS['new'] * 3 // 4, ended
    assert len(set(titles)) == len(titles) and 'zero' in titles
    theirs = [chat['title'] for chat in bob.run('chats') if chat['type'] == 'group']
    assert sorted(theirs) == sorted(title for title in titles if title != 'bob'), (
        set(titles) ^ set(theirs), len(theirs))
    for title in titles[:5]:
        alice.run('send', title, 'still readable')
    assert len(agree(alice, bob)) >= POINTS['new']


def put_back(client, folder):
    shutil.rmtree(client.profile)
    shutil.copytree(folder, client.profile)


@test
def a_device_that_is_killed_anywhere_while_it_enters_a_chat_misses_nothing_once_it_is_in(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    chat = alice.run('new', 'bob', '--title', 'Garden')[0]['chat']
    phone, waiting = device_of(stage, server, 'alice', 'phone'), stage.folder / 'waiting'
    shutil.copytree(phone.profile, waiting)
    calls = calls_of(stage, phone, ['read', chat])
    asked = next(at for at, (line, _) in enumerate(calls) if 'ChatService/GetGroup' in line)

    fates = collections.Counter()
    for number, point in enumerate(spread([point for _, point in calls[asked:]], POINTS['enter'])):
        put_back(phone, waiting)  # each time it takes the place of what the last one left in the group
        epoch = bob.run('chats')[0]['epoch']
        killed = interrupt(stage, phone, ['read', chat], point, by=signal.SIGKILL)
        was_in = bob.run('send', chat, f'text {number}')[0]['epoch'] == epoch + 1

        assert texts(phone.run('read', chat)) == ([f'text {number}'] if was_in else []), (point, was_in)

        phone.run('send', chat, f'answer {number}')
        assert texts(bob.run('read', chat))[-2:] == [f'text {number}', f'answer {number}'], point
        assert bob.run('chats')[0]['epoch'] == epoch + 1, 'it joined twice'
        fates[killed, was_in] += 1

    assert fates[True, True] >= POINTS['enter'] // 4 and fates[True, False] > 0, fates
    assert {row['user']: row['devices'] for row in bob.run('members', chat)} == {'alice': 2, 'bob': 1}


@test
def a_device_that_is_killed_anywhere_while_it_commits_is_in_the_chat_with_the_others(stage):
    server = start(stage)
    alice, bob, _ = people(stage, server, 'alice', 'bob', 'carol')
    chat = alice.run('new', 'bob', '--title', 'Garden')[0]['chat']
    add = ['add', chat, 'carol']
    calls = calls_of(stage, alice, add)
    asked = next(at for at, (line, _) in enumerate(calls) if 'ChatService/Sync' in line)

    fates = collections.Counter()
    for number, point in enumerate(spread([point for _, point in calls[asked:]], POINTS['change'])):
        alice.run('remove', chat, 'carol')
        killed = interrupt(stage, alice, add, point, by=signal.SIGKILL)
        bob.run('send', chat, f'text {number}')  # the server has dealt with what alice asked before
        was_in = 'carol' in [row['user'] for row in bob.run('members', chat)]

        assert texts(alice.run('read', chat, '--limit', '1')) == [f'text {number}'], point
        if not was_in:
            alice.run(*add)
        alice.run('send', chat, f'answer {number}')
        assert texts(bob.run('read', chat, '--limit', '2')) == [f'text {number}', f'answer {number}'], point
        fates[killed, was_in] += 1

    assert fates[True, True] and fates[True, False], fates
    assert 'repaired' not in [row['kind'] for row in alice.run('read', chat, '--limit', '1000')]


if __name__ == '__main__':
    main()
