# SPDX-License-Identifier: MIT
# io_threads: default
"""Ctrl-C at 200 points: the profile opens afterwards, nothing that was acknowledged is missing, nothing is there twice.

strace counts the calls of one run that change the disk or talk to the server, and then delivers SIGINT at the n-th.
"""
import collections
import re
import signal

from clients import people, start, texts, wait_text
from process import under_strace
from tap import main, night, test

# What a run does to the disk and to the server; every point lies before or behind one of these.
CALLS = ('openat', 'pwrite64', 'fdatasync', 'ftruncate', 'unlink', 'connect', 'sendto', 'recvfrom')
POINTS = {'send': night(80, 400), 'read': night(60, 300), 'new': night(60, 300)}


def traced(stage, client, words, *options):
    """Runs a command under strace; returns its exit code."""
    process = stage.process(['env', '--default-signal=INT', *under_strace(*options), *client.command(words)],
                            stage.folder / 'strace.stderr')
    return process.wait()


def points_of(stage, client, words, wanted):
    """(call, n) spread over all such calls of one run."""
    log = stage.folder / 'calls'
    assert traced(stage, client, words, '-o', log, '-e', f'trace={",".join(CALLS)}') == 0
    counts = collections.Counter(re.findall(r'^(?:\d+ +)?(\w+)\(', log.read_text(errors='replace'), re.M))
    every = [(call, n) for call in CALLS for n in range(1, counts[call] + 1)]
    assert len(every) >= 30, counts
    return [every[at * len(every) // wanted] for at in range(wanted)]


def interrupt(stage, client, words, point):
    """Runs a command that gets SIGINT at the point; true when that was the end of it."""
    call, n = point
    code = traced(stage, client, words, '-o', '/dev/null', '-e', f'trace={call}',
                  '-e', f'inject={call}:signal=INT:when={n}')
    assert code in (0, -signal.SIGINT, 128 + signal.SIGINT), (
        words, point, code, (stage.folder / 'strace.stderr').read_text()[-300:])
    return code != 0


def two(stage):
    server = start(stage)
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


if __name__ == '__main__':
    main()
