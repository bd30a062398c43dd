# SPDX-License-Identifier: MIT
# io_threads: default
"""A member who breaks chats: a commit that the server takes and members refuse is reported, named, and survived."""
import time

from clients import people, start, texts
from groups import BAD_MEMBERSHIP, BAD_PATH, BAD_TAG, Groups, seat
from sotto import wait_object
from tap import main, test


def row_of(client, chat):
    return next(row for row in client.run('chats') if row['chat'] == chat)


def repaired(client, chat):
    """Lets a device listen until it is back in the chat; returns what the listener showed meanwhile."""
    ear = client.spawn('listen')
    end = time.monotonic() + 60
    while row_of(client, chat)['state'] != 'ready':
        assert time.monotonic() < end, client.run('chats')
    ear.stop()
    return ear


def broken_group(stage, groups, server, how=BAD_TAG):
    """mallory's group with alice and bob, in which she made a commit that nobody can follow: alice, bob, mallory, chat."""
    alice, bob = people(stage, server, 'alice', 'bob')
    mallory = groups.person('mallory')
    chat = mallory.create([seat(alice), seat(bob)])
    for client in (alice, bob):
        client.run('chats')
    alice.run('send', chat.hex(), 'before')
    mallory.commit_badly(chat, how)
    return alice, bob, mallory, chat.hex()


def reports_of(client, chat):
    return [{name: report[name] for name in ('from', 'reason', 'users', 'proved', 'epoch')}
            for report in client.run('reports', chat)]


def all_report_and_repair(stage, how, reason):
    server = start(stage)
    with Groups(stage, server) as groups:
        alice, bob, mallory, chat = broken_group(stage, groups, server, how)

        assert [row_of(client, chat)['state'] for client in (alice, bob)] == ['broken'] * 2
        seen = alice.run('read', chat)[-1]
        assert (seen['kind'], seen['from'], seen['from_id']) == ('bad_commit', 'mallory', mallory.user.hex()), seen
        assert reports_of(bob, chat) == [
            {'from': 'mallory', 'reason': reason, 'users': 2, 'proved': True, 'epoch': 1}]
        for client in (alice, bob):
            repaired(client, chat)

        alice.run('send', chat, 'after')
        assert texts(bob.run('read', chat))[-1] == 'after'


@test
def a_false_confirmation_tag(stage):
    all_report_and_repair(stage, BAD_TAG, 'confirmation_tag')


@test
def a_false_membership_tag(stage):
    all_report_and_repair(stage, BAD_MEMBERSHIP, 'membership_tag')


@test
def secrets_that_lead_nowhere(stage):
    all_report_and_repair(stage, BAD_PATH, 'path')


if __name__ == '__main__':
    main()
