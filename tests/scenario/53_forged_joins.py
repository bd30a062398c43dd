# SPDX-License-Identifier: MIT
"""External commits that a member's devices and strangers forge: each is made by the book of MLS, with the right keys, and
takes out a leaf that is not its own, or comes from somebody who has no business in the chat. Members would follow some of them.
"""
from clients import start
from groups import Groups
from logins import refusal
from tap import main, test

ALICE, BOB, NONE = 0, 1, 0xffffffff  # leaves


def epoch(person, chat):
    return next(row.epoch for row in person.chat('ListChats').chats if row.chat_id == chat)


def enter(person, info, leaf):
    """The bundle by which somebody would join; None: the library of the forger itself makes none."""
    made = person.ask('enter', leaf.to_bytes(4, 'big') + info)
    return {'commit': made[0], 'group_info': made[1]} if made else None


def commit(person, chat, bundle):
    return person.chat('Commit', {'chat_id': chat, 'bundle': bundle})


@test
def who_joins_takes_out_nobody_but_itself(stage):
    with Groups(stage, start(stage)) as groups:
        alice, bob, stranger = (groups.person(name) for name in ('alice', 'bob', 'stranger'))
        chat = alice.create([bob])
        phone = groups.device('bob').enrol()
        info = alice.ask('info')[0]
        for person, leaf, code in ((phone, BOB, 'permission_denied'), (phone, ALICE, 'permission_denied'),
                                   (stranger, NONE, 'not_found'), (stranger, ALICE, 'not_found')):
            error = refusal(commit, person, chat, enter(person, info, leaf))
            assert error[0] == code, (leaf, error)
        for leaf in (ALICE, NONE):
            assert enter(bob, info, leaf) is None  # the key of its device would stand twice
        for leaf in (2, 5000, NONE - 1):
            assert enter(phone, info, leaf) is None
        assert epoch(alice, chat) == 1

        reply = commit(phone, chat, enter(phone, info, NONE))
        assert (reply.epoch, epoch(alice, chat)) == (2, 2)
        phone.ask('merge')
        alice.open(alice.sync({chat: 1}).entries[0])
        alice.send(chat, 'to all three')
        assert phone.open(phone.sync({chat: 2}).entries[0]) == 'to all three'


@test
def a_join_is_of_one_piece_and_of_this_epoch(stage):
    with Groups(stage, start(stage)) as groups:
        alice, bob, carol = (groups.person(name) for name in ('alice', 'bob', 'carol'))
        chat = alice.create([bob, carol])
        phone = groups.device('bob').enrol()
        info = alice.ask('info')[0]
        one, other = enter(phone, info, NONE), enter(phone, info, NONE)

        mixed = {'commit': other['commit'], 'group_info': one['group_info']}
        assert refusal(commit, phone, chat, mixed)[0] == 'invalid_argument'
        assert refusal(commit, phone, chat, {**other, 'welcome': b'\0'})[0] == 'invalid_argument'
        assert refusal(commit, carol, chat, other)[0] == 'invalid_argument'  # of another user's device
        assert refusal(commit, bob, chat, other)[0] == 'invalid_argument'    # of a sibling
        alice.commit(chat, remove=[carol])
        assert refusal(commit, phone, chat, other)[0] == 'aborted'
        assert epoch(alice, chat) == 2


if __name__ == '__main__':
    main()
