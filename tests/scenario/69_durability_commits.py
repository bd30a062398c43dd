# SPDX-License-Identifier: MIT
"""kill -9 while commits and a leaving of one epoch are being verified and written: of the log, the followed group, its GroupInfo
and the seats all is there or nothing, and the members who catch up go on together.
"""
import os
import random

from clients import start
from groups import CHAT, Groups
from tap import comment, main, night, test

KILLS = night(6, 60)
COMMIT, PROPOSAL = 2, 3
SEED = int(os.environ.get('SOTTO_SEED') or random.SystemRandom().randrange(1 << 32))


def begin(person, method, body):
    return person, person.door.start_call(CHAT + method, body)


def all_at_once(chat, alice, bob, carol):
    """alice takes carol out, bob renews his keys, carol leaves, and somebody looks: two of them can succeed."""
    alice.ask('remove', carol.user)
    return [begin(alice, 'Commit', {'chat_id': chat, 'bundle': alice.bundle()}),
            begin(bob, 'Commit', {'chat_id': chat, 'bundle': bob.bundle()}),
            begin(carol, 'Leave', {'chat_id': chat, 'proposals': carol.ask('propose', carol.user)}),
            begin(bob, 'GetGroup', {'chat_id': chat})]


def entries_of(person, chat, after):
    return [entry for entry in person.sync({chat: after}).entries if entry.chat_id == chat]


def catch_up(person, chat):
    """Takes what the log has after the first commit; the own one is merged if it is there, else dropped."""
    entries = entries_of(person, chat, 1)
    own = [entry.seq for entry in entries if entry.kind == COMMIT and entry.sender_device == person.login.device]
    if not own:
        person.ask('drop')
    for entry in entries:
        if entry.seq in own:
            person.ask('merge')
        else:
            assert entry.kind in (COMMIT, PROPOSAL) and person.open(entry) is not None, entry
    return [entry.kind for entry in entries]


def goes_on(chat, alice, bob):
    """The server's group is the members', and the next commit of one is taken by the other."""
    for person in (alice, bob):
        epoch = int.from_bytes(person.ask('epoch')[0], 'big')
        assert person.chat('GetGroup', {'chat_id': chat}).epoch == epoch
        assert {row.chat_id: row.epoch for row in person.chat('ListChats').chats}[chat] == epoch
    last = alice.commit(chat).seq
    assert bob.open(entries_of(bob, chat, last - 1)[0]) is not None
    assert alice.ask('epoch') == bob.ask('epoch')


@test
def a_kill_among_commits_leaves_one_state(stage):
    chance = random.Random(SEED)
    server = start(stage)
    seen = {}
    with Groups(stage, server) as groups:
        alice, bob, carol = (groups.person(name) for name in ('alice', 'bob', 'carol'))
        for _ in range(KILLS):
            chat = alice.create([bob, carol])
            calls = all_at_once(chat, alice, bob, carol)
            for person, call in chance.sample(calls, chance.randrange(3)):
                person.door.pump(lambda person=person, call=call: call in person.door.replies)
            server.kill()
            server.start()
            for person in (alice, bob, carol):
                person.door = person.login.attached()
            kinds = catch_up(alice, chat)
            assert catch_up(bob, chat) == kinds
            seen[str(kinds)] = seen.get(str(kinds), 0) + 1
            goes_on(chat, alice, bob)
    comment(f'seed {SEED}: {seen}')


if __name__ == '__main__':
    main()
